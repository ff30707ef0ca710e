// SPDX-License-Identifier: ISC
// Long lists and their pages, writing many at once, repeating safely, polling, and what the log says.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Service, pause, until } from './lib/service.js';
import { Socket } from './lib/streams.js';

let service;
let [laravel, alice, bob] = [];
before(async () => {
	service = await Service.start({ workers: 2 });
	laravel = service.as('laravel', { role: 'service' });
	[alice, bob] = [service.as('alice'), service.as('bob')];
	for (const caller of [alice, bob]) await caller.get('/v1/me');
});
after(async () => { await service?.stop(); });

/** All pages of a list by its cursors, each found in the Link header too: an array of pages. */
async function pages(caller, where, cursor) {
	const found = [];
	for (let url = where; url;) {
		const answer = await caller.get(url);
		assert.equal(answer.status, 200, JSON.stringify(answer.body));
		found.push(answer.body.data ?? answer.body);
		const link = /<([^>]*)>; rel="next"/.exec(answer.headers.get('link') ?? '');
		const { next } = answer.body;
		if (answer.body.data) assert.equal(Boolean(link), next !== null, 'Link says what `next` says');
		if (next === null) break;
		url = `${where}${where.includes('?') ? '&' : '?'}${cursor}=${encodeURIComponent(next)}`;
		if (link) {
			const [there, here] = [link[1], url].map((text) => new URL(text, service.url));
			assert.equal(there.pathname, here.pathname);
			assert.equal(there.searchParams.get(cursor), String(next));
			assert.equal(there.searchParams.get('limit'), here.searchParams.get('limit'));
		}
		assert.ok(found.length < 100, 'the list ends');
	}
	return found;
}

test('a thousand users are written at once, and again without change', async () => {
	const users = Array.from({ length: 1000 }, (_, i) => ({ id: `many${i}`, name: `Number ${i}`, picture: i % 2 ? `https://x.example/${i}.png` : null }));
	assert.deepEqual(await laravel.done('PUT', '/v1/users', { users }), { created: 1000, updated: 0, unchanged: 0 });
	users[7].name = 'Seven';
	assert.deepEqual(await laravel.done('PUT', '/v1/users', { users }), { created: 0, updated: 1, unchanged: 999 });
	const seven = await alice.done('GET', '/v1/users/many7');
	assert.deepEqual([seven.name, seven.picture], ['Seven', 'https://x.example/7.png']);
	assert.equal((await alice.call('PUT', '/v1/users', { users })).status, 403);
	const wrong = await laravel.call('PUT', '/v1/users', { users: [{ id: 'fine' }, { id: '', name: 5 }] });
	assert.equal(wrong.status, 422);
	assert.deepEqual(wrong.body.errors.map((error) => error.field).sort(), ['users[1].id', 'users[1].name']);
	assert.equal((await alice.get('/v1/users/fine')).status, 404, 'all or none');
	const tooMany = await laravel.call('PUT', '/v1/users', { users: [...users, { id: 'one more' }] });
	assert.equal(tooMany.status, 422);
});

test('members come in pages, each once, the longest first', async () => {
	const ids = Array.from({ length: 250 }, (_, i) => `many${i}`);
	const group = await laravel.done('POST', '/v1/conversations', { type: 'group', name: 'Crowd', member_ids: ['alice', ...ids] });
	const list = await pages(alice, `/v1/conversations/${group.id}/members?limit=100`, 'after');
	assert.deepEqual(list.map((page) => page.length), [100, 100, 51]);
	assert.deepEqual(list.flat().map((member) => member.id), ['alice', ...ids]);
	assert.equal((await alice.done('GET', `/v1/conversations/${group.id}`)).members.length, 8);
	assert.equal((await alice.get(`/v1/conversations/${group.id}/members?after=nonsense`)).status, 422);
	assert.equal((await bob.get(`/v1/conversations/${group.id}/members`)).status, 404);
});

test('a cursor that is of no list is refused by every list, an empty one too', async () => {
	const { id: group } = await alice.done('POST', '/v1/conversations', { type: 'group', name: 'Empty', member_ids: ['bob'] });
	const { id: message } = (await alice.send(group, 'one')).body;
	const places = { conversation_id: group, message_id: message, user_id: 'nobody' };
	const operator = service.as('op', { role: 'admin' });
	const { paths } = await alice.done('GET', '/openapi.json');
	const asked = [];
	for (const [path, { get }] of Object.entries(paths)) {
		const cursor = get?.parameters?.find(({ name, schema }) => ['before', 'after', 'cursor'].includes(name)
			&& schema.type === 'string' && !schema.format);
		if (!cursor) continue;
		const where = path.replace(/\{(\w+)\}/g, (_, name) => places[name]);
		const more = get.parameters.some(({ name, required, in: place }) => name === 'q' || (required && place === 'query')) ? 'q=some&' : '';
		for (const wrong of ['nonsense', '-', '2026-01-01T00:00:00.000000Z', '2026-13-41T00:00:00.000000Z_x', `${'9'.repeat(19)}_x`]) {
			const answer = await operator.get(`${where}?${more}${cursor.name}=${encodeURIComponent(wrong)}`);
			const { status, body } = answer;
			asked.push(get.operationId);
			assert.deepEqual([get.operationId, wrong, status, body.errors?.map(({ field }) => field)],
				[get.operationId, wrong, 422, [cursor.name]], JSON.stringify(body));
		}
	}
	assert.ok(new Set(asked).size > 10, asked.join());
});

