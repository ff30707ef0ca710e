// SPDX-License-Identifier: ISC
// Everything at random at once: clients torn away, processes killed, links cut, PostgreSQL restarted, members who come and
// go, all of it while many write.  Afterwards each client's events are exactly those of the log that it had a right to.
//
//     PARLEY_CHAOS_SECONDS=300 PARLEY_CHAOS_SEED=4711 node --test chaos.test.js
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { askFastcgi } from './lib/fastcgi.js';
import { EventsFollower, FastcgiFollower, PollingFollower, SocketFollower } from './lib/followers.js';
import { difference, due, membersAtEnd, readLog } from './lib/judge.js';
import { DatabaseProxy } from './lib/proxy.js';
import { Random } from './lib/random.js';
import { Service, pause, until } from './lib/service.js';

const SECONDS = Number(process.env.PARLEY_CHAOS_SECONDS ?? 60);
const SEED = Number(process.env.PARLEY_CHAOS_SEED ?? randomInt(2 ** 31));
const USERS = ['ann', 'ben', 'cleo', 'dan', 'eve', 'fay', 'gus', 'hal'];
const ROOMS = 6;
const WRITERS = 4;
const WAITING_FOR_THE_LAST = 90; // seconds
const VARIABLES = ['PARLEY_CHAOS_SECONDS', 'PARLEY_CHAOS_SEED'];
for (const name of VARIABLES) delete process.env[name]; // no settings of the service

const random = new Random(SEED);
// Two shapes of a service: several workers in one Kore, or instances behind Nginx.
const shape = random.pick([{ workers: 3 }, { instances: 2 }]);
const cores = shape.instances ? ['k1', 'k2'] : ['kore'];
const journal = [];
const followers = [];
const said = new Map(); // message id -> what its writer was told
const faults = [];
let service, proxy, boss, rooms;
let stormy = true;

const note = (text) => journal.push(`${new Date().toISOString().slice(11, 23)} ${text}`);
const own = () => new Random(random.between(0, 2 ** 31)); // for what runs at its own pace

before(async () => {
	service = await Service.start({
		...shape, prepare: async (starting) => { proxy = await DatabaseProxy.before(starting); },
		// Small enough that stalled readers are cut and cursors fall out of the ring; quick to try again.
		env: { PARLEY_QUEUE_BYTES: '65536', PARLEY_RING_BYTES: '131072', PARLEY_FCGI_PROCESSES: '3' },
	});
	service.fastcgi = (await service.settings()).PARLEY_FCGI_SOCKET;
	boss = service.as('boss', { role: 'service' });
	for (const user of USERS) await service.as(user).done('GET', '/v1/me');
	rooms = [];
	for (let i = 0; i < ROOMS; i++) {
		const { id } = await boss.done('POST', '/v1/conversations', {
			type: 'group', name: `Room ${i}`, history: i % 2 ? 'joined' : 'all',
			member_ids: USERS.filter(() => i === 0 || random.chance(0.7)),
		});
		rooms.push(id);
	}
});
after(async () => {
	await Promise.all(followers.map((one) => one.end()));
	await service?.stop();
	proxy?.close();
});

/** Does `step` again and again until the storm is over. */
async function whileStormy(step) {
	while (stormy) await step();
}

/** What happens to one client: {status}, 0 when nobody knows. */
const doors = {
	rest: (user, op) => service.as(user).call('POST', op.where, op.body).catch(() => ({ status: 0 })),
	fastcgi: (user, op) => askFastcgi(service.fastcgi, {
		method: 'POST', uri: op.where, body: op.body, headers: { Authorization: `Bearer ${service.token(user)}` },
	}).catch(() => ({ status: 0 })),
	socket: (user, op) => followers.find((one) => one instanceof SocketFollower && one.caller.user === user)
		.request('messages.send', { conversation_id: op.conversation, ...op.body }),
};

/** Sends one message, by whatever door, until its writer knows. */
async function say(dice, number) {
	const [user, conversation, id] = [dice.pick(USERS), dice.pick(rooms), randomUUID()];
	const text = dice.chance(0.05) ? `${number} ${'\u{1f422}'.repeat(2000)}` : `${number} by ${user}`;
	const body = { id, text, ...(dice.chance(0.1) ? { echo: false } : {}) };
	const op = { conversation, where: `/v1/conversations/${conversation}/messages`, body };
	const record = { id, conversation, text, user, unknown: 0 };
	said.set(id, record);
	const end = Date.now() + 60000;
	for (;;) {
		const answer = await doors[dice.pick(Object.keys(doors))](user, op);
		record.status = answer.status;
		if ([200, 201].includes(answer.status)) {
			record.seq = (answer.data ?? answer.body).seq;
			return;
		}
		if ([403, 404].includes(answer.status)) return;
		if (![0, 502, 503, 504].includes(answer.status) || Date.now() > end) {
			faults.push(`a message by ${user} was answered ${answer.status} ${JSON.stringify(answer.error ?? answer.body)}`);
			return;
		}
		record.unknown++;
		await pause(dice.between(50, 300));
	}
}

