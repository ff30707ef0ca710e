// SPDX-License-Identifier: ISC
// Channels, and streams that choose what they hear.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, Socket, onTwoProcesses } from './lib/streams.js';

let service;
let [laravel, alice, bob] = [];
before(async () => {
	service = await Service.start({ workers: 2 });
	laravel = service.as('laravel', { role: 'service' });
	[alice, bob] = [service.as('alice'), service.as('bob')];
	for (const caller of [alice, bob]) await caller.get('/v1/me');
});
after(async () => { await service?.stop(); });

/** A marker that everybody in `conversation` gets, so that what did not come before it does not come. */
async function marker(sender, conversation, listeners) {
	const { body } = await sender.send(conversation, `marker ${Math.random()}`);
	for (const listener of listeners) await listener.wait('message.created', (event) => event.data.text === body.text);
}

test('the channel `public` is there from the beginning, by its name', async () => {
	const channel = await alice.done('GET', '/v1/conversations/public');
	assert.deepEqual([channel.type, channel.name, channel.access], ['channel', 'public', 'open']);
	assert.equal(channel.role, null);
	assert.deepEqual(await alice.done('GET', `/v1/conversations/${channel.id}`), channel);
	assert.equal((await alice.get('/v1/conversations')).body.data.some((one) => one.id === channel.id), false);
});

test('a client follows a channel without being a member, until it says otherwise', async () => {
	const channel = await alice.done('GET', '/v1/conversations/public');
	const [socket, events] = [await Socket.open(alice), await Events.open(alice)];
	const { id: direct } = await alice.direct('bob');
	assert.equal((await laravel.send('public', 'nobody hears this')).status, 201);
	await marker(bob, direct, [socket, events]);
	const own = await socket.request('connections.subscribe', { conversations: ['public'] });
	assert.equal(own.status, 200, JSON.stringify(own));
	await alice.done('POST', `/v1/connections/${events.ready.connection}/subscribe`, { conversations: [channel.id] });
	const foreign = await bob.post(`/v1/connections/${socket.ready.connection}/subscribe`, { conversations: ['public'] });
	assert.equal(foreign.status, 404);
	// The order reaches another worker by a notification: it holds soon, not at once.
	let n = 0;
	await until(async () => {
		await laravel.send('public', `try ${n++}`);
		return [socket, events].every((one) => one.texts(channel.id).length > 0);
	}, 'both follow');
	const sent = await laravel.send('public', 'hello all');
	for (const listener of [socket, events]) {
		const event = await listener.wait('message.created', (one) => one.data.text === 'hello all');
		assert.deepEqual(event.data, sent.body);
		assert.equal(listener.texts(channel.id).includes('nobody hears this'), false);
	}
	assert.equal((await alice.done('GET', '/v1/conversations/public')).role, null, 'still no member');
	assert.equal((await alice.send('public', 'open is for words too')).status, 201);

	assert.equal((await socket.request('connections.unsubscribe', { conversations: ['public'] })).status, 200);
	await laravel.send('public', 'after it');
	await events.wait('message.created', (event) => event.data.text === 'after it');
	await marker(bob, direct, [socket, events]);
	assert.equal(socket.texts(channel.id).includes('after it'), false);
	socket.close();
	events.close();
});

test('who joins an open channel follows it on every stream until they leave', async () => {
	const channel = await bob.done('GET', '/v1/conversations/public');
	const socket = await Socket.open(bob);
	await bob.done('POST', '/v1/conversations/public/members', { user_ids: ['bob'] });
	await socket.wait('member.added');
	assert.equal((await bob.done('GET', '/v1/conversations/public')).role, 'member');
	assert.equal((await laravel.send('public', 'to a member')).status, 201);
	await socket.wait('message.created', (event) => event.data.conversation_id === channel.id);
	await bob.done('DELETE', '/v1/conversations/public/members/bob');
	await socket.wait('member.removed');
	await laravel.send('public', 'to nobody');
	const { id: direct } = await alice.direct('bob');
	await marker(alice, direct, [socket]);
	assert.deepEqual(socket.texts(channel.id), ['to a member']);
	socket.close();
});

