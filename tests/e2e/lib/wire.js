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

	/** The head of the first answer: {status, headers, start}; start is where its body begins. */
	async head(ms = 10000) {
		const head = await until(() => {
			const end = this.text.indexOf('\r\n\r\n');
			if (end < 0 && this.closed) throw new Error(`closed without an answer: ${this.error ?? ''}`);
			return end >= 0 && this.text.slice(0, end);
		}, 'the head of an answer', ms);
		const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => {
			const [, name, value] = /^([^:]*):\s*(.*)$/.exec(line);
			return [name.toLowerCase(), value];
		}));
		return { status: Number(head.split(' ')[1]), headers, start: Buffer.byteLength(head) + 4 };
	}

	/** The first answer, once all of its body is there: {status, headers, body}. */
	async answer(ms = 10000) {
		const { status, headers, start } = await this.head(ms);
		const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length']);
		await until(() => this.closed || (length !== undefined && this.bytes.length >= start + length), 'the body of an answer', ms);
		const text = this.bytes.subarray(start, length === undefined ? undefined : start + length).toString();
		const json = /json/.test(headers['content-type'] ?? '');
		return { status, headers, body: json ? JSON.parse(text) : text };
	}

	close() { this.socket.destroy(); }
}

/**
 * A frame as a client sends it.  Options: fin, rsv (4, 2, 1), mask, and `length`, the bytes of the length field (1, 2, 8) where it is not
 * the shortest, or `announce`, the length it claims.
 */
export function frame(opcode, payload, { fin = true, rsv = 0, mask = true, length, announce } = {}) {
	const data = Buffer.from(payload);
	const size = BigInt(announce ?? data.length);
	const bytes = length ?? (size < 126n ? 1 : size < 65536n ? 2 : 8);
	const head = Buffer.alloc(bytes === 1 ? 2 : 2 + bytes);
	head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
	head[1] = (mask ? 0x80 : 0) | { 1: Number(size & 127n), 2: 126, 8: 127 }[bytes];
	if (bytes === 2) head.writeUInt16BE(Number(size), 2);
	if (bytes === 8) head.writeBigUInt64BE(size, 2);
	if (!mask) return Buffer.concat([head, data]);
	const key = randomBytes(4);
	return Buffer.concat([head, key, data.map((byte, i) => byte ^ key[i & 3])]);
}

/** What a client that opens a WebSocket sends; fields with the value undefined are left out, lists make several lines. */
export function handshake(fields = {}, { line = 'GET /v1/socket HTTP/1.1' } = {}) {
	const all = {
		Host: 'x', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13',
		'Sec-WebSocket-Key': randomBytes(16).toString('base64'), ...fields,
	};
	const lines = Object.entries(all).flatMap(([name, values]) => [values].flat().filter((value) => value !== undefined)
		.map((value) => `${name}: ${value}\r\n`));
	return `${line}\r\n${lines.join('')}\r\n`;
}

/** The whole frames in what a server sent, from `at` on: {first, opcode, fin, rsv, masked, head, payload, end}. */
export function frames(bytes, at = 0) {
	const found = [];
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
		const first = bytes[at];
		found.push({
			opcode: first & 15, fin: first > 127, rsv: (first >> 4) & 7, masked: bytes[at + 1] > 127, head: start - at,
			payload: bytes.subarray(start, start + length), end: start + length,
		});
		at = start + length;
	}
	return found;
}

/** A WebSocket that can stop reading, so that the service feels it. */
export class SlowSocket {
	static async open(caller, query = '') {
		const slow = new SlowSocket();
		slow.wire = await Wire.open(caller.service.port);
		slow.wire.write(handshake({ Authorization: `Bearer ${caller.token}` },
			{ line: `GET /v1/socket?platform=slow${query} HTTP/1.1` }));
		await until(() => slow.frames().events.some((event) => event.event === 'ready'), 'ready at a slow socket');
		return slow;
	}

	stop() { this.wire.socket.pause(); }

	go() { this.wire.socket.resume(); }

	/** What came so far: {events, close}; a frame that is not whole is left out. */
	frames() {
		const { bytes } = this.wire;
		const start = bytes.indexOf('\r\n\r\n') + 4;
		const all = start < 4 ? [] : frames(bytes, start);
		const close = all.find((one) => one.opcode === 8);
		return {
			events: all.filter((one) => one.opcode === 1).map((one) => JSON.parse(one.payload)),
			close: close && (close.payload.length >= 2 ? close.payload.readUInt16BE(0) : 1005),
		};
	}

	close() { this.wire.close(); }
}
