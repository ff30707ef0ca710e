// SPDX-License-Identifier: ISC
// RFC 6455 on the real wire, numbered after the categories of the Autobahn test suite: bytes in, frames out.  The service does not echo:
// text is a request, answered by a reply with the same id; what is no request is answered by an error; binary messages are refused.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import WebSocket from 'ws';
import { Service, until } from './lib/service.js';
import { Wire, frame, frames, handshake } from './lib/wire.js';

const LIMIT = 65536; // PARLEY_MAX_FRAME_BYTES
const AT_ONCE = 16;
const PATIENCE_MS = 30000;

const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10];
const GREEK = 'κόσμε';
const hex = (text) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** A request; `size` pads it with white space. */
const ask = (id, size = 0) => JSON.stringify({ id, op: 'ping' }).padEnd(size, ' ');
const text = (payload, options) => frame(TEXT, payload, options);
const binary = (payload, options) => frame(BINARY, payload, options);
const ping = (payload = '', options = {}) => frame(PING, payload, options);
const pong = (payload = '', options = {}) => frame(PONG, payload, options);
const close = (code, reason = '') => frame(CLOSE, code === undefined ? ''
	: Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));

/** One message in frames, cut at these bytes, with other frames between the first and the second. */
function pieces(payload, cuts, between = []) {
	const data = Buffer.from(payload);
	const edges = [0, ...cuts, data.length];
	return edges.slice(1).flatMap((end, i) => [
		frame(i === 0 ? TEXT : 0, data.subarray(edges[i], end), { fin: i === edges.length - 2 }), ...(i === 0 ? between : []),
	]);
}
const every = (step, size) => Array.from({ length: Math.ceil(size / step) - 1 }, (_, i) => (i + 1) * step);

/** A request whose id are these bytes: it comes back as it was sent, or not at all. */
const carrying = (bytes) => Buffer.concat([Buffer.from('{"op":"ping","id":"'), Buffer.from(bytes), Buffer.from('"}')]);

const cases = []; // [name, what is sent, what comes back, {chop: bytes of a write, offer: Sec-WebSocket-Extensions}]
const add = (name, send, want = [], options = {}) => cases.push([name, [send].flat(), [want].flat(), options]);
/** The same whole, and in writes of these sizes. */
function chopped(name, send, want, sizes = [7, 1]) {
	add(name, send, want);
	for (const chop of sizes) add(`${name} in writes of ${chop}`, send, want, { chop });
}

// 1: framing
add('1.1.1 an empty message', text(''), 'null 400');
add('1.1.1 white space only', text(' \n\t '), 'null 400');
add('1.1.1 no JSON', text('Hello, world!'), 'null 400');
add('1.1.1 JSON that is no request', [text('[]'), text('5'), text('{}'), text('{"op":"ping"}')], ['null 400', 'null 400', 'null 400', 'null 400']);
for (const size of [125, 126, 127, 128, 65535, 65536]) add(`1.1 text of ${size} bytes`, text(ask('a', size)), 'a 200');
add('1.1.8 text of 65536 bytes in writes of 997', text(ask('a', 65536)), 'a 200', { chop: 997 });
for (const size of [0, 125, 126, 127, 128, 65535, 65536]) {
	add(`1.2 binary of ${size} bytes`, binary(Buffer.alloc(size, 0xfe)), 'close 1003');
}
add('1.2.8 binary of 65536 bytes in writes of 997', binary(Buffer.alloc(65536, 0xfe)), 'close 1003', { chop: 997 });
for (const length of [2, 8]) add(`1 a length of 5 in ${length} bytes`, text('hello', { length }), 'close 1002');
add('1 a length of 125 in 2 bytes', ping('x'.repeat(125), { length: 2 }), 'close 1002');
add('1 a length of 65535 in 8 bytes', text('', { announce: 65535, length: 8 }), 'close 1002');
add('1 a length with the highest bit', text('', { announce: 2n ** 63n }), 'close 1002');
add('1 no mask', text(ask('a'), { mask: false }), 'close 1002');
add('1 no mask on a second frame', [text(ask('a')), ping('', { mask: false })], ['a 200', 'close 1002']);
add('1 no mask on a close', frame(CLOSE, hex('03e8'), { mask: false }), 'close 1002');
add('1 a mask of zeros', hex('8184 00000000 74727565'), 'null 400');