test('a service makes channels; users do not, and see only those open to them', async () => {
	const made = await laravel.post('/v1/conversations', { type: 'channel', name: 'support:ticket-789', access: 'members', member_ids: ['alice'] });
	assert.equal(made.status, 201, JSON.stringify(made.body));
	assert.equal((await laravel.post('/v1/conversations', { type: 'channel', name: 'support:ticket-789' })).body.code, 'name_taken');
	assert.equal((await alice.post('/v1/conversations', { type: 'channel', name: 'mine' })).status, 403);
	assert.equal((await alice.done('GET', '/v1/conversations/support:ticket-789')).id, made.body.id);
	assert.equal((await bob.get('/v1/conversations/support:ticket-789')).status, 404);
	const [alices, bobs] = [await Socket.open(alice), await Socket.open(bob)];
	const refused = await bobs.request('connections.subscribe', { conversations: ['support:ticket-789'] });
	const absent = await bobs.request('connections.subscribe', { conversations: ['support:ticket-790'] });
	assert.ok([403, 404, 422].includes(refused.status), JSON.stringify(refused));
	assert.deepEqual([refused.status, refused.error.code], [absent.status, absent.error.code], 'what is hidden looks like what is not there');
	assert.equal((await laravel.send('support:ticket-789', 'an answer')).status, 201);
	await alices.wait('message.created', (event) => event.data.text === 'an answer');
	assert.equal((await alice.send('support:ticket-789', 'thanks')).status, 201);
	const { id: direct } = await alice.direct('bob');
	await marker(alice, direct, [bobs]);
	assert.deepEqual(bobs.texts(made.body.id), []);
	alices.close();
	bobs.close();
});

test('a stream that names topics gets those alone', async () => {
	const { body: one } = await alice.post('/v1/conversations', { type: 'group', name: 'One', member_ids: ['bob'] });
	const { body: two } = await alice.post('/v1/conversations', { type: 'group', name: 'Two', member_ids: ['bob'] });
	for (const kind of [Socket, Events]) {
		const narrow = await kind.open(bob, { query: `&topics=conversation:${two.id},public` });
		assert.equal((await alice.send(one.id, 'in one')).status, 201);
		assert.equal((await alice.send(two.id, 'in two')).status, 201);
		assert.equal((await laravel.send('public', 'in public')).status, 201);
		await narrow.wait('message.created', (event) => event.data.text === 'in public');
		assert.deepEqual(narrow.named('message.created').map((event) => event.data.text), ['in two', 'in public']);
		const back = await kind.open(bob, { query: `&topics=conversation:${one.id}`, after: narrow.ready.last_event_id });
		await back.wait('message.created');
		assert.deepEqual(back.named('message.created').map((event) => event.data.text), ['in one']);
		narrow.close();
		back.close();
	}
});

test('a service that asks for all topics sees everything; a user cannot', async () => {
	const all = await Socket.open(laravel, { query: '&topics=all' });
	const { id: direct } = await alice.direct('bob');
	const { body: group } = await bob.post('/v1/conversations', { type: 'group', name: 'Secret', member_ids: [] });
	await all.wait('conversation.created', (event) => event.data.id === group.id);
	for (const [sender, conversation] of [[alice, direct], [bob, group.id], [laravel, 'public']]) {
		const { body } = await sender.send(conversation, 'for the archive');
		await all.wait('message.created', (event) => event.data.id === body.id);
	}
	await alice.done('POST', `/v1/conversations/${direct}/typing`);
	await all.wait('typing.started', (event) => event.data.user_id === 'alice');
	await assert.rejects(Socket.open(alice, { query: '&topics=all', reconnect: false }), /403/);
	const plain = await Socket.open(laravel);
	await marker(alice, direct, [all]);
	assert.deepEqual(plain.texts(direct), []);
	all.close();
	plain.close();
});

test('a service orders a user\'s connection to follow and to stop, wherever it is', async () => {
	const channel = await laravel.done('POST', '/v1/conversations', { type: 'channel', name: 'chat:123', access: 'open' });
	const [near, far] = await onTwoProcesses(laravel, bob);
	const order = (op) => near.request(`connections.${op}`, { connection_id: far.ready.connection, conversations: ['chat:123'] });
	// Until its row is in the registry, another process cannot find it.
	const told = await until(async () => {
		const answer = await order('subscribe');
		return answer.status !== 404 && answer;
	}, 'the registry');
	assert.equal(told.status, 200, JSON.stringify(told));
	await until(async () => {
		await laravel.send('chat:123', 'on');
		return far.texts(channel.id).length > 0;
	}, 'it follows');
	assert.equal((await order('unsubscribe')).status, 200);
	await until(async () => {
		const before = far.texts(channel.id).length;
		await laravel.send('chat:123', 'off');
		const { id: direct } = await alice.direct('bob');
		await marker(alice, direct, [far]);
		return far.texts(channel.id).length === before;
	}, 'it stops');
	near.close();
	far.close();
});
