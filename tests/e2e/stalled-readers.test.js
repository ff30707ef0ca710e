// SPDX-License-Identifier: ISC
// A thousand clients of a busy room stop reading: each is cut at its queue's limit and can come back for what it missed;
// the worker's memory and those who read do not feel it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, Socket, onTwoProcesses } from './lib/streams.js';
import { frames, handshake } from './lib/wire.js';

const STALLED = 1000;
const KIB = 1024;
const QUEUE = 64 * KIB;
const RING = 256 * KIB;
const TEXT = 'x'.repeat(8 * KIB); // each message: an eighth of the queue
const SAMPLE = 20; // of the stalled, read to the end

let service, socketDir, alice, slow, room;
before(async () => {
	service = await Service.start({
		instances: 2, env: { PARLEY_QUEUE_BYTES: String(QUEUE), PARLEY_RING_BYTES: String(RING) },
	});
	({ PARLEY_RUN_DIR: socketDir } = await service.settings());
	alice = service.as('alice');
	slow = service.as('slow');
	for (const user of ['bob', 'slow']) await service.as(user).get('/v1/me');
	room = (await alice.done('POST', '/v1/conversations', { type: 'group', name: 'Busy', member_ids: ['bob', 'slow'] })).id;
});
after(async () => { await service?.stop(); });

/** A connection to k1, as Nginx would make it; reads up to `ready` and no further until told to. */
class Stalled {
	constructor(kind) {
		this.kind = kind;
		this.bytes = Buffer.alloc(0);
		this.socket = net.connect(path.join(socketDir, 'k1.sock'));
		const authorization = `Bearer ${slow.token}`;
		this.socket.write(kind === 'socket' ? handshake({ Authorization: authorization })
			: `GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`);
		this.ready = new Promise((resolve) => {
			this.socket.on('data', (data) => {
				this.bytes = Buffer.concat([this.bytes, data]);
				if (!this.stopped && this.bytes.includes('"event":"ready"')) {
					this.stopped = true;
					this.socket.pause();
					resolve();
				}
			});
		});
		this.socket.on('error', () => {});
		this.ended = new Promise((resolve) => { this.socket.on('close', resolve); });
	}

	/** All that had been sent to it: {events, end}; `end` is why it ended, undefined when it was not there to be told. */
	async rest() {
		this.socket.resume();
		await this.ended;
		const start = this.bytes.indexOf('\r\n\r\n') + 4;
		if (this.kind === 'socket') {
			const all = frames(this.bytes, start);
			return {
				events: all.filter((one) => one.opcode === 1).map((one) => JSON.parse(one.payload)),
				end: all.find((one) => one.opcode === 8)?.payload.readUInt16BE(0),
			};
		}
		const events = this.bytes.subarray(start).toString().split('\n\n').slice(0, -1)
			.flatMap((block) => block.split('\n').filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6))));
		return { events, end: events.find((event) => event.event === 'error')?.data.close };
	}
}

/** What a process has for itself and its share of the rest, in bytes. */
async function pss(pid) {
	return Number(/^Pss:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]) * KIB;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

test('a thousand stalled readers', async (t) => {
	const [worker] = await service.children('k1');
	const bob = service.as('bob');
	let [near, far] = await onTwoProcesses(bob, bob); // beside the stalled ones, and at the other instance
	if (!near.process.startsWith('k1')) [near, far] = [far, near];
	const stalled = Array.from({ length: STALLED }, (_, i) => new Stalled(i % 2 ? 'socket' : 'sse'));
	await Promise.all(stalled.map((one) => one.ready));

	const delays = { near: [], far: [] };
	let n = 0;
	let start;
	for (const [name, socket] of Object.entries({ near, far })) {
		socket.ws.on('message', (data) => {
			if (data.includes('"event":"message.created"')) delays[name].push(performance.now() - start);
		});
	}
	const say = async () => {
		n++;
		start = performance.now();
		const sent = await alice.send(room, `${n} ${TEXT}`);
		assert.equal(sent.status, 201, JSON.stringify(sent.body));
		await until(() => delays.near.length === n && delays.far.length === n, `message ${n} at both readers`, 30000);
	};
	const cut = async () => Number(await service.psql('select count(*) from connections where close_code = 4408'));
	for (let i = 0; i < 3; i++) await say(); // what a first message costs is not the question
	const before = await pss(worker);
	let most = before;
	for (let all = 0; all < STALLED && n < 400; all = n % 10 ? all : await cut()) {
		await say();
		most = Math.max(most, await pss(worker));
	}
	await until(async () => await cut() === STALLED, 'the end of every stalled stream in the list of connections', 20000);

	// One ring, one queue's worth of events for all, and for each a few dozen places in a queue.
	const bound = RING + QUEUE + STALLED * KIB + 4096 * KIB;
	t.diagnostic(`${n} messages; ${(most - before) / KIB} KiB more of at most ${bound / KIB}; median ms ${median(delays.near)} near, ${median(delays.far)} far`);
	assert.ok(most - before < bound, `${most - before} bytes more`);
	assert.ok(bound < STALLED * QUEUE / 8, 'the bound says something');
	for (const one of [near, far]) {
		assert.equal(one.closed, undefined);
		assert.equal(one.connections, 1);
		assert.deepEqual(one.named('message.created').map((event) => event.data.seq), Array.from({ length: n }, (_, i) => i + 1));
	}
	// A thousand deliveries lie between the two; no more than that.
	assert.ok(median(delays.near) < 4 * median(delays.far) + 250, JSON.stringify(delays));

	const all = Array.from({ length: n }, (_, i) => i + 1);
	for (const one of stalled.slice(0, SAMPLE)) {
		const { events, end } = await one.rest();
		const seen = events.filter((event) => event.event === 'message.created');
		assert.ok(seen.length < n, 'it was cut');
		assert.ok(end === undefined || end === 4408, `the end is ${end}`);
		const Kind = one.kind === 'socket' ? Socket : Events;
		const back = await Kind.open(slow, { after: seen.at(-1)?.id ?? events[0].data.last_event_id });
		await back.wait('message.created', (event) => event.data.seq === n, 20000);
		assert.deepEqual([...seen, ...back.named('message.created')].map((event) => event.data.seq), all);
		assert.equal(back.named('reset').length, 0);
		back.close();
	}
	for (const one of stalled) one.socket.destroy();
	for (const one of [near, far]) one.close();
});
