// SPDX-License-Identifier: ISC
// Measures Parley and its rivals on the same work, one after the other in one run, and prints the
// table of docs/performance.md.  `./dev bench` builds everything first and starts this.
//
//	bench.mjs [--seconds N] [--only CASE[,CASE]] [--no-rivals] [--json FILE]
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { load, Nchan, Parley, SocketIo, state } from './contenders.mjs';

const { values: options } = parseArgs({
	options: {
		seconds: { type: 'string', default: '5' }, only: { type: 'string' },
		'no-rivals': { type: 'boolean', default: false }, json: { type: 'string' },
	},
});
// A rival's compiler needs its time too.
const seconds = ['--warm', 3, '--seconds', options.seconds];
const found = [];

const round = (n) => (n >= 100 ? Math.round(n).toLocaleString('en') : n.toFixed(n >= 10 ? 1 : 2));
const perCore = (result, count) => {
	const cores = Object.values(result.watched).reduce((sum, w) => sum + w.cores, 0);
	return cores > 0 ? count / cores : 0;
};

// ---- the cases: what is done, and which figures of the result are shown ----------------------

// Speaks on the stream, or by requests where the contender knows no other way.
const speaking = (who, senders, window) => (who.listen === 'nchan'
	? ['--senders', senders * window, '--request', who.post[0], '--body', who.post[1]]
	: ['--senders', senders, '--window', window]);

const cases = {
	send: {
		title: 'messages/s, 100 senders in rooms of 10, delivered to all',
		run: (who) => load(who, 'small', ['--listen', who.listen, '--streams', 100,
			...speaking(who, 100, 4), ...seconds]),
		figure: (r) => r.replies_per_s,
		detail: (r) => `delivery p99 ${round(r.delivery_ms.p99)} ms; ${round(perCore(r, r.replies_per_s))}/s a core`,
		without: ['nginx with nchan'],
	},
	sse: {
		title: 'the same, sent by REST and received by SSE',
		run: (who) => load(who, 'small', ['--listen', 'sse', '--streams', 100, '--senders', 100,
			'--request', who.post[0], '--body', who.post[1], ...seconds]),
		figure: (r) => r.replies_per_s,
		detail: (r) => `delivery p99 ${round(r.delivery_ms.p99)} ms`,
		onlyFor: ['Parley'],
	},
	room: {
		title: 'deliveries/s, one room of 1,000, saturated',
		run: (who) => load(who, 'big', ['--listen', who.listen, '--streams', 1000, '--sample', 10,
			...speaking(who, 10, 8), ...seconds]),
		figure: (r) => r.events_per_s,
		detail: (r) => `server ${round(r.watched.server.cores)} cores; ${round(perCore(r, r.events_per_s))} a core`,
	},
	half: {
		title: 'delivery p99 in ms, room of 1,000 at half of that load, at most 100 messages/s',
		run: (who, before) => load(who, 'big', ['--listen', who.listen, '--streams', 1000,
			'--sample', 10, ...speaking(who, 10, 8), '--rate',
			Math.max(1, Math.min(100, before.room.events_per_s / 2000)).toFixed(1), ...seconds]),
		needs: 'room',
		figure: (r) => r.delivery_ms.p99,
		lessIsBetter: true,
		detail: (r) => `${round(r.replies_per_s)} messages/s; p50 ${round(r.delivery_ms.p50)}; server ${round(r.watched.server.cores)} cores`,
	},
	history: {
		title: 'history pages/s (50 messages), 50 connections',
		run: (who) => load(who, 'small', ['--senders', 50, '--request', who.history, ...seconds]),
		figure: (r) => r.replies_per_s,
		detail: (r) => `p99 ${round(r.reply_ms.p99)} ms; ${round(perCore(r, r.replies_per_s))}/s a core`,
		without: ['nginx with nchan', 'Socket.IO, two commits'],
	},
	post: {
		title: 'posts/s through REST, 50 connections',
		run: (who) => load(who, 'small', ['--senders', 50, '--request', who.post[0], '--body', who.post[1],
			...seconds]),
		figure: (r) => r.replies_per_s,
		detail: (r) => `p99 ${round(r.reply_ms.p99)} ms; ${round(perCore(r, r.replies_per_s))}/s a core`,
		without: ['nginx with nchan'],
	},
	connect: {
		title: 'authenticated connections/s, 10,000 of them',
		run: (who) => load(who, 'many', ['--listen', who.listen, '--streams', 10000,
			'--settle', 2, '--warm', 0, '--seconds', 5]),
		figure: (r) => r.connect.per_s,
		detail: (r) => `p99 ${round(r.connect.ms.p99)} ms; server CPU ${round(r.watched.server.connect_cpu_s * 100)} us each`,
		without: ['Socket.IO, two commits'],
	},
	memory: {
		title: 'KiB of server memory a connection, 10,000 idle ones',
		run: (who, before) => before.connect,
		needs: 'connect',
		figure: (r) => (r.watched.server.connected_kib - r.watched.server.before_kib) / r.connect.ready,
		lessIsBetter: true,
		detail: (r) => `idle CPU ${round(r.watched.server.cores * 100)} % of a core`,
		without: ['Socket.IO, two commits'],
	},
	together: {
		title: 'delivery p99 in ms, 10,000 connections and 2,000 messages/s in rooms of 10',
		run: (who) => load(who, 'many', ['--listen', who.listen, '--streams', 10000,
			...speaking(who, 1000, 1), '--rate', 2000, ...seconds]),
		figure: (r) => r.delivery_ms.p99,
		lessIsBetter: true,
		detail: (r) => `${round(r.replies_per_s)} messages/s, ${r.missing} deliveries missing, `
			+ `server ${round(r.watched.server.end_kib / 1024)} MiB`,
		without: ['nginx with nchan', 'Socket.IO, two commits'],
	},
};

