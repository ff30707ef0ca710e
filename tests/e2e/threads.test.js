// SPDX-License-Identifier: ISC
// Threads, as clients see them that keep their lists by events alone.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let service;
const people = {};
before(async () => {
	service = await Service.start({ workers: 2 });
	for (const user of ['ann', 'ben', 'cat']) {
		people[user] = service.as(user);
		await people[user].get('/v1/me');
	}
});
after(async () => { await service?.stop(); });

/** The threads that a user follows, kept as docs/clients.md says. */
class Threads {
	constructor(user, listener) {
		Object.assign(this, { user, listener, known: new Map(), applied: 0 });
	}

	on = {
		'thread.followed': (data) => this.known.set(data.id, structuredClone(data)),
		'thread.unfollowed': (data) => this.known.delete(data.thread_id),
		'thread.read': (data) => {
			const { last_read_seq, unread, mentions } = data;
			Object.assign(this.known.get(data.thread_id) ?? {}, { last_read_seq, unread, mentions });
		},
		'message.created': (data) => {
			const thread = this.known.get(data.conversation_id);
			if (!thread) return;
			thread.last_seq = data.seq;
			thread.last_activity_at = data.created_at;
			if (data.sender.id === this.user) {
				Object.assign(thread, { last_read_seq: data.seq, unread: 0, mentions: 0 });
				return;
			}
			thread.unread++;
			if (data.mentions?.includes(this.user) || data.mention_all) thread.mentions++;
		},
		'thread.updated': (data) => {
			for (const thread of this.known.values()) if (thread.root.id === data.message_id) thread.root.thread = data.thread;
		},
		'member.removed': (data) => {
			if (data.user_id !== this.user) return;
			for (const [id, thread] of this.known) if (thread.conversation_id === data.conversation_id) this.known.delete(id);
		},
	};

	/** Newest activity first, like the list. */
	picture() {
		for (; this.applied < this.listener.events.length; this.applied++) {
			const { event, data } = this.listener.events[this.applied];
			this.on[event]?.(data);
		}
		return [...this.known.values()].sort((a, b) => (a.last_activity_at < b.last_activity_at ? 1 : -1));
	}
}

test('what is followed and unread is the same by events and by the list', async () => {
	const { ann, ben, cat } = people;
	const listeners = { ann: await Socket.open(ann), ben: await Events.open(ben), cat: await Socket.open(cat) };
	const pictures = Object.entries(listeners).map(([user, listener]) => new Threads(user, listener));
	const { id: room } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Room', member_ids: ['ben', 'cat'] });
	const { id: other } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Other', member_ids: ['cat'] });
	const say = async (who, text, extra) => (await people[who].send(room, text, extra)).body;
	const root = await say('ann', 'lunch?');
	const second = await say('ben', 'dinner?');
	const third = (await cat.send(other, 'elsewhere')).body;
	assert.equal((await ben.get(`/v1/messages/${root.id}/thread`)).body.id, null);
	const reply = await say('ben', 'yes', { thread_root: root.id });
	assert.equal(reply.parent_id, room);
	await say('ann', 'where?', { thread_root: root.id, mentions: ['cat'] });
	await say('cat', 'here', { thread_root: root.id });
	await say('ann', 'soup', { thread_root: second.id });
	await ann.send(other, 'aha', { thread_root: third.id });
	await cat.done('PUT', `/v1/messages/${second.id}/thread/follow`);
	await say('ann', 'salad', { thread_root: second.id, mentions: ['cat', 'ben'] });
	await ben.done('DELETE', `/v1/messages/${root.id}/thread/follow`);
	await say('ann', 'all come', { thread_root: root.id, mention_all: true });
	assert.equal((await listeners.cat.request('threads.mark', { message_id: root.id, seq: 3 })).status, 200);
	await cat.done('POST', `/v1/messages/${second.id}/thread/read`, { seq: 9 });
	await cat.done('POST', `/v1/messages/${reply.id}/thread/read`, { seq: 1, unread: true });
	const end = await say('ann', 'end', { thread_root: root.id });

	for (const picture of pictures) {
		await picture.listener.wait('thread.updated', (event) => event.data.thread.reply_count === end.seq && event.data.message_id === root.id);
		const list = (await people[picture.user].done('GET', '/v1/threads')).data;
		assert.deepEqual(picture.picture(), list, picture.user);
	}
	const [cats] = (await cat.done('GET', '/v1/threads')).data;
	assert.deepEqual([cats.id, cats.unread, cats.mentions, cats.root.thread.reply_count], [reply.conversation_id, 4, 2, 5]);
	const bens = (await ben.done('GET', '/v1/threads')).data;
	assert.deepEqual(bens.map((thread) => thread.root.id), [second.id]);

	// Who is removed from the conversation has its threads no more.
	await ann.done('DELETE', `/v1/conversations/${room}/members/cat`);
	await listeners.cat.wait('member.removed');
	const left = (await cat.done('GET', '/v1/threads')).data;
	assert.deepEqual(left.map((thread) => thread.root.id), [third.id]);
	assert.deepEqual(pictures[2].picture(), left);
	assert.equal((await cat.get(`/v1/messages/${root.id}/thread`)).status, 404);
	for (const listener of Object.values(listeners)) listener.close();
});

test('both doors answer the same; pages have a cursor', async () => {
	const { ann, ben } = people;
	const { id: room } = await ann.direct('ben');
	const roots = [];
	for (let i = 0; i < 3; i++) {
		roots.push((await ann.send(room, `root ${i}`)).body.id);
		await ben.send(room, 'reply', { thread_root: roots[i] });
	}
	const socket = await Socket.open(ben);
	for (const message_id of roots) {
		const { status, data } = await socket.request('threads.get', { message_id });
		assert.equal(status, 200);
		assert.deepEqual(data, (await ben.get(`/v1/messages/${message_id}/thread`)).body);
	}
	const first = await ben.done('GET', '/v1/threads?limit=2');
	assert.deepEqual(first.data.map((thread) => thread.root.id), [roots[2], roots[1]]);
	const next = await socket.request('threads.list', { limit: 1, before: first.next });
	assert.equal(next.data.data[0].root.id, roots[0]);
	assert.equal((await ben.get('/v1/threads?before=x')).status, 422);
	socket.close();
});

test('typing in a thread is seen with its root', async () => {
	const { ann, ben } = people;
	const { id: room } = await ann.direct('ben');
	const root = (await ann.send(room, 'root')).body.id;
	const thread = (await ben.send(room, 'reply', { thread_root: root })).body.conversation_id;
	const socket = await Socket.open(ann);
	await ben.done('POST', `/v1/conversations/${room}/typing`, { thread_root: root });
	await ben.done('DELETE', `/v1/conversations/${room}/typing`);
	await ben.done('POST', `/v1/conversations/${thread}/typing`);
	await until(() => socket.named('typing.started').length === 2, 'typing twice');
	for (const { data, topic } of socket.named('typing.started')) {
		assert.deepEqual([topic, data.conversation_id, data.thread_root], [`conversation:${room}`, room, root]);
	}
	socket.close();
});
