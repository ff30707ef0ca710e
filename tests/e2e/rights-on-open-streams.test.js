// SPDX-License-Identifier: ISC
// What somebody may hear changes while they listen: removed, gone, expired, renewed, shut out, on either of two instances.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { askFastcgi } from './lib/fastcgi.js';
import { EventsFollower, FastcgiFollower, PollingFollower, SocketFollower } from './lib/followers.js';
import { difference, due, readLog } from './lib/judge.js';
import { Random } from './lib/random.js';
import { Caller, Service, until } from './lib/service.js';
import { Events, Socket, onTwoProcesses } from './lib/streams.js';
import { Wire, handshake } from './lib/wire.js';

let service, settings;
let [alice, bob, laravel] = [];
before(async () => {
	service = await Service.start({ instances: 2 });
	settings = await service.settings();
	service.fastcgi = settings.PARLEY_FCGI_SOCKET;
	[alice, bob] = [service.as('alice'), service.as('bob')];
	laravel = service.as('laravel', { role: 'service' });
	await bob.get('/v1/me');
});
after(async () => { await service?.stop(); });

async function room(members) {
	for (const user of members) await service.as(user).get('/v1/me');
	return (await alice.done('POST', '/v1/conversations', { type: 'group', name: 'Room', member_ids: members })).id;
}

/** One event stream by hand, through Nginx: its text tells its end. */
async function stream(caller) {
	const wire = await Wire.open(service.port);
	wire.write(`GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${caller.token}\r\nAccept: text/event-stream\r\n\r\n`);
	await until(() => wire.text.includes('"event":"ready"'), 'ready');
	wire.connection = /"connection":"([^"]+)"/.exec(wire.text)[1];
	wire.end = async () => {
		await until(() => wire.closed || /\r\n0\r\n\r\n$/.test(wire.text), 'the end of the stream', 20000);
		return JSON.parse(/event: error\n(?:id: .*\n)?data: (.*)\n/.exec(wire.text)[1]).data;
	};
	return wire;
}

const KINDS = [SocketFollower, SocketFollower, EventsFollower, EventsFollower, PollingFollower, FastcgiFollower];
const follow = (caller, seed, options) => KINDS.map((Kind, i) => new Kind(caller, new Random(seed + i), options));

for (const [what, seed, go] of [
	['is removed', 1, (user, id) => alice.done('DELETE', `/v1/conversations/${id}/members/${user}`)],
	['leaves', 2, (user, id) => service.as(user).done('DELETE', `/v1/conversations/${id}/members/${user}`)],
]) {
	test(`a member who ${what} while messages pour in gets that and nothing after it, live and in every replay`, async () => {
		const user = `carol${seed}`;
		const carol = service.as(user);
		const id = await room([user, 'bob']);
		const { last_event_id: start } = await carol.done('GET', '/v1/sync');
		const live = follow(carol, seed);
		await until(() => live.every((one) => one.first !== undefined), 'all of them follow');
		let pouring = true;
		let sent = 0;
		const pour = async (caller) => {
			while (pouring) {
				assert.equal((await caller.send(id, `m${sent++}`)).status, 201);
			}
		};
		const writers = [alice, bob, alice, bob].map(pour);
		const after = async (count) => {
			const now = sent;
			await until(() => sent > now + count, 'more messages', 30000);
		};
		await after(30);
		await go(user, id);
		await after(30);
		await alice.done('POST', `/v1/conversations/${id}/members`, { user_ids: [user] });
		await after(10);
		await go(user, id);
		await after(30);
		pouring = false;
		await Promise.all(writers);
		assert.equal((await carol.get(`/v1/conversations/${id}/messages`)).status, 404);

		// From the beginning of it all, by every door: what was live is what is replayed.
		const back = follow(carol, seed + 100, { after: start });
		await laravel.done('PUT', `/v1/users/${user}`, { name: 'The end' });
		const log = await readLog(service);
		for (const one of [...live, ...back]) {
			const list = due(log, { user, first: one.first, origins: one.origins });
			await until(() => one.seen.at(-1)?.id === list.at(-1).id, () => `the last event at ${one.name}, ${one.journal.join('\n')}`, 20000);
			assert.equal(difference(one.seen, list) ?? one.faults[0], undefined, one.name);
			assert.deepEqual(one.seen.slice(-2).map(({ event }) => event), ['member.removed', 'user.updated']);
			const removals = one.seen.filter(({ event, topic }) => event === 'member.removed' && topic === `user:${user}`);
			assert.equal(removals.length, 2);
			assert.equal(one.seen[one.seen.indexOf(removals[0]) + 1].event, 'member.added', 'nothing between the leave and the return');
		}
		await Promise.all([...live, ...back].map((one) => one.end()));
	});
}