/** Members come, leave and are removed; in room 0 all stay. */
async function changeMembers(dice) {
	const [room, user] = [dice.pick(rooms.slice(1)), dice.pick(USERS)];
	const where = `/v1/conversations/${room}/members`;
	const answer = await {
		add: () => boss.surely('POST', where, { user_ids: [user] }),
		remove: () => boss.surely('DELETE', `${where}/${user}`),
		leave: () => service.as(user).surely('DELETE', `${where}/${user}`),
	}[dice.weighted({ add: 5, remove: 2, leave: 2 })]();
	// 404: who is no member cannot be removed, or it was done by the request nobody heard of.
	if (![200, 404].includes(answer.status)) faults.push(`members: ${answer.status} ${JSON.stringify(answer.body)}`);
	if (dice.chance(0.2)) {
		const [one, other] = [dice.pick(USERS), dice.pick(USERS)];
		if (one !== other) await service.as(one).surely('POST', '/v1/conversations', { type: 'direct', user_id: other });
	}
	await pause(dice.between(20, 300));
}

/** A process of `name`'s children is ended, or held for a moment. */
async function strike(dice, name, signal) {
	const child = dice.pick(await service.children(name));
	if (!child) return;
	process.kill(child, signal);
	if (signal !== 'SIGSTOP') return;
	await pause(dice.between(200, 1500));
	try {
		process.kill(child, 'SIGCONT');
	} catch { /* somebody else ended it */ }
}

const blows = {
	'kill a worker': [6, (dice) => strike(dice, dice.pick(cores), 'SIGKILL')],
	'hold a worker': [2, (dice) => strike(dice, dice.pick(cores), 'SIGSTOP')],
	'kill a file process': [2, (dice) => strike(dice, 'fcgi', 'SIGKILL')],
	'restart Kore': [3, (dice) => service.dev('restart', dice.pick(cores))],
	'kill Kore': [2, async (dice) => {
		const name = dice.pick(cores);
		const workers = await service.children(name);
		process.kill(await service.pid(name), 'SIGKILL');
		await until(() => workers.every((pid) => !existsSync(`/proc/${pid}`)), 'the end of its workers');
		await service.dev('restart', name);
	}],
	'restart parley-fcgi': [2, () => service.dev('restart', 'fcgi')],
	...(shape.instances ? {
		drain: [3, async (dice) => {
			const name = dice.pick(cores);
			await service.dev('drain', name, '--seconds', '1').finally(() => service.dev('restart', name));
		}],
	} : {}),
	'restart PostgreSQL': [2, () => service.dev('restart', 'postgres')],
	'crash PostgreSQL': [2, () => service.dev('restart', 'postgres', 'immediate')],
	'cut all links': [5, () => proxy.cut()],
	'end all backends': [2, () => service.psql("select count(pg_terminate_backend(pid)) from pg_stat_activity"
		+ " where backend_type = 'client backend' and pid <> pg_backend_pid()")],
};

/** One blow after the other, sometimes two at once. */
async function blow(dice) {
	await pause(dice.between(100, 800));
	const weights = Object.fromEntries(Object.entries(blows).map(([name, [weight]]) => [name, weight]));
	const names = [dice.weighted(weights), ...(dice.chance(0.2) ? [dice.weighted(weights)] : [])];
	if (/PostgreSQL|Kore|drain/.test(names[1])) names.pop(); // these are one at a time
	await Promise.all(names.map(async (name) => {
		note(name);
		try {
			await blows[name][1](dice);
			note(`${name}: done`);
		} catch (error) { // such as a drain while the database is away
			note(`${name}: ${error.message}`);
		}
	}));
}

/** After the storm: whatever does not run is started again, and everything answers. */
async function calm() {
	const alive = (pid) => {
		try {
			return process.kill(pid, 0);
		} catch {
			return false;
		}
	};
	for (const name of [...cores, 'fcgi']) {
		const pid = await service.pid(name).catch(() => 0);
		if (!pid || !alive(pid)) await service.dev('restart', name).catch((error) => note(error.message)); // or it is slow
	}
	await until(async () => (await fetch(`${service.url}/health/ready`).catch(() => ({}))).status === 200, 'everything is ready', 60000);
}

/** Why, when something is wrong: the story of one follower around an id. */
const story = (one) => [one.name, ...one.journal.slice(-60)].join('\n  ');

