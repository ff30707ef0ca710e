// SPDX-License-Identifier: ISC
// A worker dies and all of its clients are back at once.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Socket } from './lib/streams.js';

const CLIENTS = 600;
let service;
before(async () => { service = await Service.start({ workers: 1 }); });
after(async () => { await service?.stop(); });

test('hundreds come back to a worker that was killed, nothing is missing, and they share their statements', async () => {
	const owner = service.as('owner');
	const users = Array.from({ length: CLIENTS }, (_, i) => `u${i}`);
	await service.as('backend', { role: 'service' }).done('PUT', '/v1/users', { users: users.map((id) => ({ id })) });
	const room = await owner.done('POST', '/v1/conversations', { type: 'group', name: 'All', member_ids: users });
	const sockets = [];
	for (let i = 0; i < CLIENTS; i += 50) {
		sockets.push(...await Promise.all(users.slice(i, i + 50).map((user) => Socket.open(service.as(user)))));
	}

	const figures = async () => [await service.metric('parley_batches_total'), await service.metric('parley_batch_items_total')];
	const [batches, items] = await figures();
	const [worker] = await service.children('kore');
	process.kill(worker, 'SIGKILL');
	const texts = Array.from({ length: 20 }, (_, i) => `text ${i}`);
	for (const text of texts) await owner.sendSurely(room.id, text); // while they come back
	await until(() => sockets.every((socket) => socket.connections >= 2), 'everybody back', 60000);
	for (const socket of sockets) {
		await until(() => socket.texts(room.id).length >= texts.length, `all texts at ${socket.who}`, 30000);
		assert.deepEqual(socket.texts(room.id), texts, socket.who);
	}

	// One item a return and a text at least.
	const [batchesNow, itemsNow] = await figures();
	assert.ok(itemsNow - items >= CLIENTS, `${itemsNow - items} items`);
	assert.ok(batchesNow - batches < (itemsNow - items) / 2, `${batchesNow - batches} batches of ${itemsNow - items} items`);
});
