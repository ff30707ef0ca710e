// SPDX-License-Identifier: ISC
// Cursors that the log cannot serve: too old, from the future of a restored backup, rubbish.  At every door.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, realpath, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { FastcgiRequest } from './lib/fastcgi.js';
import { Service, TOP, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';
import { Wire, handshake } from './lib/wire.js';

const run = promisify(execFile);
let service, settings;
let [alice, bob] = [];
let conversation;
before(async () => {
	service = await Service.start({ workers: 2, env: { PARLEY_EVENT_RETENTION_HOURS: '1' } });
	settings = await service.settings();
	[alice, bob] = [service.as('alice'), service.as('bob')];
	await bob.get('/v1/me');
	({ id: conversation } = await alice.direct('bob'));
	await bob.done('PATCH', `/v1/conversations/${conversation}/settings`, { level: 'none' }); // messages are all that happens
});
after(async () => { await service?.stop(); });

const say = async (text) => (await alice.sendSurely(conversation, text)).body;
const end = async () => (await bob.doneSurely('GET', '/v1/sync')).last_event_id;

/** What polling brings after a cursor: {events, next}, as JSON from Kore and as an event stream from FastCGI. */
const polls = {
	json: async (cursor) => {
		const { body: { data, next } } = await bob.surely('GET', `/v1/events?after=${cursor}`, undefined, { Accept: 'application/json' });
		return { events: data, next };
	},
	fastcgi: async (cursor) => {
		let text;
		await until(async () => { // 503 while the database comes back
			text = '';
			const request = new FastcgiRequest(settings.PARLEY_FCGI_SOCKET, {
				uri: '/v1/events', onBody: (data) => { text += data; },
				headers: { Authorization: `Bearer ${bob.token}`, Accept: 'text/event-stream', 'Last-Event-ID': String(cursor) },
			});
			const status = await request.answered;
			assert.ok([200, 503].includes(status), text);
			return status === 200;
		}, 'an answer of 200');
		const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data));
		return { events, next: Number([...text.matchAll(/^id: (\d+)$/gm)].at(-1)[1]) };
	},
};

/** At each door a client with this cursor is told to start over, and then goes on with what happens. */
async function startsOver(cursor, what) {
	const now = await end();
	for (const [name, poll] of Object.entries(polls)) {
		const { events, next } = await poll(cursor);
		assert.deepEqual(events.map(({ event, data }) => ({ event, data })), [{ event: 'reset', data: { last_event_id: now } }], `${what}, ${name}`);
		assert.equal(next, now);
		assert.deepEqual((await poll(next)).events, [], `${what}, ${name}: once`);
	}
	const listeners = [await Socket.open(bob, { after: cursor }), await Events.open(bob, { after: cursor })];
	const { id } = await say(`after a reset, ${what}`);
	for (const listener of listeners) {
		await listener.wait('message.created', (event) => event.data.id === id);
		// Who is there is told in no order with what happens.
		const told = listener.events.map(({ event }) => event).filter((event) => event !== 'presence.updated');
		assert.deepEqual(told, ['ready', 'reset', 'message.created'], `${what}, ${listener.who}`);
		assert.equal(listener.named('reset')[0].data.last_event_id, now);
		listener.close();
	}
}

/** At each door a client with this cursor gets these messages and no reset. */
async function goesOn(cursor, texts, what) {
	for (const [name, poll] of Object.entries(polls)) {
		assert.deepEqual((await poll(cursor)).events.map(({ data }) => data.text), texts, `${what}, ${name}`);
	}
	for (const listener of [await Socket.open(bob, { after: cursor }), await Events.open(bob, { after: cursor })]) {
		await until(() => listener.texts(conversation).length >= texts.length, `${what}, ${listener.who}`);
		assert.deepEqual(listener.texts(conversation), texts, listener.who);
		assert.equal(listener.named('reset').length, 0);
		listener.close();
	}
}

test('a cursor that the log has dropped is told to start over; one at its edge is served', async () => {
	await say('one');
	const old = await end();
	await say('two');
	const open = await Socket.open(bob, { after: old });
	await open.wait('message.created', (event) => event.data.text === 'two');
	// As if hours and half a million events had gone by.
	const size = Number(await service.psql('select partition_ids from event_log'));
	await service.psql(`update events set at = at - interval '2 hours'; select setval('events_id_seq', ${size - 1})`);
	await say('three');
	await goesOn(old, ['two', 'three'], 'all of it is there');
	await run(path.join(TOP, 'build', 'parleyctl'), ['housekeeping'], { env: { ...process.env, ...settings } });
	assert.equal(await service.psql('select floor_id from event_log'), String(size - 1));
	for (let restarted = 0; restarted < 2; restarted++) {
		await startsOver(old, 'too old');
		await startsOver(0, 'from the very beginning');
		await startsOver(size - 2, 'just below the floor');
		await goesOn(size - 1, (await alice.history(conversation)).slice(2).map(({ text }) => text), 'at the floor');
		if (!restarted) await service.dev('restart', 'kore');
	}
	await open.wait('message.created', (event) => event.data.text === 'three');
	assert.equal(open.named('reset').length, 0, 'who was there all the time needs none');
	open.close();
});

