// SPDX-License-Identifier: ISC
// What the contenders and the cases share: where things lie, processes, users and rooms, and the
// load itself.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const top = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
export const state = path.join(top, 'var/bench');
export const postgresPort = '54329';

// Users and rooms, alike for everybody: user i is called PREFIXi and is in room i / members; in
// `each` such rooms where it says so.
export const shapes = {
	small: { prefix: 's', rooms: 10, members: 10 },
	big: { prefix: 'b', rooms: 1, members: 1000 },
	huge: { prefix: 'h', rooms: 1, members: 10000 },
	many: { prefix: 'm', rooms: 1000, members: 10 },
	idle: { prefix: 'i', rooms: 500, members: 100, each: 10 },
};

export function run(command, args, options = {}) {
	const { status, stdout, stderr } = spawnSync(command, args,
		{ cwd: top, encoding: 'utf8', maxBuffer: 1 << 26, ...options });
	if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`);
	return stdout;
}

export const sum = (values) => values.reduce((all, one) => all + one, 0);

export const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

export async function until(what, test, tenths = 100) {
	for (let i = 0; i < tenths; i++) {
		if (await test().catch(() => false)) return;
		await sleep(100);
	}
	throw new Error(`${what} is not ready`);
}

export const answers = (port) => async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0;

export const pidOf = (file) => Number.parseInt(fs.readFileSync(file, 'utf8'), 10);

// A rival's own directory below the state's.
export function homeOf(name) {
	const home = path.join(state, name);
	fs.mkdirSync(home, { recursive: true });
	return home;
}

// A process of a rival, its output in a log beside Parley's.
export function background(name, command, args, options = {}) {
	const log = fs.openSync(path.join(state, `log/${name}.log`), 'a');
	return spawn(command, args, { cwd: top, stdio: ['ignore', log, log], ...options });
}

// Asks them to end and waits: their ports are another's next.
export async function ended(children) {
	const alive = children.filter((child) => child.exitCode === null && child.signalCode === null);
	const over = alive.map((child) => once(child, 'exit'));
	for (const child of alive) child.kill();
	await Promise.all(over);
}

// Nginx of a rival with this inside `http`: as many workers, descriptors and logs as Parley's.
export function nginx(name, workers, http, modules = '') {
	const home = homeOf(name);
	const conf = path.join(home, 'nginx.conf');
	fs.writeFileSync(conf, `
		${modules}
		daemon off; worker_processes ${workers}; worker_rlimit_nofile 20000;
		pid ${home}/pid; error_log ${home}/error.log warn;
		events { worker_connections 19000; }
		http {
			access_log off;
			client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy;
			fastcgi_temp_path ${home}/fastcgi; uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
			${http}
		}`);
	return background(name, 'nginx', ['-c', conf]);
}

export function roomsFile(who, shape, ids) {
	const file = path.join(state, `${who}-${shape}.rooms`);
	fs.writeFileSync(file, `${ids.join('\n')}\n`);
	return file;
}

export const psql = (url, ...args) => run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', url, ...args]);

// One run of the load against a contender.  `places` are where it connects, all of them by default;
// `started` is given the process.
export async function load(who, shape, args, places = who.places, started = () => {}) {
	const { prefix, members } = shapes[shape] ?? {};
	const command = [
		...places.flatMap((place) => ['--to', place]), '--secret', who.secret,
		...(prefix ? ['--prefix', prefix, '--members', members, '--rooms', who.rooms[shape]] : []),
		...Object.entries({ ...who.watched, postgres: who.postgres })
			.filter(([, pid]) => pid).flatMap(([name, pid]) => ['--watch', `${name}=${pid}`]),
		...args,
	].map(String);
	const child = spawn(path.join(top, 'build/tests/bench/load'), command,
		{ stdio: ['ignore', 'pipe', 'inherit'], timeout: 300000 });
	started(child);
	let text = '';
	child.stdout.setEncoding('utf8').on('data', (piece) => { text += piece; });
	const code = await new Promise((done) => { child.on('close', done); });
	if (code !== 0) throw new Error(`the load against ${who.name} ended with ${code}`);
	return { ...JSON.parse(text), command: `load ${command.join(' ').replace(who.secret, 'SECRET')}` };
}
