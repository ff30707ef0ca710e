// SPDX-License-Identifier: ISC
// What is measured.  A case belongs to a setting (bench.mjs); `run` does it, `figure` and `detail`
// say what of the result is shown.  `ours` are Parley's own goals: the figure, or `what` and its
// value `of` the result, is `atMost` or `atLeast` so much.  `times` are those beside a rival: how
// many times better Parley has to be.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { load, sum, top } from './common.mjs';

export const usual = 'Socket.IO, two commits';
export const best = 'Socket.IO, one commit';
export const pair = 'Socket.IO, two processes and Redis';
export const nchan = 'nginx with nchan';

export const round = (n) => (n >= 100 ? Math.round(n).toLocaleString('en') : n.toFixed(n >= 10 ? 1 : 2));

// ---- of a result ------------------------------------------------------------------------------

const servers = (r) => Object.entries(r.watched).filter(([name]) => name !== 'postgres').map(([, w]) => w);
const serverCores = (r) => sum(servers(r).map((w) => w.cores));
const mebibytes = (r) => sum(servers(r).map((w) => w.end_kib)) / 1024;
const perCore = (r, count) => count / (serverCores(r) + (r.watched.postgres?.cores ?? 0));
const errors = (r) => (r.refused + r.lost + r.connect.failed + r.missing) / Math.max(1, r.sent);

const delivered = (r) => `delivery p99 ${round(r.delivery_ms.p99)} ms; ${round(perCore(r, r.replies_per_s))}/s a core`;
const fannedOut = (r) => `servers ${round(serverCores(r))} cores; ${round(perCore(r, r.events_per_s))} a core`;
const answered = (r) => `p99 ${round(r.reply_ms.p99)} ms; ${round(perCore(r, r.replies_per_s))}/s a core`;
const atRate = (r) => `${round(r.replies_per_s)} messages/s; p50 ${round(r.delivery_ms.p50)}; servers ${round(serverCores(r))} cores`;
const wholeSize = (r) => `${round(r.replies_per_s)} messages/s; errors ${round(errors(r) * 100)} %; `
	+ `all processes but PostgreSQL ${round(mebibytes(r))} MiB (${Object.entries(r.watched)
		.filter(([name]) => name !== 'postgres').map(([name, w]) => `${name} ${round(w.end_kib / 1024)}`).join(', ')})`;

const wholeGoals = [{ atMost: 100 }, { what: '% errors', of: (r) => errors(r) * 100, atMost: 0.1 },
	{ what: 'MiB', of: mebibytes, atMost: 500 }];

// ---- what is done -----------------------------------------------------------------------------

// Speaks on the stream, or by requests where the contender knows no other way.
const speaking = (who, senders, window) => (who.listen === 'nchan'
	? ['--senders', senders * window, '--request', who.post[0], '--body', who.post[1]]
	: ['--senders', senders, '--window', window]);