test('history is read before, after and around a message, page by page', async () => {
	const { id } = await alice.done('POST', '/v1/conversations', { type: 'group', name: 'History', member_ids: ['bob'] });
	const socket = await Socket.open(alice);
	for (let i = 1; i <= 125; i++) {
		assert.equal((await socket.request('messages.send', { conversation_id: id, text: `${i}` })).data.seq, i);
	}
	socket.close();
	const where = `/v1/conversations/${id}/messages`;
	const seqs = async (query) => (await bob.done('GET', `${where}?${query}`)).data.map((message) => message.seq);
	const range = (from, to) => Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => (from < to ? from + i : from - i));
	const back = await pages(bob, `${where}?limit=50`, 'before');
	assert.deepEqual(back.map((page) => page.length), [50, 50, 25]);
	assert.deepEqual(back.flat().map((message) => message.seq), range(125, 1));
	assert.deepEqual(back.flat().map((message) => message.text), range(125, 1).map(String));
	assert.deepEqual((await bob.history(id)).map((message) => message.seq), range(1, 125));
	assert.deepEqual(await seqs('after=120'), range(121, 125));
	assert.deepEqual(await seqs('after=125'), []);
	assert.deepEqual(await seqs('before=4'), range(3, 1));
	const around = await seqs('around=60&limit=10');
	assert.deepEqual([...around].sort((a, b) => a - b), range(56, 65));
});

test('conversations: newest activity first, with the last message and unread counts; sync gives the same in pages', async () => {
	const carol = service.as('carol');
	await carol.get('/v1/me');
	const made = [];
	for (let i = 0; i < 12; i++) {
		const group = await alice.done('POST', '/v1/conversations', { type: 'group', name: `g${i}`, member_ids: ['carol'] });
		for (let n = 0; n < i % 4; n++) await alice.send(group.id, `${n}`);
		made.push({ id: group.id, unread: i % 4 });
	}
	await alice.send(made[3].id, 'newest'); // to the front
	made[3].unread++;
	// What alice has written is noted as seen by her a little later.
	const seen = (one) => one.members.find((member) => member.id === 'alice').seen_upto === one.last_seq;
	await until(async () => (await carol.done('GET', '/v1/conversations')).data.every(seen), 'positions that stay');
	const expected = [made[3], ...made.filter((one) => one !== made[3]).reverse()];
	const listed = (await pages(carol, '/v1/conversations?limit=5', 'before'));
	assert.deepEqual(listed.map((page) => page.length), [5, 5, 2]);
	assert.deepEqual(listed.flat().map(({ id, unread }) => ({ id, unread })), expected);
	assert.equal(listed[0][0].last_message.text, 'newest');
	assert.deepEqual(listed[0][0].members.map((member) => member.id), ['alice', 'carol']);
	const times = listed.flat().map((one) => one.last_activity_at);
	assert.deepEqual(times, [...times].sort().reverse());

	const synced = await pages(carol, '/v1/sync?limit=5', 'before');
	assert.equal(synced.length, 3);
	assert.equal(synced[0].user.id, 'carol');
	assert.deepEqual(synced.flatMap((page) => page.conversations), listed.flat());
	const { last_event_id: cursor } = synced[0];
	const socket = await Socket.open(carol, { after: cursor });
	await alice.send(made[0].id, 'after the snapshot');
	await socket.wait('message.created');
	assert.deepEqual(socket.named('message.created').map((event) => event.data.text), ['after the snapshot']);
	socket.close();
	await until(async () => (await alice.done('GET', '/v1/conversations')).data.find((one) => one.id === made[3].id).unread === 0, 'one\'s own are read');
});