test('a cursor above the end of the log is told to start over', async () => {
	await startsOver(await end() + 1, 'one too far');
	await startsOver(9007199254740991, 'far too far');
});

test('a restored backup: open streams come back to a reset, and what follows arrives', async () => {
	const data = path.join(await realpath(service.state), 'postgres');
	const control = async (...args) => {
		const words = ['/usr/lib/postgresql/15/bin/pg_ctl', '-D', data, '-w', ...args];
		await run(process.getuid() === 0 ? 'runuser' : words.shift(), process.getuid() === 0 ? ['-u', 'postgres', '--', ...words] : words);
	};
	await control('-m', 'fast', 'stop');
	await cp(data, `${data}.backup`, { recursive: true, preserveTimestamps: true });
	if (process.getuid() === 0) await run('chown', ['-R', 'postgres:', `${data}.backup`]);
	await run('chmod', ['-R', 'go-rwx', `${data}.backup`]);
	await service.dev('restart', 'postgres');
	const listeners = [await Socket.open(bob), await Events.open(bob)];
	for (const text of ['lost', 'lost too']) await say(text);
	for (const listener of listeners) await listener.wait('message.created', (event) => event.data.text === 'lost too');

	await control('-m', 'immediate', 'stop');
	await rm(data, { recursive: true });
	await rename(`${data}.backup`, data);
	await service.dev('restart', 'postgres');
	for (const listener of listeners) {
		await listener.wait('reset', () => true, 30000);
		assert.ok(listener.connections >= 2, 'it had to come back');
	}
	await say('found');
	for (const listener of listeners) {
		await listener.wait('message.created', (event) => event.data.text === 'found');
		assert.deepEqual(listener.texts(conversation).slice(-3), ['lost', 'lost too', 'found']);
		listener.close();
	}
	assert.equal((await alice.history(conversation)).some(({ text }) => text === 'lost'), false);
});

test('after `parleyctl restored` no old cursor is taken for good, however much happens', async () => {
	const old = await end();
	const open = await Socket.open(bob, { after: old });
	await run(path.join(TOP, 'build', 'parleyctl'), ['restored'], { env: { ...process.env, ...settings } });
	const floor = Number(await service.psql('select floor_id from event_log'));
	assert.ok(floor > old + 1e9 && Number.isSafeInteger(floor));
	await say('from here on');
	assert.ok(await end() > floor);
	await open.wait('message.created', (event) => event.data.text === 'from here on');
	open.close();
	await startsOver(old, 'of before');
	await startsOver(old + 1000, 'of what was lost');
	await goesOn(floor, (await alice.history(conversation)).slice(-3).map(({ text }) => text), 'at the new floor');
	await run(path.join(TOP, 'build', 'parleyctl'), ['housekeeping'], { env: { ...process.env, ...settings } });
	assert.equal(await service.psql('select floor_id from event_log'), String(floor));
});

test('rubbish for a cursor is refused by name at every door', async () => {
	for (const rubbish of ['', '-1', '1.5', '0x10', 'abc', '1e3', '99999999999999999999', '1,2']) {
		const query = `after=${encodeURIComponent(rubbish)}`;
		for (const accept of ['application/json', 'text/event-stream']) {
			const answer = await bob.surely('GET', `/v1/events?${query}`, undefined, { Accept: accept });
			assert.equal(answer.status, 422, `${rubbish} ${accept}`);
			assert.equal(answer.body.errors[0].field, 'after');
		}
		const wire = await Wire.open(service.port);
		wire.write(handshake({ Authorization: `Bearer ${bob.token}` }, { line: `GET /v1/socket?${query} HTTP/1.1` }));
		const { status, body } = await wire.answer();
		assert.equal(status, 422, `${rubbish} at the socket`);
		assert.equal(body.errors[0].field, 'after');
		wire.close();
	}
	for (const rubbish of ['abc', '-5', '99999999999999999999']) {
		for (const accept of ['application/json', 'text/event-stream']) {
			const answer = await bob.surely('GET', '/v1/events', undefined, { Accept: accept, 'Last-Event-ID': rubbish });
			assert.equal(answer.status, 422, `${rubbish} ${accept}`);
			assert.equal(answer.body.errors[0].field, 'Last-Event-ID');
		}
	}
});