export function makeCases(perRun) {
	// A rival's compiler needs its time too.
	const seconds = ['--warm', 2, '--seconds', perRun];
	const small = (who, rate = []) => load(who, 'small', ['--listen', who.listen, '--streams', 100,
		...speaking(who, 100, 4), ...rate, ...seconds]);
	const room = (who, shape, streams, rate = []) => load(who, shape, ['--listen', who.listen,
		'--streams', streams, '--sample', streams / 100, ...speaking(who, 10, 8), ...rate, ...seconds]);
	const requests = (who, ...what) => load(who, 'small', ['--senders', 50, ...what, ...seconds]);
	const history = (who) => requests(who, '--request', who.history);
	const post = (who) => requests(who, '--request', who.post[0], '--body', who.post[1]);
	const together = (who) => load(who, 'many', ['--listen', who.listen, '--streams', 10000,
		...speaking(who, 1000, 1), '--rate', 2000, '--settle', 1, ...seconds]);
	const rate = (value) => ['--rate', Math.max(1, value).toFixed(1)];

	return {
		// At its own port, one process each.
		send: {
			in: 'own',
			title: 'messages/s, 100 senders in rooms of 10, delivered to all',
			run: (who) => small(who),
			figure: (r) => r.replies_per_s, detail: delivered,
			times: { [usual]: 3, [best]: 1.5 }, without: [nchan],
		},
		'send-half': {
			in: 'own', needs: 'send',
			title: 'delivery p99 in ms, the same at half of that load',
			run: (who, before) => small(who, rate(before.send.replies_per_s / 2)),
			figure: (r) => r.delivery_ms.p99, lessIsBetter: true, detail: atRate,
			ours: [{ atMost: 10 }], without: [nchan, usual],
		},
		sse: {
			in: 'own',
			title: 'messages/s, the same sent by REST and received by SSE',
			run: (who) => load(who, 'small', ['--listen', 'sse', '--streams', 100, '--senders', 100,
				'--request', who.post[0], '--body', who.post[1], ...seconds]),
			figure: (r) => r.replies_per_s, detail: delivered, onlyOurs: true,
		},
		room: {
			in: 'own',
			title: 'deliveries/s, one room of 1,000, saturated',
			run: (who) => room(who, 'big', 1000),
			figure: (r) => r.events_per_s, detail: fannedOut,
			times: { [best]: 5, [nchan]: 3 }, without: [usual],
		},
		'room-half': {
			in: 'own', needs: 'room',
			title: 'delivery p99 in ms, the same at half of that load',
			run: (who, before) => room(who, 'big', 1000, rate(before.room.events_per_s / 2000)),
			figure: (r) => r.delivery_ms.p99, lessIsBetter: true, detail: atRate,
			ours: [{ atMost: 10 }], without: [usual],
		},
		single: {
			in: 'own',
			title: 'us of server CPU a delivery, room of 1,000 at 40 messages/s, each written alone',
			run: (who) => room(who, 'big', 1000, rate(40)),
			figure: (r) => serverCores(r) * 1e6 / r.events_per_s, lessIsBetter: true,
			detail: (r) => `delivery p99 ${round(r.delivery_ms.p99)} ms`,
			times: { [nchan]: 1 }, without: [usual, best],
		},
		history: {
			in: 'own',
			title: 'history pages/s (50 messages), 50 connections',
			run: history, figure: (r) => r.replies_per_s, detail: answered,
			times: { [best]: 3 }, without: [nchan, usual],
		},
		post: {
			in: 'own',
			title: 'posts/s through REST, 50 connections',
			run: post, figure: (r) => r.replies_per_s, detail: answered,
			times: { [usual]: 3, [best]: 3 }, without: [nchan],
		},
		connect: {
			in: 'own',
			title: 'authenticated connections/s, 10,000 of them',
			run: (who) => load(who, 'many', ['--listen', who.listen, '--streams', 10000,
				'--settle', 2, '--warm', 0, '--seconds', 3]),
			figure: (r) => r.connect.per_s,
			detail: (r) => `p99 ${round(r.connect.ms.p99)} ms; server CPU ${round(sum(servers(r)
				.map((w) => w.connect_cpu_s)) * 1e6 / r.connect.ready)} us each`,
			ours: [{ atLeast: 10000 }], without: [usual],
		},
		memory: {
			in: 'own', needs: 'connect',
			title: 'KiB of server memory a connection, 10,000 idle ones',
			run: (who, before) => before.connect,
			figure: (r) => sum(servers(r).map((w) => w.connected_kib - w.before_kib)) / r.connect.ready,
			lessIsBetter: true,
			detail: (r) => `idle CPU ${round(serverCores(r) * 100)} % of a core`,
			ours: [{ atMost: 2 }], without: [usual],
		},
		together: {
			in: 'own',
			title: 'delivery p99 in ms, 10,000 connections and 2,000 messages/s in rooms of 10',
			run: together,
			figure: (r) => r.delivery_ms.p99, lessIsBetter: true, detail: wholeSize, ours: wholeGoals,
			without: [nchan, usual],
		},
		storm: {
			in: 'own',
			title: 'ms until a client is back at p99, 10,000 of them, their worker killed under 200 messages/s',
			run: storm,
			figure: (r) => r.returning.absence_ms.p99, lessIsBetter: true,
			detail: (r) => `p50 ${round(r.returning.absence_ms.p50)}; ${r.returning.back.toLocaleString('en')} came back and `
				+ `resumed, ${r.returning.away} did not; ${r.returning.disordered + r.returning.uneven} missed a message or `
				+ 'heard one twice',
			ours: [{ atMost: 5000 }, { what: 'gaps', of: (r) => r.returning.disordered + r.returning.uneven, atMost: 0 }],
			onlyOurs: true,
		},

		pictures: {
			in: 'own',
			title: 'times the delivery p99 of before, 200 messages/s, while four pictures of 10 MiB are being processed all the time',
			run: async (who) => {
				const before = await small(who, rate(200));
				return { ...await besidePictures(who, () => small(who, rate(200))), before };
			},
			figure: (r) => r.delivery_ms.p99 / r.before.delivery_ms.p99, lessIsBetter: true,
			detail: (r) => `p99 ${round(r.before.delivery_ms.p99)} ms, then ${round(r.delivery_ms.p99)}; ${r.pictures.done} pictures`,
			ours: [{ atMost: 2 }, { what: 'refused', of: (r) => r.pictures.failed, atMost: 0 }],
			onlyOurs: true,
		},

		// At their own ports, two processes each.
		huge: {
			in: 'pair',
			title: 'deliveries/s, one room of 10,000, two processes, saturated',
			run: (who) => room(who, 'huge', 10000),
			figure: (r) => r.events_per_s, detail: fannedOut,
			times: { [pair]: 3 },
		},

		// Through Nginx, two processes each.
		'site-cold': {
			in: 'site',
			title: 'through Nginx: ms from connect() to `ready` at p99, 1,000 new connections/s, just started',
			run: (who) => load(who, 'many', ['--listen', who.listen, '--streams', 5000,
				'--arrivals', 1000, '--warm', 0, '--seconds', 0.5]),
			figure: (r) => r.connect.ms.p99, lessIsBetter: true,
			detail: (r) => `p50 ${round(r.connect.ms.p50)}, longest ${round(r.connect.ms.max)}; ${r.connect.failed} failed`,
			ours: [{ atMost: 500 }],
		},
		'site-send': {
			in: 'site',
			title: 'through Nginx: messages/s, 100 senders in rooms of 10, delivered to all',
			run: (who) => small(who), figure: (r) => r.replies_per_s, detail: delivered,
			times: { [pair]: 1.5 },
		},
		'site-room': {
			in: 'site',
			title: 'through Nginx: deliveries/s, one room of 1,000, saturated',
			run: (who) => room(who, 'big', 1000), figure: (r) => r.events_per_s, detail: fannedOut,
			times: { [pair]: 3 },
		},
		'site-history': {
			in: 'site',
			title: 'through Nginx: history pages/s (50 messages), 50 connections',
			run: history, figure: (r) => r.replies_per_s, detail: answered,
			times: { [pair]: 3 },
		},
		'site-post': {
			in: 'site',
			title: 'through Nginx: posts/s through REST, 50 connections',
			run: post, figure: (r) => r.replies_per_s, detail: answered,
			times: { [pair]: 3 },
		},
		'site-together': {
			in: 'site',
			title: 'through Nginx: delivery p99 in ms, 10,000 connections and 2,000 messages/s in rooms of 10',
			run: together,
			figure: (r) => r.delivery_ms.p99, lessIsBetter: true, detail: wholeSize, ours: wholeGoals,
		},
		'site-connect': {
			in: 'site', needs: 'site-together',
			title: 'through Nginx: authenticated connections/s, the 10,000 of them',
			run: (who, before) => before['site-together'],
			figure: (r) => r.connect.per_s, detail: (r) => `p99 ${round(r.connect.ms.p99)} ms`,
		},

		// Three instances at their sockets: a process here has 20,000 descriptors, the load as well.
		idle: {
			in: 'idle',
			title: 'KiB of worker memory a connection, 50,000 idle ones in 10 rooms each, three workers',
			run: idle,
			figure: (r) => r.kib / r.ready, lessIsBetter: true,
			detail: (r) => `${r.ready.toLocaleString('en')} ready, ${r.lost} lost; idle CPU of workers, Nginx and `
				+ `parley-fcgi ${round(r.cores * 100)} % of a core in 20 s, PostgreSQL's ${round(r.postgres * 100)} %; `
				+ `before, ${round(r.telling.seconds)} s in which all are told of all: workers `
				+ `${round(r.telling.workers)} s of CPU, PostgreSQL ${round(r.telling.postgres)}; `
				+ `${round(r.ready / r.seconds)} connections/s`,
			ours: [{ atMost: 2 }, { what: 'of 50,000', of: (r) => r.ready - r.lost, atLeast: 50000 },
				{ what: '% of a core, PostgreSQL too', of: (r) => (r.cores + r.postgres) * 100, atMost: 5 }],
			onlyOurs: true,
		},
	};
}

