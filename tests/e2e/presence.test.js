// SPDX-License-Identifier: ISC
// Who is there, over two instances; and who is shut out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, Socket, onTwoProcesses } from './lib/streams.js';

let service, alice, bob, carol, stranger, group;

before(async () => {
	service = await Service.start({ instances: 2, env: { PARLEY_LEASE_SECONDS: '12', PARLEY_PRESENCE_GRACE_SECONDS: '2' } });
	[alice, bob, carol, stranger] = ['alice', 'bob', 'carol', 'stranger'].map((user) => service.as(user));
	for (const caller of [alice, bob, carol, stranger]) await caller.get('/v1/me');
	group = await alice.done('POST', '/v1/conversations', { type: 'group', name: 'Two', member_ids: ['bob', 'carol'] });
});
after(() => service?.stop());

const of = (user, state) => (event) => event.data.user_id === user && (state === undefined || event.data.state === state);
const presence = async (caller, user) => (await caller.done('POST', '/v1/presence/query', { user_ids: [user] })).data[0];
const shown = (caller, user, state) => until(async () => (await presence(caller, user)).state === state, `${user} ${state}`);

/** Until its row is in the registry, an instance cannot find another's connection. */
const registered = (caller, ...listeners) => until(async () => {
	const rows = (await caller.done('GET', '/v1/connections')).data.map((row) => row.id);
	return listeners.every((listener) => rows.includes(listener.ready.connection));
}, 'the registry');

test('coming, choosing and going are heard at the other instance, once, and not by strangers', async () => {
	const [alices, bobs] = await onTwoProcesses(alice, bob);
	const strangers = await Socket.open(stranger, { reconnect: false });
	const joined = await strangers.request('connections.subscribe', { conversations: ['public'] });
	assert.equal(joined.status, 200);
	// Bob has shared two conversations with carol: he hears of her once.
	await bob.direct('carol');
	const carols = await Events.open(carol);
	await bobs.wait('presence.updated', of('carol', 'online'));
	assert.deepEqual((await presence(bob, 'carol')).devices, ['web']);

	const chosen = await carol.call('PUT', '/v1/presence',
		{ state: 'dnd', status_text: 'busy', status_emoji: '🎧', status_seconds: 600, activity_type: 'listening', activity_name: 'Bach' });
	assert.equal(chosen.status, 200, JSON.stringify(chosen.body));
	for (const listener of [alices, bobs, carols]) {
		const { data } = await listener.wait('presence.updated', of('carol', 'dnd'));
		assert.equal(data.status.text, 'busy');
		assert.deepEqual(data.activity, { type: 'listening', name: 'Bach' });
		assert.deepEqual(data, await presence(bob, 'carol'));
	}
	await carol.done('PUT', '/v1/presence', { state: 'invisible' });
	await bobs.wait('presence.updated', of('carol', 'offline'));
	await carols.wait('presence.updated', of('carol', 'invisible'));
	assert.equal((await presence(carol, 'carol')).state, 'invisible');
	assert.equal(carols.named('presence.updated').filter(of('carol', 'offline')).length, 0);
	await carol.done('PUT', '/v1/presence', { state: 'online', activity_name: '' });
	await bobs.wait('presence.updated', (event) => of('carol', 'online')(event) && event.data.status?.text === 'busy');
	carols.close();
	await shown(bob, 'carol', 'offline');
	await until(() => bobs.named('presence.updated').filter(of('carol', 'offline')).length === 2, 'carol gone');
	assert.deepEqual(bobs.named('presence.updated').filter(of('carol')).map((event) => event.data.state),
		['online', 'dnd', 'offline', 'online', 'offline']);
	assert.ok((await presence(bob, 'carol')).last_seen);
	assert.deepEqual(strangers.named('presence.updated').filter((event) => event.data.user_id !== 'stranger'), []);
	for (const socket of [alices, bobs, strangers]) socket.close();
});

test('who is watched is heard of, on whichever instance it is asked for', async () => {
	const [near, far] = await onTwoProcesses(stranger, stranger);
	await registered(stranger, far);
	const answer = await near.request('presence.watch', { connection_id: far.ready.connection, user_ids: ['carol', 'nobody'] });
	assert.equal(answer.status, 200, JSON.stringify(answer));
	assert.deepEqual(answer.data.data.map((one) => [one.user_id, one.state]), [['carol', 'offline']]);
	const many = Array.from({ length: 500 }, (_, i) => `someone with a long name, number ${i}`);
	assert.equal((await near.request('presence.watch', { user_ids: many })).status, 200);
	assert.equal((await near.request('presence.watch', { user_ids: ['carol'] })).status, 422);
	assert.equal((await near.request('presence.unwatch', { user_ids: many })).status, 200);
	const short = Array.from({ length: 500 }, (_, i) => `${1000 + i}`);
	for (const order of ['watch', 'unwatch']) {
		const told = await near.request(`presence.${order}`, { connection_id: far.ready.connection, user_ids: short });
		assert.equal(told.status, 200, JSON.stringify(told));
	}
	// Who did not fit beside the two is named to the stream itself.
	assert.deepEqual((await far.wait('presence.unwatched')).data.user_ids, ['1498', '1499']);
	const carols = await Socket.open(carol, { reconnect: false });
	await far.wait('presence.updated', of('carol', 'online'));
	const gone = await near.request('presence.unwatch', { connection_id: far.ready.connection, user_ids: ['carol'] });
	assert.equal(gone.status, 200);
	assert.equal((await near.request('presence.watch', { user_ids: ['carol'] })).status, 200);
	carols.close();
	await near.wait('presence.updated', of('carol', 'offline'));
	assert.equal(far.named('presence.updated').filter(of('carol', 'offline')).length, 0);
	near.close();
	far.close();
});

