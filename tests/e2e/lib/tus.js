// SPDX-License-Identifier: ISC
// The real tus client, and a network that breaks when it is told to.
import net from 'node:net';
import tus from 'tus-js-client';

/**
 * Uploads bytes as an application does; answers {id, url, requests}, each of these {method, status, offset}.  Options are
 * those of tus-js-client; `through` is a Break.
 */
export async function tusUpload(caller, bytes, name, { through, ...options } = {}) {
	const requests = [];
	const base = through ? `http://127.0.0.1:${through.port}` : caller.service.url;
	const upload = await new Promise((resolve, reject) => {
		const client = new tus.Upload(bytes, {
			endpoint: `${base}/v1/tus`, headers: { Authorization: `Bearer ${caller.token}` },
			metadata: { filename: name, filetype: 'application/x-whatever' },
			retryDelays: Array(60).fill(100), ...options,
			onAfterResponse(request, answer) {
				requests.push({
					method: request.getMethod(), status: answer.getStatus(), offset: Number(answer.getHeader('Upload-Offset')),
				});
			},
			onSuccess: () => resolve(client),
			onError: reject,
		});
		client.start();
	});
	return { id: upload.url.replace(/^.*\//, ''), url: upload.url, requests };
}

/** A way to the service that lets `bytes` of a connection through, calls on(), and when that is done resets it. */
export class Break {
	static async at(port, bytes, breaks) {
		const way = new Break();
		way.server = net.createServer((client) => {
			const there = net.connect(port, '127.0.0.1');
			let passed = 0;
			let held = false;
			for (const end of [client, there]) end.on('error', () => {});
			client.on('close', () => there.destroy());
			there.on('close', () => client.destroy());
			there.pipe(client);
			client.on('data', async (data) => {
				if (held) return;
				passed += data.length;
				there.write(data);
				if (passed < bytes || breaks.length === 0) return;
				held = true;
				client.pause();
				await breaks.shift()();
				client.resetAndDestroy();
				there.resetAndDestroy();
			});
		});
		await new Promise((resolve) => { way.server.listen(0, '127.0.0.1', resolve); });
		way.port = way.server.address().port;
		return way;
	}

	close() { this.server.close(); }
}