// The send of Parley, alone at its database: batches of `items`, on one connection.
function pgbench(parley, items) {
	const rooms = fs.readFileSync(parley.rooms.small, 'utf8').trim().split('\n');
	const list = (make) => `'{${Array.from({ length: items }, (_, i) => make(i)).join(',')}}'`;
	const none = list(() => 'null');
	const file = path.join(state, 'send.sql');
	fs.writeFileSync(file, `select count(*) from messages_send(
		${list((i) => `s${i}`)}::text[], ${list(() => 'user')}::text[],
		${list((i) => rooms[Math.floor(i / 10)])}::text[], ${none}::uuid[],
		${list(() => 'x'.repeat(120))}::text[], ${none}::uuid[], ${none}::text[],
		${none}::text[], ${none}::text[], ${list(() => 'true')}::boolean[]);`.replace(/\s+/g, ' '));
	const settings = ['plan_cache_mode=force_generic_plan', 'jit=off', 'enable_seqscan=off',
		'enable_hashjoin=off', 'enable_mergejoin=off'];
	const { status, stdout, stderr } = spawnSync('/usr/lib/postgresql/15/bin/pgbench',
		['-n', '-M', 'prepared', '-c', '1', '-T', options.seconds, '-f', file, parley.url], {
			encoding: 'utf8',
			env: { ...process.env, PGOPTIONS: settings.map((s) => `-c ${s}`).join(' ') },
		});
	if (status !== 0) throw new Error(`pgbench: ${stderr}`);
	return items * Number(stdout.match(/tps = ([\d.]+)/)[1]);
}

// ---- the run --------------------------------------------------------------------------------

const wanted = (name) => !options.only || options.only.split(',').includes(name);
const takesPart = (test, who) => !test.without?.includes(who.name)
	&& (!test.onlyFor || test.onlyFor.includes(who.name));

async function measure(contenders) {
	const before = new Map(contenders.map((who) => [who, {}]));
	for (const [name, test] of Object.entries(cases)) {
		if (!wanted(name)) continue;
		for (const who of contenders) {
			if (!takesPart(test, who) || (test.needs && !before.get(who)[test.needs])) continue;
			process.stderr.write(`==> ${name}: ${who.name} `);
			const result = test.run(who, before.get(who));
			before.get(who)[name] = result;
			found.push({ name, who: who.name, figure: test.figure(result), detail: test.detail(result), result });
			process.stderr.write(`${round(test.figure(result))} (${test.detail(result)})\n`);
		}
	}
}

function ratio(test, ours, theirs) {
	const better = test.lessIsBetter ? theirs / ours : ours / theirs;
	return Number.isFinite(better) ? `${better.toFixed(better < 10 ? 1 : 0)} ×` : '';
}

function table() {
	console.log('| what | who | figure | Parley is | |\n| --- | --- | ---: | ---: | --- |');
	for (const [name, test] of Object.entries(cases)) {
		const ours = found.find((f) => f.name === name && f.who === 'Parley');
		for (const f of found.filter((one) => one.name === name)) {
			const title = f === ours || !ours ? test.title : '';
			const times = ours && f !== ours ? ratio(test, ours.figure, f.figure) : '';
			console.log(`| ${title} | ${f.who} | ${round(f.figure)} | ${times} | ${f.detail} |`);
		}
	}
	for (const f of found.filter((one) => one.name === 'pgbench')) {
		console.log(`| messages/s, the send alone at the database, ${f.detail} | pgbench | ${round(f.figure)} | | |`);
	}
}

const contenders = [];
try {
	const parley = new Parley();
	contenders.push(parley);
	await parley.start();
	if (!options['no-rivals']) {
		contenders.push(new SocketIo(parley, 2, 19381), new SocketIo(parley, 1, 19382));
		if (Nchan.module()) contenders.push(new Nchan());
		else process.stderr.write('nchan is not installed (libnginx-mod-nchan): left out\n');
		for (const who of contenders.slice(1)) await who.start();
	}
	await measure(contenders);
	if (wanted('pgbench')) {
		for (const items of [1, 50]) {
			found.push({ name: 'pgbench', who: 'pgbench', figure: pgbench(parley, items), detail: `batches of ${items}` });
		}
	}
	console.log(`${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} cores (${os.cpus()[0].model}), `
		+ `load average ${os.loadavg()[0].toFixed(1)} at the end, ${options.seconds} s each\n`);
	table();
	if (options.json) fs.writeFileSync(options.json, JSON.stringify(found, null, '\t'));
} finally {
	for (const who of contenders.reverse()) who.stop();
}
