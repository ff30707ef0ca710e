// SPDX-License-Identifier: ISC
// Parley: a private service as `./dev up` makes it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { pidOf, postgresPort, psql, roomsFile, run, shapes, state, top } from '../common.mjs';

const port = 19380;
const environment = {
	...process.env, PARLEY_VAR: state, PARLEY_RATE_LIMITS: 'off', PARLEY_LOG_LEVEL: 'warn',
};

export class Parley {
	static rooms = {};
	name = 'Parley';
	ours = true;
	post = ['POST /v1/conversations/%r/messages', '{"text":"%t"}'];
	history = 'GET /v1/conversations/%r/messages?limit=50';
	listen = 'ws';
	rooms = Parley.rooms;

	// Workers of one Kore at a port; or instances of one worker each behind Nginx.
	constructor({ workers = 1, instances = 0 }) {
		this.instances = Array.from({ length: instances }, (_, i) => `k${i + 1}`);
		this.shape = instances > 0 ? ['--instances', instances] : ['--workers', workers];
	}

	start() {
		run('./dev', ['up', '--detach', '--no-build', '--port', port, ...this.shape].map(String),
			{ env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
		this.secret = fs.readFileSync(path.join(state, 'secret'), 'utf8').trim();
		this.url = fs.readFileSync(path.join(state, 'environment'), 'utf8')
			.match(/PARLEY_DATABASE_URL="(.*)"/)[1];
		this.home = this.url.match(/host=(\S+)/)[1];
		this.places = [port];
		this.sockets = this.instances.map((name) => path.join(this.home, `${name}.sock`));
		this.watched = this.processes();
		this.postgres = pidOf(path.join(state, 'postgres/postmaster.pid'));
		for (const [name, shape] of Object.entries(shapes)) this.fill(name, shape);
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

	// Another database of the same server.
	database(name) {
		return `postgresql://parley@/${name}?host=${this.home}&port=${postgresPort}`;
	}

	stop() {
		spawnSync('./dev', ['down'], { cwd: top, env: environment });
	}

	// Nothing of the runs before.
	static clear() {
		if (!fs.existsSync(state)) return;
		new Parley({}).stop();
		fs.rmSync(fs.realpathSync(state), { recursive: true });
		fs.rmSync(state, { force: true });
	}
}
