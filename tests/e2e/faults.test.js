// SPDX-License-Identifier: ISC
// What everybody can count on when parts die: nothing answered 2xx is lost, nothing arrives twice.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { DatabaseProxy } from './lib/proxy.js';
import { Service, pause, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let service;
let [alice, bob] = [];
let conversation;
let proxy;
before(async () => {
	service = await Service.start({
		workers: 2, prepare: async (starting) => { proxy = await DatabaseProxy.before(starting); },
	});
	[alice, bob] = [service.as('alice'), service.as('bob')];
	await bob.get('/v1/me');
	({ id: conversation } = await alice.direct('bob'));
});
after(async () => {
	await service?.stop();
	proxy?.close();
});

/** Both talk while `break_it` runs; then both sides' pictures must equal the history. */
async function conversationSurvives(breakIt, count = 150) {
	const listeners = [await Socket.open(alice), await Socket.open(bob), await Events.open(bob)];
	const first = (await bob.get(`/v1/conversations/${conversation}`)).body.last_seq;
	const answered = [];
	const talk = async (caller) => {
		for (let i = 0; i < count; i++) {
			answered.push((await caller.sendSurely(conversation, `${caller.user} ${first} ${i}`)).body);
			await pause(10);
		}
	};
	const talking = Promise.all([talk(alice), talk(bob)]);
	await pause(300);
	await breakIt();
	await talking;
	const history = [];
	for (let cursor = first; ;) {
		const { body } = await alice.get(`/v1/conversations/${conversation}/messages?after=${cursor}&limit=100`);
		history.push(...body.data);
		if (!body.next) break;
		cursor = body.next;
	}
	assert.equal(history.length, 2 * count);
	assert.deepEqual(new Set(history.map((message) => message.id)), new Set(answered.map((message) => message.id)));
	for (const listener of listeners) {
		await until(() => listener.texts(conversation).length >= history.length, `the last message at ${listener.who}: ${listener.texts(conversation).length} of ${history.length}`, 30000);
		assert.deepEqual(listener.texts(conversation), history.map((message) => message.text), listener.who);
		listener.close();
	}
	return listeners;
}

test('PostgreSQL restarted in the middle of a conversation', async () => {
	const listeners = await conversationSurvives(() => service.dev('restart', 'postgres'));
	for (const listener of listeners) assert.equal(listener.connections, 1, `${listener.who} kept its stream`);
});

test('a killed Kore worker', async () => {
	await conversationSurvives(async () => {
		for (let i = 0; i < 3; i++) {
			await service.dev('kill-worker');
			await pause(700);
		}
	});
});

test('Kore restarted', async () => {
	await conversationSurvives(() => service.dev('restart', 'kore'));
});

test('while PostgreSQL is away writes are 503 with Retry-After, and streams stay open', async () => {
	const socket = await Socket.open(bob);
	const pid = (await service.psql("select pg_backend_pid() is not null; select setting from pg_settings where name = 'data_directory'")).split('\n')[1];
	const { spawnSync } = await import('node:child_process');
	const ctl = (...args) => spawnSync('runuser', ['-u', 'postgres', '--', '/usr/lib/postgresql/15/bin/pg_ctl', '-D', pid, ...args], { stdio: 'ignore' });
	const stop = process.getuid() === 0 ? ctl
		: (...args) => spawnSync('/usr/lib/postgresql/15/bin/pg_ctl', ['-D', pid, ...args], { stdio: 'ignore' });
	stop('-m', 'immediate', '-w', 'stop');
	try {
		const answer = await until(async () => {
			const sent = await alice.send(conversation, 'into the void');
			return sent.status === 503 && sent;
		}, 'a 503');
		assert.ok(Number(answer.headers.get('retry-after')) >= 1);
		assert.match(answer.headers.get('content-type'), /problem\+json/);
		assert.equal(answer.body.status, 503);
		assert.equal((await fetch(`${service.url}/health`)).status, 200);
		await until(async () => (await fetch(`${service.url}/health/ready`)).status === 503, 'not ready');
	} finally {
		await service.dev('restart', 'postgres');
	}
	await until(async () => (await fetch(`${service.url}/health/ready`)).status === 200, 'ready again', 20000);
	await alice.sendSurely(conversation, 'back');
	await socket.wait('message.created', (event) => event.data.text === 'back');
	assert.equal(socket.connections, 1);
	socket.close();
});

test('a send whose database link breaks is 503 outcome_unknown, and the same id again is the message that was stored', async () => {
	const socket = await Socket.open(bob);
	const id = randomUUID();
	const text = 'was it stored?';
	const stored = async () => Number(await service.psql(`select count(*) from messages where id = '${id}'`));
	const waiting = async () => Number(await service.psql("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%messages_send%'"));
	// Held by PostgreSQL itself, so that the lock outlives our own link.
	const lock = service.psql(`begin; select 1 from conversations where id = '${conversation}' for update; select pg_sleep(2); commit`).catch(() => {});
	await until(async () => Number(await service.psql("select count(*) from pg_stat_activity where query like '%pg_sleep(2)%' and state = 'active'")) > 1, 'the lock');
	const first = alice.post(`/v1/conversations/${conversation}/messages`, { id, text });
	await until(async () => await waiting() > 0, 'a send that waits');
	proxy.cut();
	const unknown = await first;
	assert.equal(unknown.status, 503, JSON.stringify(unknown.body));
	assert.equal(unknown.body.code, 'outcome_unknown');
	assert.ok(Number(unknown.headers.get('retry-after')) >= 1);
	await lock;
	await until(async () => await stored() === 1, 'the send that PostgreSQL had in hand');
	const again = await alice.sendSurely(conversation, text, { id });
	assert.equal(again.status, 200);
	assert.equal(again.body.id, id);
	const { body: next } = await alice.sendSurely(conversation, 'after it');
	assert.equal(next.seq, again.body.seq + 1);
	await socket.wait('message.created', (event) => event.data.id === next.id);
	assert.deepEqual(socket.named('message.created').map((event) => event.data.id), [id, next.id]);
	assert.equal(socket.connections, 1);
	socket.close();
});

test('while database connections are cut all the time, what is answered 2xx is stored once and repeats end as one message', async () => {
	const listener = await Socket.open(bob);
	const [{ seq: first }] = (await alice.history(conversation)).slice(-1);
	const terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
	const codes = new Map();
	const stored = new Map();
	let cutting = true;
	const talk = async (caller) => {
		for (let n = 0; cutting || n < 20; n++) {
			const [id, text] = [randomUUID(), `${caller.user} ${n}`];
			for (;;) {
				const answer = await caller.post(`/v1/conversations/${conversation}/messages`, { id, text });
				if (answer.status === 200 || answer.status === 201) {
					stored.set(id, answer.body);
					break;
				}
				assert.equal(answer.status, 503, JSON.stringify(answer.body));
				codes.set(answer.body.code, (codes.get(answer.body.code) ?? 0) + 1);
				await pause(20);
			}
		}
	};
	const talking = Promise.all([alice, bob, alice, bob].map(talk));
	for (let n = 0; n < 8; n++) {
		if (n % 2) await service.psql(terminate).catch(() => {});
		else proxy.cut();
		await pause(400);
	}
	cutting = false;
	await talking;
	assert.ok(codes.size > 0, 'it was felt');
	for (const code of codes.keys()) assert.ok(['outcome_unknown', 'database_unavailable'].includes(code), code);
	const history = await alice.history(conversation, first);
	assert.deepEqual(history.map((message) => message.id).sort(), [...stored.keys()].sort());
	for (const message of history) assert.deepEqual(message, stored.get(message.id));
	assert.deepEqual(history.map((message) => message.seq), history.map((_, i) => first + 1 + i));
	await listener.wait('message.created', (event) => event.data.seq === history.at(-1).seq, 20000);
	assert.deepEqual(listener.named('message.created').map((event) => event.data.id), history.map((message) => message.id));
	assert.equal(listener.connections, 1, 'the stream stayed open');
	listener.close();
});

test('workers of a Kore whose parent was killed end with it, also those that were started again', async () => {
	const before = await alice.history(conversation);
	const listener = await Socket.open(bob);
	for (const old of await service.children('kore')) {
		process.kill(old, 'SIGKILL');
		await until(async () => {
			const now = await service.children('kore');
			return now.length === 2 && !now.includes(old);
		}, 'another worker in its place');
	}
	const workers = await service.children('kore');
	process.kill(await service.pid('kore'), 'SIGKILL');
	await until(() => workers.every((pid) => !existsSync(`/proc/${pid}`)), 'the end of the workers', 20000);
	await service.dev('restart', 'kore');
	await alice.sendSurely(conversation, 'a new parent');
	await listener.wait('message.created', (event) => event.data.text === 'a new parent', 20000);
	assert.equal((await alice.history(conversation)).length, before.length + 1);
	listener.close();
});
