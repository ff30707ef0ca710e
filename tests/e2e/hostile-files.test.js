// SPDX-License-Identifier: ISC
// Files and forms that mean harm: each is refused with a reason or made harmless, leaves nothing behind, and costs nobody else anything.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { names, refused, taken } from './lib/hostile.js';
import { demo, form, png } from './lib/pictures.js';
import { Service, until } from './lib/service.js';
import { Wire } from './lib/wire.js';

let service;
let alice;
before(async () => {
	service = await Service.start({ workers: 1, env: { PARLEY_FCGI_PROCESSES: '2' } });
	alice = service.as('alice');
	await alice.get('/v1/me');
});
after(() => service?.stop());

afterEach(() => {
	assert.deepEqual(readdirSync(path.join(service.state, 'uploads', 'tmp')), [], 'what is refused leaves nothing');
});

test('files that mean harm are refused with a reason', async () => {
	const fcgi = await service.children('fcgi');
	for (const [what, bytes, name, statuses] of refused) {
		const answer = await alice.post('/v1/uploads', form(bytes, name));
		assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
		assert.match(answer.headers.get('content-type'), /problem\+json/, what);
		assert.ok(answer.body.code && answer.body.detail, what);
	}
	assert.deepEqual(await service.children('fcgi'), fcgi, 'none of them ended a process');
	assert.equal(await service.metric('parley_decoder_deaths_total'), 0);
	for (const pid of fcgi) {
		const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
		assert.ok(Number(peak) < 100 * 1024, `${peak} kB`);
	}
});

test('odd files are taken as what they are, without what they carry', async () => {
	for (const [what, bytes, name, type] of taken) {
		const answer = await alice.post('/v1/uploads', form(bytes, name));
		assert.equal(answer.status, 201, `${what}: ${JSON.stringify(answer.body)}`);
		assert.equal(answer.body.type, type, what);
		if (!type.startsWith('image/')) continue;
		const file = await alice.get(answer.body.url);
		assert.doesNotMatch(file.bytes.toString('latin1'), /script|SecretCamera|PK\x03\x04/, what);
		assert.equal(file.headers.get('content-type'), type, what);
	}
});

/** The bytes of a form with these parts: each [lines of its header, content]. */
function parts(list, boundary = 'b', { end = `\r\n--${boundary}--\r\n` } = {}) {
	const all = list.map(([lines, content]) => `--${boundary}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${content}`);
	return Buffer.from(all.join('\r\n') + end);
}

const file = (name) => `Content-Disposition: form-data; name="file"; filename="${name}"`;

function send(body, type = 'multipart/form-data; boundary=b') {
	return alice.call('POST', '/v1/uploads', body, { 'Content-Type': type });
}

test('names are made harmless', async () => {
	for (const [sent, kept] of names) {
		const answer = await send(parts([[[file(sent)], 'words']]));
		const what = `${JSON.stringify(sent).slice(0, 40)}: ${answer.status} ${JSON.stringify(answer.body)}`;
		assert.equal(answer.status, kept === null ? 400 : 201, what);
		if (kept === null) continue;
		assert.equal(answer.body.filename, kept, what);
		const served = await alice.get(answer.body.url);
		assert.equal(served.status, 200, what);
		assert.equal(served.headers.get('set-cookie'), null, what);
	}
});

