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

test('a page around a message or a day; one place only', async () => {
	const { id: conversation } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Days', member_ids: ['ben'] });
	const sent = [];
	for (let i = 0; i < 5; i++) sent.push((await ann.send(conversation, `n${i}`)).body);
	const seqs = (page) => page.data.map((one) => one.seq);
	const where = `/v1/conversations/${conversation}/messages`;
	const around = await ben.done('GET', `${where}?around_id=${sent[2].id}&limit=3`);
	assert.deepEqual(seqs(around), [4, 3, 2]);
	assert.equal(around.next, null);
	assert.deepEqual(await ben.done('GET', `${where}?at=${sent[2].created_at}&limit=3`), around);
	const socket = await Socket.open(ben);
	const framed = await socket.request('messages.list', { conversation_id: conversation, at: sent[2].created_at, limit: 3 });
	assert.deepEqual(framed.data, around);
	socket.close();
	for (const query of ['around=1&at=2026-01-01T00:00:00Z', `before=3&around_id=${sent[2].id}`, `around=1&around_id=${sent[2].id}`]) {
		const answer = await ben.get(`${where}?${query}`);
		assert.equal(answer.status, 422, query);
		assert.equal(answer.body.errors[0].code, 'not_allowed');
	}
	const foreign = await ben.get(`/v1/conversations/public/messages?around_id=${sent[2].id}`);
	assert.deepEqual([foreign.status, foreign.body.errors[0].code, foreign.body.errors[0].field], [422, 'unknown_message', 'around_id']);
});

test('what is new in all conversations comes in one call, as the histories show it', async () => {
	const one = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'One', member_ids: ['ben'] });
	const two = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Two', member_ids: ['ben'] });
	const secret = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Secret' });
	for (let i = 0; i < 4; i++) await ann.send(one.id, `n${i}`);
	const last = await ann.send(two.id, 'only');
	await ben.done('PUT', at(last.body.id, ':ok:'));
	const asked = { limit: 2, conversations: [one, two, secret].map(({ id }) => ({ conversation_id: id, after_seq: 1 })) };
	asked.conversations[1].after_seq = 0;
	const news = await ben.done('POST', '/v1/sync/messages', asked);
	const history = async (id) => (await ben.done('GET', `/v1/conversations/${id}/messages?limit=2`)).data.reverse();
	assert.deepEqual(news.data, [
		{ conversation_id: one.id, last_seq: 4, gap: true, messages: await history(one.id) },
		{ conversation_id: two.id, last_seq: 1, gap: false, messages: await history(two.id) },
		{ conversation_id: secret.id, gone: true, last_seq: null, gap: false, messages: [] },
	]);
	// What else happens meanwhile (a notification of it) may be told between the two.
	const { last_event_id: later } = await ben.done('GET', '/v1/sync');
	assert.ok(news.last_event_id > 0 && news.last_event_id <= later, `${news.last_event_id} and ${later}`);
	const socket = await Socket.open(ben);
	assert.deepEqual((await socket.request('messages.catch_up', asked)).data.data, news.data);
	socket.close();
	assert.equal((await ben.post('/v1/sync/messages', { conversations: [] })).status, 422);
});
