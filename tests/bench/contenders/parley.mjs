// SPDX-License-Identifier: ISC
// Parley: a private service as `./dev up` makes it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {
	pidOf, postgresPort, psql, roomsFile, run, shapes, sleep, state, sum, top, until,
} from '../common.mjs';

export class Parley {
	static rooms = {};
	name = 'Parley';
	ours = true;
	post = ['POST /v1/conversations/%r/messages', '{"text":"%t"}'];
	history = 'GET /v1/conversations/%r/messages?limit=50';
	listen = 'ws';
	rooms = Parley.rooms;

	// Workers of one Kore at a port; or instances of one worker each behind Nginx.
	constructor({ workers = 1, instances = 0, port = 19380, at = state }) {
		Object.assign(this, { port, at, places: [port] });
		this.instances = Array.from({ length: instances }, (_, i) => `k${i + 1}`);
		this.shape = instances > 0 ? ['--instances', instances] : ['--workers', workers];
		this.environment = {
			...process.env, PARLEY_VAR: at, PARLEY_RATE_LIMITS: 'off', PARLEY_LOG_LEVEL: 'warn',
		};
	}

	start() {
		this.up();
		if (Object.keys(Parley.rooms).length === 0) psql(this.url, '-f', 'tests/bench/contenders/aged.sql');
		for (const [name, shape] of Object.entries(shapes)) this.fill(name, shape);
	}

	dev(...args) {
		run('./dev', args.map(String), { env: this.environment, stdio: ['ignore', 'ignore', 'pipe'] });
	}

	up() {
		this.dev('up', '--detach', '--no-build', '--port', this.port, ...this.shape);
		this.secret = fs.readFileSync(path.join(this.at, 'secret'), 'utf8').trim();
		this.url = fs.readFileSync(path.join(this.at, 'environment'), 'utf8')
			.match(/PARLEY_DATABASE_URL="(.*)"/)[1];
		this.home = this.url.match(/host=(\S+)/)[1];
		this.sockets = this.instances.map((name) => path.join(this.home, `${name}.sock`));
		this.watched = this.processes();
		this.postgres = pidOf(path.join(this.at, 'postgres/postmaster.pid'));
	}

	processes() {
		if (this.instances.length === 0) return { server: pidOf(path.join(this.home, 'kore.kore.pid')) };
		return Object.fromEntries([
			...this.instances.map((name) => [name, pidOf(path.join(this.home, `${name}.kore.pid`))]),
			...['nginx', 'fcgi'].map((name) => [name, pidOf(path.join(this.home, `${name}.pid`))])]);
	}

	// Once: a restart in another shape finds them.
	fill(name, { prefix, rooms, members, each = 1 }) {
		if (Parley.rooms[name]) return;
		const ids = psql(this.url, ...Object.entries({ name, prefix, rooms, members, each })
			.flatMap(([key, value]) => ['-v', `${key}=${value}`]), '-f', 'tests/bench/contenders/parley.sql');
		Parley.rooms[name] = roomsFile('parley', name, ids.trim().split('\n'));
	}

	// Its database stays up meanwhile.
	pause() {
		process.kill(this.watched.server);
		run('tail', ['--pid', this.watched.server, '-s', '0.1', '-f', '/dev/null'], { input: '' });
	}

	resume() {
		this.dev('restart', 'kore');
		this.watched = this.processes();
	}

	// Kills its worker three seconds after so many streams are open.
	async killWorker(streams) {
		await until(`${streams} streams`, async () => {
			const text = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
			return sum([...text.matchAll(/^parley_connections\S* (\d+)/gm)].map((m) => Number(m[1]))) >= streams;
		}, 600);
		await sleep(3000);
		this.dev('kill-worker');
	}

	// Waits until so many users are there and everybody has been told of them.
	async told(users) {
		await until(`presence of ${users} users`, async () => {
			await sleep(1000);
			const [up, due] = psql(this.url, '-F', ' ', '-c', `select (select count(*) from presence where up),
				(select count(*) from presence_due where at <= now())`).split(' ').map(Number);
			return up >= users && due === 0;
		}, 220);
	}

	// Another database of the same server.
	database(name) {
		return `postgresql://parley@/${name}?host=${this.home}&port=${postgresPort}`;
	}

	stop() {
		spawnSync('./dev', ['down'], { cwd: top, env: this.environment });
	}

	// Nothing of the runs before.
	clear() {
		if (!fs.existsSync(this.at)) return;
		this.stop();
		fs.rmSync(fs.realpathSync(this.at), { recursive: true });
		fs.rmSync(this.at, { force: true });
	}
}
