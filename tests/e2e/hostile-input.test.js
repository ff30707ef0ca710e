// SPDX-License-Identifier: ISC
// Rubbish at every door of Kore itself, where no Nginx cleans up: each is refused, and nobody else notices.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { Service } from './lib/service.js';
import { Socket } from './lib/streams.js';

let service;
let alice;
let witness;
let conversation;
before(async () => {
	service = await Service.start({ workers: 1 });
	alice = service.as('alice');
	witness = await Socket.open(alice);
	({ id: conversation } = await alice.direct('bob').catch(async () => {
		await service.as('bob').get('/v1/me');
		return alice.direct('bob');
	}));
});
after(async () => { witness?.close(); await service?.stop(); });

// After every test the same worker still serves, on the connection from the beginning.
afterEach(async () => {
	const text = randomBytes(8).toString('hex');
	assert.equal((await alice.send(conversation, text)).status, 201);
	await witness.wait('message.created', (event) => event.data.text === text);
	assert.equal(witness.connections, 1);
});

/** Writes the parts one after the other and answers all that comes until the end, or for `ms`. */
function raw(parts, { ms = 1500, end = false } = {}) {
	return new Promise((resolve) => {
		let out = Buffer.alloc(0);
		const socket = net.connect(service.port, '127.0.0.1', async () => {
			for (const part of [parts].flat()) {
				socket.write(part);
				await new Promise((r) => { setTimeout(r, 30); });
			}
			if (end) socket.end();
		});
		socket.on('data', (data) => { out = Buffer.concat([out, data]); });
		socket.on('error', () => {});
		socket.on('close', () => resolve(out.toString('latin1')));
		setTimeout(() => socket.destroy(), ms);
	});
}

const statuses = (text) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));

test('requests that are not HTTP, or not quite', async () => {
	const cases = {
		rubbish: [randomBytes(300), [400]],
		'no host': ['GET /health HTTP/1.1\r\n\r\n', [400]],
		'an endless header': [`GET /health HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(40000)}`, [431, 400]],
		'forty headers': [`GET /health HTTP/1.1\r\nHost: x\r\n${[...Array(40).keys()].map((i) => `A${i}: b\r\n`).join('')}\r\n`, [431]],
		'a long path': [`GET /${'a'.repeat(3000)} HTTP/1.1\r\nHost: x\r\n\r\n`, [414, 404, 431]],
		'two lengths': ['POST /v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}', [400]],
		'a wrong length': ['POST /v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}', [400]],
		chunked: ['POST /v1/conversations HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n', [400, 411]],
		'both lengths': ['POST /v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}', [400]],
		'a method of its own': ['BREW /v1/me HTTP/1.1\r\nHost: x\r\n\r\n', [400, 405, 501]],
		'a huge body': ['POST /v1/conversations HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n{', [413]],
	};
	for (const [what, [bytes, expected]] of Object.entries(cases)) {
		const [status] = statuses(await raw(bytes));
		assert.ok(expected.includes(status), `${what}: ${status}`);
	}
});

test('what follows a request is never taken for another', async () => {
	const next = `GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.token('mallory')}\r\n\r\n`;
	for (const method of ['GET', 'DELETE', 'HEAD', 'OPTIONS']) {
		const answer = await raw(`${method} /health HTTP/1.1\r\nHost: x\r\nContent-Length: ${next.length}\r\n\r\n${next}`);
		assert.deepEqual(statuses(answer), [400], method);
		assert.equal(answer.includes('mallory'), false);
	}
	const body = await raw(`POST /v1/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}${next}`);
	assert.equal(body.includes('mallory'), false);
});

test('a client that closes its half after the request still gets its answer', async () => {
	const answer = await raw('GET /health HTTP/1.1\r\nHost: x\r\n\r\n', { end: true });
	assert.deepEqual(statuses(answer), [200]);
});