// 2: pings and pongs
add('2.1', ping(), 'pong ');
add('2.2', ping('Hello, world!'), 'pong Hello, world!');
chopped('2.3', ping(hex('00fffefdfcfb00ff')), 'pong \x00\xff\xfe\xfd\xfc\xfb\x00\xff');
chopped('2.4', ping(Buffer.alloc(125, 0xfe)), `pong ${'\xfe'.repeat(125)}`);
add('2.5', ping(Buffer.alloc(126, 0xfe)), 'close 1002');
add('2.5 announced in 8 bytes', ping('', { announce: 5, length: 8 }), 'close 1002');
add('2.7', pong());
add('2.8', pong('unsolicited'));
add('2.9', [pong('unsolicited'), ping('x')], 'pong x');
const ten = [...Array(10).keys()];
chopped('2.10', ten.map((i) => ping(`payload ${i}`)), ten.map((i) => `pong payload ${i}`), [1]);
add('2 a flood of pings', Array.from({ length: 5000 }, (_, i) => ping(String(i))), Array.from({ length: 5000 }, (_, i) => `pong ${i}`));

// 3: reserved bits
add('3.1', text(ask('a'), { rsv: 1 }), 'close 1002');
chopped('3.2', [text(ask('a')), text(ask('b'), { rsv: 2 }), ping()], ['a 200', 'close 1002'], [1]);
chopped('3.3', [text(ask('a')), text(ask('b'), { rsv: 3 }), ping()], ['a 200', 'close 1002'], [1]);
chopped('3.4', [text(ask('a')), text(ask('b'), { rsv: 4 }), ping()], ['a 200', 'close 1002'], [1]);
add('3.5', binary('12345678', { rsv: 5 }), 'close 1002');
add('3.6', ping('12345678', { rsv: 6 }), 'close 1002');
add('3.7', frame(CLOSE, '', { rsv: 7 }), 'close 1002');

// 4: opcodes
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
	add(`4 opcode ${opcode}`, [text(ask('a')), frame(opcode, ''), ping()], ['a 200', 'close 1002']);
	add(`4 opcode ${opcode} with a payload`, [text(ask('a')), frame(opcode, 'reserved'), ping()], ['a 200', 'close 1002']);
}

// 5: fragments
add('5.1', [ping('frag', { fin: false }), frame(0, 'ment')], 'close 1002');
add('5.2', [pong('frag', { fin: false }), frame(0, 'ment')], 'close 1002');
add('5 a close in pieces', [frame(CLOSE, hex('03'), { fin: false }), frame(0, hex('e8'))], 'close 1002');
chopped('5.3-5', pieces(ask('a'), [9]), 'a 200');
chopped('5.6-8', pieces(ask('a'), [9], [ping('between')]), ['pong between', 'a 200']);
add('5.9', [frame(0, 'nothing', { fin: true }), text(ask('a'))], 'close 1002');
add('5.10', [frame(0, 'nothing', { fin: true })], 'close 1002');
add('5.12', [frame(0, 'nothing', { fin: false }), text(ask('a'))], 'close 1002');
chopped('5.15', [...pieces(ask('a'), [9]), frame(0, 'more', { fin: false }), text(ask('b'))], ['a 200', 'close 1002'], [1]);
add('5.18', [text('one', { fin: false }), text('two', { fin: true })], 'close 1002');
add('5.18 with binary', [text('one', { fin: false }), binary('two')], 'close 1002');
chopped('5.19-20', [
	frame(TEXT, '{"id":"a"', { fin: false }), frame(0, ',"op"', { fin: false }), ping('one'), frame(0, ':"pi', { fin: false }),
	frame(0, 'ng"', { fin: false }), ping('two'), pong('three'), frame(0, '}', { fin: true }),
], ['pong one', 'pong two', 'a 200'], [1]);
add('5 empty fragments', [text('', { fin: false }), frame(0, ask('a'), { fin: false }), frame(0, '', { fin: false }), frame(0, '')], 'a 200');
add('5 a thousand fragments', pieces(ask('a', 1000), every(1, 1000)), 'a 200');
add('5 endless empty fragments', [text('', { fin: false }), ...Array(5000).fill(frame(0, '', { fin: false })), frame(0, ask('a'))], 'a 200');