test(`after ${SECONDS} s of storm every client has exactly what the log says (PARLEY_CHAOS_SEED=${SEED})`, async (t) => {
	t.diagnostic(`seed ${SEED}, ${JSON.stringify(shape)}`);
	for (const user of USERS) {
		const caller = service.as(user);
		for (const Kind of [SocketFollower, EventsFollower, PollingFollower, FastcgiFollower]) followers.push(new Kind(caller, own()));
	}
	const narrow = { topics: `conversation:${rooms[0]}` };
	followers.push(new SocketFollower(boss, own(), { topics: 'all' }), new EventsFollower(boss, own(), { topics: 'all' }),
		new SocketFollower(service.as('ann'), own(), narrow), new EventsFollower(service.as('ben'), own(), narrow),
		new FastcgiFollower(service.as('cleo'), own(), narrow));
	await until(() => followers.every((one) => one.first !== undefined), 'everybody follows', 30000);

	const dice = { members: own(), clients: own(), blows: own() };
	let number = 0;
	const writers = Array.from({ length: WRITERS }, own);
	const blowing = whileStormy(() => blow(dice.blows));
	const talking = Promise.all([
		...writers.map((one) => whileStormy(async () => {
			// Mostly one by one; now and then more at once than the ring of a process holds.
			await Promise.all(Array.from({ length: one.chance(0.02) ? 100 : 1 }, () => say(one, number++)));
			await pause(one.between(5, 60));
		})),
		whileStormy(() => changeMembers(dice.members)),
		whileStormy(async () => {
			const how = dice.clients.weighted({ closed: 3, reset: 4, 'half-open': 2, stalled: 2 });
			dice.clients.pick(followers).suffer(how);
			await pause(dice.clients.between(20, 150));
		}),
	]);
	await Promise.race([blowing, talking, pause(SECONDS * 1000)]);
	stormy = false;
	await blowing;
	await calm();
	await talking;

	// The last events of all: everybody who has them has had their chance of a surplus too.
	for (const user of USERS) await boss.surely('PUT', `/v1/users/${user}`, { name: `${user} at the end` });
	const log = await readLog(service);
	const dues = new Map(followers.map((one) => [one, due(log, { user: one.caller.user, first: one.first, topics: one.topics, origins: one.origins })]));
	for (const [one, list] of dues) {
		const { id } = list.at(-1);
		await until(() => one.seen.at(-1)?.id >= id, () => `event ${id} at ${one.name}, which is at ${one.last}\n${story(one)}\n${journal.join('\n')}`,
			WAITING_FOR_THE_LAST * 1000);
	}
	for (const [one, list] of dues) {
		const wrong = difference(one.seen, list) ?? one.faults[0];
		assert.equal(wrong, undefined, `seed ${SEED}, ${one.name}: ${wrong}\n${story(one)}\n${journal.join('\n')}`);
	}
	assert.deepEqual(faults, [], journal.join('\n'));

	await t.test('every message that was acknowledged is there, once, and no other', () => messagesFit(log));
	await t.test('who is a member is what the log says', async () => {
		const rows = (await service.psql(`select 'conversation:' || conversation_id, array_to_json(array_agg(user_id order by user_id))
			from members where left_at is null group by 1`)).split('\n').filter(Boolean).map((row) => row.split('|'));
		assert.deepEqual(Object.fromEntries(rows.map(([topic, users]) => [topic, JSON.parse(users)])), membersAtEnd(log));
	});
	await t.test('no process lost its place in the log', async () => {
		for (const name of cores) assert.doesNotMatch(await service.log(name), /does not hold the cursor|assertion|AddressSanitizer/i);
	});
	t.diagnostic(JSON.stringify({
		events: log.length, messages: said.size, blows: journal.filter((line) => line.endsWith(': done')).length,
		clients: followers.length, connections: followers.reduce((sum, one) => sum + one.origins.size, 0),
		replayed: await service.metric('parley_events_replayed_total'), cut: await service.metric('parley_streams_slow_total'),
	}));
});

async function messagesFit(log) {
	const told = [...said.values()];
	const rows = (await service.psql(`select json_build_object('id', m.id, 'seq', m.seq, 'conversation', m.conversation_id, 'text', m.text,
		'user', m.sender_id) from messages m order by m.conversation_id, m.seq`)).split('\n').filter(Boolean).map((row) => JSON.parse(row));
	const stored = new Map(rows.map((row) => [row.id, row]));
	assert.equal(stored.size, rows.length);
	for (const { id, status, unknown, ...record } of told) {
		const row = stored.get(id);
		if ([200, 201].includes(status)) assert.deepEqual(row, { id, ...record }, 'as it was acknowledged');
		else assert.ok(!row || unknown > 0, `${id} was refused with ${status} and is there`);
	}
	const created = log.filter((event) => event.type === 'message.created').map((event) => JSON.parse(event.data));
	const notices = new Set(created.filter((message) => message.type === 'system').map((message) => message.id));
	for (const id of stored.keys()) assert.ok(said.has(id) || notices.has(id), `${id} was never sent`);
	assert.deepEqual(created.map((message) => message.id).sort(), [...stored.keys()].sort(), 'one event each');
	const next = {};
	for (const { conversation, seq } of rows) assert.equal(seq, next[conversation] = (next[conversation] ?? 0) + 1, 'seq without gaps');
	for (const { conversation_id: conversation, seq, id } of created) assert.deepEqual(stored.get(id).seq, seq, conversation);
	const history = await boss.history(rooms[0]);
	assert.deepEqual(history.map((message) => message.id), rows.filter((row) => row.conversation === rooms[0]).map((row) => row.id));
}