test('bodies that are not what they should be name what is wrong', async () => {
	const path = `/v1/conversations/${conversation}/messages`;
	const cases = [
		['{', 400], ['[]', 400], ['"x"', 400], ['{"text": "a", "text": "b"}', 400], [`${'['.repeat(5000)}`, 400],
		[{}, 422, 'text'], [{ text: '' }, 422, 'text'], [{ text: 5 }, 422, 'text'], [{ text: 'x'.repeat(10001) }, 422, 'text'],
		[{ text: 'a\u0001b' }, 422, 'text'], ['{"text": "a\\u0000b"}', 422, 'text', 400], ['{"text": "\\ud800"}', 422, 'text', 400],
		[{ text: 'a', id: 'not-a-uuid' }, 422, 'id'], [{ text: 'a', reply_to: randomBytes(4).toString('hex') }, 422, 'reply_to'],
		[{ text: 'a', attachments: 'x' }, 422, 'attachments'], [{ text: 'a', attachments: ['x'] }, 422, 'attachments[0]'],
		[{ text: 'a', extra: 1 }, 422, 'extra'],
		[{ text: 'a', attachments: ['018f0000-0000-7000-8000-000000000000'] }, 422, 'attachments[0]'],
		[{ text: 'a', reply_to: '018f0000-0000-7000-8000-000000000000' }, 422, 'reply_to'],
	];
	for (const [body, status, field, or] of cases) {
		const answer = await alice.post(path, body, { 'Content-Type': 'application/json' });
		const what = `${JSON.stringify(body).slice(0, 60)}: ${answer.status} ${JSON.stringify(answer.body)}`;
		assert.ok(answer.status === status || answer.status === or, what);
		assert.match(answer.headers.get('content-type'), /problem\+json/, what);
		if (field && answer.status === 422) assert.ok(answer.body.errors.some((error) => error.field.startsWith(field.replace(/\[.*/, ''))), what);
	}
	const bytes = await alice.post(path, Buffer.from('7b2274657874223a22ff227d', 'hex'), { 'Content-Type': 'application/json' });
	assert.equal(bytes.status, 400);
	for (const [where, status] of [['/v1/conversations/nope/messages', 404], [`${path}?limit=0`, 422], [`${path}?limit=many`, 422],
		[`${path}?colour=red`, 422], [`${path}?before=-1`, 422], ['/v1/nope', 404], ['/v1/messages/%00', 404], ['/v1/messages/%zz', 404]]) {
		const answer = await alice.get(where);
		assert.ok(answer.status === status || answer.status === 422 || answer.status === 400, `${where}: ${answer.status}`);
		assert.match(answer.headers.get('content-type'), /problem\+json/, where);
	}
	const wrong = await alice.call('DELETE', '/v1/me');
	assert.equal(wrong.status, 405);
	assert.match(wrong.headers.get('allow'), /GET/);
});

test('frames that are no requests are answered, and the socket goes on', async () => {
	const socket = await Socket.open(alice, { reconnect: false });
	for (const text of ['{', '[]', '5', '{"op": "ping"}', '{"id": "x"}', '{"id": {}, "op": "ping"}', `{"id":"x","op":"${'x'.repeat(1000)}"}`]) {
		socket.ws.send(text);
	}
	assert.equal((await socket.request('ping')).status, 200);
	assert.equal(socket.closed, undefined);
	socket.ws.send(`{"id":"f","op":"messages.send","args":{"conversation_id":"${conversation}",`, { fin: false });
	socket.ws.send('"text":"in two parts"}}', { fin: true });
	await socket.wait('message.created', (event) => event.data.text === 'in two parts');
	socket.close();
});

test('a stream asked for in the wrong way is refused in words', async () => {
	assert.equal((await alice.get('/v1/events', { Accept: 'image/png' })).status, 406);
	assert.equal((await alice.get('/v1/socket')).status, 426);
	assert.equal((await alice.get('/v1/events?after=x')).status, 422);
	assert.equal((await alice.get('/v1/events?topics=all')).status, 403);
	const foreign = await alice.get('/v1/events?topics=conversation:018f0000-0000-7000-8000-000000000000', { Accept: 'text/event-stream' });
	assert.ok([403, 404].includes(foreign.status), String(foreign.status));
	assert.equal(statuses(await raw(`HEAD /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`))[0], 200);
});
