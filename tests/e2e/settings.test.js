// SPDX-License-Identifier: ISC
// Secrets and keys: what is missing or weak stops the service at once; keys of both other kinds work.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Caller, Service, TOP, freePort, signToken } from './lib/service.js';
import { Socket } from './lib/streams.js';

/** The processes that know of this state directory. */
function leftovers(state) {
	return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid).filter((pid) => {
		try {
			return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(state)
				|| readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`PARLEY_RUN_DIR=${state}`);
		} catch {
			return false;
		}
	});
}

test('a short secret stops the start with a clear message, and nothing is left running', async () => {
	const error = await Service.start({ env: { PARLEY_JWT_SECRET: 'only 21 bytes of this' } }).then(
		(service) => service.stop().then(() => assert.fail('it started')), (failure) => failure);
	assert.match(error.message, /PARLEY_JWT_SECRET/);
	assert.match(error.message, /32 bytes/);
	assert.equal(error.message.includes('only 21 bytes'), false, 'the secret itself is not shown');
	assert.deepEqual(leftovers(error.service.state), []);
	rmSync(error.service.state, { recursive: true, force: true });
});

test('both programs refuse to start without a secret or with a wrong setting, and say which', async () => {
	const dir = path.join(TOP, 'var', 'e2e', `settings-${process.pid}`);
	mkdirSync(dir, { recursive: true });
	const build = path.join(TOP, 'build');
	const module = [path.join(build, '.libs', 'parley.so'), path.join(build, 'parley.so')]
		.find((file) => { try { return readFileSync(file); } catch { return false; } });
	const values = {
		LISTEN: `bind 127.0.0.1 ${await freePort()} parley_connect`, WORKERS: 1, MODULE: module, PIDFILE: path.join(dir, 'kore.pid'), RUN_DIR: dir,
	};
	writeFileSync(path.join(dir, 'kore.conf'), readFileSync(path.join(TOP, 'conf/kore/development.conf.in'), 'utf8')
		.replace(/@(\w+)@/g, (_, name) => values[name]));
	const base = {
		PATH: `${process.env.PATH}:/usr/sbin`, PARLEY_DATABASE_URL: `host=${dir} dbname=none`, PARLEY_RUN_DIR: dir, PARLEY_UPLOAD_DIR: dir,
		PARLEY_FCGI_SOCKET: path.join(dir, 'fcgi.sock'), PARLEY_JWT_SECRET: 'x'.repeat(40),
	};
	const wrong = [
		['PARLEY_JWT_SECRET', undefined], ['PARLEY_JWT_SECRET', ''], ['PARLEY_JWT_SECRET', 'short'], ['PARLEY_DATABASE_URL', undefined],
		['PARLEY_JWT_ALGORITHM', 'none'], ['PARLEY_JWT_ALGORITHM', 'RS256'], ['PARLEY_QUEUE_BYTES', 'much'],
		['PARLEY_RATE_SEND', '20'],
	];
	const programs = [[path.join(build, 'parley-fcgi'), []], ['kore', ['-fnr', '-c', path.join(dir, 'kore.conf')]]];
	for (const [name, value] of wrong) {
		const env = { ...base, [name]: value };
		if (value === undefined) delete env[name];
		for (const [program, args] of programs) {
			const { status, signal, stderr, stdout } = spawnSync(program, args, { env, timeout: 5000, encoding: 'utf8' });
			const what = `${path.basename(program)} with ${name}=${value}: ${status ?? signal}\n${stdout}${stderr}`;
			assert.equal(signal, null, what);
			assert.notEqual(status, 0, what);
			assert.match(stdout + stderr, name === 'PARLEY_JWT_ALGORITHM' && value === 'RS256' ? /PARLEY_JWT_PUBLIC_KEY_FILE/ : new RegExp(name), what);
		}
	}
	rmSync(dir, { recursive: true });
});

const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' }).toString();
for (const [algorithm, make] of [
	['RS256', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']],
	['ES256', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']],
]) {
	test(`tokens signed with ${algorithm} open every door, and only those`, async (t) => {
		let privateKey;
		let publicKey;
		const service = await Service.start({
			workers: 1,
			env: { PARLEY_JWT_ALGORITHM: algorithm, PARLEY_JWT_SECRET: undefined },
			prepare: (starting) => {
				const [secret, open] = [path.join(starting.state, 'private.pem'), path.join(starting.state, 'public.pem')];
				privateKey = openssl(...make);
				writeFileSync(secret, privateKey, { mode: 0o600 });
				publicKey = openssl('pkey', '-in', secret, '-pubout');
				writeFileSync(open, publicKey, { mode: 0o644 });
				starting.env.PARLEY_JWT_PUBLIC_KEY_FILE = open;
				starting.env.PARLEY_JWT_PRIVATE_KEY_FILE = secret;
			},
		});
		t.after(() => service.stop());
		const claims = (sub) => ({ sub, exp: Math.floor(Date.now() / 1000) + 600 });
		const header = { alg: algorithm, typ: 'JWT' };
		const as = (sub, key = privateKey, head = header) => new Caller(service, signToken(key, claims(sub), head), sub);
		const [alice, bob] = [as('alice'), as('bob')];
		assert.equal((await alice.get('/v1/me')).body.id, 'alice');
		const socket = await Socket.open(bob);
		const { id: conversation } = await alice.direct('bob');
		assert.equal((await alice.send(conversation, algorithm)).status, 201);
		await socket.wait('message.created', (event) => event.data.text === algorithm);
		assert.equal((await alice.post('/v1/uploads?filename=a.txt', Buffer.from('words\n'), { 'Content-Type': 'application/octet-stream' })).status, 201);
		const minted = (await service.dev('token', 'carol')).trim();
		assert.equal((await new Caller(service, minted).get('/v1/me')).body.id, 'carol');

		const [head, body, signature] = alice.token.split('.');
		const wrong = {
			'another key': as('alice', openssl(...make)),
			'the public key as an HMAC secret': new Caller(service, signToken(Buffer.from(publicKey), claims('alice'))),
			'the same, said to be the right algorithm': new Caller(service, signToken(Buffer.from(publicKey), claims('alice'), header)),
			'no algorithm': new Caller(service, `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`),
			'another body': new Caller(service, `${head}.${Buffer.from(JSON.stringify(claims('root'))).toString('base64url')}.${signature}`),
		};
		for (const [what, caller] of Object.entries(wrong)) assert.equal((await caller.get('/v1/me')).status, 401, what);
		socket.close();
	});
}
