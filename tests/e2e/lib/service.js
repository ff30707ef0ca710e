// SPDX-License-Identifier: ISC
// A service of the test's own: its database, its processes, its port; started by ./dev as a user would.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createHmac, randomBytes, randomInt, randomUUID, sign } from 'node:crypto';
import {
	chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink,
} from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ANSWERED_MS = 100000; // no request takes that long, whatever the service goes through
const FILE_SECONDS = 200; // nor a file of tests
export const TOP = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * A port nobody listens at, below those that the kernel gives to outgoing connections: one of these
 * could take it while the service restarts, or a client that comes back too early connect to itself.
 */
export async function freePort() {
	for (;;) {
		const port = randomInt(10000, 32768);
		const server = net.createServer();
		const free = await new Promise((resolve) => {
			server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
		});
		if (!free) continue;
		await new Promise((resolve) => { server.close(resolve); });
		return port;
	}
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token signed here, so that tests can make every kind of wrong one; `key` is a secret, or a private key in PEM. */
export function signToken(key, claims, header = { alg: 'HS256', typ: 'JWT' }) {
	const body = `${encode(header)}.${encode(claims)}`;
	const signature = typeof key === 'string' && key.startsWith('-----BEGIN')
		? sign('sha256', body, { key, dsaEncoding: 'ieee-p1363' }) : createHmac('sha256', key).update(body).digest();
	return `${body}.${signature.toString('base64url')}`;
}

/**
 * The directory for a service's state: `home`; or one that it leads to, as ./dev does it, where the
 * processes' user may not enter the tree, and where there is a file system in memory to be used.
 */
async function stateAt(home) {
	await mkdir(path.dirname(home), { recursive: true });
	const ram = process.env.TEST_RAM; // tests/check.sh says where
	const entered = !ram && (process.getuid() !== 0
		|| await run('runuser', ['-u', 'postgres', '--', 'test', '-x', path.dirname(home)]).then(() => true, () => false));
	if (entered) {
		await mkdir(home);
		return home;
	}
	const place = await mkdtemp(path.join(ram ?? '/var/tmp', 'parley-'));
	await chmod(place, 0o755);
	await symlink(place, home);
	return place;
}

/** A database in the new service's state, copied from the one that the C tests made, if they did. */
async function databaseInto(state) {
	const template = path.join(process.env.PARLEY_BUILD ?? path.join(TOP, 'build'), 'tests/db/template/data');
	if (existsSync(template)) await run('cp', ['-a', template, path.join(state, 'postgres')]);
}

/** A test that waits for what does not come says where it stands before ./dev check loses its patience. */
function watch(service, seconds) {
	setTimeout(async () => {
		console.error(`no end after ${seconds} s; awaited: ${process.getActiveResourcesInfo().join(' ')}`);
		const logs = path.join(service.state, 'log');
		for (const name of await readdir(logs).catch(() => [])) {
			const text = await readFile(path.join(logs, name), 'utf8');
			console.error(`${name}:\n${text.slice(-2000)}`);
		}
		process.exit(1);
	}, seconds * 1000).unref();
}

export class Service {
	/**
	 * Options: workers, instances, site, tls, chroot, env (PARLEY_* settings), prepare (called before it starts),
	 * fresh (it makes its database itself, from nothing), patience (seconds that the file of tests may take).
	 */
	static async start(options = {}) {
		for (let tries = 1; ; tries++) {
			try {
				return await Service.begin(options);
			} catch (error) {
				// Between finding a port and listening at it somebody else took it.
				if (tries === 3 || !error.message.includes('Address already in use')) throw error;
				await error.service.stop();
			}
		}
	}

	static async begin({ workers, instances, site, tls, chroot, env = {}, prepare, fresh, patience = FILE_SECONDS } = {}) {
		const service = new Service();
		service.listeners = new Set();
		watch(service, patience);
		service.port = await freePort();
		service.url = `${tls ? 'https' : 'http'}://127.0.0.1:${service.port}`;
		service.secret = randomBytes(32).toString('hex');
		service.home = path.join(TOP, 'var', 'e2e', `${process.pid}-${service.port}`);
		service.state = await stateAt(service.home);
		service.env = {
			...process.env, PARLEY_VAR: service.home, PARLEY_JWT_SECRET: service.secret,
			PARLEY_RATE_LIMITS: 'off', ...env,
		};
		if (!fresh) await databaseInto(service.state);
		await prepare?.(service);
		const args = ['up', '--detach', '--no-build', '--port', String(service.port)];
		if (workers) args.push('--workers', String(workers));
		if (instances) args.push('--instances', String(instances));
		if (site) args.push('--site', site);
		if (tls) args.push('--tls');
		if (chroot) args.push('--chroot');
		try {
			await service.dev(...args);
		} catch (error) {
			throw Object.assign(error, { service });
		}
		return service;
	}

	/** Runs ./dev on this service; its output goes to a file, since daemons inherit it. */
	async dev(...args) {
		const child = spawn('./dev', args, { cwd: TOP, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
		let out = '';
		child.stdout.on('data', (data) => { out += data; });
		child.stderr.on('data', (data) => { out += data; });
		const code = await new Promise((resolve, reject) => {
			child.on('error', reject);
			child.on('exit', resolve);
		});
		child.stdout.destroy();
		child.stderr.destroy();
		if (code !== 0) throw new Error(`./dev ${args.join(' ')} ended with ${code}:\n${out}`);
		return out;
	}

	async stop() {
		for (const listener of this.listeners) listener.close();
		await this.dev('down');
		for (const place of [this.state, this.home]) await rm(place, { recursive: true, force: true });
	}

	token(sub, { role = 'user', name = sub, ttl = 3600, ...claims } = {}) {
		const now = Math.floor(Date.now() / 1000);
		return signToken(this.secret, { sub, role, name, iat: now, exp: now + ttl, ...claims });
	}

	/** A caller of operations over REST. */
	as(sub, claims) {
		return new Caller(this, this.token(sub, claims), sub);
	}

	async psql(sql) {
		const { stdout } = await run('./dev', ['psql', '-qAtX', '-c', sql], { cwd: TOP, env: this.env, maxBuffer: 1 << 29 });
		return stdout.trim();
	}

	log(name) {
		return readFile(path.join(this.state, 'log', `${name}.log`), 'utf8');
	}

	/** The settings that its processes were started with. */
	async settings() {
		const text = await readFile(path.join(this.state, 'environment'), 'utf8');
		return Object.fromEntries([...text.matchAll(/^export (\w+)="(.*)"$/gm)].map(([, name, value]) => [name, value]));
	}

	/** The process that ./dev started under that name: kore, k1, fcgi. */
	async pid(name) {
		const { PARLEY_RUN_DIR: dir } = await this.settings();
		return Number(await readFile(path.join(dir, `${name}.pid`), 'utf8'));
	}

	/** The processes below it, or below a pid: Kore's workers, the FastCGI children. */
	async children(name) {
		const parent = typeof name === 'number' ? name : await this.pid(name);
		const found = [];
		for (const entry of await readdir('/proc')) {
			if (!/^\d+$/.test(entry)) continue;
			const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '');
			const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
			if (Number(fields[1]) === parent && fields[0] !== 'Z') found.push(Number(entry));
		}
		return found;
	}

	/** A figure of /metrics, summed over its labels. */
	async metric(name) {
		const text = await (await fetch(`${this.url}/metrics`)).text();
		return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
			.reduce((sum, [, value]) => sum + Number(value), 0);
	}
}

export class Caller {
	constructor(service, token, user) {
		Object.assign(this, { service, token, user });
	}

	/** Answers {status, headers, body}; body is parsed when it is JSON. */
	async call(method, where, body, headers = {}) {
		const response = await fetch(this.service.url + where, {
			method,
			signal: AbortSignal.timeout(ANSWERED_MS),
			headers: {
				...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
				...(body !== undefined && !(body instanceof FormData) ? { 'Content-Type': 'application/json' } : {}),
				...headers,
			},
			body: body === undefined || body instanceof FormData || typeof body === 'string' || body instanceof Uint8Array
				? body : JSON.stringify(body),
		});
		const type = response.headers.get('content-type') ?? '';
		const bytes = Buffer.from(await response.arrayBuffer());
		return {
			status: response.status, headers: response.headers, bytes,
			body: /json/.test(type) && bytes.length ? JSON.parse(bytes) : bytes.toString(),
		};
	}

	get(where, headers) { return this.call('GET', where, undefined, headers); }
	post(where, body, headers) { return this.call('POST', where, body, headers); }

	/** The same, but it must be answered with 2xx; answers the body. */
	async done(method, where, body, headers) {
		const answer = await this.call(method, where, body, headers);
		if (answer.status >= 300) throw new Error(`${method} ${where}: ${answer.status} ${JSON.stringify(answer.body)}`);
		return answer.body;
	}

	/** The same, asked again while it is answered with 503, as Retry-After says. */
	async doneSurely(method, where, body, { seconds = 40 } = {}) {
		const end = Date.now() + seconds * 1000;
		for (;;) {
			const answer = await this.call(method, where, body);
			if (answer.status < 300) return answer.body;
			if (answer.status !== 503 || Date.now() > end) throw new Error(`${method} ${where}: ${answer.status} ${JSON.stringify(answer.body)}`);
			await pause(Math.max(100, Number(answer.headers.get('retry-after')) * 1000));
		}
	}

	/** The answer to a request that is made again while nobody can say what became of it. */
	async surely(method, where, body, { seconds = 60, ...headers } = {}) {
		const end = Date.now() + seconds * 1000;
		let answer;
		do {
			answer = await this.call(method, where, body, headers).catch((error) => ({ status: 0, body: error.message }));
			if (![0, 502, 503, 504].includes(answer.status)) return answer;
			await pause(100);
		} while (Date.now() < end);
		throw new Error(`${method} ${where}: after ${seconds} s still ${answer.status} ${JSON.stringify(answer.body)}`);
	}

	/** The conversation's messages after seq `first`, oldest first, page by page. */
	async history(conversation, first = 0) {
		const messages = [];
		for (let cursor = first; cursor !== null;) {
			const page = await this.doneSurely('GET', `/v1/conversations/${conversation}/messages?after=${cursor}&limit=100`);
			messages.push(...page.data);
			cursor = page.next;
		}
		return messages;
	}

	/** The direct conversation with `other`. */
	async direct(other) {
		const answer = await this.post('/v1/conversations', { type: 'direct', user_id: other });
		if (answer.status !== 201 && answer.status !== 200) throw new Error(JSON.stringify(answer.body));
		return answer.body;
	}

	send(conversation, text, extra = {}) {
		return this.post(`/v1/conversations/${conversation}/messages`, { id: randomUUID(), text, ...extra });
	}

	/** Sends until it is answered with 200 or 201, as a client does while the service restarts. */
	async sendSurely(conversation, text, { id = randomUUID(), seconds = 40 } = {}) {
		const end = Date.now() + seconds * 1000;
		for (;;) {
			try {
				const answer = await this.post(`/v1/conversations/${conversation}/messages`, { id, text });
				if (answer.status === 200 || answer.status === 201) return answer;
				if (answer.status < 500) throw Object.assign(new Error(JSON.stringify(answer.body)), { final: true });
			} catch (error) {
				if (error.final) throw error;
			}
			if (Date.now() > end) throw new Error(`not sent within ${seconds} s: ${text}`);
			await pause(100);
		}
	}
}

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Waits until `check` answers something true, and answers that.  `what` is awaited: words, or a function that finds them. */
export async function until(check, what, ms = 10000) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await check();
		if (value) return value;
		if (Date.now() > end) throw new Error(`not within ${ms} ms: ${typeof what === 'function' ? what() : what}`);
		await pause(20);
	}
}