// 6: UTF-8
const valid = {
	'6.2.1': Buffer.from('Hello-µ@ßöäüàá-UTF-8!!'), '6.5': Buffer.from(GREEK), '6.6.2': hex('ceba'), '6.6.5': hex('ceba e1bdb9'),
	'6.7.2': hex('c280'), '6.7.3': hex('e0a080'), '6.7.4': hex('f0908080'), '6.9.1': hex('7f'), '6.9.2': hex('dfbf'), '6.9.3': hex('efbfbf'),
	'6.9.4': hex('f48fbfbf'), '6.11.1': hex('ed9fbf'), '6.11.2': hex('ee8080'), '6.11.3': hex('efbfbd'), '6.11.4': hex('f48fbfbf'),
	'6.22.1': hex('efbfbe'), '6.22.2': hex('efbfbf'),
	...Object.fromEntries([...Array(16).keys()].flatMap((plane) => [0xbe, 0xbf].map((last) => {
		const lead = 0xf0 + ((plane + 1) >> 2);
		return [`6.22 plane ${plane + 1}, ${last}`, Buffer.from([lead, 0x8f | (((plane + 1) & 3) << 4), 0xbf, last])];
	}))),
	...Object.fromEntries([0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf].map((last, i) => [`6.23.${i + 1}`, Buffer.from([0xef, 0xbf, last])])),
};
for (const [name, bytes] of Object.entries(valid)) {
	const want = `${bytes.toString()} 200`;
	add(name, text(carrying(bytes)), want);
	add(`${name} cut everywhere`, pieces(carrying(bytes), every(1, carrying(bytes).length)), want);
}
add('6.1.2 empty fragments', [text('', { fin: false }), frame(0, '', { fin: false }), frame(0, '')], 'null 400');
add('6 cut inside a character by a ping', [text(hex('c3'), { fin: false }), ping('\xff'), frame(0, hex('a9'))], ['pong \xc3\xbf', 'null 400']);
const invalid = {
	'6.3.1': `${Buffer.from(GREEK).toString('hex')} eda080 656469746564`, '6.6.1': 'ce', '6.6.3': 'cebae1', '6.6.4': 'cebae1bd', '6.6.6': 'cebae1bdb9cf',
	'6.6.8': 'cebae1bdb9cf83ce', '6.6.10': 'cebae1bdb9cf83cebcce', '6.8.1': 'f888808080', '6.8.2': 'fc8480808080', '6.10.1': 'f7bfbfbf',
	'6.10.2': 'fbbfbfbfbf', '6.10.3': 'fdbfbfbfbfbf', '6.11.5': 'f4908080', '6.12.1': '80', '6.12.2': 'bf', '6.12.3': '80bf', '6.12.4': '80bf80',
	'6.12.5': '80bf80bf', '6.12.6': '80bf80bf80', '6.12.7': '80bf80bf80bf', '6.12.8': '808182838485868788898a8b8c8d8e8f', '6.13.1': 'c020c120c220',
	'6.13.2': 'e020e120e220', '6.13.3': 'f020f120f220', '6.13.4': 'f820f920fa20', '6.13.5': 'fc20', '6.14.1': 'c0', '6.14.2': 'e080', '6.14.3': 'f08080',
	'6.14.4': 'f8808080', '6.14.5': 'fc80808080', '6.14.6': 'df', '6.14.7': 'efbf', '6.14.8': 'f7bfbf', '6.14.9': 'fbbfbfbf', '6.14.10': 'fdbfbfbfbf',
	'6.15.1': 'c0e080f08080f8808080', '6.16.1': 'fe', '6.16.2': 'ff', '6.16.3': 'fefeffff', '6.17.1': 'c0af', '6.17.2': 'e080af', '6.17.3': 'f08080af',
	'6.17.4': 'f8808080af', '6.17.5': 'fc80808080af', '6.18.1': 'c1bf', '6.18.2': 'e09fbf', '6.18.3': 'f08fbfbf', '6.18.4': 'f887bfbfbf',
	'6.18.5': 'fc83bfbfbfbf', '6.19.1': 'c080', '6.19.2': 'e08080', '6.19.3': 'f0808080', '6.19.4': 'f880808080', '6.19.5': 'fc8080808080',
	'6.20.1': 'eda080', '6.20.2': 'edadbf', '6.20.3': 'edae80', '6.20.4': 'edafbf', '6.20.5': 'edb080', '6.20.6': 'edbe80', '6.20.7': 'edbfbf',
	'6.21.1': 'eda080edb080', '6.21.2': 'eda080edbfbf', '6.21.3': 'edadbfedb080', '6.21.4': 'edadbfedbfbf', '6.21.5': 'edae80edb080',
	'6.21.6': 'edae80edbfbf', '6.21.7': 'edafbfedb080', '6.21.8': 'edafbfedbfbf',
};
for (const [name, bytes] of Object.entries(invalid)) {
	add(name, text(hex(bytes)), 'close 1007');
	add(`${name} in a request`, text(carrying(hex(bytes))), 'close 1007');
}
add('6.3.2', pieces(carrying(hex('eda080')), every(1, 24)), 'close 1007');
// The rest never comes: the first bad byte is enough.
add('6.4.1', [text(GREEK, { fin: false }), frame(0, hex('f4908080'), { fin: false })], 'close 1007');
add('6.4.2', [text(`${GREEK}`, { fin: false }), frame(0, hex('f490'), { fin: false })], 'close 1007');
for (const [name, bytes] of [['6.4.3', 'f4'], ['6.4.4', 'f490']]) {
	const all = text(Buffer.concat([Buffer.from(GREEK), hex('f4908080'), Buffer.from('edited')]));
	const upto = 6 + Buffer.byteLength(GREEK) + hex(bytes).length;
	if (name === '6.4.3') add(`${name} the rest is right`, [all.subarray(0, upto), all.subarray(upto)], 'close 1007');
	else add(name, all.subarray(0, upto), 'close 1007');
}