test('who may not have been told of others is told to ask again', async () => {
	const listeners = [...await onTwoProcesses(bob, bob), await Events.open(bob)];
	// For a moment no process hears of anything that is not in the log.
	await service.psql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%-listen'");
	for (const listener of listeners) await listener.wait('presence.missed');
	assert.ok(listeners.every((listener) => listener.connections === 1), 'the streams stay open');
	for (const listener of listeners) listener.close();
});

test('a stream is closed although its process could not hear the order', async () => {
	const [one, two] = await onTwoProcesses(carol, carol);
	const other = await Socket.open(bob, { reconnect: false });
	await registered(carol, one, two);
	await registered(bob, other);
	// The listeners come back 50 ms later at the soonest; the orders are given before.
	await service.psql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%-listen';
		select pg_sleep(0.02);
		select connections_disconnect('carol', 'user', 'carol');
		select 1 from connections_control('bob', 'user', '${other.ready.connection}', 'close', '{}')`);
	for (const listener of [one, two, other]) await until(() => listener.closes.includes(4403), `the close of ${listener.ready.connection}`);
	for (const listener of [one, two, other]) listener.close();
});

test('an order that its process could not hear is obeyed when it listens again', async () => {
	const [near, far] = await onTwoProcesses(stranger, stranger);
	await registered(stranger, far);
	await service.psql(`select pg_terminate_backend(pid) from pg_stat_activity where application_name like '%-listen';
		select pg_sleep(0.02);
		select 1 from connections_control('stranger', 'user', '${far.ready.connection}', 'watch', '{"topics": ["presence:late"]}')`);
	await until(async () => (await service.psql('select count(*) from orders')).trim() === '0', 'the order taken out');
	const lates = await Socket.open(service.as('late'), { reconnect: false });
	await far.wait('presence.updated', of('late', 'online'));
	for (const socket of [near, far, lates]) socket.close();
});

test('a stream is touched on whichever instance it is', async () => {
	const [near, far] = await onTwoProcesses(bob, bob);
	const events = await Events.open(bob);
	await registered(bob, near, far, events);
	for (const connection of [near, far, events].map((listener) => listener.ready.connection)) {
		const touched = await near.request('connections.touch', { connection_id: connection, active: false });
		assert.equal(touched.status, 200, JSON.stringify(touched));
	}
	assert.equal((await alice.call('POST', `/v1/connections/${near.ready.connection}/touch`, {})).status, 404);
	for (const listener of [near, far, events]) listener.close();
});

test('a suspended user\'s streams end on both instances, and nothing is answered any more', async () => {
	const admin = service.as('root', { role: 'admin' });
	const sockets = await onTwoProcesses(carol, carol);
	const events = await Events.open(carol);
	await admin.done('PUT', '/v1/users/carol/suspension', { reason: 'spam', until: '2999-01-01T00:00:00Z' });
	await until(() => sockets.every((socket) => socket.closed), 'the closes');
	assert.deepEqual(sockets.map((socket) => socket.closed.code), [4423, 4423]);
	await until(() => events.refused === 403, 'the refusal of an EventSource that comes back');
	for (let i = 0; i < 10; i++) {
		const answer = await carol.get('/v1/me');
		assert.equal(answer.status, 403);
		assert.equal(answer.body.code, 'user_suspended');
	}
	// By FastCGI too.
	const form = new FormData();
	form.append('file', new Blob(['text']), 'a.txt');
	assert.equal((await carol.call('POST', '/v1/uploads', form)).status, 403);
	await admin.done('DELETE', '/v1/users/carol/suspension');
	await until(async () => (await carol.get('/v1/me')).status === 200, 'the restoration');
	for (const listener of [...sockets, events]) listener.close();
});

test('the users of a killed instance go offline', async () => {
	const [alices, bobs] = await onTwoProcesses(alice, bob);
	await shown(alice, 'bob', 'online');
	const name = bobs.process.replace(/-\d+$/, '');
	const pids = [await service.pid(name), ...await service.children(name)];
	for (const pid of pids) process.kill(pid, 'SIGKILL');
	await until(() => bobs.closed, 'bob\'s connection gone');
	bobs.close();
	await until(() => alices.named('presence.updated').filter(of('bob')).at(-1)?.data.state === 'offline', 'bob offline', 40000);
	assert.equal((await presence(alice, 'bob')).state, 'offline');
	const open = `select count(*) from connections where process = '${bobs.process}' and disconnected_at is null`;
	await until(async () => await service.psql(open) === '0', 'its connections closed by the other');
	alices.close();
});
