// SPDX-License-Identifier: ISC
// Fills a service's database with messages, their events and receipts, by few large statements.
import fs from 'node:fs';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { psql, roomsFile, top } from '../common.mjs';

const here = path.join(top, 'tests/bench/grow');
const start = promisify(execFile);

const script = (url, name, variables = {}) => start('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', url,
	...Object.entries(variables).flatMap(([key, value]) => ['-v', `${key}=${value}`]),
	'-f', path.join(here, name)], { maxBuffer: 1 << 26 });

// Two hundred times ten people, in ten rooms each.
const people = { name: 'world', prefix: 'g', rooms: 200, members: 10, each: 10 };

export async function worldMake(parley) {
	for (const setting of ["max_wal_size = '16GB'", "checkpoint_timeout = '1h'"]) {
		psql(parley.url, '-c', `alter system set ${setting}`);
	}
	psql(parley.url, '-c', 'select pg_reload_conf()');
	await script(parley.url, '../contenders/parley.sql', people);
}

// Fifty messages to each of the two thousand rooms (`first`), or more of them unevenly.  The
// service must be down: it would read all of the log.
export async function grown(parley, messages, first) {
	const url = parley.url;
	const indexes = psql(url, '-c', `select pg_get_indexdef(indexrelid) from pg_index
		where indrelid = 'messages'::regclass and not indisprimary`).trim().split('\n');
	const names = indexes.map((definition) => definition.match(/INDEX (\S+) ON/)[1]);
	await script(url, 'said.sql', { messages, since: first ? 71 : 70, upto: first ? 70 : 0 });
	psql(url, ...names.flatMap((name) => ['-c', `drop index ${name}`]));
	await Promise.all([script(url, 'messages.sql'), script(url, 'events.sql', { messages })]);
	psql(url, '-c', "set maintenance_work_mem = '1GB'", ...indexes.flatMap((definition) => ['-c', definition]));
	await script(url, 'settle.sql', { receipts: first ? 1 : 100 });
}

// As the service does, one topic index a call, and drops what is older than `keep`; answers how many
// partitions went, and the longest call.
export async function housekept(parley, keep) {
	const result = { dropped: 0, longest: 0 };
	for (let more = true; more;) {
		const began = performance.now();
		const { stdout } = await start('psql', ['-XqAt', '-F', ' ', '-d', parley.url, '-c', `
			select indexed, dropped from events_housekeeping('${keep}', 2)`]);
		const [indexed, dropped] = stdout.trim().split(' ').map(Number);
		result.longest = Math.max(result.longest, performance.now() - began);
		result.dropped += dropped;
		more = indexed > 0;
	}
	return result;
}

export const partitions = (parley) => Number(psql(parley.url, '-c', `select count(*) from pg_inherits
	where inhparent = 'events'::regclass`));

export async function filesMake(parley, name) {
	const write = async (what) => roomsFile(name, what, (await script(parley.url, `${what}.sql`)).stdout.trim().split('\n'));
	parley.pairs = await write('pairs');
	parley.cursors = await write('cursors');
}
