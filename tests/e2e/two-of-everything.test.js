// SPDX-License-Identifier: ISC
// Two workers of one Kore, then two instances behind Nginx: nobody can tell on which one a client is.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, onTwoProcesses } from './lib/streams.js';

for (const [name, options] of [['two workers', { workers: 2 }], ['two instances', { instances: 2 }]]) {
	test(`${name} behave as one`, async (t) => {
		const service = await Service.start(options);
		t.after(() => service.stop());
		const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((user) => service.as(user));
		for (const caller of [alice, bob, carol]) await caller.get('/v1/me');
		const group = await alice.done('POST', '/v1/conversations', { type: 'group', name: 'Two', member_ids: ['bob'] });
		const of = { conversation_id: group.id };
		const [alices, bobs] = await onTwoProcesses(alice, bob);
		assert.notEqual(alices.process, bobs.process);

		await t.test('typing, sending and reading are seen on the other', async () => {
			assert.equal((await alices.request('typing.start', of)).status, 200);
			assert.equal((await bobs.wait('typing.started')).data.user_id, 'alice');
			assert.equal((await alices.request('typing.stop', of)).status, 200);
			assert.equal((await bobs.wait('typing.stopped')).data.user_id, 'alice');
			const sent = await alices.request('messages.send', { ...of, text: 'across' });
			assert.deepEqual((await bobs.wait('message.created')).data, sent.data);
			assert.equal((await bobs.request('receipts.mark', { ...of, seq: sent.data.seq })).status, 200);
			assert.equal((await alices.wait('receipt.updated', (event) => event.data.user_id === 'bob')).data.seen_upto, sent.data.seq);
			// Told when the second is over; it ends below.
			assert.equal((await alices.request('typing.start', of)).status, 200);
			await until(() => bobs.named('typing.started').length === 2, 'the second start');
		});

		await t.test('who is added or removed on one follows or not on the other', async () => {
			const [, carols] = await onTwoProcesses(alice, carol);
			assert.equal((await alices.request('members.add', { ...of, user_ids: ['carol'] })).status, 200);
			assert.equal((await carols.wait('member.added')).data.conversation.id, group.id);
			await bobs.request('messages.send', { ...of, text: 'for carol' });
			await carols.wait('message.created', (event) => event.data.text === 'for carol');
			assert.equal((await alices.request('members.remove', { ...of, user_id: 'carol' })).status, 200);
			await carols.wait('member.removed');
			await bobs.request('messages.send', { ...of, text: 'not for carol' });
			await alices.wait('message.created', (event) => event.data.text === 'not for carol');
			assert.deepEqual(carols.texts(group.id), ['for carol']);
			carols.close();
		});

		await t.test('a message left out for its own connection reaches the user\'s other one', async () => {
			const [first, second] = await onTwoProcesses(alice, alice);
			const text = randomUUID();
			assert.equal((await first.request('messages.send', { ...of, text, echo: false })).status, 201);
			await second.wait('message.created', (event) => event.data.text === text);
			await bobs.request('messages.send', { ...of, text: 'after it' });
			await first.wait('message.created', (event) => event.data.text === 'after it');
			assert.equal(first.texts(group.id).includes(text), false);
			first.close();
			second.close();
		});

		await t.test('a connection is described and closed from the other', async () => {
			const [near, far] = await onTwoProcesses(alice, alice);
			const id = far.ready.connection;
			const update = await near.request('connections.update', { connection_id: id, platform: 'ios', app_version: '2.1' });
			assert.equal(update.status, 200, JSON.stringify(update));
			const rows = (await alice.done('GET', '/v1/connections')).data;
			assert.equal(rows.find((row) => row.id === id).platform, 'ios');
			const events = await Events.open(alice);
			assert.equal((await near.request('connections.close', { connection_id: id })).status, 200);
			await until(() => far.closed, 'the close');
			assert.equal(far.closed.code, 4403);
			assert.equal(near.closed, undefined);
			await until(async () => (await alice.done('GET', '/v1/connections')).data.every((row) => row.id !== id), 'its end in the list');
			near.close();
			events.close();
		});

		await t.test('the same id sent to both at once is one message', async () => {
			const [first, second] = await onTwoProcesses(alice, alice);
			const before = (await alice.history(group.id)).length;
			for (let i = 0; i < 20; i++) {
				const args = { ...of, id: randomUUID(), text: `once ${i}` };
				const answers = await Promise.all([first, second].map((socket) => socket.request('messages.send', args)));
				assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 201]);
				assert.deepEqual(answers[0].data, answers[1].data);
			}
			assert.equal((await alice.history(group.id)).length, before + 20);
			first.close();
			second.close();
		});

		await t.test('two who open the same direct conversation at once get the same one', async () => {
			const users = Array.from({ length: 5 }, (_, i) => service.as(`pair${i}`));
			for (const user of users) await user.get('/v1/me');
			for (let i = 1; i < users.length; i++) {
				const [one, other] = await Promise.all([users[0].direct(`pair${i}`), users[i].direct('pair0')]);
				assert.equal(one.id, other.id);
			}
		});

		await t.test('typing that began on one has ended on the other by itself, once', async () => {
			await until(() => bobs.named('typing.stopped').length >= 2, 'the end of typing', 8000);
			assert.equal(bobs.named('typing.started').length, 2);
			assert.equal(bobs.named('typing.stopped').length, 2);
			assert.equal(alices.named('typing.started').length, 0, 'who types is not told');
		});

		await t.test('typing is told once a second at most, whoever is asked how often', async () => {
			const [first, second] = await onTwoProcesses(alice, alice);
			const listener = await Events.open(bob);
			const start = Date.now();
			for (let i = 0; i < 10; i++) {
				const answers = await Promise.all([first.request('typing.start', of), second.request('typing.start', of),
					alice.post(`/v1/conversations/${group.id}/typing`), second.request('typing.stop', of)]);
				for (const answer of answers) assert.deepEqual([answer.status, (answer.data ?? answer.body).conversation_id], [200, group.id]);
			}
			const told = () => listener.events.filter((event) => /^typing/.test(event.event));
			await first.request('typing.start', of);
			await until(() => told().at(-1)?.event === 'typing.started', 'the last word');
			await second.request('typing.stop', of);
			await until(() => told().at(-1).event === 'typing.stopped', 'the end');
			const seconds = Math.ceil((Date.now() - start) / 1000);
			assert.ok(told().length <= seconds + 1, `${told().length} in ${seconds} s`);
			for (const stream of [first, second, listener]) stream.close();
		});
		alices.close();
		bobs.close();
	});
}