test('forms that break the rules are refused in words', async () => {
	const good = [[file('a.txt')], 'words'];
	const cases = [
		['no boundary', parts([good]), 'multipart/form-data', 400],
		['an empty boundary', parts([good]), 'multipart/form-data; boundary=', 400],
		['two boundaries', parts([good]), 'multipart/form-data; boundary=b; boundary=c', 400],
		['a boundary of 71 bytes', parts([good], 'b'.repeat(71)), `multipart/form-data; boundary=${'b'.repeat(71)}`, 400],
		['another boundary', parts([good]), 'multipart/form-data; boundary=c', 400],
		['no end', parts([good], 'b', { end: '' }), undefined, 400],
		['half an end', parts([good], 'b', { end: '\r\n--b-' }), undefined, 400],
		['a header without an end', Buffer.from(`--b\r\n${file('a')}\r\nX: ${'y'.repeat(20000)}`), undefined, 400],
		['many header lines', parts([[[...Array(40).keys()].map((i) => `X-${i}: y`).concat(file('a')), 'x']]), undefined, 400],
		['a folded line', parts([[['Content-Disposition: form-data;', ' name="file"'], 'x']]), undefined, 400],
		['no disposition', parts([[['Content-Type: text/plain'], 'x']]), undefined, 400],
		['no name', parts([[['Content-Disposition: form-data; filename="a"'], 'x']]), undefined, 400],
		['an encoding', parts([[[file('a'), 'Content-Transfer-Encoding: base64'], 'eA==']]), undefined, 400],
		['two names', parts([[['Content-Disposition: form-data; name="file"; filename="a"; filename="b"'], 'x']]), undefined, 400],
		['many parts', parts(Array(40).fill([['Content-Disposition: form-data; name="file"'], 'x'])), undefined, 422],
		['two files', parts([good, good]), undefined, 422],
		['no file', parts([[['Content-Disposition: form-data; name="text"'], 'x']]), undefined, 422],
		['nothing', Buffer.from('--b--\r\n'), undefined, 422],
		['a long preamble', Buffer.concat([Buffer.alloc(50000, 'x'), Buffer.from('\r\n'), parts([good])]), undefined, 400],
		['more than is taken', parts([[[file('a.txt')], 'x'.repeat(10 * 1024 * 1024 + 1)]]), undefined, 413],
		['far more than is taken', parts([[[file('a.txt')], 'x'.repeat(11 * 1024 * 1024)]]), undefined, 413],
	];
	for (const [what, body, type, status] of cases) {
		const answer = await send(body, type);
		assert.equal(answer.status, status, `${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
		assert.match(answer.headers.get('content-type'), /problem\+json/, what);
	}
	const nested = await send(parts([[[file('a'), 'Content-Type: multipart/mixed; boundary=c'], parts([good], 'c').toString()]]));
	assert.equal(nested.status, 201, 'a form within a form is a text');
	assert.equal(nested.body.type, 'text/plain');
});

/** Writes an upload that announces `length` bytes and sends `body`. */
async function announce(length, body) {
	const wire = await Wire.open(service.port);
	wire.write(`POST /v1/uploads?filename=a.txt HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n`
		+ `Content-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`);
	wire.write(body);
	return wire;
}

test('bodies that are longer, shorter or slower than they said', async () => {
	const longer = await announce(5, 'wordsGET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n');
	assert.ok([201, 400].includes((await longer.answer()).status));
	longer.close();
	const huge = await announce(10 ** 15, 'words');
	assert.equal((await huge.answer()).status, 413);
	huge.close();

	const shorter = await announce(50000, 'x'.repeat(20000));
	shorter.close();
	const half = await announce(50000, 'x'.repeat(20000));
	half.socket.end();
	const told = await half.answer();
	assert.deepEqual([told.status, told.body.code], [400, 'body_incomplete']);
	const slow = await announce(6, 'w');
	assert.equal((await alice.post('/v1/uploads', form('beside\n', 'b.txt'))).status, 201);
	for (const byte of 'ords\n') slow.write(byte);
	const answer = await slow.answer();
	assert.equal(answer.status, 201);
	assert.equal((await alice.get(answer.body.url)).body, 'words\n');
	slow.close();

	// As many as there are processes: the next one is not their victim.
	const two = await Promise.all([announce(1000, 'w'), announce(1000, 'w')]);
	assert.equal((await alice.surely('POST', '/v1/uploads', form('behind\n', 'c.txt'))).status, 201);
	const late = await Promise.any(two.map((one) => one.answer(60000)));
	assert.deepEqual([late.status, late.body.code], [408, 'request_timeout']);
	for (const one of two) one.close();
	await until(() => readdirSync(path.join(service.state, 'uploads', 'tmp')).length === 0, 'the end of the short one', 30000);
});

/** Sends pictures that take a while until the process that decodes one was killed; the answer to that one. */
async function crash(signal) {
	const bytes = png(7000, 7000);
	for (let round = 0; round < 20; round++) {
		let answer;
		const upload = alice.post('/v1/uploads', form(bytes, 'large.png')).then((a) => { answer = a; });
		while (!answer) {
			for (const child of await service.children('fcgi')) {
				for (const decoder of await service.children(child)) {
					const [worker] = await service.children(decoder);
					if (!worker) continue;
					process.kill(worker, signal);
					await upload;
					return answer;
				}
			}
		}
	}
	throw new Error('no decoder was met at work');
}

test('a decoder that crashes costs one upload, is logged with its hash and counted', async () => {
	const fcgi = await service.children('fcgi');
	const answer = await crash('SIGSEGV');
	assert.equal(answer.status, 422, JSON.stringify(answer.body));
	assert.equal(answer.body.code, 'undecodable_file');
	assert.equal(await service.metric('parley_decoder_deaths_total'), 1);
	assert.match(await service.log('fcgi'), /decoder died request=\S+ upload_sha256=[0-9a-f]{64} signal=11 /);
	assert.equal((await alice.post('/v1/uploads', form(demo, 'next.jpg'))).status, 201);
	assert.deepEqual(await service.children('fcgi'), fcgi);
});

test('what decodes holds no secret and no connection', async () => {
	let looked = 0;
	for (const child of await service.children('fcgi')) {
		for (const decoder of await service.children(child)) {
			const environment = readFileSync(`/proc/${decoder}/environ`, 'latin1');
			assert.doesNotMatch(environment, /PARLEY_/);
			const open = readdirSync(`/proc/${decoder}/fd`).map(Number).filter((fd) => fd > 3);
			assert.deepEqual(open, []);
			assert.match(readFileSync(`/proc/${decoder}/status`, 'utf8'), /NoNewPrivs:\s+1/);
			looked++;
		}
	}
	assert.ok(looked > 0);
});
