// SPDX-License-Identifier: ISC
// One request to parley-fcgi on its socket, in the words of Nginx.
import net from 'node:net';

const [BEGIN, END, PARAMS, STDIN, STDOUT] = [1, 3, 4, 5, 6];

function record(type, content) {
	const head = Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]);
	return Buffer.concat([head, content]);
}

function size(length) {
	if (length < 128) return Buffer.from([length]);
	const long = Buffer.alloc(4);
	long.writeUInt32BE((length | 0x80000000) >>> 0);
	return long;
}

function params(values) {
	return Buffer.concat(Object.entries(values).flatMap(([name, value]) => {
		const [key, text] = [Buffer.from(name), Buffer.from(String(value))];
		return [size(key.length), size(text.length), key, text];
	}));
}

/** A request under way.  `onBody` gets the body's bytes as they come. */
export class FastcgiRequest {
	constructor(socket, { method = 'GET', uri, headers = {}, body = '', onBody = () => {} }) {
		const bytes = Buffer.from(body);
		const fields = Object.fromEntries(Object.entries(headers)
			.map(([name, value]) => [`HTTP_${name.toUpperCase().replaceAll('-', '_')}`, value]));
		this.onBody = onBody;
		this.rest = Buffer.alloc(0);
		this.head = Buffer.alloc(0);
		this.socket = net.connect(socket);
		this.socket.write(Buffer.concat([
			record(BEGIN, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])),
			record(PARAMS, params({
				REQUEST_METHOD: method, REQUEST_URI: uri, QUERY_STRING: uri.split('?')[1] ?? '',
				CONTENT_TYPE: headers['Content-Type'] ?? '', CONTENT_LENGTH: bytes.length || '',
				SERVER_PROTOCOL: 'HTTP/1.1', REMOTE_ADDR: '127.0.0.1', ...fields,
			})),
			record(PARAMS, Buffer.alloc(0)),
			...(bytes.length ? [record(STDIN, bytes)] : []), record(STDIN, Buffer.alloc(0)),
		]));
		/** The status, or a refusal when the connection ended before the request did. */
		this.answered = new Promise((resolve, reject) => {
			this.socket.on('error', reject);
			this.socket.on('close', () => reject(new Error('the FastCGI connection ended')));
			this.socket.on('data', (data) => { if (this.read(data)) resolve(this.status); });
		});
		this.answered.catch(() => {});
	}

	read(data) {
		this.rest = Buffer.concat([this.rest, data]);
		while (this.rest.length >= 8) {
			const length = this.rest.readUInt16BE(4);
			const end = 8 + length + this.rest[6];
			if (this.rest.length < end) return false;
			const [type, content] = [this.rest[1], this.rest.subarray(8, 8 + length)];
			this.rest = this.rest.subarray(end);
			if (type === END) {
				this.socket.destroy();
				return true;
			}
			if (type === STDOUT) this.output(content);
		}
		return false;
	}

	output(bytes) {
		if (this.status) {
			this.onBody(bytes);
			return;
		}
		this.head = Buffer.concat([this.head, bytes]);
		const end = this.head.indexOf('\r\n\r\n');
		if (end < 0) return;
		this.status = Number(/^Status: (\d+)/im.exec(this.head.subarray(0, end).toString())?.[1] ?? 200);
		this.onBody(this.head.subarray(end + 4));
	}
}

/** A whole call with JSON in and out: {status, body}.  Without an answer in `patience` ms it fails with code 'ETIMEDOUT'. */
export async function askFastcgi(socket, { method, uri, headers, body, patience = 60000 }) {
	const bytes = [];
	const request = new FastcgiRequest(socket, {
		method, uri, body: body === undefined ? '' : JSON.stringify(body), onBody: (data) => bytes.push(data),
		headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
	});
	request.socket.setTimeout(patience, () => {
		request.socket.destroy(Object.assign(new Error(`${method} ${uri}: no answer`), { code: 'ETIMEDOUT' }));
	});
	const status = await request.answered;
	const text = Buffer.concat(bytes).toString();
	return { status, body: text ? JSON.parse(text) : undefined };
}
