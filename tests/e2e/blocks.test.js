// SPDX-License-Identifier: ISC
// Blocking takes effect at once, on streams that are open, whichever worker holds them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Socket } from './lib/streams.js';

let service, alice, bob;

before(async () => {
	service = await Service.start({ workers: 2 });
	[alice, bob] = [service.as('alice'), service.as('bob')];
	await Promise.all([alice.get('/v1/me'), bob.get('/v1/me')]);
});
after(() => service?.stop());

test('a blocked user is refused at once on an open socket, and heard again when the block ends', async () => {
	const { id } = await alice.direct('bob');
	const [hers, second, his] = [await Socket.open(alice), await Socket.open(alice), await Socket.open(bob)];
	const say = (text) => his.request('messages.send', { conversation_id: id, text });
	const type = () => his.request('typing.start', { conversation_id: id });
	assert.equal((await say('hello')).status, 201);
	assert.equal((await alice.call('PUT', '/v1/blocks/bob')).status, 201);
	for (const refused of [await say('are you there?'), await type()]) {
		assert.equal(refused.status, 403);
		assert.equal(refused.error.code, 'forbidden');
		assert.doesNotMatch(refused.error.detail, /block/i);
	}
	assert.equal((await alice.send(id, 'peace and quiet')).status, 201);
	for (const own of [hers, second]) assert.equal((await own.wait('block.added')).data.id, 'bob');
	await his.wait('message.created', (event) => event.data.text === 'peace and quiet');
	assert.equal(his.named('block.added').length, 0);
	assert.deepEqual((await alice.get('/v1/blocks')).body.data.map((one) => one.id), ['bob']);

	assert.equal((await alice.call('DELETE', '/v1/blocks/bob')).status, 200);
	await second.wait('block.removed', (event) => event.data.user_id === 'bob');
	assert.equal((await say('thank you')).status, 201);
	await hers.wait('message.created', (event) => event.data.text === 'thank you');
	assert.deepEqual(hers.texts(id), ['hello', 'peace and quiet', 'thank you']);
	for (const one of [hers, second, his]) one.close();
});

test('a blocked user opens no direct conversation', async () => {
	const carol = service.as('carol');
	await carol.get('/v1/me');
	await carol.done('PUT', '/v1/blocks/bob');
	const refused = await bob.post('/v1/conversations', { type: 'direct', user_id: 'carol' });
	assert.equal(refused.status, 403);
	assert.doesNotMatch(refused.body.detail, /block/i);
	await carol.done('DELETE', '/v1/blocks/bob');
});

test('who blocks and who is blocked are offline for each other, and no more', async () => {
	const carol = service.as('carol');
	await carol.get('/v1/me');
	await alice.done('POST', '/v1/conversations', { type: 'group', name: 'Three', member_ids: ['bob', 'carol'] });
	const [hers, his, carols] = [await Socket.open(alice), await Socket.open(bob), await Socket.open(carol)];
	const of = (state) => (event) => event.data.user_id === 'alice' && event.data.state === state;
	const seen = async (caller) => (await caller.done('POST', '/v1/presence/query', { user_ids: ['alice'] })).data[0];
	await hers.request('presence.set', { state: 'away', status_text: 'at lunch' });
	await until(async () => (await seen(bob)).status?.text === 'at lunch', 'her status');
	await alice.call('PUT', '/v1/blocks/bob');
	const { data } = await his.wait('presence.updated', of('offline'));
	assert.deepEqual([data.last_seen, data.status, data.activity, data.devices], [null, null, null, []]);
	assert.deepEqual(await seen(bob), data);
	assert.deepEqual((await his.request('presence.watch', { user_ids: ['alice'] })).data.data, [data]);
	await hers.wait('presence.updated', (event) => event.data.user_id === 'bob' && event.data.state === 'offline');
	await his.request('presence.set', { status_text: 'you will hear of me' });
	await carols.wait('presence.updated', (event) => event.data.status?.text === 'you will hear of me');
	assert.equal((await alice.done('POST', '/v1/presence/query', { user_ids: ['bob'] })).data[0].status, null);
	assert.deepEqual(hers.named('presence.updated').filter((event) => event.data.user_id === 'bob' && event.data.status), []);
	await hers.request('presence.set', { state: 'dnd' });
	assert.equal((await carols.wait('presence.updated', of('dnd'))).data.status.text, 'at lunch');
	await alice.done('DELETE', '/v1/blocks/bob');
	await his.wait('presence.updated', of('dnd'));
	await hers.wait('presence.updated', (event) => event.data.status?.text === 'you will hear of me');
	assert.equal(his.named('presence.updated').filter(of('dnd')).length, 1);
	assert.equal((await seen(bob)).state, 'dnd');
	await hers.request('presence.set', { state: 'online' });
	await his.wait('presence.updated', of('online'));
	for (const socket of [hers, his, carols]) socket.close();
});
