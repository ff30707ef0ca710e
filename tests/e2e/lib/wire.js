// SPDX-License-Identifier: ISC
// Clients that do what libraries never would: send half a request, stop reading.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { until } from './service.js';

/** A connection on which bytes are written by hand; `text` is all that came back. */
export class Wire {
	static async open(port, host = '127.0.0.1') {
		const wire = new Wire();
		wire.bytes = Buffer.alloc(0);
		wire.socket = net.connect(port, host);
		wire.socket.on('data', (data) => { wire.bytes = Buffer.concat([wire.bytes, data]); });
		wire.socket.on('error', (error) => { wire.error = error; });
		wire.socket.on('close', () => { wire.closed = true; });
		await new Promise((resolve, reject) => {
			wire.socket.once('connect', resolve);
			wire.socket.once('error', reject);
		});
		return wire;
	}

	get text() { return this.bytes.toString(); }

	write(data) { this.socket.write(data); }

	/** The first answer, once all of its body is there: {status, headers, body}. */
	async answer(ms = 10000) {
		const head = await until(() => {
			const end = this.text.indexOf('\r\n\r\n');
			if (end < 0 && this.closed) throw new Error(`closed without an answer: ${this.error ?? ''}`);
			return end >= 0 && this.text.slice(0, end);
		}, 'the head of an answer', ms);
		const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => {
			const [, name, value] = /^([^:]*):\s*(.*)$/.exec(line);
			return [name.toLowerCase(), value];
		}));
		const start = Buffer.byteLength(head) + 4;
		const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
		await until(() => this.closed || (length !== undefined && this.bytes.length >= start + length), 'the body of an answer', ms);
		const text = this.bytes.subarray(start, length === undefined ? undefined : start + length).toString();
		const json = /json/.test(headers['content-type'] ?? '');
		return { status: Number(head.split(' ')[1]), headers, body: json ? JSON.parse(text) : text };
	}

	close() { this.socket.destroy(); }
}

/** Puts a mask over a frame, as clients must. */
export function frame(opcode, payload) {
	const data = Buffer.from(payload);
	const head = data.length < 126 ? [128 | opcode, 128 | data.length]
		: [128 | opcode, 254, data.length >> 8, data.length & 255];
	const key = randomBytes(4);
	return Buffer.concat([Buffer.from(head), key, data.map((byte, i) => byte ^ key[i & 3])]);
}

/** A WebSocket that can stop reading, so that the service feels it. */
export class SlowSocket {
	static async open(caller, query = '') {
		const slow = new SlowSocket();
		slow.wire = await Wire.open(caller.service.port);
		slow.wire.write(`GET /v1/socket?platform=slow${query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
			+ `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n`
			+ `Authorization: Bearer ${caller.token}\r\n\r\n`);
		await until(() => slow.frames().events.some((event) => event.event === 'ready'), 'ready at a slow socket');
		return slow;
	}

	stop() { this.wire.socket.pause(); }

	go() { this.wire.socket.resume(); }

	/** What came so far: {events, close}; a frame that is not whole is left out. */
	frames() {
		const { bytes } = this.wire;
		const events = [];
		let close;
		let at = bytes.indexOf('\r\n\r\n') + 4;
		if (at < 4) return { events };
		while (bytes.length >= at + 2) {
			let length = bytes[at + 1] & 127;
			let start = at + 2;
			if (length === 126) {
				if (bytes.length < at + 4) break;
				length = bytes.readUInt16BE(at + 2);
				start = at + 4;
			} else if (length === 127) {
				if (bytes.length < at + 10) break;
				length = Number(bytes.readBigUInt64BE(at + 2));
				start = at + 10;
			}
			if (bytes.length < start + length) break;
			const payload = bytes.subarray(start, start + length);
			if ((bytes[at] & 15) === 1) events.push(JSON.parse(payload));
			if ((bytes[at] & 15) === 8) close = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
			at = start + length;
		}
		return { events, close };
	}

	close() { this.wire.close(); }
}
