// SPDX-License-Identifier: ISC
// Searching by real clients, through every door, while messages come and go.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Socket } from './lib/streams.js';

let service, ann, ben, cat;

before(async () => {
	service = await Service.start({ workers: 2, env: { PARLEY_SEARCH_EVERYBODY: 'off' } });
	[ann, ben, cat] = [['ann', 'Ann Larsson'], ['ben', 'Bénédict'], ['cat', 'Catherine']]
		.map(([user, name]) => service.as(user, { name }));
	for (const caller of [ann, ben, cat]) await caller.get('/v1/me');
});
after(() => service?.stop());

const search = async (caller, query) => (await caller.done('GET', `/v1/search/messages?${new URLSearchParams(query)}`)).data;
const texts = async (caller, query) => (await search(caller, query)).map((one) => one.message.text);

/** The texts that are found, once they are these: a message is found a moment after it was sent. */
const finds = (caller, query, wanted) => until(async () => JSON.stringify(await texts(caller, query)) === JSON.stringify(wanted), `${JSON.stringify(query)} finds ${wanted}`, 30000);

test('a message is found by its words, by those who may read it', async () => {
	const room = (await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Plans', member_ids: ['ben'] })).id;
	await ann.send(room, 'The launch is on Monday, says Zoë');
	const root = (await ben.send(room, 'And what about launching on Tuesday?')).body;
	await ann.send(room, 'No: https://example.org/launch', { thread_root: root.id });
	await finds(ben, { q: 'laun', in: room }, ['No: https://example.org/launch', 'And what about launching on Tuesday?', 'The launch is on Monday, says Zoë']);
	assert.deepEqual(await texts(ben, { q: 'zoe' }), ['The launch is on Monday, says Zoë']);
	assert.deepEqual(await texts(ben, { q: '"on monday"' }), ['The launch is on Monday, says Zoë']);
	assert.deepEqual(await texts(ben, { q: 'launch', from: 'ben' }), ['And what about launching on Tuesday?']);
	assert.deepEqual(await texts(ben, { has: 'link' }), ['No: https://example.org/launch']);
	assert.equal((await texts(ben, { q: 'launch', after: '2001-01-01T00:00:00Z', before: '2101-01-01T00:00:00Z' })).length, 3);
	assert.deepEqual(await texts(cat, { q: 'launch' }), []);
	assert.equal((await cat.get(`/v1/search/messages?q=launch&in=${room}`)).status, 404);
	const [reply] = await search(ann, { has: 'link' });
	assert.equal(reply.message.thread_root, root.id);
	assert.equal(reply.message.parent_id, room);
	const [{ excerpt }] = await search(ann, { q: 'monday' });
	assert.deepEqual(excerpt, [{ text: 'The launch is on ' }, { text: 'Monday', match: true }, { text: ', says Zoë' }]);

	const socket = await Socket.open(ben);
	const reply2 = await socket.request('messages.search', { q: 'monday', in: room });
	assert.equal(reply2.status, 200);
	assert.deepEqual(reply2.data.data[0].message.text, 'The launch is on Monday, says Zoë');
	socket.close();

	await ann.done('DELETE', `/v1/conversations/${room}/members/ben`);
	assert.deepEqual(await texts(ben, { q: 'launch' }), []);
});

test('an edited message is found by its new text, a deleted one not at all', async () => {
	const room = (await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Changes' })).id;
	const { id } = (await ann.send(room, 'a walrus')).body;
	await finds(ann, { q: 'walrus' }, ['a walrus']);
	await ann.done('PATCH', `/v1/messages/${id}`, { text: 'a pelican' });
	assert.deepEqual(await texts(ann, { q: 'walrus' }), []);
	await finds(ann, { q: 'pelican' }, ['a pelican']);
	await ann.done('DELETE', `/v1/messages/${id}`);
	assert.deepEqual(await texts(ann, { q: 'pelican' }), []);
});

test('pages are followed by their links, with the rest of the query', async () => {
	const room = (await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Pages' })).id;
	for (let i = 0; i < 7; i++) await ann.send(room, `leaf & <${i}>`);
	await until(async () => (await texts(ann, { q: 'leaf &', in: room })).length === 7, 'all are found', 30000);
	for (const sort of ['time', 'relevance']) {
		const found = [];
		let url = `/v1/search/messages?q=leaf+%26&in=${room}&sort=${sort}&limit=3`;
		while (url) {
			const answer = await ann.get(url);
			assert.equal(answer.status, 200);
			found.push(...answer.body.data.map((one) => one.message.seq));
			const link = /<([^>]*)>; rel="next"/.exec(answer.headers.get('link') ?? '');
			assert.equal(Boolean(link), answer.body.next !== null);
			url = link && new URL(link[1], service.url).pathname + new URL(link[1], service.url).search;
		}
		assert.deepEqual(found, [7, 6, 5, 4, 3, 2, 1], sort);
	}
	const nothing = await ann.get('/v1/search/messages');
	assert.equal(nothing.status, 422);
	assert.equal(nothing.body.errors[0].field, 'q');
	assert.equal((await ann.get('/v1/search/messages?q=x&cursor=y')).status, 422);
});

test('people and conversations are found by names that are nearly right', async () => {
	await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Garden party' });
	await ann.direct('ben');
	const names = async (caller, what, q) => (await caller.done('GET', `/v1/search/${what}?${new URLSearchParams({ q })}`)).data.map((one) => one.name ?? one.members.find((m) => m.id !== caller.user).name);
	assert.deepEqual(await names(ann, 'conversations', 'gardn'), ['Garden party']);
	assert.deepEqual(await names(ann, 'conversations', 'benedikt'), ['Bénédict']);
	assert.deepEqual(await names(ann, 'users', 'benedikt'), ['Bénédict']);
	assert.deepEqual(await names(ben, 'users', 'larson'), ['Ann Larsson']);
	assert.deepEqual(await names(ben, 'users', 'catherine'), [], 'they share no conversation');
	assert.deepEqual(await names(service.as('back', { role: 'service' }), 'users', 'katherine'), ['Catherine']);
});

test('what nobody worked off while all was down is found afterwards', async () => {
	const room = (await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Down' })).id;
	await ann.send(room, 'before the night');
	await service.dev('restart', 'kore');
	await until(async () => (await ann.get('/health/ready')).status === 200, 'the service is back', 30000);
	await finds(ann, { q: 'night', in: room }, ['before the night']);
	assert.equal(Number(await service.psql("select count(*) from messages m full join message_search s on s.message_id = m.id where m.type <> 'system' and m.deleted_at is null and s.message_id is null or m.id is null")), 0);
});
