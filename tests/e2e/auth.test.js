// SPDX-License-Identifier: ISC
// Who may come in: tokens right and wrong, roles, acting for a user, tickets.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Caller, Service, signToken, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';
import WebSocket from 'ws';

let service;
before(async () => { service = await Service.start({ workers: 1 }); });
after(async () => { await service?.stop(); });

test('a wrong token is 401 with a problem that says no more than it must', async () => {
	const now = Math.floor(Date.now() / 1000);
	const good = { sub: 'mallory', exp: now + 600 };
	const [head, body, signature] = signToken(service.secret, good).split('.');
	const wrong = {
		none: signToken(service.secret, good, { alg: 'none', typ: 'JWT' }).replace(/[^.]*$/, ''),
		'none with a signature': signToken(service.secret, good, { alg: 'none', typ: 'JWT' }),
		'another algorithm': signToken(service.secret, good, { alg: 'HS512', typ: 'JWT' }),
		'another key': signToken('x'.repeat(64), good),
		expired: signToken(service.secret, { ...good, exp: now - 3600 }),
		'without an end': signToken(service.secret, { sub: 'mallory' }),
		'not yet valid': signToken(service.secret, { ...good, nbf: now + 3600 }),
		'without a subject': signToken(service.secret, { exp: now + 600 }),
		'tampered body': [head, Buffer.from(JSON.stringify({ ...good, role: 'admin' })).toString('base64url'), signature].join('.'),
		'tampered signature': [head, body, signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))].join('.'),
		oversized: signToken(service.secret, { ...good, pad: 'x'.repeat(20000) }),
		garbage: 'not.a.token', empty: '',
	};
	for (const [what, token] of Object.entries(wrong)) {
		const answer = await new Caller(service, null).get('/v1/me', { Authorization: `Bearer ${token}` })
			.catch((error) => ({ status: what === 'oversized' ? 431 : 0, body: {}, error }));
		const expected = what === 'oversized' ? [401, 431] : [401];
		assert.ok(expected.includes(answer.status), `${what}: ${answer.status}`);
		assert.equal(/signature|algorithm|HS256|jwt_/.test(JSON.stringify(answer.body)), false, what);
	}
	const missing = await new Caller(service, null).get('/v1/me');
	assert.equal(missing.status, 401);
	assert.match(missing.headers.get('www-authenticate'), /^Bearer/);
	assert.match(missing.headers.get('content-type'), /problem\+json/);
	assert.ok(missing.body.request_id);
});

test('roles: statistics are for admins and services, and acting for a user is for services', async () => {
	assert.equal((await service.as('u1').get('/v1/stats')).status, 403);
	for (const role of ['admin', 'service']) {
		const answer = await service.as(role, { role }).get('/v1/stats');
		assert.equal(answer.status, 200, role);
	}
	const laravel = service.as('laravel', { role: 'service' });
	const put = await laravel.call('PUT', '/v1/users/zoe', { name: 'Zoe' });
	assert.ok(put.status === 200 || put.status === 201, JSON.stringify(put.body));
	const me = await laravel.get('/v1/me', { 'Parley-As': 'zoe' });
	assert.equal(me.body.id, 'zoe');
	assert.equal((await service.as('u1').get('/v1/me', { 'Parley-As': 'zoe' })).status, 403);
	const numeric = new Caller(service, signToken(service.secret, { sub: 17, exp: Math.floor(Date.now() / 1000) + 60 }));
	assert.equal((await numeric.get('/v1/me')).body.id, '17');
});

test('a ticket opens one stream, once', async () => {
	const alice = service.as('alice');
	const { status, body } = await alice.post('/v1/tickets', {});
	assert.equal(status, 201);
	const open = () => new Promise((resolve) => {
		const ws = new WebSocket(`${service.url.replace('http', 'ws')}/v1/socket?ticket=${encodeURIComponent(body.ticket)}`);
		ws.on('message', (data) => { resolve(JSON.parse(data)); ws.terminate(); });
		ws.on('unexpected-response', (request, response) => { resolve(response.statusCode); request.destroy(); });
		ws.on('error', () => {});
	});
	const ready = await open();
	assert.equal(ready.event, 'ready');
	assert.equal(ready.data.user?.id ?? ready.data.user, 'alice');
	assert.equal(await open(), 401);
});

test('a token as subprotocol opens a socket that answers only its own name', async () => {
	const ws = new WebSocket(`${service.url.replace('http', 'ws')}/v1/socket`, ['parley.v1', `bearer.${service.token('alice')}`]);
	const first = await new Promise((resolve, reject) => { ws.on('message', (data) => resolve(JSON.parse(data))); ws.on('error', reject); });
	assert.equal(first.event, 'ready');
	assert.equal(ws.protocol, 'parley.v1');
	ws.terminate();
});

test('a stream ends with its token, after a warning; renewing in place keeps it open', async () => {
	const short = new Caller(service, service.token('alice', { ttl: 6 }), 'alice');
	const [left, kept] = [await Socket.open(short, { reconnect: false }), await Socket.open(short, { reconnect: false })];
	await left.wait('token.expiring');
	const renewed = await kept.request('connections.renew', { token: service.token('alice', { ttl: 600 }) });
	assert.equal(renewed.status, 200, JSON.stringify(renewed));
	const wrong = await kept.request('connections.renew', { token: service.token('bob') });
	assert.ok(wrong.status >= 400);
	await until(() => left.closed, 'the end of the stream', 45000);
	assert.equal(left.closed.code, 4401);
	assert.equal(kept.closed, undefined);
	kept.close();
});

test('connections are listed and can be closed from elsewhere', async () => {
	const bob = service.as('bob');
	const [socket, events] = [await Socket.open(bob, { reconnect: false }), await Events.open(bob)];
	const list = await until(async () => {
		const { body } = await bob.get('/v1/connections');
		return body.data.length === 2 && body.data;
	}, 'two connections');
	assert.deepEqual(list.map((row) => row.platform), ['web', 'web']);
	const other = await service.as('eve').call('DELETE', `/v1/connections/${socket.ready.connection}`);
	assert.equal(other.status, 404);
	const closed = await bob.call('DELETE', `/v1/connections/${socket.ready.connection}`);
	assert.ok(closed.status < 300, JSON.stringify(closed.body));
	await until(() => socket.closed, 'the close');
	assert.equal(socket.closed.code, 4403);
	await until(async () => (await bob.get('/v1/connections')).body.data.length === 1, 'one connection');
	events.close();
});