// 7: closing
add('7.1.1', [text(ask('a')), close(1000)], ['a 200', 'close 1000']);
add('7.1.2', [close(1000), close(1000)], 'close 1000');
add('7.1.3', [close(1000), ping()], 'close 1000');
add('7.1.4', [close(1000), text(ask('a'))], 'close 1000');
add('7.1.5', [text('frag', { fin: false }), close(1000), frame(0, 'ment')], 'close 1000');
add('7.1.6', [text(ask('a', LIMIT)), text(ask('b')), close(1000), ping()], ['a 200', 'b 200', 'close 1000']);
add('7 rubbish behind a close', [close(1000), Buffer.alloc(200000, 0xff)], 'close 1000');
add('7.3.1', close(), 'close 1005');
add('7.3.2', frame(CLOSE, hex('03')), 'close 1002');
chopped('7.3.3', close(1000), 'close 1000', [1]);
add('7.3.4', close(1000, 'Hello, world!'), 'close 1000');
add('7.3.5', close(1000, '*'.repeat(123)), 'close 1000');
add('7.3.6', close(1000, '*'.repeat(124)), 'close 1002');
add('7.5.1', close(1000, hex(invalid['6.3.1'])), 'close 1007');
add('7.5 a reason cut inside a character', close(1000, hex('cebae1')), 'close 1007');
for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
	add(`7.7 code ${code}`, close(code), `close ${code}`);
	add(`7.7 code ${code} with a reason`, close(code, GREEK), `close ${code}`);
}
for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
	add(`7.9, 7.13 code ${code}`, close(code), 'close 1002');
	add(`7.9, 7.13 code ${code} with a reason`, close(code, 'why'), 'close 1002');
}

// 9: limits
add('9 one byte too many', text('', { announce: LIMIT + 1 }), 'close 1009');
add('9 one byte too many, all of it sent', text(ask('a', LIMIT + 1)), 'close 1009');
add('9 a byte too many in the last fragment', [...pieces(ask('a', LIMIT), [LIMIT / 2]).slice(0, 1), frame(0, Buffer.alloc(LIMIT / 2 + 1, 32))], 'close 1009');
add('9 far too much', text('', { announce: 2n ** 62n }), 'close 1009');
for (const size of [64, 256, 1024, 4096, 16384, 32768]) {
	add(`9.3 in fragments of ${size}`, pieces(ask('a', LIMIT), every(size, LIMIT)), 'a 200');
}
for (const chop of [64, 128, 256, 512, 1024, 2048]) add(`9.5 in writes of ${chop}`, text(ask('a', LIMIT)), 'a 200', { chop });
for (const size of [0, 64, 256, 1024, 4096, 65536]) {
	const count = size > 4096 ? 20 : 200;
	const ids = Array.from({ length: count }, (_, i) => `m${i}`);
	add(`9.7 ${count} messages of ${size}`, ids.map((id) => text(ask(id, size))), ids.map((id) => `${id} 200`));
}

// 10: fragments of a client that cuts by itself
add('10.1.1', pieces(ask('a', 65536), every(1300, 65536)), 'a 200');

