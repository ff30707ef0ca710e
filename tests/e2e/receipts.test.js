// SPDX-License-Identifier: ISC
// What is unread, what others have read and what their devices have had: as clients see it that keep
// their lists by events alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let service;
const people = {};
const users = ['ann', 'ben', 'cat'];
before(async () => {
	service = await Service.start({ workers: 2 });
	for (const user of users) {
		people[user] = service.as(user);
		await people[user].get('/v1/me');
	}
});
after(async () => { await service?.stop(); });

/** What a user has not read, kept as docs/clients.md says. */
class Unread {
	constructor(user, listener) {
		Object.assign(this, { user, listener, known: new Map(), applied: 0 });
	}

	names(message) { return message.mentions?.includes(this.user) || message.mention_all || false; }

	on = {
		'conversation.created': (data) => this.known.set(data.id, structuredClone(data)),
		'message.created': (data) => {
			const one = this.known.get(data.conversation_id);
			if (!one || data.thread_root) return;
			one.last_seq = data.seq;
			if (data.type === 'system') return;
			if (data.sender.id === this.user && !data.via) {
				Object.assign(one, { last_read_seq: data.seq, unread: 0, mentions: 0 });
				return;
			}
			one.unread++;
			if (data.sender.id !== this.user && this.names(data)) one.mentions++;
		},
		'message.deleted': (data) => {
			const one = this.known.get(data.conversation_id);
			if (!one || data.thread_root || data.seq <= one.last_read_seq || data.seq < one.visible_from) return;
			one.unread--;
			if (data.sender.id !== this.user && this.names(data)) one.mentions--;
		},
		'conversation.cleared': (data) => {
			const { visible_from, last_read_seq, unread, mentions } = data;
			Object.assign(this.known.get(data.conversation_id) ?? {}, { visible_from, last_read_seq, unread, mentions });
		},
		'unread.updated': (data) => {
			const one = this.known.get(data.conversation_id);
			if (one && data.last_read_seq >= one.last_read_seq) Object.assign(one, { unread: data.unread, mentions: data.mentions });
		},
		'receipt.updated': (data) => {
			const one = this.known.get(data.conversation_id);
			if (!one || data.user_id !== this.user || (!data.back && data.last_read_seq < one.last_read_seq)) return;
			const { last_read_seq, unread, mentions } = data;
			Object.assign(one, { last_read_seq, unread, mentions });
		},
	};

	picture() {
		for (; this.applied < this.listener.events.length; this.applied++) {
			const { event, data } = this.listener.events[this.applied];
			this.on[event]?.(data);
		}
		return [...this.known.values()].map(shown).sort(byId);
	}
}

const byId = (a, b) => (a.id < b.id ? -1 : 1);
const shown = ({ id, last_seq, visible_from, last_read_seq, unread, mentions }) => ({
	id, last_seq, visible_from, last_read_seq, unread, mentions,
});

test('whatever they do at once, each has the counts that the list has', async () => {
	const listeners = [await Socket.open(people.ann), await Events.open(people.ben), await Socket.open(people.cat)];
	const pictures = users.map((user, i) => new Unread(user, listeners[i]));
	const rooms = [];
	for (const name of ['One', 'Two']) {
		rooms.push((await people.ann.done('POST', '/v1/conversations', { type: 'group', name, member_ids: ['ben', 'cat'] })).id);
	}
	// Each sends, reads and goes back, all at the same time.
	let dice = 7;
	const roll = (n) => { dice = (dice * 48271) % 2147483647; return dice % n; };
	const written = Object.fromEntries(users.map((user) => [user, []]));
	const some = (user) => written[user][roll(written[user].length)];
	const act = async (user) => {
		const room = rooms[roll(2)];
		const naming = () => [...new Set([users[roll(3)], users[0]])];
		const answer = await [
			() => (roll(8) ? people[user].send(room, 'plain') : people[user].post(`/v1/conversations/${room}/clear`)),
			() => people[user].send(room, 'you', { mentions: naming() }),
			() => (some(user) ? people[user].call('PATCH', `/v1/messages/${some(user)}`, { mentions: roll(2) ? naming() : [] }) : { status: 200 }),
			() => (some(user) ? people[user].call('DELETE', `/v1/messages/${some(user)}`) : { status: 200 }),
			() => people[user].post(`/v1/conversations/${room}/read`, { seq: roll(40) }),
			() => people[user].post(`/v1/conversations/${room}/read`, { seq: roll(20), unread: true }),
		][roll(6)]();
		if (answer.status === 201) written[user].push(answer.body.id);
		// It may be deleted already, or cleared away.
		assert.ok(answer.status < 300 || [404, 409].includes(answer.status), JSON.stringify(answer.body));
	};
	await Promise.all(users.flatMap((user) => [0, 1].map(async () => { for (let i = 0; i < 25; i++) await act(user); })));
	await people.ann.send(rooms[0], 'end', { mention_all: true });
	await people.ann.send(rooms[1], 'end');
	for (const [i, user] of users.entries()) {
		for (const room of rooms) await listeners[i].wait('message.created', ({ data }) => data.text === 'end' && data.conversation_id === room);
		const list = async () => (await people[user].done('GET', '/v1/conversations')).data.map(shown).sort(byId);
		// One's own messages are written down as read a little later.
		const same = () => list().then((lists) => JSON.stringify(lists) === JSON.stringify(pictures[i].picture()));
		await until(same, `the same counts for ${user}`).catch(async () => assert.deepEqual(pictures[i].picture(), await list()));
		const total = await people[user].done('GET', '/v1/me/unread');
		const sum = (name) => pictures[i].picture().reduce((all, one) => all + one[name], 0);
		assert.deepEqual([total.unread, total.mentions], [sum('unread'), sum('mentions')], user);
		assert.deepEqual((await people[user].done('GET', `/v1/conversations/${rooms[0]}`)).mentions >= (user === 'ann' ? 0 : 1), true);
	}
	for (const listener of listeners) listener.close();
});

