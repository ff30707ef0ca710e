// SPDX-License-Identifier: ISC
// What was found, as the tables of docs/performance.md.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { round } from './cases.mjs';
import { run, top } from './common.mjs';

const ratio = (test, ours, theirs) => (test.lessIsBetter ? theirs / ours : ours / theirs);

// Goals, and whether they were reached: in this run, on this machine.
const verdict = (goal, reached) => `${goal}: ${reached ? 'reached' : '**missed**'}`;

function ownVerdict({ what = '', of, atMost, atLeast }, f) {
	const value = of ? of(f.result) : f.figure;
	return atMost !== undefined ? verdict(`at most ${atMost} ${what}`.trim(), value <= atMost)
		: verdict(`at least ${atLeast.toLocaleString('en')} ${what}`.trim(), value >= atLeast);
}

function verdicts(test, f, times) {
	if (f.ours) return (test.ours ?? []).map((goal) => ownVerdict(goal, f)).join('; ');
	const wanted = test.times?.[f.who];
	return wanted === undefined ? '' : verdict(`${wanted} ×`, times >= wanted);
}

const many = (times) => (Number.isFinite(times) ? `${times.toFixed(times < 10 ? 1 : 0)} ×` : '');

export function table(cases, found) {
	const lines = ['| what | who | figure | Parley is | goal | |', '| --- | --- | ---: | ---: | --- | --- |'];
	for (const [name, test] of Object.entries(cases)) {
		const rows = found.filter((f) => f.name === name);
		const ours = rows.find((f) => f.ours);
		rows.forEach((f, i) => {
			const times = ours && f !== ours ? ratio(test, ours.figure, f.figure) : NaN;
			lines.push(`| ${i === 0 ? `${test.title} (\`${name}\`)` : ''} | ${f.who} | ${round(f.figure)} | ${many(times)} `
				+ `| ${verdicts(test, f, times)} | ${f.detail} |`);
		});
	}
	return lines.join('\n');
}

export function machine(seconds) {
	const release = fs.readFileSync('/etc/os-release', 'utf8').match(/PRETTY_NAME="(.*?)"/)[1];
	const postgres = run('/usr/lib/postgresql/15/bin/postgres', ['--version']).match(/[\d.]+/)[0];
	return `${new Date().toISOString().slice(0, 10)}: ${os.cpus().length} cores (${os.cpus()[0].model}), `
		+ `${Math.round(os.totalmem() / 2 ** 30)} GiB, ${release}, PostgreSQL ${postgres}, Node ${process.versions.node}, `
		+ `load average ${os.loadavg()[0].toFixed(1)} at the end, ${seconds} s each:`;
}

// Puts `text` between `<!-- NAME -->` and `<!-- end NAME -->` of docs/performance.md.
export function writeDown(name, text) {
	const file = path.join(top, 'docs/performance.md');
	const page = fs.readFileSync(file, 'utf8');
	const [before, rest] = page.split(`<!-- ${name} -->\n`);
	const after = rest?.split(`<!-- end ${name} -->\n`)[1];
	if (after === undefined) throw new Error(`${file} has no place for ${name}`);
	fs.writeFileSync(file, `${before}<!-- ${name} -->\n${text}\n<!-- end ${name} -->\n${after}`);
}