// 12 and 13: permessage-deflate.  Every message is compressed by itself, so that it can be sent to many.
const OFFERS = {
	12: 'permessage-deflate; client_max_window_bits', '13.1': 'permessage-deflate',
	'13.2': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
	'13.3': 'permessage-deflate; server_max_window_bits=9', '13.4': 'permessage-deflate; server_max_window_bits=15',
	'13.5': 'permessage-deflate; server_max_window_bits=9; server_no_context_takeover, permessage-deflate',
	'13.6': 'permessage-deflate; what=5, permessage-deflate; client_max_window_bits=8',
	'13.7': 'permessage-deflate; server_max_window_bits=8; client_max_window_bits="8"',
};
const pack = (payload, options = {}) => zlib.deflateRawSync(payload, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...options }).subarray(0, -4);
const packed = (payload, options) => text(pack(payload), { rsv: 4, ...options });
const packedPieces = (payload, cuts, between = []) => {
	const all = pieces(pack(payload), cuts, between);
	all[0][0] |= 0x40;
	return all;
};
for (const [name, offer] of Object.entries(OFFERS)) {
	const some = (what, ...rest) => add(`${name} ${what}`, ...rest);
	for (const size of [16, 64, 256, 1024, 4096, 16384, 65536]) {
		some(`10 messages of ${size}`, ten.map((i) => packed(ask(`m${i}`, size))), ten.map((i) => `m${i} 200`), { offer });
	}
	some('in fragments', packedPieces(ask('a', 5000), every(3, pack(ask('a', 5000)).length), [ping('x')]), ['pong x', 'a 200'], { offer });
	some('in writes of 1', [packed(ask('a')), text(ask('b')), packed(ask('c'))], ['a 200', 'b 200', 'c 200'], { offer, chop: 1 });
	some('not compressed', text(ask('a', 1000)), 'a 200', { offer });
}
const deflate = { offer: OFFERS[12] };
add('12 an empty message', packed(''), 'null 400', deflate);
add('12 stored, fixed and final blocks', [{ level: 0 }, { strategy: zlib.constants.Z_FIXED }, { finishFlush: zlib.constants.Z_FINISH }].map((how, i) => text(
	how.finishFlush ? Buffer.concat([zlib.deflateRawSync(ask('m2')), Buffer.from([0])]) : pack(ask(`m${i}`), how), { rsv: 4 })), ['m0 200', 'm1 200', 'm2 200'], deflate);
add('12 a character over two fragments', packedPieces(carrying(Buffer.from(GREEK)), [1, 2, 3]), `${GREEK} 200`, deflate);
for (const [name, bytes] of Object.entries(invalid).filter((one, i) => i % 5 === 0)) add(`12 with ${name}`, packed(carrying(hex(bytes))), 'close 1007', deflate);
add('12 one byte too many', packed(ask('a', LIMIT + 1)), 'close 1009', deflate);
add('12 a bomb', packed(Buffer.alloc(30 << 20, 32)), 'close 1009', deflate);
add('12 no deflated data', text(hex('ffffff'), { rsv: 4 }), 'close 1007', deflate);
add('12 a truncated message', text(pack(ask('a', 300)).subarray(0, 10), { rsv: 4 }), 'close 1007', deflate);
add('12 compressed binary', binary(pack('x'), { rsv: 4 }), 'close 1003', deflate);
add('12 the bit on a continuation', [text('', { fin: false, rsv: 4 }), frame(0, pack(ask('a')), { rsv: 4 })], 'close 1002', deflate);
add('12 the bit on a ping', ping('x', { rsv: 4 }), 'close 1002', deflate);
add('12 the bit on a close', frame(CLOSE, hex('03e8'), { rsv: 4 }), 'close 1002', deflate);
add('12 the other bits', text(pack(ask('a')), { rsv: 5 }), 'close 1002', deflate);
add('12 not agreed to', packed(ask('a')), 'close 1002');

let service;
let token;
before(async () => {
	service = await Service.start({ workers: 1 });
	token = service.token('alice');
	await service.as('alice').get('/v1/me');
});
after(() => service?.stop());

/** What came, in words, and what was wrong with how it was written. */
function words(wire, start) {
	const wrong = [];
	const found = frames(wire.bytes, start).map((one) => {
		const minimal = one.payload.length < 126 ? 2 : one.payload.length < 65536 ? 4 : 10;
		const unpacked = wire.packs && one.opcode === TEXT && one.rsv === 4;
		if (!one.fin || (one.rsv && !unpacked) || one.masked || one.head !== minimal) wrong.push(`a frame that begins ${one.opcode} ${one.rsv} ${one.head}`);
		if (one.opcode === CLOSE) {
			const code = one.payload.length ? one.payload.readUInt16BE(0) : 1005;
			if ([1002, 1003, 1007, 1009].includes(code) && wire.fails && one.payload.length < 3) wrong.push('a failure without a reason');
			return `close ${code}`;
		}
		if (one.opcode === PONG) return `pong ${one.payload.toString('latin1')}`;
		if (one.opcode !== TEXT) return `opcode ${one.opcode}`;
		const whole = unpacked ? zlib.inflateRawSync(one.payload, { finishFlush: zlib.constants.Z_SYNC_FLUSH, windowBits: wire.packs }) : one.payload;
		const object = JSON.parse(whole);
		if (JSON.stringify(object).replaceAll('\x7f', '\\u007f') !== whole.toString()) wrong.push(`needless bytes: ${whole}`);
		if (unpacked && one.payload.length >= whole.length) wrong.push('compressed to more bytes');
		if (wire.packs === 15 && !unpacked && whole.length > 400) wrong.push(`not compressed: ${whole.length}`);
		if (object.event === 'presence.updated') return undefined; // of others' connections; comes when it comes
		return object.event ? `event ${object.event}` : `${object.reply} ${object.status}`;
	}).filter((word) => word !== undefined);
	return { found, wrong };
}

