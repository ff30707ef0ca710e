// SPDX-License-Identifier: ISC
// Socket.IO 4 on Node with a database of its own in Parley's PostgreSQL: one process; or two that
// share their rooms through Redis, at two ports or behind Nginx.
import fs from 'node:fs';
import path from 'node:path';
import {
	answers, background, ended, homeOf, nginx, psql, roomsFile, run, shapes, top, until,
} from '../common.mjs';

const source = path.join(top, 'tests/bench/rivals/socketio');
const front = 19390;

// What is recommended: WebSocket only, so that no client must come back to the same process.
const site = (ports) => `
	upstream nodes { least_conn; keepalive 32; ${ports.map((p) => `server 127.0.0.1:${p};`).join(' ')} }
	upstream streams { least_conn; ${ports.map((p) => `server 127.0.0.1:${p};`).join(' ')} }
	server {
		listen 127.0.0.1:${front} reuseport backlog=4096;
		keepalive_requests 10000000;
		proxy_http_version 1.1;
		proxy_set_header Host $host;
		location /socket.io/ {
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $http_connection;
			proxy_read_timeout 1h;
			proxy_pass http://streams;
		}
		location / { proxy_set_header Connection ""; proxy_pass http://nodes; }
	}`;

export class SocketIo {
	static rooms = {};
	listen = 'socketio';
	post = ['POST /rooms/%r/messages', '{"text":"%t"}'];
	history = 'GET /rooms/%r/messages';
	children = [];

	constructor(parley, { commits = 1, processes = 1, behindNginx = false }) {
		Object.assign(this, { parley, commits, behindNginx });
		this.name = processes > 1 ? 'Socket.IO, two processes and Redis'
			: `Socket.IO, ${commits === 1 ? 'one commit' : 'two commits'}`;
		this.ports = Array.from({ length: processes }, (_, i) => 19380 + 2 * commits + i);
		this.places = behindNginx ? [front] : this.ports;
		this.database = `rival${commits}`;
	}

	async start() {
		if (!fs.existsSync(path.join(source, 'node_modules/ioredis'))) run('npm', ['ci', '--silent'], { cwd: source });
		this.url = this.parley.database(this.database);
		this.secret = this.parley.secret;
		this.postgres = this.parley.postgres;
		this.rooms = SocketIo.rooms[this.database] ??= this.fill();
		this.watched = {};
		const redis = this.ports.length > 1 ? await this.redis() : '';
		this.ports.forEach((port, i) => this.keep(`node${i + 1}`, background(`${this.database}-${i}`, 'node', ['server.mjs'], {
			cwd: source,
			env: {
				...process.env, NODE_ENV: 'production', PORT: String(port), DATABASE_URL: this.url,
				JWT_SECRET: this.secret, COMMITS: String(this.commits), REDIS: redis,
			},
		})));
		if (this.behindNginx) this.keep('nginx', nginx('socketio', 2, site(this.ports)));
		for (const port of [...this.ports, ...this.places]) await until(this.name, answers(port));
	}

	keep(name, child) {
		this.watched[name] = child.pid;
		this.children.push(child);
	}

	async redis() {
		const home = homeOf('redis');
		const socket = path.join(home, 'socket');
		this.keep('redis', background('redis', 'redis-server', ['--port', '0', '--unixsocket', socket,
			'--dir', home, '--save', '', '--appendonly', 'no']));
		await until('Redis', async () => run('redis-cli', ['-s', socket, 'ping']).startsWith('PONG'));
		return socket;
	}

	fill() {
		const { parley, database } = this;
		psql(parley.database('postgres'), '-c', `drop database if exists ${database}`, '-c', `create database ${database}`);
		psql(this.url, '-f', path.join(source, 'schema.sql'));
		const { idle, ...ours } = shapes; // fifty thousand connections are not asked of it
		const rooms = Object.fromEntries(Object.entries(ours).map(([name, shape]) => [name, this.fillShape(name, shape)]));
		psql(this.url, '-c', 'vacuum analyze');
		return rooms;
	}

	fillShape(name, { prefix, rooms, members }) {
		const ids = psql(this.url, '-c', `
			insert into users select '${prefix}' || i, 'User ' || i
			from generate_series(0, ${rooms * members - 1}) i`, '-c', `
			insert into rooms select md5('${name} ' || r)::uuid, '${name} ' || r
			from generate_series(0, ${rooms - 1}) r`, '-c', `
			insert into members select md5('${name} ' || i / ${members})::uuid, '${prefix}' || i
			from generate_series(0, ${rooms * members - 1}) i`, '-c', `
			select md5('${name} ' || r)::uuid from generate_series(0, ${rooms - 1}) r order by r`);
		return roomsFile(this.database, name, ids.trim().split('\n'));
	}

	async stop() {
		await ended(this.children.splice(0));
	}
}
