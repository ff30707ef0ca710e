// SPDX-License-Identifier: ISC
// What people do to messages that are there, at every door, and what the others see of it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { askFastcgi } from './lib/fastcgi.js';
import { Service } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let service;
let fastcgi;
let [ann, ben] = [];
before(async () => {
	service = await Service.start({ workers: 2 });
	fastcgi = (await service.settings()).PARLEY_FCGI_SOCKET;
	[ann, ben] = [service.as('ann'), service.as('ben')];
	for (const caller of [ann, ben]) await caller.get('/v1/me');
});
after(async () => { await service?.stop(); });

const at = (message, emoji) => `/v1/messages/${message}/reactions/${encodeURIComponent(emoji)}`;

/** One message in the direct conversation of the two. */
async function message() {
	const { id: conversation } = await ann.direct('ben');
	return { conversation, id: (await ann.send(conversation, 'hello')).body.id };
}

test('reactions by REST, WebSocket and FastCGI are one list, which every client is told', async () => {
	const { id, conversation } = await message();
	const [socket, events] = [await Socket.open(ben), await Events.open(ann)];
	const family = '\u{1f469}\u200d\u{1f469}\u200d\u{1f467}';
	const keycap = '#\ufe0f\u20e3';
	assert.equal((await ann.call('PUT', at(id, family))).status, 201);
	assert.equal((await ann.call('PUT', at(id, family))).status, 200);
	assert.equal((await ann.call('PUT', at(id, keycap))).status, 201);
	const framed = await socket.request('reactions.add', { message_id: id, emoji: keycap });
	assert.equal(framed.status, 201);
	// A heart without the mark that says how it is drawn is the heart with it.
	const relayed = await askFastcgi(fastcgi, {
		method: 'PUT', uri: at(id, '\u2764'), headers: { Authorization: `Bearer ${ben.token}` },
	});
	assert.equal(relayed.status, 201);
	assert.equal((await ben.call('DELETE', at(id, '\u2764\ufe0f'))).status, 200);
	const gone = await ann.done('DELETE', at(id, family));
	assert.deepEqual(gone, {
		message_id: id, conversation_id: conversation, emoji: family,
		reactions: [{ emoji: keycap, count: 2, users: ['ann', 'ben'], me: true }],
	});
	for (const listener of [socket, events]) {
		await listener.wait('reaction.removed', (event) => event.data.emoji === family);
		const told = listener.events.filter((event) => event.event.startsWith('reaction.'));
		assert.deepEqual(told.map(({ event, data }) => [event, data.user_id, data.emoji, data.reactions.length]), [
			['reaction.added', 'ann', family, 1], ['reaction.added', 'ann', keycap, 2], ['reaction.added', 'ben', keycap, 2],
			['reaction.added', 'ben', '\u2764\ufe0f', 3], ['reaction.removed', 'ben', '\u2764\ufe0f', 2],
			['reaction.removed', 'ann', family, 1],
		]);
		assert.deepEqual(told.at(-1).data.reactions, [{ emoji: keycap, count: 2, users: ['ann', 'ben'] }]);
		listener.close();
	}
	const { data: [shown] } = await ben.done('GET', `/v1/conversations/${conversation}/messages?limit=1`);
	assert.deepEqual(shown.reactions, gone.reactions);
	const list = await ben.done('GET', `/v1/messages/${id}/reactions?limit=1`);
	assert.deepEqual(list.data.map((one) => [one.emoji, one.user.id]), [[keycap, 'ann']]);
	const next = await ben.done('GET', `/v1/messages/${id}/reactions?limit=1&after=${encodeURIComponent(list.next)}`);
	assert.deepEqual(next.data.map((one) => one.user.id), ['ben']);
	assert.equal(next.next, null);
});

test('what is no single emoji is refused, by its name', async () => {
	const { id } = await message();
	const socket = await Socket.open(ann);
	for (const emoji of ['\u{1f44d}\u{1f44d}', 'a', '5', ' ', ':No:', '::', `:${'x'.repeat(33)}:`]) {
		const answer = await ann.call('PUT', at(id, emoji));
		assert.equal(answer.status, 422, emoji);
		assert.deepEqual(answer.body.errors.map((error) => [error.field, error.code]), [['emoji', 'bad_emoji']]);
		const framed = await socket.request('reactions.add', { message_id: id, emoji });
		assert.deepEqual(framed.error.errors, answer.body.errors);
	}
	assert.equal((await ann.call('PUT', at(id, ':party_parrot-2:'))).status, 201);
	socket.close();
});

test('pins come to every client, and are listed with the newest first', async () => {
	const { id: conversation } = await ann.direct('ben');
	const [socket, events] = [await Socket.open(ben), await Events.open(ann)];
	const [first, second] = [(await ann.send(conversation, 'first')).body, (await ben.send(conversation, 'second')).body];
	const pinned = await ann.call('PUT', `/v1/messages/${first.id}/pin`);
	assert.equal(pinned.status, 201);
	assert.equal(pinned.body.pinned.by, 'ann');
	const framed = await socket.request('pins.add', { message_id: second.id });
	assert.equal(framed.status, 201);
	for (const listener of [socket, events]) {
		await listener.wait('message.pinned', (event) => event.data.id === second.id);
		assert.deepEqual(listener.named('message.pinned').map((event) => event.data), [pinned.body, framed.data]);
		const note = await listener.wait('message.created', (event) => event.data.system?.message_id === second.id);
		assert.deepEqual([note.data.type, note.data.system.kind, note.data.sender.id], ['system', 'pinned', 'ben']);
	}
	const page = await ann.done('GET', `/v1/conversations/${conversation}/pins?limit=1`);
	assert.deepEqual(page.data, [framed.data]);
	const rest = await askFastcgi(fastcgi, {
		uri: `/v1/conversations/${conversation}/pins?limit=1&before=${encodeURIComponent(page.next)}`,
		headers: { Authorization: `Bearer ${ann.token}` },
	});
	assert.deepEqual(rest.body, { data: [pinned.body], next: null });
	assert.equal((await socket.request('pins.remove', { message_id: first.id })).data.pinned, undefined);
	assert.equal((await ben.call('DELETE', `/v1/messages/${first.id}/pin`)).status, 200);
	for (const listener of [socket, events]) {
		assert.equal((await listener.wait('message.unpinned')).data.id, first.id);
		listener.close();
	}
	assert.equal((await ann.call('PUT', `/v1/messages/${first.id}/pin`, {})).status, 201, 'pinned again');
});