test('a stream that also follows by hand loses the conversation with the membership', async () => {
	const user = 'dora';
	const id = await room([user]);
	const sockets = await onTwoProcesses(service.as(user), service.as(user));
	for (const socket of sockets) {
		assert.equal((await socket.request('connections.subscribe', { conversations: [id] })).status, 200);
	}
	await alice.send(id, 'before');
	await alice.done('DELETE', `/v1/conversations/${id}/members/${user}`);
	await alice.send(id, 'after');
	const { id: direct } = await alice.direct(user);
	await alice.send(direct, 'the end');
	for (const socket of sockets) {
		await socket.wait('message.created', (event) => event.data.text === 'the end');
		assert.deepEqual(socket.texts(id), ['before']);
		assert.equal((await socket.request('connections.subscribe', { conversations: [id] })).status, 404);
		socket.close();
	}
});

test('a channel that is open no longer is followed by its members alone, at once, on both instances', async () => {
	const { id } = await laravel.done('POST', '/v1/conversations', { type: 'channel', name: 'fair', access: 'open' });
	const dora = service.as('dora');
	await dora.done('POST', `/v1/conversations/${id}/members`, { user_ids: ['dora'] });
	const sockets = await onTwoProcesses(bob, bob);
	const [members, named] = [await Socket.open(dora), await Events.open(bob, { query: `&topics=conversation:${id}` })];
	// The other instance finds a connection when it is in the list.
	await until(async () => (await bob.done('GET', '/v1/connections')).data.length >= 3, 'the registry');
	const [near, far] = sockets;
	assert.equal((await near.request('connections.subscribe', { conversations: ['fair'] })).status, 200);
	assert.equal((await near.request('connections.subscribe', { connection_id: far.ready.connection, conversations: [id] })).status, 200);
	// Who has joined does not lose it by asking for it.
	assert.equal((await members.request('connections.subscribe', { conversations: [id] })).status, 200);
	const { last_event_id: start } = await bob.done('GET', '/v1/sync');
	const listeners = [...sockets, members, named];
	await until(async () => {
		await laravel.send(id, 'before');
		return listeners.every((one) => one.texts(id).includes('before'));
	}, 'all of them follow');
	assert.equal((await dora.call('PATCH', `/v1/conversations/${id}`, { access: 'members' })).status, 403);
	await laravel.done('PATCH', `/v1/conversations/${id}`, { access: 'members' });
	await laravel.send(id, 'after');
	await members.wait('message.created', (event) => event.data.text === 'after');
	assert.equal(members.named('subscription.ended').length, 0);
	assert.equal((await members.wait('conversation.updated', (event) => event.data.conversation_id === id)).data.access, 'members');
	const { id: direct } = await bob.direct('dora');
	await bob.send(direct, 'the end');
	for (const one of [...sockets, named]) {
		await one.wait('subscription.ended', (event) => event.data.conversation_id === id);
		if (one !== named) await one.wait('message.created', (event) => event.data.text === 'the end');
		assert.ok(!one.texts(id).includes('after'));
		if (one !== named) assert.equal((await one.request('connections.subscribe', { conversations: [id] })).status, 404);
	}
	assert.equal((await bob.get(`/v1/conversations/${id}/messages`)).status, 404);
	// Who comes back asks for what is not theirs any more; who joined has all of it.
	assert.equal((await bob.get(`/v1/events?after=${start}&topics=conversation:${id}`, { accept: 'application/json' })).status, 404);
	const page = await dora.get(`/v1/events?after=${start}`, { accept: 'application/json' });
	assert.ok(page.body.data.some((event) => event.data.text === 'after'));
	assert.ok(!page.body.data.some((event) => event.event === 'subscription.ended'));
	for (const one of listeners) one.close();
});

