// SPDX-License-Identifier: ISC
// Notifications on the running service: made a moment after what they tell of, once, whoever is killed meanwhile.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Socket } from './lib/streams.js';

let service, ann, ben, room;

before(async () => {
	service = await Service.start({ workers: 2 });
	[ann, ben] = ['ann', 'ben'].map((user) => service.as(user));
	await ben.done('GET', '/v1/me');
	room = (await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Room', member_ids: ['ben'] })).id;
});
after(() => service?.stop());

const list = async (caller, query = '') => (await caller.doneSurely('GET', `/v1/notifications?limit=100${query}`)).data;
const unread = async (caller) => (await caller.done('GET', '/v1/notifications/count')).unread;

test('a mention: told at once, listed as it was told, read with the conversation', async () => {
	const stream = await Socket.open(ben);
	const sent = await ann.send(room, 'look, @ben', { mentions: ['ben'] });
	const told = await stream.wait('notification.created', (event) => event.data.notification.message_id === sent.body.id);
	assert.equal(told.topic, 'user:ben');
	assert.equal(told.data.unread, 1);
	assert.deepEqual(await list(ben), [told.data.notification]);
	assert.equal(told.data.notification.kind, 'mention');
	assert.equal(told.data.notification.actor.id, 'ann');
	assert.deepEqual(await list(ann), []);
	const { id } = told.data.notification;

	const over = await stream.request('receipts.mark', { conversation_id: room, message_id: sent.body.id });
	assert.equal(over.status, 200);
	const read = await stream.wait('notification.read', (event) => event.data.ids.includes(id));
	assert.equal(read.data.unread, 0);
	assert.deepEqual(await list(ben, '&unread=true'), []);
	assert.equal((await list(ben))[0].read_at, read.data.read_at);

	const removed = await stream.request('notifications.remove', { notification_id: id });
	assert.equal(removed.status, 200);
	await stream.wait('notification.removed', (event) => event.data.ids.includes(id));
	assert.deepEqual(await list(ben), []);
	stream.close();
});

test('a back end notifies many; repeated with its key it does so once', async () => {
	const shop = service.as('shop', { role: 'service' });
	const body = { user_ids: ['ann', 'ben'], kind: 'order.shipped', title: 'On its way', url: 'https://shop.example/7' };
	const key = { 'Idempotency-Key': randomUUID() };
	const [first, again] = [await shop.post('/v1/notifications', body, key), await shop.post('/v1/notifications', body, key)];
	assert.equal(first.status, 201);
	assert.deepEqual(again.body, first.body);
	const [one] = await list(ben, '&kind=order.shipped');
	assert.deepEqual({ id: one.id, title: one.title, url: one.url, actor: one.actor.id, message: one.message_id },
		{ id: first.body.ids[1], title: body.title, url: body.url, actor: 'shop', message: null });
	assert.equal(await unread(ben), 1);
	assert.deepEqual((await ben.done('POST', '/v1/notifications/read', { ids: [one.id] })), { read: 1, unread: 0 });
	const wrong = await ben.post('/v1/notifications/read', {});
	assert.deepEqual([wrong.status, wrong.body.errors[0].field], [422, 'ids']);
});

test('none is lost or made twice when the processes that make them are killed', async () => {
	const before = new Set((await list(ben)).map((one) => one.id));
	const sent = [];
	for (let i = 0; i < 30; i++) {
		if (i % 10 === 5) {
			const [victim] = await service.children('kore');
			if (victim) process.kill(victim, 'SIGKILL');
		}
		const id = randomUUID();
		await ann.surely('POST', `/v1/conversations/${room}/messages`, { id, text: `${i}`, mentions: ['ben'] });
		sent.push(id);
	}
	const found = await until(async () => {
		const all = (await list(ben)).filter((one) => !before.has(one.id));
		return all.length >= sent.length && all;
	}, 'a notification for each message', 30000);
	assert.deepEqual(found.map((one) => one.message_id).sort(), sent.sort());
});
