// SPDX-License-Identifier: ISC
// Two hosts: instances that share a PostgreSQL and nothing else, no directory, no mapped file.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let near, far;
const LIMITED = { PARLEY_RATE_LIMITS: 'on', PARLEY_RATE_WRITE: '3/3600' };

before(async () => {
	near = await Service.start({ workers: 1, env: { PARLEY_INSTANCE: 'near', ...LIMITED } });
	const { PARLEY_DATABASE_URL } = await near.settings();
	far = await Service.start({ workers: 1, env: { PARLEY_INSTANCE: 'far', PARLEY_DATABASE_URL, PARLEY_JWT_SECRET: near.secret, ...LIMITED } });
	far.secret = near.secret;
	for (const user of ['alice', 'bob']) for (const host of [near, far]) await host.as(user).get('/v1/me');
});
after(async () => {
	await far?.stop();
	await near?.stop();
});

/** Streams of that user, one of each kind on each host. */
const everywhere = (user) => Promise.all([near, far].flatMap((host) => [
	Socket.open(host.as(user), { reconnect: false }), Events.open(host.as(user)),
]));

test('nothing but the database is shared', async () => {
	const [here, there] = [await near.settings(), await far.settings()];
	assert.equal(here.PARLEY_DATABASE_URL, there.PARLEY_DATABASE_URL);
	assert.notEqual(here.PARLEY_RUN_DIR, there.PARLEY_RUN_DIR);
	assert.notEqual(here.PARLEY_UPLOAD_DIR, there.PARLEY_UPLOAD_DIR);
});

test('events of one are heard on the other, logged and fleeting ones', async () => {
	const { id } = await near.as('alice').direct('bob');
	const bobs = await everywhere('bob');
	const [alice] = await everywhere('alice');
	assert.equal((await alice.request('typing.start', { conversation_id: id })).status, 200);
	for (const [host, text] of [[near, 'from near'], [far, 'from far']]) {
		await host.as('alice').sendSurely(id, text);
	}
	for (const stream of bobs) {
		await stream.wait('typing.started');
		await stream.wait('message.created', (event) => event.data.text === 'from far');
		assert.deepEqual(stream.texts(id), ['from near', 'from far']);
	}
	for (const stream of bobs) stream.close();
});

test('a ticket of one opens a stream on the other, once', async () => {
	const { ticket } = await near.as('bob').done('POST', '/v1/tickets', {});
	const open = () => fetch(`${far.url}/v1/events?ticket=${ticket}`, { headers: { Accept: 'text/event-stream' } });
	const first = await open();
	assert.equal(first.status, 200);
	await first.body.cancel();
	assert.equal((await open()).status, 401);
});

test('a user is disconnected on all hosts by a call to one', async () => {
	const streams = await everywhere('bob');
	const bystander = await Socket.open(far.as('alice'), { reconnect: false });
	await until(async () => (await near.as('bob').done('GET', '/v1/connections')).data.length === streams.length, 'all in the list');
	const { ticket } = await far.as('bob').done('POST', '/v1/tickets', {});
	assert.equal((await near.as('alice').call('DELETE', '/v1/users/bob/connections')).status, 403);
	const closed = await near.as('host', { role: 'service' }).done('DELETE', '/v1/users/bob/connections');
	assert.deepEqual(closed, { user_id: 'bob', closed: streams.length });
	for (const stream of streams) {
		if (stream instanceof Socket) assert.equal((await until(() => stream.closed, `the close of ${stream.who}`)).code, 4403);
		else await until(() => stream.connections > 1 || stream.source.readyState === 0, `the end of ${stream.who}`);
		stream.close();
	}
	assert.equal(bystander.closed, undefined);
	assert.equal((await bystander.request('ping')).status, 200);
	const response = await fetch(`${far.url}/v1/events?ticket=${ticket}`, { headers: { Accept: 'text/event-stream' } });
	assert.equal(response.status, 401);
	bystander.close();
});

test('rates are counted by each host for itself', async () => {
	const [here, there] = [near, far].map((host) => host.as('dave'));
	const made = [];
	for (const caller of [here, here, here, here, there]) made.push((await caller.post('/v1/tickets', {})).status);
	assert.deepEqual(made, [201, 201, 201, 429, 201]);
});