async function storm(who) {
	const running = load(who, 'many', ['--listen', 'ws', '--streams', 10000, '--senders', 1000, '--rate', 200,
		'--return', 0, '--settle', 1, '--warm', 0, '--seconds', 10]);
	await who.killWorker(10000);
	return running;
}

/** What `work` finds, while four clients each upload a picture of 10 MiB, one after the other. */
async function besidePictures(who, work) {
	// In a session of its own, as clients elsewhere: where the scheduler shares out by session, the
	// load would pay for what they send.
	const child = spawn('node', [path.join(top, 'tests/bench/uploading.mjs'), who.port, who.secret],
		{ detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
	const pieces = [];
	child.stdout.on('data', (piece) => { pieces.push(piece); });
	const over = once(child, 'close');
	try {
		await once(child.stdout, 'data'); // the first is on its way
		const found = await work();
		child.stdin.end();
		await over;
		return { ...found, pictures: JSON.parse(Buffer.concat(pieces).toString().split('\n')[1]) };
	} finally {
		child.kill();
	}
}

// Measured when everybody has been told that the others have come; until then PostgreSQL has work.
async function idle(who) {
	const counts = [16700, 16700, 16600];
	const loads = [];
	const runs = Promise.all(counts.map((streams, i) => load(who, 'idle', ['--listen', 'ws',
		'--first', sum(counts.slice(0, i)), '--streams', streams, '--settle', 1, '--warm', 240, '--seconds', 20],
	[who.sockets[i]], (child) => loads.push(child))));
	await who.told(sum(counts));
	for (const child of loads) child.kill('SIGUSR1');
	const results = await runs;
	const own = results.map((r, i) => r.watched[who.instances[i]]);
	const { nginx, fcgi, postgres } = results[2].watched;
	return {
		ready: sum(results.map((r) => r.connect.ready)), lost: sum(results.map((r) => r.lost)),
		seconds: Math.max(...results.map((r) => r.connect.seconds)),
		kib: sum(own.map((w) => w.end_kib - w.before_kib)),
		cores: sum([...own, nginx, fcgi].map((w) => w.cores)), postgres: postgres.cores,
		telling: { seconds: results[2].warm_s, workers: sum(own.map((w) => w.warm_cpu_s)), postgres: postgres.warm_cpu_s },
		generator_cores: Math.max(...results.map((r) => r.connect.generator_cores)), results,
	};
}
