// SPDX-License-Identifier: ISC
// Who is measured: how each is started and filled, and how the load speaks to it.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

export const top = path.resolve(import.meta.dirname, '../..');
export const state = path.join(top, 'var/bench');
const PG_PORT = '54329';

// Users and rooms, alike for everybody: `members` users each, user i in room i / members.
export const shapes = {
	small: { prefix: 's', rooms: 10, members: 10 },
	big: { prefix: 'b', rooms: 1, members: 1000 },
	many: { prefix: 'm', rooms: 1000, members: 10 },
};

const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

function run(command, args, options = {}) {
	const { status, stdout, stderr } = spawnSync(command, args,
		{ cwd: top, encoding: 'utf8', maxBuffer: 1 << 26, ...options });
	if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr || stdout}`);
	return stdout;
}

async function until(what, test) {
	for (let i = 0; i < 100; i++) {
		if (await test().catch(() => false)) return;
		await sleep(100);
	}
	throw new Error(`${what} is not ready`);
}

export const pidOf = (file) => Number.parseInt(fs.readFileSync(file, 'utf8'), 10);

export function token(secret, claims) {
	const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
	const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
	return `${signed}.${crypto.createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function roomsFile(who, shape, ids) {
	const file = path.join(state, `${who}-${shape}.rooms`);
	fs.writeFileSync(file, `${ids.join('\n')}\n`);
	return file;
}

// ---- Parley: its own private service, as ./dev up makes it --------------------------------

export class Parley {
	name = 'Parley';
	port = 19380;
	environment = {
		...process.env, PARLEY_VAR: state, PARLEY_RATE_LIMITS: 'off', PARLEY_LOG_LEVEL: 'warn',
	};
	post = ['POST /v1/conversations/%r/messages', '{"text":"%t"}'];
	history = 'GET /v1/conversations/%r/messages?limit=50';
	listen = 'ws';
	rooms = {};

	async start() {
		run('./dev', ['up', '--detach', '--port', String(this.port), '--workers', '1'],
			{ env: this.environment, stdio: ['ignore', 'ignore', 'pipe'] });
		this.secret = fs.readFileSync(path.join(state, 'secret'), 'utf8').trim();
		this.url = fs.readFileSync(path.join(state, 'environment'), 'utf8')
			.match(/PARLEY_DATABASE_URL="(.*)"/)[1];
		this.run = this.url.match(/host=(\S+)/)[1];
		this.watched = { server: pidOf(path.join(this.run, 'kore.kore.pid')) };
		this.postgres = pidOf(path.join(state, 'postgres/postmaster.pid'));
		const sub = { sub: 'bench', role: 'service', exp: Math.floor(Date.now() / 1000) + 3600 };
		this.bearer = `Bearer ${token(this.secret, sub)}`;
		for (const [name, shape] of Object.entries(shapes)) await this.fill(name, shape);
	}

	async call(method, where, body) {
		const answer = await fetch(`http://127.0.0.1:${this.port}/v1${where}`, {
			method,
			headers: { authorization: this.bearer, 'content-type': 'application/json' },
			body: JSON.stringify(body),
		});
		if (!answer.ok) throw new Error(`${method} ${where}: ${await answer.text()}`);
		return answer.json();
	}

	async fill(name, { prefix, rooms, members }) {
		const users = Array.from({ length: rooms * members }, (_, i) => `${prefix}${i}`);
		for (let i = 0; i < users.length; i += 1000) {
			await this.call('PUT', '/users', {
				users: users.slice(i, i + 1000).map((id) => ({ id, name: `User ${id}` })),
			});
		}
		const ids = [];
		for (let room = 0; room < rooms; room++) {
			const made = await this.call('POST', '/conversations', {
				type: 'group', name: `${name} ${room}`,
				member_ids: users.slice(room * members, (room + 1) * members),
			});
			ids.push(made.id);
		}
		this.rooms[name] = roomsFile('parley', name, ids);
	}

	stop() {
		spawnSync('./dev', ['down'], { cwd: top, env: this.environment });
	}
}

// ---- Socket.IO 4 and a database of its own in the same PostgreSQL --------------------------

export class SocketIo {
	listen = 'socketio';
	post = ['POST /rooms/%r/messages', '{"text":"%t"}'];
	history = 'GET /rooms/%r/messages';
	rooms = {};

	constructor(parley, commits, port) {
		Object.assign(this, { parley, commits, port, secret: parley.secret });
		this.name = `Socket.IO, ${commits === 1 ? 'one commit' : 'two commits'}`;
		this.database = `rival${commits}`;
		this.url = `postgresql://parley@/${this.database}?host=${parley.run}&port=${PG_PORT}`;
		this.postgres = parley.postgres;
	}

	psql(database, ...args) {
		return run('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', this.parley.run, '-p', PG_PORT,
			'-U', 'parley', '-d', database, ...args]);
	}

	async start() {
		const home = path.join(top, 'tests/bench/rivals/socketio');
		if (!fs.existsSync(path.join(home, 'node_modules'))) run('npm', ['ci', '--silent'], { cwd: home });
		this.psql('postgres', '-c', `drop database if exists ${this.database}`);
		this.psql('postgres', '-c', `create database ${this.database}`);
		this.psql(this.database, '-f', path.join(home, 'schema.sql'));
		for (const [name, shape] of Object.entries(shapes)) this.fill(name, shape);
		this.psql(this.database, '-c', 'vacuum analyze');
		const log = fs.openSync(path.join(state, `log/${this.database}.log`), 'w');
		this.child = spawn('node', ['server.mjs'], {
			cwd: home, stdio: ['ignore', log, log],
			env: {
				...process.env, NODE_ENV: 'production', PORT: String(this.port), DATABASE_URL: this.url,
				JWT_SECRET: this.secret, COMMITS: String(this.commits),
			},
		});
		this.watched = { server: this.child.pid };
		await until(this.name, async () => (await fetch(`http://127.0.0.1:${this.port}/`)).status > 0);
	}

	fill(name, { prefix, rooms, members }) {
		this.psql(this.database, '-c', `
			insert into users select '${prefix}' || i, 'User ' || i
			from generate_series(0, ${rooms * members - 1}) i`, '-c', `
			insert into rooms select md5('${name} ' || r)::uuid, '${name} ' || r
			from generate_series(0, ${rooms - 1}) r`, '-c', `
			insert into members select md5('${name} ' || i / ${members})::uuid, '${prefix}' || i
			from generate_series(0, ${rooms * members - 1}) i`);
		const ids = this.psql(this.database, '-c', `
			select md5('${name} ' || r)::uuid from generate_series(0, ${rooms - 1}) r order by r`);
		this.rooms[name] = roomsFile(this.database, name, ids.trim().split('\n'));
	}

	stop() {
		this.child?.kill();
	}
}

