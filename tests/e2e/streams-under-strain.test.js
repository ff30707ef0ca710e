// SPDX-License-Identifier: ISC
// Streams when much happens at once: readers too slow, clients that come and go while events pour in,
// a service that goes down.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Service, pause, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';
import { SlowSocket, Wire } from './lib/wire.js';

const QUEUE = 256 * 1024;
const RING = 256 * 1024;
let service;
let [alice, bob] = [];
before(async () => {
	service = await Service.start({
		workers: 2, env: { PARLEY_QUEUE_BYTES: String(QUEUE), PARLEY_RING_BYTES: String(RING) },
	});
	[alice, bob] = [service.as('alice'), service.as('bob')];
	await bob.get('/v1/me');
});
after(async () => { await service?.stop(); });

async function room(name, others) {
	for (const other of others) await service.as(other).get('/v1/me');
	return (await alice.done('POST', '/v1/conversations', { type: 'group', name, member_ids: others })).id;
}

/** The resident memory of all workers together. */
async function workersBytes() {
	let sum = 0;
	for (const pid of await service.children('kore')) {
		sum += Number(/VmRSS:\s*(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
	}
	return sum;
}

/** Sends texts over a socket, some at a time, in order. */
async function pour(socket, conversation, texts, atOnce = 8) {
	const rest = [...texts];
	const answers = [];
	const hand = async () => {
		while (rest.length) {
			const answer = await socket.request('messages.send', { conversation_id: conversation, text: rest.shift() });
			assert.equal(answer.status, 201, JSON.stringify(answer));
			answers.push(answer.data);
		}
	};
	await Promise.all(Array.from({ length: atOnce }, hand));
	return answers;
}

test('a client that stops reading is cut, nobody else waits, memory stays flat, and it resumes without loss', async () => {
	const conversation = await room('busy', ['bob', 'slow']);
	const quick = [await Socket.open(bob, { reconnect: false }), await Events.open(bob)];
	const sender = await Socket.open(alice, { reconnect: false });
	const slow = [];
	for (let i = 0; i < 2; i++) slow.push(await SlowSocket.open(service.as('slow')));
	const text = '\u{1f422}'.repeat(9000); // 36 KB each: enough for every buffer between the two ends
	await pour(sender, conversation, Array(20).fill(text), 1);
	const [cutBefore, memory] = [await service.metric('parley_streams_slow_total'), await workersBytes()];
	for (const one of slow) one.stop();
	let sent = 0;
	let slowest = 0;
	let high = 0;
	const cut = async () => await service.metric('parley_streams_slow_total') - cutBefore;
	for (; sent < 1200 && (sent < 400 || await cut() < slow.length); sent += 10) {
		const start = Date.now();
		await pour(sender, conversation, Array.from({ length: 10 }, (_, i) => `${sent + i} ${text}`), 2);
		await until(() => quick.every((one) => one.texts(conversation).length >= 20 + sent + 10), 'ten messages at the quick ones');
		slowest = Math.max(slowest, Date.now() - start);
		high = Math.max(high, await workersBytes());
	}
	assert.equal(await cut(), slow.length);
	assert.ok(slowest < 2000, `ten messages took ${slowest} ms to all others`);
	assert.ok(high - memory < 4 * 1024 * 1024, `${high - memory} bytes more while ${sent * 36} KB were sent`);
	assert.equal(quick[0].closed, undefined);
	assert.equal(quick[1].connections, 1);

	const all = (await alice.history(conversation)).map((message) => message.seq);
	for (const one of slow) {
		one.go();
		await until(() => one.wire.closed, 'the end of a slow stream');
		const { events, close } = one.frames();
		const seen = events.filter((event) => event.event === 'message.created');
		assert.ok(seen.length < all.length, 'it was cut');
		assert.ok(close === undefined || close === 4408, `close code ${close}`);
		const back = await Socket.open(service.as('slow'), { after: seen.at(-1).id, reconnect: true });
		await back.wait('message.created', (event) => event.data.seq === all.at(-1), 20000);
		const seqs = [...seen, ...back.named('message.created')].map((event) => event.data.seq);
		assert.deepEqual(seqs, all);
		back.close();
	}
	for (const listener of [...quick, sender]) listener.close();
});

test('clients that come back twenty times while two thousand messages pour in miss nothing and get nothing twice', async () => {
	const conversation = await room('restless', ['bob']);
	const sender = await Socket.open(alice, { reconnect: false });
	const socket = await Socket.open(bob);
	const seen = [];
	let events;
	let last = socket.last;
	const reopen = async () => {
		events = await Events.open(bob, { after: last });
		seen.push(events);
	};
	await reopen();
	let pouring = true;
	const texts = Array.from({ length: 2000 }, (_, i) => `m${i}`);
	const poured = (async () => {
		for (let i = 0; i < texts.length; i += 100) {
			await pour(sender, conversation, texts.slice(i, i + 100), 20);
			await pause(50);
		}
		pouring = false;
	})();
	let returns = 0;
	const restless = async () => {
		for (; returns < 20; returns++) {
			await pause(40);
			const { connections } = socket;
			socket.ws.terminate();
			events.close();
			last = events.events.findLast((event) => event.id)?.id ?? last;
			await reopen();
			await until(() => socket.connections > connections, 'the socket came back');
			if (pouring) await until(() => events.texts(conversation).length > 0 || !pouring, 'events of the new stream');
		}
	};
	await Promise.all([poured, restless()]);
	const history = (await alice.history(conversation)).map((message) => message.text);
	assert.deepEqual([...history].sort(), [...texts].sort());
	await until(() => socket.texts(conversation).length >= history.length, 'all at the socket');
	const streamed = () => seen.flatMap((one) => one.texts(conversation));
	await until(() => streamed().length >= history.length, 'all at the event stream');
	assert.deepEqual(socket.texts(conversation), history);
	assert.deepEqual(streamed(), history);
	for (const listener of [socket, events, sender]) listener.close();

	// From the first on, which the ring no longer has, from the last few, and in a new process with an empty ring.
	const ids = socket.named('message.created').map((event) => event.id);
	const resume = async () => {
		for (const from of [0, ids.length - 5]) {
			for (const kind of [Socket, Events]) {
				const back = await kind.open(bob, { after: ids[from] });
				await until(() => back.texts(conversation).length >= history.length - from - 1, `the rest from ${from} on`);
				assert.deepEqual(back.texts(conversation), history.slice(from + 1), `${kind.name} from ${from}`);
				assert.equal(back.named('reset').length, 0);
				back.close();
			}
		}
	};
	await resume();
	await service.dev('restart', 'kore');
	await resume();
});

test('a service that goes down says goodbye to every stream and answers what is under way', async () => {
	const conversation = await room('goodbye', ['bob']);
	const sockets = [];
	const streams = [];
	for (let i = 0; i < 4; i++) {
		sockets.push(await Socket.open(bob, { reconnect: false }));
		const wire = await Wire.open(service.port);
		wire.write(`GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bob.token}\r\n\r\n`);
		await until(() => wire.text.includes('event: ready'), 'ready');
		streams.push(wire);
	}
	// A send that waits for the conversation's row, and a poll that waits for events.
	const { last_event_id: now } = await bob.done('GET', '/v1/sync');
	const lock = service.psql(`begin; select 1 from conversations where id = '${conversation}' for update; select pg_sleep(2); commit`);
	await until(async () => await service.psql("select count(*) from pg_stat_activity where query like '%pg_sleep(2)%' and state = 'active'") > 1, 'the lock');
	const rest = alice.send(conversation, 'the last words');
	const framed = sockets[0].request('messages.send', { conversation_id: conversation, text: 'by frame' });
	const polled = bob.get(`/v1/events?after=${now}&wait=25`, { Accept: 'application/json' });
	await until(async () => await service.metric('parley_calls') >= 3, 'three calls under way');
	const down = service.dev('restart', 'kore');

	const sent = await rest;
	assert.equal(sent.status, 201, JSON.stringify(sent.body));
	assert.equal((await polled).status, 200);
	const reply = await framed;
	assert.ok(reply.status === 201 || reply.status === 0, JSON.stringify(reply));
	for (const socket of sockets) {
		await until(() => socket.closed, 'the close');
		assert.equal(socket.closed.code, 1012);
		const hint = socket.named('reconnect');
		assert.equal(hint.length, 1);
		assert.ok(hint[0].data.after_ms >= 0 && hint[0].data.after_ms <= 60000, JSON.stringify(hint[0]));
	}
	for (const wire of streams) {
		await until(() => wire.closed, 'the end');
		assert.match(wire.text, /event: reconnect\n/);
		assert.match(wire.text, /retry: \d+\n/);
	}
	await Promise.all([lock, down]);
	const texts = (await bob.history(conversation)).map((message) => message.text);
	assert.ok(texts.includes('the last words'));
	if (reply.status === 201) assert.ok(texts.includes('by frame'));
	assert.equal(await service.psql('select count(*) from connections where disconnected_at is null'), '0');
	assert.match(await service.log('kore'), /stopped process=/);
});
