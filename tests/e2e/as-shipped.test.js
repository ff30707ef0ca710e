// SPDX-License-Identifier: ISC
// What an operator installs: Nginx with TLS, HTTP/2 and its limits, tokens checked with a public key,
// and, when root runs the tests, Kore locked up in a chroot as another user behind seccomp.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtemp, readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import http2 from 'node:http2';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { demo, form, jpegSize } from './lib/pictures.js';
import { Service, TOP, pause, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

const run = promisify(execFile);
const root = process.getuid() === 0;
const INSTANCES = ['k1', 'k2', 'k3'];
// fetch, ws and EventSource have no common way to be given a certificate; the HTTP/2 client checks it.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';

let service, keys, runDir, certificate, client;
let [alice, bob] = [];
let killed = 0;

before(async () => {
	keys = await mkdtemp(path.join(os.tmpdir(), 'parley-keys-'));
	const pair = generateKeyPairSync('rsa', {
		modulusLength: 2048,
		publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
	});
	await writeFile(path.join(keys, 'public.pem'), pair.publicKey);
	await writeFile(path.join(keys, 'private.pem'), pair.privateKey);
	await run('chmod', ['755', keys]); // parley-fcgi reads the public key as its own user
	service = await Service.start({
		instances: INSTANCES.length, tls: true, chroot: root, fresh: true, env: {
			PARLEY_JWT_ALGORITHM: 'RS256', PARLEY_JWT_PUBLIC_KEY_FILE: path.join(keys, 'public.pem'),
			PARLEY_JWT_PRIVATE_KEY_FILE: path.join(keys, 'private.pem'),
		},
	});
	service.token = (sub) => {
		const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
		const now = Math.floor(Date.now() / 1000);
		const body = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode({ sub, name: sub, iat: now, exp: now + 3600 })}`;
		return `${body}.${createSign('sha256').update(body).sign(pair.privateKey, 'base64url')}`;
	};
	const conf = await service.dev('status');
	runDir = /socket (\S+), port/.exec(conf)[1];
	certificate = await readFile(path.join(runDir, 'tls', 'fullchain.pem'));
	[alice, bob] = [service.as('alice'), service.as('bob')];
	await bob.get('/v1/me');
});
after(async () => {
	client?.destroy();
	await service?.stop();
	await rm(keys, { recursive: true, force: true });
});

/** Nginx ends an HTTP/2 connection after 1,000 requests, and after 5 s without one. */
beforeEach(connect);
function connect() {
	client?.close();
	client = http2.connect(service.url, { ca: certificate, rejectUnauthorized: true });
	client.on('error', () => {});
}

/** One HTTP/2 request; answers {status, headers, text}. `data` goes as DATA without a length. */
function ask(headers, data) {
	return new Promise((resolve, reject) => {
		const stream = client.request({ ':method': 'GET', ...headers }, { endStream: data === undefined });
		let answer, text = '';
		stream.on('response', (head) => { answer = head; });
		stream.on('data', (bytes) => { text += bytes; });
		stream.on('end', () => resolve({ status: answer?.[':status'], headers: answer, text }));
		stream.on('error', reject);
		if (data !== undefined) stream.end(data);
	});
}

const bearer = (caller) => ({ authorization: `Bearer ${caller.token}` });
const pid = async (name) => (await readFile(path.join(runDir, `${name}.pid`), 'utf8')).trim();
async function worker(name) {
	const parent = await pid(name);
	return (await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8')).trim().split(' ')[0];
}

test('Kore is locked up: its own root, no powers, seccomp', { skip: !root && 'needs root' }, async () => {
	for (const name of INSTANCES) {
		const id = await worker(name);
		const status = await readFile(`/proc/${id}/status`, 'utf8');
		assert.match(status, /^Uid:\t[1-9]/m);
		assert.match(status, /^Gid:\t[1-9]/m);
		assert.match(status, /^CapEff:\t0+$/m);
		assert.match(status, /^Seccomp:\t2$/m);
		assert.equal(await readlink(`/proc/${id}/root`), await realpath(runDir));
	}
});

test('a chat goes on while PostgreSQL restarts and a worker is killed', async () => {
	const { id: conversation } = await alice.direct('bob');
	const listeners = [await Socket.open(alice), await Socket.open(bob), await Events.open(bob)];
	const texts = [];
	const talking = (async () => {
		for (let i = 0; i < 60; i++) {
			texts.push(`m${i}`);
			await alice.sendSurely(conversation, `m${i}`);
			await pause(10);
		}
	})();
	await pause(150);
	await service.dev('restart', 'postgres');
	await service.dev('kill-worker');
	killed++;
	await talking;
	for (const listener of listeners) {
		await until(() => listener.texts(conversation).length >= texts.length, `all at ${listener.who}`, 20000);
		assert.deepEqual(listener.texts(conversation), texts);
	}
	// What nobody keeps may be lost with the link that was cut; so it is said again, as clients do.
	await until(async () => {
		const typed = await listeners[0].request('typing.start', { conversation_id: conversation });
		assert.ok(typed.status < 300, JSON.stringify(typed));
		return listeners[1].wait('typing.started', undefined, 1000).catch(() => null);
	}, 'typing.started at bob', 30000);
	for (const listener of listeners) listener.close();
	const { id } = listeners[2].events.find((event) => event.data.text === 'm50');
	const back = await Socket.open(bob, { after: id });
	await until(() => back.texts(conversation).length >= 9, 'what came after');
	assert.deepEqual(back.texts(conversation), texts.slice(51));
	back.close();
});

test('a picture and its thumbnail, through Nginx and through Kore alone', async () => {
	const { status, body } = await alice.post('/v1/uploads', form(demo, 'a.jpg'));
	assert.equal(status, 201, JSON.stringify(body));
	const thumbnail = await alice.get(body.thumbnail_url);
	assert.equal(thumbnail.status, 200);
	assert.ok(jpegSize(thumbnail.bytes).width <= 320);
	// Kore hands it on to the FastCGI socket, which it sees from inside its chroot.
	const { stdout } = await run('curl', ['-sS', '--unix-socket', path.join(runDir, 'k1.sock'),
		'-H', `Authorization: Bearer ${alice.token}`, '-F', `file=@${TOP}/docs/demo.jpg`, 'http://localhost/v1/uploads']);
	assert.equal(JSON.parse(stdout).type, 'image/jpeg', stdout);
});

test('the plain port sends to TLS', async () => {
	const response = await new Promise((resolve, reject) => {
		http.get({ socketPath: path.join(runDir, 'redirect.sock'), path: '/v1/me?x=1', headers: { host: 'chat.example.com' } }, resolve)
			.on('error', reject);
	});
	response.resume();
	assert.equal(response.statusCode, 301);
	assert.equal(response.headers.location, 'https://chat.example.com/v1/me?x=1');
	const secure = await ask({ ':path': '/health' });
	assert.match(secure.headers['strict-transport-security'], /max-age=\d+/);
});

test('an HTTP/2 GET with DATA and no length smuggles nothing', async () => {
	const smuggled = `GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.token('mallory')}\r\n\r\n`;
	for (const where of ['/v1/me', '/v1/connections', '/metrics']) {
		await Promise.all([...Array(20)].map(async () => {
			const attack = await ask({ ':path': where, ...bearer(alice) }, smuggled);
			assert.equal(attack.status, 400, where);
			const victim = await ask({ ':path': '/v1/me', ...bearer(bob) });
			assert.equal(victim.status, 200);
			assert.equal(JSON.parse(victim.text).id, 'bob');
		}));
	}
	assert.equal(await service.psql("select count(*) from users where id = 'mallory'"), '0');
});

test('fifty headers of a client do not displace those that count', async () => {
	const junk = Object.fromEntries([...Array(50).keys()].map((i) => [`x-junk-${i}`, 'x'.repeat(100)]));
	const answer = await ask({ ':path': '/v1/me', ...junk, ...bearer(alice) });
	assert.equal(answer.status, 200, answer.text);
	const odd = await ask({ ':path': '/v1/me', ...bearer(alice), 'x-request-id': 'a"b' });
	assert.match(odd.headers['x-request-id'], /^[0-9a-f]{32}$/);
});

test('a call about a connection reaches the instance that holds it', async () => {
	const sockets = [];
	for (let i = 0; i < 6; i++) sockets.push(await Socket.open(bob));
	const served = async (request, name) => (await service.log(name)).includes(`request=${request}`);
	const holders = new Set();
	for (const socket of sockets) {
		const connection = socket.ready.connection;
		const [holder] = connection.split('-');
		holders.add(holder);
		for (const [method, where, headers] of [
			['GET', '/v1/connections', { 'parley-connection': connection }], ['GET', '/v1/me', { 'parley-connection': connection }],
			['GET', `/v1/poll?x=1&sid=${connection}`], ['POST', `/v1/poll?sid=${connection}`], ['GET', `/v1/me?connection_id=${connection}`],
			['DELETE', `/v1/connections/${connection}`],
		]) {
			const request = randomUUID();
			const answer = await ask({ ':path': where, ':method': method, ...headers, ...bearer(bob), 'x-request-id': request }, method === 'POST' ? '{}' : undefined);
			assert.ok(answer.status < 500, answer.text);
			await until(() => served(request, holder), `${request} at ${holder}`, 3000);
		}
		socket.close();
	}
	assert.deepEqual([...holders].sort(), INSTANCES);
	for (const name of ['k9', 'fcgi']) {
		const lost = await ask({ ':path': `/v1/connections/${name}-1-abc`, ':method': 'DELETE', ...bearer(bob) });
		assert.ok(lost.status === 404 || lost.status === 204, `${name}: ${lost.status} ${lost.text}`);
		const asked = await ask({ ':path': `/v1/tickets?sid=${name}-1-abc`, ':method': 'POST', ...bearer(bob), 'content-type': 'application/json' }, '{}');
		assert.equal(asked.status < 500, true, `${name}: ${asked.status} ${asked.text}`);
	}
});

test('nobody notices that one of three instances is down', async () => {
	process.kill(await pid('k1'), 'SIGTERM');
	const answers = [];
	for (let i = 0; i < 60; i++) answers.push((await ask({ ':path': '/v1/me', ...bearer(alice) })).status);
	assert.deepEqual([...new Set(answers)], [200]);
	for (let i = 0; i < 3; i++) (await Socket.open(bob, { reconnect: false })).close();
});

test('the access log has no queries, where tickets travel', async () => {
	await ask({ ':path': '/health?ticket=secret' });
	const log = await until(async () => {
		const text = await readFile(path.join(runDir, 'nginx', 'access.log'), 'utf8');
		return text.includes(' /v1/socket ') && text;
	}, 'the log');
	assert.equal(/secret|platform=web|\?/.test(log), false);
});

test('an address that floods is told to wait, in our own words', async () => {
	const answers = [];
	for (let i = 0; i < 15; i++) {
		if (i % 5 === 0) connect();
		answers.push(...await Promise.all([...Array(100)].map(() => ask({ ':path': '/health' }))));
	}
	const refused = answers.filter(({ status }) => status === 429);
	assert.ok(answers.filter(({ status }) => status === 200).length >= 200);
	assert.ok(refused.length > 0);
	assert.equal(JSON.parse(refused[0].text).code, 'rate_limited');
	assert.equal(refused[0].headers['content-type'], 'application/problem+json');
	assert.ok(refused[0].headers['retry-after']);
});

test('no worker ended but the one that was killed', async () => {
	let started = 0;
	for (const name of INSTANCES) {
		const log = await service.log(name);
		started += log.split(' info started ').length - 1;
		assert.equal(/seccomp.*violation|SIGSYS/i.test(log), false, log);
	}
	assert.equal(started, INSTANCES.length + killed);
});