test('streams end with their token after a warning, those renewed through another process go on', async () => {
	const eve = new Caller(service, service.token('eve', { ttl: 10 }), 'eve');
	const [near, far] = await onTwoProcesses(eve, eve);
	const doomed = await Socket.open(eve, { reconnect: false });
	const [kept, ending] = [await stream(eve), await stream(eve)];
	const token = service.token('eve');
	const renew = (connection, with_token = token) => near.request('connections.renew', { connection_id: connection, token: with_token });
	// Other processes find a stream once it is in the list, which is written a little after its start.
	const done = (ask) => until(async () => {
		const answer = await ask();
		assert.ok([200, 404].includes(answer.status), JSON.stringify(answer));
		return answer.status === 200;
	}, 'the renewal');
	await done(() => renew(near.ready.connection));
	await done(() => renew(far.ready.connection));
	await done(() => askFastcgi(service.fastcgi, {
		method: 'POST', uri: `/v1/connections/${kept.connection}/renew`, body: { token }, headers: { Authorization: `Bearer ${eve.token}` },
	}));
	assert.equal((await renew(near.ready.connection, service.token('mallory'))).status, 422, 'with another user\'s token');
	assert.ok((await doomed.wait('token.expiring')).data.expires_in <= 60);
	await until(() => doomed.closed, 'the end of the token', 20000);
	assert.equal(doomed.closed.code, 4401);
	const { code, close } = await ending.end();
	assert.deepEqual({ code, close }, { code: 'token_expired', close: 4401 });
	assert.match(ending.text, /"event":"token.expiring"/);

	const { id } = await alice.direct('eve');
	await alice.send(id, 'still here?');
	for (const socket of [near, far]) {
		await socket.wait('message.created', (event) => event.data.text === 'still here?');
		assert.equal((await socket.request('me.get')).data?.id, 'eve', 'and calls go with the new token');
		assert.equal(socket.closed, undefined);
		socket.close();
	}
	await until(() => kept.text.includes('still here?'), 'the message at the stream');
	kept.close();
});

test('an admin closes anybody\'s streams wherever they are, others only their own', async () => {
	const admin = service.as('root', { role: 'admin' });
	const fred = service.as('fred');
	const sockets = await onTwoProcesses(fred, fred);
	const streams = [await stream(fred), await stream(fred)];
	for (const one of [...sockets, ...streams]) {
		const where = `/v1/connections/${one.connection ?? one.ready.connection}`;
		assert.equal((await bob.call('DELETE', where)).status, 404);
		await until(async () => (await admin.call('DELETE', where)).status === 200, 'it is listed and closed');
	}
	for (const socket of sockets) {
		await until(() => socket.closed, 'the close');
		assert.equal(socket.closed.code, 4403);
		assert.equal(socket.named('reconnect').length, 0, 'it is not asked to come back');
		socket.done = true;
	}
	for (const one of streams) assert.equal((await one.end()).close, 4403);
});

test('a ticket given to both instances at once opens one stream', async () => {
	for (let i = 0; i < 10; i++) {
		const { ticket } = await bob.done('POST', '/v1/tickets');
		const wires = await Promise.all(['k1', 'k2'].map((name) => Wire.open(path.join(settings.PARLEY_RUN_DIR, `${name}.sock`))));
		for (const wire of wires) wire.write(handshake({}, { line: `GET /v1/socket?ticket=${encodeURIComponent(ticket)} HTTP/1.1` }));
		const heads = await Promise.all(wires.map((wire) => wire.head()));
		assert.deepEqual(heads.map((head) => head.status).sort(), [101, 401]);
		for (const wire of wires) wire.close();
	}
});
