// SPDX-License-Identifier: ISC
// Does it stay fast?  Two services side by side, one with fifty messages in each of two thousand
// rooms, one with as many more as asked for, measured in turn on the same work.
import os from 'node:os';
import { load } from '../common.mjs';
import { Parley } from '../contenders/parley.mjs';
import { round } from '../cases.mjs';
import { filesMake, grown, housekept, partitions, worldMake } from './growth.mjs';

const rounds = 2;
const marks = 20000 / rounds;

// Requests of 50 connections, each for another room and member.
const requests = (...args) => (who, seconds) => load(who, undefined, ['--senders', 50,
	'--roam', who.pairs, ...args, '--warm', 1, '--seconds', seconds]);

const cases = {
	'sends, by REST': requests('--request', 'POST /v1/conversations/%r/messages', '--body', '{"text":"%t"}'),
	'history, the newest 50': requests('--request', 'GET /v1/conversations/%r/messages?limit=50'),
	'history, the oldest 50': requests('--request', 'GET /v1/conversations/%r/messages?limit=50&before=51'),
	'`conversations.list`, 10 of them': requests('--request', 'GET /v1/conversations'),
	'`sync.get`': requests('--request', 'GET /v1/sync'),
	// Each member of each room marks once: a second time there is nothing to do.
	'`receipts.mark`': (who, seconds, round) => requests('--request', 'POST /v1/conversations/%r/read',
		'--body', '{"seq":1000000000}', '--first', round * marks, '--rate', Math.floor(marks / (seconds + 1)))(who, seconds),
};

const resuming = (who, seconds) => load(who, undefined, ['--senders', 20, '--roam', who.cursors,
	'--request', 'GET /v1/events?after=%r&limit=100', '--accept', 'application/json', '--warm', 1, '--seconds', seconds]);

const sending = (who, seconds) => load(who, undefined, ['--senders', 50, '--roam', who.pairs, '--rate', 200,
	'--request', 'POST /v1/conversations/%r/messages', '--body', '{"text":"%t"}', '--warm', 1, '--seconds', seconds]);

const micros = (r) => Object.values(r.watched).reduce((all, w) => all + w.cores, 0) * 1e6 / r.replies_per_s;
const mean = (results, of) => results.reduce((all, r) => all + of(r), 0) / results.length;

const change = (from, to) => `${to >= from ? '+' : '−'}${Math.abs((to / from - 1) * 100).toFixed(0)} %`;

async function compare(pair, seconds, say) {
	const lines = ['| what | /s when small | /s when full | | CPU us each when small | when full | | within 20 % |',
		'| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |'];
	for (const [name, run] of Object.entries(cases)) {
		say(`    ${name} `);
		const results = pair.map(() => []);
		for (let i = 0; i < rounds * pair.length; i++) {
			results[i % pair.length].push(await run(pair[i % pair.length], seconds, Math.floor(i / pair.length)));
		}
		const [rate, cpu] = [(r) => r.replies_per_s, micros].map((of) => results.map((all) => mean(all, of)));
		lines.push(`| ${name} | ${rate.map(round).join(' | ')} | ${change(...rate)} | ${cpu.map(round).join(' | ')} `
			+ `| ${change(...cpu)} | ${cpu[1] <= 1.2 * cpu[0] ? 'reached' : '**missed**'} |`);
		say(`${change(...rate)}, CPU ${change(...cpu)}\n`);
	}
	return lines;
}

// The log, which the small one has too, but in one partition.
async function theLog(full, seconds, say) {
	const resumed = await resuming(full, seconds);
	const quiet = await sending(full, seconds);
	const [dropping, dropped] = await Promise.all([sending(full, seconds), housekept(full, '35 hours')]);
	say(`    the log: ${dropped.dropped} partitions dropped in ${round(dropped.longest)} ms\n`);
	return [
		`- Resuming from places all over the log, 100 events at a time: ${round(resumed.replies_per_s)} pages/s, p50 `
			+ `${round(resumed.reply_ms.p50)} ms, p99 ${round(resumed.reply_ms.p99)} ms, ${round(micros(resumed))} us of CPU each.`,
		`- Dropping ${dropped.dropped} partitions: ${round(dropped.longest)} ms. Of 200 sends/s meanwhile the p99 was `
			+ `${round(dropping.reply_ms.p99)} ms, the longest ${round(dropping.reply_ms.max)} (without: `
			+ `${round(quiet.reply_ms.p99)} and ${round(quiet.reply_ms.max)}); ${dropping.refused} were refused.`,
	];
}

async function timed(what, say, work) {
	const began = performance.now();
	say(`==> ${what} `);
	const result = await work();
	say(`(${((performance.now() - began) / 1000).toFixed(1)} s)\n`);
	return result;
}

// Answers the text for docs/performance.md.  `keep` adds to what has to be stopped and removed.
export async function grow(messages, seconds, say, keep) {
	const full = new Parley({});
	const small = new Parley({ at: `${full.at}-small`, port: full.port - 1 });
	const pair = [small, full];
	for (const who of pair) {
		who.clear();
		keep(who);
		who.up();
		await worldMake(who);
		who.pause();
		await timed('fifty messages in each of 2,000 rooms', say, () => grown(who, 100000, true));
	}
	await timed(`${messages.toLocaleString('en')} messages, events and receipts`, say, () => grown(full, messages, false));
	await timed('topic indexes of the closed partitions', say, () => housekept(full, '72 hours'));
	for (const who of pair) {
		await filesMake(who, who === full ? 'full' : 'small');
		who.resume();
	}
	const lines = await compare(pair, seconds, say);
	const count = partitions(full);
	const log = await theLog(full, seconds, say);
	return [`${messages.toLocaleString('en')} messages more, with their events (${count} partitions) and two million receipts; `
		+ `50 connections, each request for another room and member, ${rounds} times ${seconds} s each in turn, `
		+ `load average ${os.loadavg()[0].toFixed(1)} at the end:`,
	'', ...lines, '', ...log].join('\n');
}