/** An open WebSocket; `start` is where the frames begin. */
async function open(fields = {}) {
	const wire = await Wire.open(service.port);
	wire.socket.setNoDelay(true);
	wire.write(handshake({ Authorization: `Bearer ${token}`, ...fields }));
	await until(() => wire.closed || wire.text.includes('"event":"ready"'), 'ready', PATIENCE_MS);
	wire.start = wire.bytes.indexOf('\r\n\r\n') + 4;
	const [, agreed] = /^Sec-WebSocket-Extensions: permessage-deflate(.*)$/m.exec(wire.bytes.toString('latin1', 0, wire.start)) ?? [];
	if (agreed !== undefined) wire.packs = Number(/server_max_window_bits=(\d+)/.exec(agreed)?.[1] ?? 15);
	return wire;
}

async function write(wire, parts, chop) {
	const bytes = Buffer.concat(parts);
	for (let at = 0; at < bytes.length && !wire.closed; at += chop ?? bytes.length) {
		wire.write(bytes.subarray(at, at + (chop ?? bytes.length)));
		await new Promise((resolve) => { setImmediate(resolve); });
	}
}

/** NULL, or what a case did that it should not. */
async function failure([name, send, want, { chop, offer }]) {
	const wire = await open({ 'Sec-WebSocket-Extensions': offer });
	if (Boolean(offer) !== Boolean(wire.packs)) return `${name}: ${offer ? 'not ' : ''}agreed to`;
	const closes = want.at(-1)?.startsWith('close');
	wire.fails = closes && !send.some((bytes) => (bytes[0] & 15) === CLOSE);
	await write(wire, send, chop);
	if (!closes) await write(wire, [text(ask('end')), close(1000)]);
	const all = closes ? want : [...want, 'end 200', 'close 1000'];
	await until(() => wire.closed, `${name}: the end of the connection`, PATIENCE_MS).catch((error) => { wire.error = error; });
	const { found, wrong } = words(wire, wire.start);
	wire.close();
	const differs = JSON.stringify(found.slice(1)) !== JSON.stringify(all);
	if (!differs && !wrong.length && !wire.error) return undefined;
	return `${name}: ${differs ? `got ${found.slice(-5).join(', ')}; want ${all.slice(-5).join(', ')}` : ''} ${wrong[0] ?? ''} ${wire.error ?? ''}`;
}

for (const category of [1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 13]) {
	const mine = cases.filter(([name]) => Number.parseInt(name, 10) === category);
	test(`category ${category}: ${mine.length} cases`, async () => {
		const rest = [...mine];
		const failures = [];
		await Promise.all(Array.from({ length: AT_ONCE }, async () => {
			while (rest.length) failures.push(await failure(rest.shift()));
		}));
		assert.deepEqual(failures.filter(Boolean), []);
	});
}