// ---- nginx with nchan: fan-out with nothing stored -----------------------------------------

const nchanModules = [process.env.NCHAN_MODULE, '/usr/lib/nginx/modules/ngx_nchan_module.so'];

export class Nchan {
	name = 'nginx with nchan';
	port = 19383;
	listen = 'nchan';
	secret = '';
	post = ['POST /pub/%r', '%t'];
	rooms = {};

	static module() {
		return nchanModules.find((file) => file && fs.existsSync(file));
	}

	async start() {
		const home = path.join(state, 'nchan');
		fs.mkdirSync(home, { recursive: true });
		const conf = path.join(home, 'nginx.conf');
		fs.writeFileSync(conf, `
			load_module ${Nchan.module()};
			daemon off; worker_processes 1; worker_rlimit_nofile 20000;
			pid ${home}/pid; error_log ${home}/error.log warn;
			events { worker_connections 19000; }
			http {
				access_log off; keepalive_requests 10000000;
				client_body_temp_path ${home}; proxy_temp_path ${home}; fastcgi_temp_path ${home};
				uwsgi_temp_path ${home}; scgi_temp_path ${home};
				server {
					listen 127.0.0.1:${this.port} backlog=4096;
					location ~ /sub/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1; }
					location ~ /pub/(.+)$ { nchan_publisher; nchan_channel_id $1;
						nchan_message_buffer_length 20; }
				}
			}`);
		this.child = spawn('nginx', ['-c', conf], { stdio: 'ignore' });
		this.watched = { server: this.child.pid };
		for (const [name, { rooms }] of Object.entries(shapes)) {
			this.rooms[name] = roomsFile('nchan', name, Array.from({ length: rooms }, (_, i) => `${name}${i}`));
		}
		await until(this.name, async () => (await fetch(`http://127.0.0.1:${this.port}/`)).status > 0);
	}

	stop() {
		this.child?.kill();
	}
}

// One run of the load against a contender.
export function load(who, shape, args) {
	const { prefix, members } = shapes[shape];
	const watch = Object.entries({ ...who.watched, postgres: who.postgres })
		.filter(([, pid]) => pid).flatMap(([name, pid]) => ['--watch', `${name}=${pid}`]);
	const text = execFileSync(path.join(top, 'build/tests/bench/load'), [
		'--port', String(who.port), '--secret', who.secret, '--prefix', prefix,
		'--members', String(members), '--rooms', who.rooms[shape], ...watch, ...args.map(String),
	], { encoding: 'utf8', timeout: 300000, stdio: ['ignore', 'pipe', 'inherit'] });
	return JSON.parse(text);
}
