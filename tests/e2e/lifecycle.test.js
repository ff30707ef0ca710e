// SPDX-License-Identifier: ISC
// What becomes of messages: edited, deleted, forwarded; and that what is gone is gone for those who come back, whichever
// way they come and whoever answers them.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { FastcgiRequest } from './lib/fastcgi.js';
import { Service } from './lib/service.js';
import { Events, onTwoProcesses, Socket } from './lib/streams.js';

let service;
const people = {};
before(async () => {
	service = await Service.start({ workers: 2 });
	for (const user of ['ann', 'ben', 'cat', 'dan']) {
		people[user] = service.as(user);
		await people[user].get('/v1/me');
	}
});
after(async () => { await service?.stop(); });

async function group(...members) {
	const made = await people.ann.done('POST', '/v1/conversations', { type: 'group', name: 'Group', member_ids: members });
	return made.id;
}

async function sent(who, conversation, text, more) {
	const answer = await people[who].send(conversation, text, more);
	assert.equal(answer.status, 201);
	return answer.body;
}

/** A history kept by events alone, as docs/clients.md says. */
function picture(listener, conversation) {
	const messages = new Map();
	for (const { event, data } of listener.events) {
		if (!['message.created', 'message.updated', 'message.deleted'].includes(event)) continue;
		if (data.conversation_id === conversation) messages.set(data.seq, data);
	}
	return [...messages.keys()].sort((a, b) => a - b).map((seq) => messages.get(seq));
}

test('pictures made from events equal the lists after edits and deletions, at both doors', async () => {
	const { ann, ben } = people;
	const conversation = await group('ben');
	const [socket, events] = [await Socket.open(ben), await Events.open(ben)];
	const first = await sent('ann', conversation, 'firts');
	await sent('ben', conversation, 'what?', { reply_to: first.id });
	const third = await sent('ben', conversation, 'third');
	const edited = await ann.done('PATCH', `/v1/messages/${first.id}`, { text: 'first' });
	assert.ok(edited.edited_at);
	assert.equal((await ben.call('PATCH', `/v1/messages/${first.id}`, { text: 'mine' })).status, 403);
	const again = await socket.request('messages.edit', { message_id: third.id, text: '3rd' });
	assert.equal(again.status, 200);
	const gone = await socket.request('messages.delete', { message_id: third.id });
	assert.equal(gone.status, 200);
	assert.deepEqual((await ann.done('DELETE', `/v1/messages/${third.id}`)), gone.data);
	const earlier = await ann.done('GET', `/v1/messages/${first.id}/edits`);
	assert.deepEqual(earlier.data.map((edit) => edit.text), ['firts']);
	const end = await sent('ann', conversation, 'end');
	const history = await ben.history(conversation);
	for (const listener of [socket, events]) {
		await listener.wait('message.created', (event) => event.data.id === end.id);
		assert.deepEqual(picture(listener, conversation), history);
	}
	const shown = await ben.done('GET', `/v1/conversations/${conversation}`);
	assert.deepEqual(shown.last_message, history.at(-1));
	socket.close();
	events.close();
});

/** All bytes of an event stream after `cursor`, up to and with an event that has `mark` in it. */
async function streamed(caller, cursor, mark) {
	const stop = new AbortController();
	const response = await fetch(`${service.url}/v1/events?after=${cursor}`, {
		headers: { Authorization: `Bearer ${caller.token}`, Accept: 'text/event-stream' }, signal: stop.signal,
	});
	let text = '';
	for await (const bytes of response.body) {
		text += Buffer.from(bytes).toString();
		if (text.includes(mark)) break;
	}
	stop.abort();
	return text;
}

async function polled(caller, cursor) {
	let text = '';
	for (let next = cursor; ;) {
		const page = await caller.get(`/v1/events?after=${next}`, { Accept: 'application/json' });
		assert.equal(page.status, 200);
		text += page.bytes;
		if (page.body.data.length === 0) return text;
		next = page.body.next;
	}
}

async function polledByFastcgi(caller, cursor) {
	const { PARLEY_FCGI_SOCKET: socket } = await service.settings();
	let text = '';
	const request = new FastcgiRequest(socket, {
		uri: `/v1/events?after=${cursor}`, onBody: (bytes) => { text += bytes; },
		headers: { Authorization: `Bearer ${caller.token}`, Accept: 'text/event-stream' },
	});
	assert.equal(await request.answered, 200);
	return text;
}

test('who joined later hears nothing of what they do not see, whichever way they come', async () => {
	const { ann, dan } = people;
	const made = await ann.done('POST', '/v1/conversations',
		{ type: 'group', name: 'Joined', member_ids: ['ben'], history: 'joined' });
	const socket = await Socket.open(dan);
	const cursor = socket.ready.last_event_id;
	const old = await sent('ann', made.id, 'old');
	await ann.done('POST', `/v1/conversations/${made.id}/members`, { user_ids: ['dan'] });
	const seen = await sent('ann', made.id, 'new');
	await ann.done('PATCH', `/v1/messages/${old.id}`, { text: 'older' });
	await ann.done('PATCH', `/v1/messages/${seen.id}`, { text: 'newer' });
	await socket.wait('message.updated', ({ data }) => data.id === seen.id);
	const ways = {
		socket: async () => JSON.stringify(socket.events),
		polling: async (who) => polled(who, cursor),
		fastcgi: async (who) => polledByFastcgi(who, cursor),
	};
	for (const [way, ask] of Object.entries(ways)) {
		const heard = await ask(dan);
		assert.ok(heard.includes('"newer"'), way);
		assert.ok(!heard.includes(old.id), way);
		if (way !== 'socket') assert.ok((await ask(people.ben)).includes('"older"'), way);
	}
	socket.close();
});

