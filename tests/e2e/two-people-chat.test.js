// SPDX-License-Identifier: ISC
// Two people, on Kore with two workers, without Nginx.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Service } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let service;
before(async () => { service = await Service.start({ workers: 2 }); });
after(async () => { await service?.stop(); });

test('a message sent by REST reaches a WebSocket and an event stream as the sender saw it', async () => {
	const alice = service.as('alice', { name: 'Alice' });
	const bob = service.as('bob', { name: 'Bob' });
	await bob.get('/v1/me');
	const socket = await Socket.open(bob);
	const events = await Events.open(bob);
	const conversation = await alice.direct('bob');
	assert.equal((await socket.wait('conversation.created')).data.id, conversation.id);
	const id = randomUUID();
	const sent = await alice.post(`/v1/conversations/${conversation.id}/messages`, { id, text: 'hi “Bob” \u{1f44b}\n' });
	assert.equal(sent.status, 201);
	assert.equal(sent.body.id, id);
	assert.equal(sent.body.seq, 1);
	assert.deepEqual(sent.body.sender, { id: 'alice', name: 'Alice', picture: null });
	for (const listener of [socket, events]) {
		const event = await listener.wait('message.created');
		assert.deepEqual(event.data, sent.body);
		assert.equal(event.topic, `conversation:${conversation.id}`);
	}
	const history = await bob.get(`/v1/conversations/${conversation.id}/messages`);
	assert.deepEqual(history.body.data, [sent.body]);
	assert.deepEqual((await bob.get(`/v1/messages/${id}`)).body, sent.body);
	socket.close();
	events.close();
});

test('sending the same id again answers the first message, with one event', async () => {
	const [alice, bob] = [service.as('alice'), service.as('bob')];
	const { id: conversation } = await alice.direct('bob');
	const socket = await Socket.open(bob);
	const id = randomUUID();
	const first = await alice.post(`/v1/conversations/${conversation}/messages`, { id, text: 'once' });
	const again = await alice.post(`/v1/conversations/${conversation}/messages`, { id, text: 'once' });
	assert.equal(first.status, 201);
	assert.equal(again.status, 200);
	assert.deepEqual(again.body, first.body);
	const stolen = await bob.post(`/v1/conversations/${conversation}/messages`, { id, text: 'mine' });
	assert.equal(stolen.status, 409);
	assert.equal(JSON.stringify(stolen.body).includes('once'), false);
	await alice.send(conversation, 'end');
	await socket.wait('message.created', (event) => event.data.text === 'end');
	assert.deepEqual(socket.texts(conversation), ['once', 'end']);
	socket.close();
});

test('operations over the WebSocket answer as over REST, with the errors of REST', async () => {
	const alice = service.as('alice');
	const { id: conversation } = await alice.direct('bob');
	const socket = await Socket.open(alice);
	const sent = await socket.request('messages.send', { conversation_id: conversation, text: 'by frame' });
	assert.equal(sent.status, 201);
	assert.equal((await socket.wait('message.created')).origin, socket.ready.connection);
	const bad = await socket.request('messages.send', { conversation_id: conversation, text: 5, colour: 'red' });
	assert.equal(bad.status, 422);
	assert.deepEqual(bad.error.errors.map((error) => error.field).sort(), ['colour', 'text']);
	const rest = await alice.post(`/v1/conversations/${conversation}/messages`, { text: 5, colour: 'red' });
	assert.equal(rest.status, 422);
	assert.deepEqual(rest.body.errors, bad.error.errors);
	assert.equal((await socket.request('no.such')).status, 404);
	assert.equal((await socket.request('ping')).status, 200);
	socket.close();
});

test('a thousand messages between two workers arrive once and in order', async () => {
	const [alice, bob] = [service.as('alice'), service.as('bob')];
	const { id: conversation } = await alice.direct('bob');
	const sockets = await Promise.all([alice, bob, alice, bob].map((caller) => Socket.open(caller)));
	const talk = async (socket, name) => {
		for (let i = 0; i < 500; i++) {
			const reply = await socket.request('messages.send', { conversation_id: conversation, text: `${name} ${i}` });
			assert.equal(reply.status, 201, JSON.stringify(reply));
		}
	};
	await Promise.all([talk(sockets[0], 'alice'), talk(sockets[1], 'bob')]);
	for (const socket of sockets) {
		await socket.wait('message.created', () => socket.texts(conversation).length >= 1000);
		const events = socket.named('message.created');
		assert.equal(events.length, 1000);
		assert.equal(new Set(events.map((event) => event.data.id)).size, 1000);
		assert.deepEqual(events.map((event) => event.id), events.map((event) => event.id).sort((a, b) => a - b));
		const seqs = events.map((event) => event.data.seq);
		assert.deepEqual(seqs, seqs.map((_, i) => seqs[0] + i));
		socket.close();
	}
});