const key = () => Buffer.from('the sample nonce').toString('base64');
const accepted = { 'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=', upgrade: 'websocket', connection: 'Upgrade' };
const protocol = (value) => ({ 'Sec-WebSocket-Protocol': value });
const chosen = { ...accepted, 'sec-websocket-protocol': 'parley.v1' };
const opening = [ // [name, fields, status, fields of the answer, {line: the request line}]
	['plain', {}, 101, { ...accepted, 'sec-websocket-protocol': undefined, 'sec-websocket-extensions': undefined }],
	['no upgrade', { Upgrade: undefined, Connection: undefined }, 426, { upgrade: 'websocket' }],
	['another upgrade', { Upgrade: 'h2c' }, 426],
	['upgrade in a list and in capitals', { Upgrade: 'h2c, WebSocket', Connection: 'keep-alive, UPGRADE' }, 101],
	['lists over several lines', { Upgrade: ['h2c', 'websocket'], Connection: ['keep-alive', 'Upgrade'] }, 101],
	['names in any case', { Upgrade: undefined, Connection: undefined, uPGRADE: 'websocket', CONNECTION: 'upgrade' }, 101],
	['connection that only keeps alive', { Connection: 'keep-alive' }, 426],
	['version 8', { 'Sec-WebSocket-Version': '8' }, 426, { 'sec-websocket-version': '13' }],
	['version 013', { 'Sec-WebSocket-Version': '013' }, 426, { 'sec-websocket-version': '13' }],
	['no version', { 'Sec-WebSocket-Version': undefined }, 426, { 'sec-websocket-version': '13' }],
	['two versions', { 'Sec-WebSocket-Version': ['13', '8'] }, 400],
	['no key', { 'Sec-WebSocket-Key': undefined }, 400],
	['a key of 15 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }, 400],
	['a key of 17 bytes', { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }, 400],
	['a key that is not base64', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j!Q==' }, 400],
	['two keys', { 'Sec-WebSocket-Key': [key(), key()] }, 400],
	['our subprotocol', protocol('parley.v1'), 101, chosen],
	['ours among several', protocol('chat, parley.v1, soap'), 101, chosen],
	['ours on the second line', protocol(['chat', 'parley.v1']), 101, chosen],
	['a token beside ours', { ...protocol(['parley.v1', () => `bearer.${token}`]), Authorization: undefined }, 101, chosen],
	['only others', protocol('chat, soap'), 101, { ...accepted, 'sec-websocket-protocol': undefined }],
	['others that begin like ours', protocol('parley.v11, Parley.v1'), 101, { ...accepted, 'sec-websocket-protocol': undefined }],
	['an unknown extension', { 'Sec-WebSocket-Extensions': 'x-what; a=1' }, 101, { ...accepted, 'sec-websocket-extensions': undefined }],
	...Object.entries({
		'permessage-deflate': '', 'permessage-deflate; client_max_window_bits': '', 'x-what, permessage-deflate; server_max_window_bits=10': '; server_max_window_bits=10',
		'permessage-deflate; what, permessage-deflate; server_max_window_bits="12"': '; server_max_window_bits=12',
		'permessage-deflate; server_max_window_bits=16': undefined, 'permessage-deflate; client_max_window_bits=08': undefined,
		'permessage-deflate; server_no_context_takeover; server_no_context_takeover': undefined, 'permessage-deflate; server_max_window_bits': undefined,
		'permessage-deflate;': undefined,
	}).map(([offer, agreed]) => [`offering ${offer}`, { 'Sec-WebSocket-Extensions': offer }, 101, {
		...accepted, 'sec-websocket-extensions': agreed === undefined ? undefined
			: `permessage-deflate; server_no_context_takeover; client_no_context_takeover${agreed}`,
	}]),
	['offers over two lines', { 'Sec-WebSocket-Extensions': ['x-what', 'permessage-deflate'] }, 101, { ...accepted, 'sec-websocket-extensions': /^permessage-deflate;/ }],
	['HTTP/1.0', {}, 400, {}, { line: 'GET /v1/socket HTTP/1.0' }],
	['POST', {}, 405, { allow: /GET/ }, { line: 'POST /v1/socket HTTP/1.1' }],
	['HEAD', {}, 405, { allow: 'GET' }, { line: 'HEAD /v1/socket HTTP/1.1' }],
	['nobody', { Authorization: undefined }, 401, { 'www-authenticate': /Bearer/ }],
	['an unknown parameter', {}, 422, {}, { line: 'GET /v1/socket?colour=red HTTP/1.1' }],
];

for (const [name, fields, status, want = {}, options] of opening) {
	test(`opening, ${name}: ${status}`, async () => {
		const wire = await Wire.open(service.port);
		const all = Object.fromEntries(Object.entries({ Authorization: `Bearer ${token}`, 'Sec-WebSocket-Key': key(), ...fields })
			.map(([field, values]) => [field, [values].flat().map((value) => (typeof value === 'function' ? value() : value))]));
		wire.write(handshake(all, options));
		const answer = await wire.head();
		assert.equal(answer.status, status, wire.text);
		for (const [field, value] of Object.entries(want)) {
			if (value instanceof RegExp) assert.match(answer.headers[field], value);
			else assert.equal(answer.headers[field], value, field);
		}
		if (status === 101) await until(() => wire.text.includes('"event":"ready"'), 'ready');
		else {
			assert.match(answer.headers['content-type'], /problem\+json/);
			assert.equal(wire.error, undefined);
		}
		wire.close();
	});
}

test('frames in the same packet as the handshake, and a handshake byte by byte', async () => {
	const head = handshake({ Authorization: `Bearer ${token}` });
	for (const [bytes, chop] of [[Buffer.concat([Buffer.from(head), text(ask('a')), ping('x'), close(1000)])], [Buffer.from(head), 1]]) {
		const wire = await Wire.open(service.port);
		wire.socket.setNoDelay(true);
		await write(wire, [bytes], chop);
		if (chop) await until(() => wire.text.includes('"event":"ready"'), 'ready').then(() => write(wire, [text(ask('a')), ping('x'), close(1000)]));
		await until(() => wire.closed, 'the end');
		const { found, wrong } = words(wire, wire.bytes.indexOf('\r\n\r\n') + 4);
		assert.deepEqual([found.sort(), wrong], [['a 200', 'close 1000', 'event ready', 'pong x'], []]);
	}
});

test('a peer that closes only its own half gets what it asked for, and the end', async () => {
	for (const last of [[], [close(1000)]]) {
		const wire = await open();
		wire.socket.end(Buffer.concat([text(ask('a')), ping('x'), text(ask('b', 2000)), ...last]));
		await until(() => wire.closed, 'the end');
		const { found, wrong } = words(wire, wire.start);
		assert.deepEqual([found.sort(), wrong], [['a 200', 'b 200', ...(last.length ? ['close 1000'] : []), 'event ready', 'pong x'], []]);
	}
	const idle = await open();
	idle.socket.end();
	await until(() => idle.closed, 'the end of an idle one');
	const inside = await open();
	inside.socket.end(text('never ends', { fin: false }));
	await until(() => inside.closed, 'the end of one inside a message');
});

test('a peer that resets the connection is forgotten at once', async () => {
	const wire = await open();
	const { connection } = JSON.parse(frames(wire.bytes, wire.start)[0].payload).data;
	const row = `select count(*) from connections where id = '${connection}' and disconnected_at is null`;
	await until(async () => await service.psql(row) === '1', 'its row');
	wire.socket.resetAndDestroy();
	await until(async () => await service.psql(row) === '0', 'the end in its row', 20000);
});

test('what the service says by itself is one frame of compact JSON, and its goodbye has a reason', async () => {
	const alice = service.as('alice');
	await service.as('bob').get('/v1/me');
	const { id } = await alice.direct('bob');
	const wire = await open();
	const seen = () => words(wire, wire.start);
	for (const size of [1, 300, 9000]) {
		assert.equal((await alice.send(id, 'é"\n\\/'.repeat(size).slice(0, size))).status, 201);
	}
	await until(() => seen().found.filter((one) => one === 'event message.created').length === 3, 'three messages');
	write(wire, [text(JSON.stringify({ id: 'h', op: 'messages.list', args: { conversation_id: id } }))]);
	await until(() => seen().found.includes('h 200'), 'the page');
	write(wire, [text(JSON.stringify({ id: 's', op: 'sync.get', args: {} }))]);
	await until(() => seen().found.includes('s 200'), 'what sync says');
	const { connection } = JSON.parse(frames(wire.bytes, wire.start)[0].payload).data;
	await alice.done('DELETE', `/v1/connections/${connection}`);
	await until(() => seen().found.at(-1) === 'close 4403', 'the goodbye');
	assert.ok(frames(wire.bytes, wire.start).at(-1).payload.length > 2, 'a reason');
	assert.deepEqual(seen().wrong, []);
	// The connection stays until the peer has answered.
	assert.equal(wire.closed, undefined);
	write(wire, [close(4403)]);
	await until(() => wire.closed, 'the end');
});

test('a client library that compresses and one that does not understand each other', async () => {
	const alice = service.as('alice');
	const { id } = await alice.direct('bob');
	const sockets = [true, { threshold: 0, serverNoContextTakeover: true, clientMaxWindowBits: 9 }, { serverMaxWindowBits: 9 }, false].map((perMessageDeflate) => {
		const ws = new WebSocket(`${service.url.replace('http', 'ws')}/v1/socket`, { perMessageDeflate, headers: { Authorization: `Bearer ${token}` } });
		ws.seen = [];
		ws.on('message', (data) => ws.seen.push(JSON.parse(data)));
		ws.on('error', (error) => ws.seen.push({ error }));
		return ws;
	});
	await until(() => sockets.every((ws) => ws.seen.length), 'ready at all');
	assert.deepEqual(sockets.map((ws) => ws.extensions.split(';')[0]), ['permessage-deflate', 'permessage-deflate', 'permessage-deflate', '']);
	const texts = Array.from({ length: 20 }, (_, i) => `${i} ${'the quick brown fox '.repeat(i * 20)}`);
	for (const [i, said] of texts.entries()) {
		sockets[i % 4].send(JSON.stringify({ id: String(i), op: 'messages.send', args: { conversation_id: id, text: said } }));
		await until(() => sockets[i % 4].seen.some((one) => one.reply === String(i)), 'a reply');
	}
	const heard = (ws) => ws.seen.filter((one) => one.event === 'message.created').map((one) => one.data.text);
	await until(() => sockets.every((ws) => heard(ws).length === texts.length), 'all of it at all');
	for (const ws of sockets) {
		assert.deepEqual(heard(ws), texts);
		ws.close(1000);
	}
	await until(() => sockets.every((ws) => ws.readyState === WebSocket.CLOSED), 'the end of all');
});
