// SPDX-License-Identifier: ISC
// Rate limits, with the defaults for what is sent and two workers.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Service, pause, until } from './lib/service.js';
import { Socket, onTwoProcesses } from './lib/streams.js';

let service;
before(async () => { service = await Service.start({ workers: 2, env: { PARLEY_RATE_LIMITS: 'on', PARLEY_RATE_ADDRESS: '20/600', PARLEY_RATE_READ: '600/60/200 slow=4/600' } }); });
after(async () => { await service?.stop(); });

/** As a program asks for a stream: fetch() says that it is a browser, which is answered differently. */
function stream(headers) {
	return new Promise((resolve, reject) => {
		http.get(`${service.url}/v1/events`, { headers: { Accept: 'text/event-stream', ...headers } }, (response) => {
			resolve({ status: response.statusCode, headers: new Headers(response.headers) });
			response.destroy();
		}).on('error', reject);
	});
}

async function pair(one, other) {
	const [caller, peer] = [service.as(one), service.as(other)];
	await peer.get('/v1/me');
	return [caller, peer, (await caller.direct(other)).id];
}

test('twenty sends pass at once, the next is 429 with Retry-After, and after that time one passes again', async () => {
	const [alice, bob, conversation] = await pair('alice', 'bob');
	const start = Date.now();
	const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => alice.send(conversation, `m${i}`)));
	const passed = answers.filter((answer) => answer.status === 201);
	const refused = answers.filter((answer) => answer.status === 429);
	assert.equal(passed.length + refused.length, 30);
	const refilled = Math.ceil((Date.now() - start) / 1000); // one a second comes back
	assert.ok(passed.length >= 20 && passed.length <= 20 + refilled, `${passed.length} passed`);
	assert.match(passed[0].headers.get('ratelimit-policy'), /^"send";q=20;w=20$/);
	assert.deepEqual(passed.map((answer) => Number(/^"send";r=(\d+);t=\d+$/.exec(answer.headers.get('ratelimit'))[1])).sort((a, b) => b - a).slice(0, 3), [19, 18, 17]);
	for (const answer of refused) {
		assert.equal(answer.body.code, 'rate_limited');
		assert.match(answer.headers.get('content-type'), /problem\+json/);
		assert.match(answer.headers.get('ratelimit'), /^"send";r=0;t=\d+$/);
		assert.ok(['1', '2'].includes(answer.headers.get('retry-after')), answer.headers.get('retry-after'));
	}
	assert.equal((await bob.send(conversation, 'I am another')).status, 201);
	await pause(Number(refused[0].headers.get('retry-after')) * 1000);
	assert.equal((await alice.send(conversation, 'later')).status, 201);
	assert.equal((await alice.history(conversation)).length, passed.length + 2);
});

test('a socket that goes on although it is refused is closed with 4429', async () => {
	const flood = await Socket.open(service.as('flood'), { reconnect: false });
	const patient = await Socket.open(service.as('patient'), { reconnect: false });
	for (let i = 0; i < 2000; i++) flood.ws.send('no request');
	await until(() => flood.closes.includes(4429), 'the close');
	for (let i = 0; i < 250; i++) patient.ws.send('no request');
	const { status } = await patient.request('ping');
	assert.equal(status, 200, 'another class is not used up, and some refusals are no flood');
	assert.deepEqual(patient.closes, []);
	for (const socket of [flood, patient]) socket.close();
});

test('one user has one budget on both workers and through both doors', async () => {
	const [carol, , conversation] = await pair('carol', 'dave');
	const sockets = await onTwoProcesses(carol, carol);
	const start = Date.now();
	const answers = [];
	for (let i = 0; i < 8; i++) {
		for (const socket of sockets) answers.push(await socket.request('messages.send', { conversation_id: conversation, text: `s${i}` }));
		answers.push(await carol.send(conversation, `r${i}`));
	}
	const passed = answers.filter((answer) => answer.status === 201).length;
	assert.ok(passed >= 20 && passed <= 20 + Math.ceil((Date.now() - start) / 1000), `${passed} passed`);
	const refused = await sockets[0].request('messages.send', { conversation_id: conversation, text: 'more' });
	if (refused.status !== 201) assert.equal(refused.error.code, 'rate_limited');
	assert.equal(sockets[0].closed, undefined);
	for (const socket of sockets) socket.close();
});