test('who comes back with the last event id misses nothing, by either kind of stream', async () => {
	const [alice, bob] = [service.as('alice'), service.as('bob')];
	const { id: conversation } = await alice.direct('bob');
	const first = await Socket.open(bob);
	await alice.send(conversation, 'before');
	const { id: cursor } = await first.wait('message.created');
	first.close();
	for (let i = 0; i < 20; i++) await alice.send(conversation, `missed ${i}`);
	const expected = [...Array(20).keys()].map((i) => `missed ${i}`);
	for (const kind of [Socket, Events]) {
		const back = await kind.open(bob, { after: cursor });
		await alice.send(conversation, `live ${kind.name}`);
		expected.push(`live ${kind.name}`);
		await back.wait('message.created', (event) => event.data.text === `live ${kind.name}`);
		assert.deepEqual(back.texts(conversation), expected);
		back.close();
	}
	const lost = await Socket.open(bob, { after: 999999999 });
	await lost.wait('reset');
	lost.close();
});

test('a removed member gets the removal and nothing after it; a new one gets what follows', async () => {
	const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((user) => service.as(user));
	await carol.get('/v1/me');
	const { body: group } = await alice.post('/v1/conversations', { type: 'group', name: 'Team', member_ids: ['bob'] });
	const [bobs, carols] = [await Socket.open(bob), await Events.open(carol)];
	assert.equal((await alice.send(group.id, 'one')).status, 201);
	await bobs.wait('message.created');
	assert.equal((await alice.post(`/v1/conversations/${group.id}/members`, { user_ids: ['carol'] })).status < 300, true);
	await carols.wait('member.added');
	await alice.send(group.id, 'two');
	await carols.wait('message.created');
	const removed = await alice.call('DELETE', `/v1/conversations/${group.id}/members/bob`);
	assert.equal(removed.status < 300, true, JSON.stringify(removed.body));
	await bobs.wait('member.removed');
	await alice.send(group.id, 'three');
	await carols.wait('message.created', (event) => event.data.text === 'three');
	assert.deepEqual(bobs.texts(group.id), ['one', 'two']);
	assert.deepEqual(carols.texts(group.id), ['two', 'three']);
	assert.equal(bobs.events.at(-1).event, 'member.removed');
	assert.equal((await bob.get(`/v1/conversations/${group.id}/messages`)).status, 404);
	assert.equal((await bob.send(group.id, 'let me in')).status, 404);
	bobs.close();
	carols.close();
});

test('typing is seen by the other, ends by itself, and is not stored', async () => {
	const [alice, bob] = [service.as('alice'), service.as('bob')];
	const { id: conversation } = await alice.direct('bob');
	const [alices, bobs] = [await Socket.open(alice), await Events.open(bob)];
	assert.equal((await alices.request('typing.start', { conversation_id: conversation })).status < 300, true);
	const started = await bobs.wait('typing.started');
	assert.equal(started.data.user_id ?? started.data.user?.id, 'alice');
	assert.equal(started.id, undefined);
	await bobs.wait('typing.stopped', () => true, 8000);
	assert.equal(await service.psql("select count(*) from events where type like 'typing%'"), '0');
	alices.close();
	bobs.close();
});

test('reading moves the position and tells the other; unread counts follow', async () => {
	const [dave, erin] = [service.as('dave'), service.as('erin')];
	await erin.get('/v1/me');
	const { id: conversation } = await dave.direct('erin');
	const socket = await Socket.open(dave);
	for (const text of ['one', 'two', 'three']) await dave.send(conversation, text);
	const unread = async (caller) => (await caller.get('/v1/conversations')).body.data.find((c) => c.id === conversation).unread;
	assert.equal(await unread(erin), 3);
	assert.equal((await erin.post(`/v1/conversations/${conversation}/read`, { seq: 2 })).status, 200);
	assert.equal(await unread(erin), 1);
	const receipt = await socket.wait('receipt.updated', (event) => event.data.user_id === 'erin');
	assert.equal(receipt.data.seq ?? receipt.data.last_read_seq ?? receipt.data.seen_upto, 2);
	const sync = await erin.get('/v1/sync');
	assert.equal(sync.status, 200);
	assert.equal(sync.body.last_event_id >= receipt.id, true);
	socket.close();
});