test('a group made with an Idempotency-Key is made once', async () => {
	const body = { type: 'group', name: 'Once', member_ids: ['bob'] };
	const key = randomUUID();
	const socket = await Socket.open(bob);
	const post = (payload, headers, caller = alice) => caller.post('/v1/conversations', payload, headers);
	const first = await post(body, { 'Idempotency-Key': key });
	assert.equal(first.status, 201);
	assert.equal(first.headers.get('idempotency-replayed'), null);
	const again = await post(body, { 'Idempotency-Key': `"${key}"` });
	assert.equal(again.status, 201);
	assert.deepEqual(again.body, first.body);
	assert.equal(again.headers.get('idempotency-replayed'), 'true');
	const other = await post({ ...body, name: 'Twice' }, { 'Idempotency-Key': key });
	assert.equal(other.status, 422);
	assert.equal(other.body.code, 'idempotency_mismatch');
	const theirs = await post({ ...body, member_ids: [] }, { 'Idempotency-Key': key }, bob);
	assert.equal(theirs.status, 201, 'a key is its user\'s own');
	const failed = await post({ ...body, member_ids: ['nobody at all'] }, { 'Idempotency-Key': 'failed' });
	assert.equal(failed.status, 422);
	assert.equal((await post(body, { 'Idempotency-Key': 'failed' })).status, 201, 'a failure is not remembered');
	const twins = await Promise.all(Array.from({ length: 6 }, () => post(body, { 'Idempotency-Key': 'twins' })));
	const statuses = twins.map((answer) => answer.status);
	assert.ok(statuses.includes(201) && statuses.every((status) => status === 201 || status === 409), String(statuses));
	assert.equal(new Set(twins.filter((answer) => answer.status === 201).map((answer) => answer.body.id)).size, 1);
	assert.equal(await service.psql("select count(*) from conversations where name = 'Once'"), '4');
	await until(() => socket.named('conversation.created').length >= 4, 'an event for each');
	assert.equal(socket.named('conversation.created').length, 4);
	socket.close();
});

test('polling by a script: at once what is there, else as soon as something happens, else nothing in its time', async () => {
	// Whose presence nothing is to be told of.
	const [sender, poller] = ['sender', 'poller'].map((user) => service.as(user));
	for (const caller of [sender, poller]) await caller.get('/v1/me');
	const { id } = await sender.direct('poller');
	const poll = async (query) => {
		const start = Date.now();
		const answer = await poller.get(`/v1/events?topics=conversation:${id}&${query}`, { Accept: 'application/json' });
		assert.equal(answer.status, 200, JSON.stringify(answer.body));
		return { ...answer.body, ms: Date.now() - start, texts: answer.body.data.map((event) => event.data.text) };
	};
	let { next } = await poll('');
	await sender.send(id, 'one');
	await sender.send(id, 'two');
	const there = await poll(`after=${next}&wait=20`);
	assert.deepEqual(there.texts, ['one', 'two']);
	assert.ok(there.ms < 5000);
	next = there.next;
	const waiting = poll(`after=${next}&wait=20`);
	await pause(300);
	await sender.send(id, 'three');
	const came = await waiting;
	assert.deepEqual(came.texts, ['three']);
	assert.ok(came.ms >= 250 && came.ms < 5000, `${came.ms} ms`);
	const quiet = await poll(`after=${came.next}&wait=1`);
	assert.deepEqual(quiet.data, []);
	assert.ok(quiet.ms >= 900 && quiet.ms < 4000, `${quiet.ms} ms`);
	assert.ok(quiet.next >= came.next);
	const paged = await poll(`after=${next - 1}&limit=1`);
	assert.equal(paged.data.length, 1);
});

test('each request is one line of the log with its id, and neither tokens nor texts are in any log', async () => {
	const { id } = await alice.direct('bob');
	const request = `trace-${randomUUID()}`;
	const text = 'a very private sentence';
	const sent = await alice.post(`/v1/conversations/${id}/messages`, { text }, { 'X-Request-Id': request });
	assert.equal(sent.headers.get('x-request-id'), request);
	const refused = await alice.post(`/v1/conversations/${id}/messages`, { text: 5, [text]: 1 });
	const named = await alice.post('/v1/uploads?filename=very-private-name.txt', Buffer.from(text), { 'Content-Type': 'application/octet-stream' });
	assert.equal(named.status, 201, JSON.stringify(named.body));
	const { ticket } = await alice.done('POST', '/v1/tickets', {});
	const socket = await Socket.open(alice, { query: `&ticket=${ticket}` });
	await socket.request('messages.send', { conversation_id: id, text });
	await bob.get('/v1/me', { Authorization: `Bearer ${alice.token}x` });
	socket.close();
	const log = await until(async () => {
		const all = await service.log('kore');
		return all.includes(refused.body.request_id) && all;
	}, 'the line');
	const lines = log.split('\n').filter((line) => line.includes(`request=${request}`));
	assert.equal(lines.length, 1);
	assert.match(lines[0], /^\d{4}-\d\d-\d\dT[\d:.]+Z info request op=messages\.send status=201 .*user=alice /);
	assert.match(log, new RegExp(`op=messages\\.send status=422 .*request=${refused.body.request_id}.* code=\\w+`));
	const everything = log + await service.log('fcgi') + await service.log('postgres');
	for (const secret of [text, 'very-private-name', alice.token.split('.')[1], alice.token.split('.')[2], ticket, service.secret]) {
		assert.equal(everything.includes(secret), false, secret);
	}
});
