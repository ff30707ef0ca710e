// SPDX-License-Identifier: ISC
// Measures Parley and its rivals on the same work, one after the other in one run, and prints the
// table of docs/performance.md.  `./dev bench` builds everything first and starts this.
//
//	bench.mjs [--seconds N] [--only CASE[,CASE]] [--no-rivals] [--json FILE] [--write]
//	bench.mjs --only grow [--messages N] [--seconds N] [--write]
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { makeCases, round } from './cases.mjs';
import { Nchan } from './contenders/nchan.mjs';
import { Parley } from './contenders/parley.mjs';
import { SocketIo } from './contenders/socketio.mjs';
import { grow } from './grow/grow.mjs';
import { pgbench } from './pgbench.mjs';
import { machine, table, writeDown } from './table.mjs';

const { values: options } = parseArgs({
	options: {
		seconds: { type: 'string', default: '4' }, only: { type: 'string' },
		'no-rivals': { type: 'boolean', default: false }, json: { type: 'string' },
		write: { type: 'boolean', default: false },
		messages: { type: 'string', default: '10000000' },
	},
});
const say = (text) => process.stderr.write(text);
const cases = makeCases(options.seconds);
const named = options.only?.split(',') ?? [...Object.keys(cases), 'pgbench'];
const wanted = [...named, ...named.map((name) => cases[name]?.needs)];
const found = [];

// Who takes part, and how it is set up.  The first is Parley, whose PostgreSQL the others use.
const settings = {
	own: {
		title: 'at their own ports, one process each',
		contenders() {
			const parley = new Parley({ workers: 1 });
			return [parley, new SocketIo(parley, { commits: 2 }), new SocketIo(parley, { commits: 1 }), new Nchan()];
		},
	},
	pair: {
		title: 'at their own ports, two processes each',
		contenders() {
			const parley = new Parley({ workers: 2 });
			return [parley, new SocketIo(parley, { processes: 2 })];
		},
	},
	site: {
		title: 'through Nginx, two processes each',
		contenders() {
			const parley = new Parley({ instances: 2 });
			return [parley, new SocketIo(parley, { processes: 2, behindNginx: true })];
		},
	},
	idle: {
		title: 'three instances of Parley at their sockets',
		contenders: () => [new Parley({ instances: 3 })],
	},
};

const takesPart = (test, who, before) => !test.without?.includes(who.name)
	&& (!test.onlyOurs || who.ours) && (!test.needs || before[test.needs]);

function note(name, test, who, result) {
	const busy = [result, result.connect].filter((phase) => phase?.seconds >= 1).map((phase) => phase.generator_cores);
	const generator = Math.max(0, ...busy);
	const detail = test.detail(result) + (generator > 0.9 ? '; the load itself was busy all the time' : '');
	found.push({ name, who: who.name, ours: who.ours === true, figure: test.figure(result), detail, result });
	say(`${round(test.figure(result))} (${detail}; generator ${round(generator)} cores)\n`);
}

async function measure(tests, contenders) {
	const before = new Map(contenders.map((who) => [who, {}]));
	for (const [name, test] of tests) {
		for (const who of contenders) {
			if (!takesPart(test, who, before.get(who))) continue;
			say(`    ${name}: ${who.name} `);
			const result = await test.run(who, before.get(who));
			before.get(who)[name] = result;
			note(name, test, who, result);
		}
	}
}

function measureDatabase(parley) {
	for (const items of [1, 50]) {
		const figure = pgbench(parley, items, options.seconds);
		found.push({ name: 'pgbench', who: 'pgbench', figure, detail: `batches of ${items}, one connection` });
		say(`    pgbench: ${round(figure)} messages/s in batches of ${items}\n`);
	}
}

const running = [];
const bulky = []; // grow's, of twenty gigabytes

async function stopAll() {
	while (running.length > 0) await running.pop().stop();
	while (bulky.length > 0) bulky.pop().clear();
}

async function settingRun(name, setting) {
	const tests = Object.entries(cases).filter(([one, test]) => test.in === name && wanted.includes(one));
	const database = name === 'own' && wanted.includes('pgbench');
	if (tests.length === 0 && !database) return;
	say(`==> ${setting.title}: starting `);
	const all = setting.contenders().filter((who) => who.ours || (!options['no-rivals']
		&& tests.some(([, test]) => !test.onlyOurs && !test.without?.includes(who.name))));
	try {
		for (const who of all) {
			say(`${running.length > 0 ? ', ' : ''}${who.name}`);
			running.push(who);
			await who.start();
		}
		say('\n');
		await measure(tests, all);
		if (database) measureDatabase(all[0]);
	} finally {
		await stopAll();
	}
}

async function everything() {
	const start = Date.now();
	for (const [name, setting] of Object.entries(settings)) await settingRun(name, setting);
	say(`==> done in ${((Date.now() - start) / 60000).toFixed(1)} minutes\n`);
	const shown = { ...cases, pgbench: { title: 'messages/s, the send alone at the database' } };
	return `${machine(options.seconds)}\n\n${table(shown, found)}`;
}

const growing = options.only === 'grow';
const unknown = named.filter((name) => !growing && !cases[name] && name !== 'pgbench');
if (unknown.length > 0) {
	say(`no case ${unknown.join(', ')}; there are ${Object.keys(cases).join(', ')}, pgbench and, alone, grow\n`);
	process.exit(2);
}
let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
	process.once(signal, () => {
		stopping = true;
		say('\n==> stopping\n');
		stopAll().finally(() => process.exit(1));
	});
}
new Parley({}).clear();
let text;
try {
	text = growing ? await grow(Number(options.messages), Number(options.seconds), say, (who) => bulky.push(who))
		: await everything();
} catch (error) {
	if (!stopping) throw error; // else: what was stopped says so
} finally {
	await stopAll();
}
if (stopping) process.exit(1);
console.log(text);
if (options.write) writeDown(growing ? 'growth' : 'figures', text);
if (options.json) fs.writeFileSync(options.json, JSON.stringify(found, null, '\t'));