test('what is deleted is in no resume, at no worker, in no answer, and in no table', async () => {
	const { ann, ben } = people;
	const conversation = await group('ben', 'cat');
	const sockets = await onTwoProcesses(ben, ben);
	const cursor = sockets[0].ready.last_event_id;
	const needle = `needle-${randomUUID()}`;
	const message = await sent('ben', conversation, `${needle} one`, { mentions: ['ann'] });
	await sent('ann', conversation, 'two', { reply_to: message.id });
	await ben.done('PATCH', `/v1/messages/${message.id}`, { text: `${needle} three` });
	const key = randomUUID();
	const forward = () => ben.post(`/v1/messages/${message.id}/forward`, { conversation_ids: [conversation] }, { 'Idempotency-Key': key });
	const { body: { data: [copy] } } = await forward();
	await ann.done('POST', `/v1/conversations/${conversation}/members`, { user_ids: ['dan'] });
	for (const socket of sockets) await socket.wait('message.created', (event) => event.data.id === copy.id);
	await ann.done('DELETE', `/v1/messages/${message.id}`);
	await ben.done('DELETE', `/v1/messages/${copy.id}`);

	// At once, and from any worker: eight tries meet both.
	const resumed = await Promise.all(Array.from({ length: 8 }, () => streamed(ben, cursor, `"event":"message.deleted"`)));
	const back = await Socket.open(ben, { after: cursor, reconnect: false });
	const answers = [
		...resumed, await polled(ben, cursor), await polledByFastcgi(ben, cursor), await polled(people.dan, cursor),
		(await forward()).bytes.toString(),
		(await ben.get(`/v1/conversations/${conversation}/messages`)).bytes.toString(),
		(await ann.get(`/v1/messages/${message.id}/edits`)).bytes.toString(),
		(await ann.get('/v1/sync')).bytes.toString(),
	];
	await back.wait('message.deleted', (event) => event.data.id === copy.id);
	answers.push(JSON.stringify(back.events));
	for (const text of answers) assert.equal(text.includes(needle), false);
	// They are there all the same.
	for (const text of resumed) assert.ok(text.includes(message.id));
	assert.deepEqual(picture(back, conversation), await ben.history(conversation));
	const tables = (await service.psql(`select string_agg(c.relname, ' ') from pg_class c
		where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
		and query_to_xml(format('select 1 from %I t where t::text like %L limit 1', c.relname, '%${needle}%'),
			false, false, '')::text like '%row%'`)).trim();
	assert.equal(tables, '');
	for (const socket of [...sockets, back]) socket.close();
});

test('who comes back to a worker while messages are edited all the time gets only what they said then or say now', async () => {
	const { ann, ben } = people;
	const conversation = await group('ben');
	const [one, two] = await onTwoProcesses(ben, ben);
	const cursor = one.ready.last_event_id;
	const { id } = await sent('ann', conversation, 'version 0');
	for (let n = 1; n <= 30; n++) {
		await ann.done('PATCH', `/v1/messages/${id}`, { text: `version ${n}` });
		const text = await streamed(ben, cursor, `version ${n}"`);
		assert.equal(/version (\d+)"/g.exec(text)[1], String(n));
	}
	one.close();
	two.close();
});

test('a forward brings text and file to who could not read them, to all or to none', async () => {
	const { ben, cat, dan } = people;
	const from = await group('ben', 'cat');
	const form = new FormData();
	form.append('file', new Blob(['some text']), 'a.txt');
	const file = await ben.done('POST', '/v1/uploads', form);
	const message = await sent('ben', from, 'look', { attachments: [file.id] });
	const to = await cat.done('POST', '/v1/conversations', { type: 'group', name: 'Other', member_ids: ['dan'] });
	const socket = await Socket.open(dan);
	assert.equal((await dan.get(`/v1/files/${file.id}/original`)).status, 404);
	const where = `/v1/messages/${message.id}/forward`;
	const refused = await cat.post(where, { conversation_ids: [to.id, randomUUID()] });
	assert.equal(refused.status, 404);
	assert.equal(refused.body.errors[0].field, 'conversation_ids[1]');
	const done = await cat.post(where, { conversation_ids: [to.id, 'public', from], ids: [randomUUID(), randomUUID(), randomUUID()] });
	assert.equal(done.status, 201);
	const more = await cat.post(where, { conversation_ids: [to.id] });
	assert.equal(more.status, 201);
	const event = await socket.wait('message.created', ({ data }) => data.conversation_id === to.id);
	assert.deepEqual(event.data, done.body.data[0]);
	assert.deepEqual(event.data.forwarded, {
		message_id: message.id, sender: message.sender, created_at: message.created_at,
	});
	assert.equal((await dan.get(`/v1/files/${file.id}/original`)).status, 200);
	// The file goes with the last message that shows it; who stored it keeps it.
	await ben.done('DELETE', `/v1/messages/${message.id}`);
	assert.equal((await dan.get(`/v1/files/${file.id}/original`)).status, 200);
	for (const copy of [...done.body.data, ...more.body.data]) await cat.done('DELETE', `/v1/messages/${copy.id}`);
	assert.equal((await dan.get(`/v1/files/${file.id}/original`)).status, 404);
	assert.equal((await ben.get(`/v1/files/${file.id}/original`)).status, 200);
	socket.close();
});