test('a mark answers what is left, by both doors, and the user\'s other devices hear of it', async () => {
	const { ann, ben } = people;
	const { id: room } = await ann.direct('ben');
	for (const text of ['a', 'b', 'c']) await ann.send(room, text, { mentions: ['ben'] });
	const [here, there] = [await Socket.open(ben), await Socket.open(ben)];
	const { data } = await here.request('receipts.mark', { conversation_id: room, seq: 1 });
	assert.deepEqual(data, { conversation_id: room, last_read_seq: 1, seen_upto: 1, last_seq: 3, unread: 2, mentions: 2 });
	const event = await there.wait('receipt.updated');
	assert.deepEqual([event.data.unread, event.data.mentions, event.data.back], [2, 2, undefined]);
	const rest = await ben.done('POST', `/v1/conversations/${room}/read`, { seq: 0, unread: true });
	assert.deepEqual([rest.unread, rest.mentions], [3, 3]);
	const back = await there.wait('receipt.updated', (one) => one.data.back);
	assert.equal(back.topic, 'user:ben');
	assert.equal((await ben.done('GET', `/v1/conversations/${room}`)).first_unread_seq, 1);
	here.close();
	there.close();
});

test('one tick, two ticks, two blue ticks', async () => {
	const { ann, ben, cat } = people;
	const { id: room } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Ticks', member_ids: ['ben', 'cat'] });
	const socket = await Socket.open(ann);
	const members = new Map((await ann.done('GET', `/v1/conversations/${room}/members`)).data.map((one) => [one.id, one]));
	let applied = 0;
	const ticks = (seq) => {
		for (; applied < socket.events.length; applied++) {
			const { event, data } = socket.events[applied];
			if (data?.conversation_id !== room || !event.startsWith('receipt.')) continue;
			const member = members.get(data.user_id);
			member.seen_upto = Math.max(member.seen_upto, data.seen_upto ?? 0);
			member.delivered_upto = Math.max(member.delivered_upto, data.delivered_upto ?? member.seen_upto);
		}
		const others = [...members.values()].filter((one) => one.id !== 'ann');
		if (others.every((one) => one.seen_upto >= seq)) return 'blue';
		return others.every((one) => one.delivered_upto >= seq) ? 'two' : 'one';
	};
	const { seq } = (await ann.send(room, 'there?')).body;
	assert.equal(ticks(seq), 'one');
	const had = await ben.done('POST', '/v1/receipts/delivered', { positions: [{ conversation_id: room, seq }] });
	assert.deepEqual(had, { data: [{ conversation_id: room, delivered_upto: seq }] });
	await socket.wait('receipt.delivered', ({ data }) => data.user_id === 'ben');
	assert.equal(ticks(seq), 'one');
	await cat.done('POST', `/v1/conversations/${room}/read`, { seq });
	await until(() => ticks(seq) === 'two', 'two ticks');
	await ben.done('POST', `/v1/conversations/${room}/read`, { seq });
	await until(() => ticks(seq) === 'blue', 'two blue ticks');
	const list = (await ann.done('GET', `/v1/conversations/${room}/members`)).data;
	for (const { id, seen_upto, delivered_upto } of list.filter((one) => one.id !== 'ann')) {
		assert.deepEqual([seen_upto, delivered_upto], [members.get(id).seen_upto, members.get(id).delivered_upto]);
	}
	assert.equal((await ben.post('/v1/receipts/delivered', { positions: [{ conversation_id: 'x', seq }] })).status, 422);
	socket.close();
});

test('who has read a message, by both doors and in pages', async () => {
	const { ann, ben, cat } = people;
	const { id: room } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Readers', member_ids: ['ben', 'cat'] });
	const sent = [];
	for (const text of ['a', 'b', 'c']) sent.push((await ann.send(room, text)).body);
	await ben.done('POST', `/v1/conversations/${room}/read`, { seq: 2 });
	await cat.done('POST', `/v1/conversations/${room}/read`, { seq: 1 });
	const socket = await Socket.open(ann);
	const ids = (message) => message.reads.users.map((user) => user.id);
	for (const [query, seqs] of [[{}, [3, 2, 1]], [{ after: 1 }, [2, 3]], [{ before: 3, limit: 1 }, [2]], [{ around: 2, limit: 2 }, [3, 2]]]) {
		const page = (await socket.request('messages.list', { conversation_id: room, include: 'reads', ...query })).data;
		assert.deepEqual(page.data.map((message) => message.seq), seqs);
		const rest = await ann.done('GET', `/v1/conversations/${room}/messages?${new URLSearchParams({ include: 'reads', ...query })}`);
		assert.deepEqual(rest, page);
		const plain = await ann.done('GET', `/v1/conversations/${room}/messages?${new URLSearchParams(query)}`);
		assert.deepEqual({ ...page, data: page.data.map(({ reads, ...message }) => message) }, plain);
		for (const message of page.data) {
			assert.deepEqual([message.reads.count, ids(message)], [[2, ['ben', 'cat']], [1, ['ben']], [0, []]][message.seq - 1]);
		}
	}
	const first = await ann.done('GET', `/v1/messages/${sent[0].id}/reads?limit=1`);
	const second = await ann.done('GET', `/v1/messages/${sent[0].id}/reads?limit=1&after=${first.next}`);
	assert.deepEqual([...first.data, ...second.data].map((user) => user.id), ['ben', 'cat']);
	assert.equal(second.next, null);
	assert.equal((await ann.get(`/v1/conversations/${room}/messages?include=writes`)).status, 422);
	socket.close();
});
