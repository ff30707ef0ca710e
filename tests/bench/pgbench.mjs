// SPDX-License-Identifier: ISC
// The send of Parley, alone at its database: what its statement costs.
import fs from 'node:fs';
import path from 'node:path';
import { run, state } from './common.mjs';

// As the service sets up its connections (db/).
const settings = ['plan_cache_mode=force_generic_plan', 'jit=off', 'enable_seqscan=off',
	'enable_hashjoin=off', 'enable_mergejoin=off', 'enable_bitmapscan=off'];

// Messages/s in batches of `items`, on one connection.
export function pgbench(parley, items, seconds) {
	const rooms = fs.readFileSync(parley.rooms.small, 'utf8').trim().split('\n');
	const list = (make) => `'{${Array.from({ length: items }, (_, i) => make(i)).join(',')}}'`;
	const none = list(() => 'null');
	const file = path.join(state, 'send.sql');
	fs.writeFileSync(file, `select count(*) from messages_send(
		${list((i) => `s${i}`)}::text[], ${list(() => 'user')}::text[],
		${list((i) => rooms[Math.floor(i / 10)])}::text[], ${none}::uuid[],
		${list(() => 'x'.repeat(120))}::text[], ${none}::uuid[], ${none}::text[],
		${none}::text[], ${none}::text[], ${list(() => 'true')}::boolean[]);`.replace(/\s+/g, ' '));
	const output = run('/usr/lib/postgresql/15/bin/pgbench',
		['-n', '-M', 'prepared', '-c', '1', '-T', seconds, '-f', file, parley.url],
		{ env: { ...process.env, PGOPTIONS: settings.map((s) => `-c ${s}`).join(' ') } });
	return items * Number(output.match(/tps = ([\d.]+)/)[1]);
}
