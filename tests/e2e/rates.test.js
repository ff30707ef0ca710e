// SPDX-License-Identifier: ISC
// Rate limits, with the defaults and two workers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, pause } from './lib/service.js';
import { onTwoProcesses } from './lib/streams.js';

let service;
before(async () => { service = await Service.start({ workers: 2, env: { PARLEY_RATE_LIMITS: 'on' } }); });
after(async () => { await service?.stop(); });

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
