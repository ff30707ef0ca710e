// SPDX-License-Identifier: ISC
// Groups with real clients, at every door: found, joined, described, kept in one's own way, deleted for all.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { askFastcgi } from './lib/fastcgi.js';
import { demo, form } from './lib/pictures.js';
import { Service, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let service, ann, ben, cat;
before(async () => {
	service = await Service.start({ workers: 2 });
	[ann, ben, cat] = ['ann', 'ben', 'cat'].map((user) => service.as(user));
	for (const caller of [ann, ben, cat]) await caller.get('/v1/me');
});
after(() => service?.stop());

const make = (name, extra = {}) => ann.done('POST', '/v1/conversations', { type: 'group', name, member_ids: ['ben'], ...extra });

test('a public group is found with typing errors at every door, looked at, joined and left', async () => {
	const image = await ann.done('POST', '/v1/uploads', form(demo, 'bread.jpg'));
	const group = await make('Sourdough Recipes', { description: 'All of bread', category: 'recipes' });
	assert.equal(group.visibility, 'private');
	const search = '/v1/discover?search=sourdugh%20recpies&category=recipes';
	assert.deepEqual((await cat.done('GET', search)).data, []);
	const where = `/v1/conversations/${group.id}`;
	assert.equal((await cat.get(where)).status, 404);
	assert.equal((await cat.get(image.url)).status, 404);
	assert.equal((await ben.call('PATCH', where, { visibility: 'public' })).status, 403);

	const [socket, events] = [await Socket.open(ben), await Events.open(ben)];
	const changed = await ann.done('PATCH', where, { visibility: 'public', image: image.id, description: null });
	assert.equal(changed.image.id, image.id);
	for (const stream of [socket, events]) {
		const { data } = await stream.wait('conversation.updated');
		for (const [name, value] of Object.entries(data)) {
			if (!['conversation_id', 'by'].includes(name)) assert.deepEqual(value, changed[name], name);
		}
		await stream.wait('message.created', (event) => event.data.system?.kind === 'visibility_changed');
	}
	const found = (await cat.done('GET', search)).data;
	assert.deepEqual(found.map((one) => [one.id, one.member_count, one.member]), [[group.id, 2, false]]);
	const far = await Socket.open(cat);
	const args = { search: 'sourdugh recpies', category: 'recipes' };
	assert.deepEqual((await far.request('conversations.discover', args)).data.data, found);
	const { PARLEY_FCGI_SOCKET: fcgi } = await service.settings();
	const answer = await askFastcgi(fcgi, { method: 'GET', uri: search, headers: { Authorization: `Bearer ${cat.token}` } });
	assert.deepEqual(answer.body.data, found);
	assert.equal((await cat.get(found[0].image.thumbnail_url)).status, 200);
	const seen = await cat.done('GET', where);
	assert.deepEqual([seen.role, seen.members, seen.last_message], [null, [], null]);

	await cat.done('POST', `${where}/members`, { user_ids: ['cat'] });
	const joined = await far.wait('member.added', (event) => event.data.user_id === 'cat' && event.topic === 'user:cat');
	assert.equal(joined.data.conversation.name, 'Sourdough Recipes');
	for (const stream of [socket, events, far]) {
		await stream.wait('message.created', (event) => event.data.system?.kind === 'joined' && event.data.sender.id === 'cat');
	}
	assert.equal((await cat.done('GET', where)).unread, 0);
	await cat.done('DELETE', `${where}/members/cat`);
	const removed = await events.wait('member.removed', (event) => event.data.user_id === 'cat');
	assert.deepEqual(removed.data.members, (await ben.done('GET', where)).members);
	for (const stream of [socket, events, far]) stream.close();
});

test('how one keeps a conversation is known to one\'s other devices, and the nickname to others', async () => {
	const group = await make('Kept');
	const where = `/v1/conversations/${group.id}`;
	const [phone, laptop, other] = [await Socket.open(ben), await Events.open(ben), await Socket.open(ann)];
	const soon = new Date(Date.now() + 3600000).toISOString();
	const kept = (await phone.request('conversations.settings', {
		conversation_id: group.id, muted_until: soon, favourite: true, nickname: 'Benny', level: 'mentions', hidden: true,
	})).data;
	assert.deepEqual((await laptop.wait('settings.updated')).data, kept);
	assert.deepEqual((await ben.done('GET', where)).settings, kept.settings);
	assert.equal(Date.parse(kept.settings.muted_until), Date.parse(soon));
	const { data } = await other.wait('member.updated');
	assert.deepEqual(data.member, (await ann.done('GET', where)).members[1]);
	assert.equal(data.member.nickname, 'Benny');
	assert.equal(other.named('settings.updated').length, 0);
	const listed = async (query = '') => (await ben.done('GET', `/v1/conversations?${query}`)).data.map((one) => one.id);
	assert.equal((await listed()).includes(group.id), false);
	assert.deepEqual(await listed('hidden=true&favourite=true'), [group.id]);
	await ann.send(group.id, 'are you there?');
	assert.equal((await listed())[0], group.id);

	await ben.done('POST', `${where}/clear`);
	const cleared = (await laptop.wait('conversation.cleared')).data;
	const now = await ben.done('GET', where);
	for (const [name, value] of Object.entries(cleared)) if (name !== 'conversation_id') assert.deepEqual(now[name], value, name);
	assert.deepEqual(await ben.history(group.id), []);
	assert.equal((await ann.history(group.id)).length, 1);
	for (const stream of [phone, laptop, other]) stream.close();
});

test('a send that is made again gets its answer at every door, also after its sender was removed', async () => {
	const group = await make('Twice');
	const where = `/v1/conversations/${group.id}`;
	const socket = await Socket.open(ben);
	const id = randomUUID();
	const first = await ben.send(group.id, 'once', { id });
	assert.equal(first.status, 201);
	await ann.done('PUT', `/v1/messages/${id}/reactions/%F0%9F%91%8D`);
	await ann.done('DELETE', `${where}/members/ben`);
	await socket.wait('member.removed', (event) => event.data.user_id === 'ben');
	const again = await ben.send(group.id, 'once', { id });
	assert.deepEqual([again.status, again.body], [200, first.body]);
	const framed = await socket.request('messages.send', { conversation_id: group.id, id, text: 'once' });
	assert.deepEqual([framed.status, framed.data], [200, first.body]);
	const { PARLEY_FCGI_SOCKET: fcgi } = await service.settings();
	const answer = await askFastcgi(fcgi, {
		method: 'POST', uri: `${where}/messages`, headers: { Authorization: `Bearer ${ben.token}` }, body: { id, text: 'once' },
	});
	assert.deepEqual([answer.status, answer.body], [200, first.body]);
	assert.equal((await ben.send(group.id, 'more')).status, 404);
	socket.close();
});

test('a deleted group is gone for all at once, and for who comes back it leaves nothing but its end', async () => {
	const group = await make('Doomed', { member_ids: ['ben', 'cat'] });
	const where = `/v1/conversations/${group.id}`;
	const [socket, events, gone] = [await Socket.open(ben), await Events.open(ben), await Socket.open(cat, { reconnect: false })];
	await ann.send(group.id, 'a whisper');
	for (const stream of [socket, events, gone]) await stream.wait('message.created', (event) => event.data.text === 'a whisper');
	const cursor = gone.named('message.created').at(-1).id - 1;
	gone.close();
	assert.equal((await ben.call('DELETE', where)).status, 403);
	await ann.done('DELETE', where);
	for (const stream of [socket, events]) await stream.wait('conversation.deleted');
	assert.equal((await ann.get(where)).status, 404);
	assert.equal((await ben.send(group.id, 'hello?')).status, 404);
	// Each comes back to either worker, from memory and from the log.
	for (let i = 0; i < 4; i++) {
		const back = await Socket.open(cat, { after: i % 2 ? cursor : 0 });
		await back.wait('conversation.deleted', (event) => event.data.conversation_id === group.id);
		assert.equal(JSON.stringify(back.events).includes('whisper'), false);
		back.close();
	}
	await until(() => socket.named('conversation.deleted').length === 1, 'the end, once');
	assert.equal(events.named('conversation.deleted').length, 1);
	for (const stream of [socket, events]) stream.close();
});