test('a forward counts as a send for each conversation, and one that is refused as none', async () => {
	const [gina, , conversation] = await pair('gina', 'hugo');
	const { body: { id } } = await gina.send(conversation, 'pass it on');
	const forward = (to) => gina.post(`/v1/messages/${id}/forward`, { conversation_ids: to });
	const nowhere = (count) => Array.from({ length: count }, () => randomUUID());
	const many = await forward(nowhere(17));
	assert.equal(many.status, 404);
	assert.ok(Number(/^"send";r=(\d+);/.exec(many.headers.get('ratelimit'))[1]) < 17);
	const refused = await forward(nowhere(20));
	assert.equal(refused.status, 429);
	assert.ok(Number(refused.headers.get('retry-after')) > 0);
	assert.equal((await forward([conversation])).status, 201);
});

test('a service has a budget of its own', async () => {
	const [, , conversation] = await pair('erin', 'frank');
	const laravel = service.as('laravel', { role: 'service' });
	const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => laravel.post(
		`/v1/conversations/${conversation}/messages`, { text: `m${i}` }, { 'Parley-As': 'erin' })));
	assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [201]);
});

test('guessing tokens is slowed down by address', async () => {
	const answers = await Promise.all(Array.from({ length: 60 }, () => fetch(`${service.url}/v1/me`, { headers: { Authorization: 'Bearer x.y.z' } })));
	const statuses = answers.map((answer) => answer.status);
	assert.equal(statuses.filter((status) => status === 401).length >= 30, true, String(statuses));
	assert.ok(statuses.includes(429), String(statuses));
});

test('who has no credentials is counted by address, whatever they ask for', async () => {
	const at = (address, where, headers = {}) => fetch(service.url + where, { headers: { 'X-Real-IP': address, ...headers } });
	const asked = ['/v1/me', '/v1/nothing', '/openapi.json', '/v1/events', '/health'];
	const answers = [];
	for (let i = 0; i < 20; i++) answers.push(await at('192.0.2.1', asked[i % asked.length], { Accept: 'application/json' }));
	assert.deepEqual(answers.slice(0, 5).map((answer) => answer.status), [401, 404, 200, 401, 200]);
	assert.match(answers[0].headers.get('ratelimit-policy'), /^"address";q=20;w=600$/);
	assert.deepEqual([...new Set(answers.map((answer) => answer.status))].sort(), [200, 401, 404]);
	for (const answer of [...await Promise.all(asked.map((where) => at('192.0.2.1', where))), await stream({ 'X-Real-IP': '192.0.2.1' })]) {
		if (answer.url?.endsWith('/v1/events')) continue; // a browser's: told to come back
		assert.equal(answer.status, 429, answer.url);
		assert.match(answer.headers.get('content-type'), /problem\+json/);
		assert.match(answer.headers.get('ratelimit'), /^"address";r=0;t=\d+$/, answer.url);
		assert.match(answer.headers.get('retry-after'), /^([1-9]|[12]\d|30)$/);
	}
	// Who signs in there is not held to it; nor is another address, nor an operator's.
	assert.equal((await at('192.0.2.1', '/v1/me', { Authorization: `Bearer ${service.token('grace')}` })).status, 200);
	assert.equal((await at('192.0.2.2', '/v1/me')).status, 401);
	for (let i = 0; i < 25; i++) assert.equal((await at('127.0.0.1', '/health')).status, 200);
});

test('opening streams and what is no request count as reads', async () => {
	const reader = service.as('reader', { role: 'slow' });
	const socket = await Socket.open(reader);
	const answers = [];
	for (let i = 0; i < 3; i++) answers.push(await socket.request('no.such_operation', {}));
	assert.deepEqual(answers.map((answer) => answer.status), [404, 404, 404]);
	const refused = await socket.request('no.such_operation', {});
	assert.equal(refused.error.code, 'rate_limited');
	assert.ok(refused.retry_after > 0);
	const opening = await stream({ Authorization: `Bearer ${reader.token}` });
	assert.equal(opening.status, 429);
	assert.match(opening.headers.get('ratelimit'), /^"read";r=0;t=\d+$/);
	assert.ok(Number(opening.headers.get('retry-after')) > 0);
	socket.close();
});
