// SPDX-License-Identifier: ISC
// Files in an S3-compatible store: a real server that checks signatures, and faults on the way to it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
	appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { ObjectStore, faults } from './lib/object-store.js';
import { demo, form } from './lib/pictures.js';
import { Service, TOP, until } from './lib/service.js';
import { tusUpload } from './lib/tus.js';

const run = promisify(execFile);
let [service, store, alice] = [];
before(async () => {
	service = await Service.start({
		instances: 1, env: { PARLEY_FCGI_PROCESSES: '3' },
		prepare: async (starting) => {
			await store?.stop();
			store = await ObjectStore.start(path.join(starting.state, 's3'));
			Object.assign(starting.env, store.env);
		},
	});
	alice = service.as('alice');
});
after(async () => {
	await service?.stop();
	await store?.stop();
});

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');
const keyOf = (hash) => `${hash.slice(0, 2)}/${hash.slice(2, 4)}/${hash}`;
const upload = (text, name = 'note.txt') => alice.post('/v1/uploads', form(text, name));
const debris = () => readdirSync(path.join(service.state, 'uploads', 'tmp'));

/** Keys of all files that rows name. */
async function named() {
	const hashes = await service.psql('select sha256 from uploads union select thumbnail_sha256 from uploads '
		+ 'where thumbnail_sha256 is not null union select sha256 from upload_files');
	return hashes.split('\n').filter(Boolean).map(keyOf).sort();
}

/** What parley-fcgi says of itself, asked as a CGI program. */
async function readiness() {
	const { stdout } = await run(path.join(TOP, 'build', 'parley-fcgi'), [], {
		env: {
			PATH: process.env.PATH, ...store.env, ...await service.settings(), SERVER_PROTOCOL: 'HTTP/1.1',
			REMOTE_ADDR: '127.0.0.1', REQUEST_METHOD: 'GET', REQUEST_URI: '/health/ready',
		},
	});
	return stdout;
}

/** Where a file of the service is to be fetched: the answer's headers. */
async function redirect(url, caller = alice, method = 'GET') {
	const answer = await fetch(service.url + url, {
		method, redirect: 'manual', headers: { Authorization: `Bearer ${caller.token}` },
	});
	assert.equal(answer.status, 302);
	return answer.headers;
}

test('files go to the store, one copy each, and are fetched from there at addresses good for a while', async () => {
	const photo = (await upload(demo, 'a photo.jpg')).body;
	await upload('some words\n');
	await tusUpload(alice, Buffer.from('words in pieces\n'), 'pieces.txt');
	assert.ok((await store.objects()).includes(keyOf(hashOf('words in pieces\n'))));
	assert.deepEqual(await store.objects(), await named());
	const there = await store.objects();
	assert.equal((await upload('some words\n', 'other name.txt')).status, 201);
	assert.equal(store.kept, 1, 'it was not taken again');
	assert.deepEqual(await store.objects(), there);
	assert.deepEqual(debris(), []);

	const headers = await redirect(photo.url);
	const location = headers.get('location');
	assert.ok(location.startsWith(`${store.url}/files/chat/`));
	assert.match(headers.get('cache-control'), /^private, max-age=\d+$/);
	const again = [(await redirect(photo.url)).get('location'), (await redirect(photo.url)).get('location')];
	assert.ok(again[0] === location || again[0] === again[1], 'it changes now and then only');
	const whole = await fetch(location);
	assert.equal(whole.status, 200);
	assert.equal(whole.headers.get('content-type'), 'image/jpeg');
	assert.equal(whole.headers.get('content-disposition'), 'inline; filename="a photo.jpg"');
	const bytes = Buffer.from(await whole.arrayBuffer());
	assert.ok(there.includes(keyOf(hashOf(bytes))));

	const part = await alice.get(photo.url, { Range: 'bytes=0-9' });
	assert.equal(part.status, 206);
	assert.deepEqual(part.bytes, bytes.subarray(0, 10));
	const head = await fetch((await redirect(photo.thumbnail_url, alice, 'HEAD')).get('location'), { method: 'HEAD' });
	assert.equal(head.status, 200);

	for (const changed of [location.replace(/.$/, (c) => (c === '0' ? '1' : '0')), location.replace('inline', 'attachment')]) {
		assert.equal((await fetch(changed)).status, 403, changed);
	}
	assert.equal((await service.as('mallory').get(photo.url)).status, 404);
	assert.deepEqual(store.unsigned, []);
});

test('a fault that passes costs an upload nothing', async () => {
	const passing = { cut: [faults.cut], 'cut in the body': [faults.cutInBody], errors: [faults.error500, faults.slowDown], 'no conditions': [faults.noConditions] };
	for (const [name, chain] of Object.entries(passing)) {
		store.break(/^PUT/, ...chain);
		const text = `${name} ${'x'.repeat(300000)}`;
		const answer = await upload(text);
		assert.equal(answer.status, 201, `${name}: ${JSON.stringify(answer.body)}`);
		assert.ok((await store.objects()).includes(keyOf(hashOf(text))), name);
		assert.deepEqual(store.faults, [], 'every fault was met');
	}
});

test('a store that fails is 503 with Retry-After, a full one 507; nothing is half-done, and the chat goes on', async () => {
	const before = await named();
	store.break(/^PUT/, faults.hold);
	const slow = upload('never answered');
	await until(() => store.held.size === 1, 'an upload that waits for the store', 60000);
	assert.equal((await alice.get('/v1/me')).status, 200);
	const lasting = [['cut', 503], ['error500', 503], ['wrongSignature', 503], ['full', 507]];
	for (const [name, status] of lasting) {
		store.always(faults[name]);
		const answer = await upload(`${name} for good`);
		assert.equal(answer.status, status, name);
		assert.equal(answer.body.code, status === 503 ? 'storage_unavailable' : 'storage_full');
		assert.equal(answer.headers.has('retry-after'), status === 503);
	}
	store.fault = undefined;
	const late = await slow;
	assert.equal(late.status, 503);
	assert.equal(late.body.code, 'storage_unavailable');
	store.mend();
	assert.deepEqual(await named(), before);
	assert.deepEqual(debris(), []);
	const log = await service.log('fcgi');
	assert.match(log, /store refuses our credentials method=PUT status=403 code=SignatureDoesNotMatch/);
	assert.doesNotMatch(log, /S3RVER|X-Amz/);
	assert.equal((await upload('and again')).status, 201);

	assert.match(await readiness(), /^Status: 200 [^]*"storage": ?(true|\{"ok": ?true|"ok")/);
	store.always(faults.error500);
	assert.match(await readiness(), /^Status: 503 [^]*"storage"/);
	store.mend();
});

test('a process killed in the middle of storing leaves no row without its files', async () => {
	const children = await service.children('fcgi');
	const before = await named();
	store.break(/^PUT/, faults.hold);
	const dying = upload(demo.subarray(0), 'killed.jpg');
	const other = upload('beside it');
	await until(() => store.held.size === 1, 'an upload that waits for the store', 60000);
	await Promise.race([other, dying]);
	for (const child of children) process.kill(child, 'SIGKILL');
	await Promise.allSettled([dying, other]);
	store.mend();
	await until(async () => (await service.children('fcgi')).filter((child) => !children.includes(child)).length === children.length, 'other processes', 60000);
	assert.equal((await upload('after it')).status, 201);
	const objects = await store.objects();
	for (const key of await named()) assert.ok(objects.includes(key), `${key} is named, and there`);
	assert.ok((await named()).length > before.length);
});

test('the sweeper removes what no row names and marks what no object backs, page by page', async () => {
	const texts = ['stray one', 'stray two', 'young stray', 'lost', 'kept'];
	const ids = {};
	for (const text of texts) ids[text] = (await upload(text)).body.id;
	const key = (text) => keyOf(hashOf(text));
	for (const object of await store.objects()) if (object !== key('young stray')) await store.age(object);
	await service.psql(`delete from uploads where id in (${texts.slice(0, 3).map((text) => `'${ids[text]}'`).join(', ')})`);

	// Half of a list says nothing of what is missing.
	store.always(faults.halfAnswer);
	const seen = (await service.log('fcgi')).length;
	await service.dev('restart', 'fcgi');
	await until(async () => (await service.log('fcgi')).slice(seen).includes('upkeep of files failed'), 'a round that failed', 60000);
	store.mend();
	assert.equal(await service.psql('select count(*) from uploads where lost_at is not null'), '0');

	await store.remove(key('lost'));
	await service.dev('restart', 'fcgi');
	await until(async () => (await service.log('fcgi')).slice(seen).includes('stored files are missing uploads=1'), "a round's end", 60000);
	assert.equal(await service.psql('select id from uploads where lost_at is not null'), ids.lost);
	const objects = await store.objects();
	assert.deepEqual(texts.map((text) => objects.includes(key(text))), [false, false, true, false, true]);
	assert.ok(store.requests.some((request) => request.includes('?continuation-token=')));
	assert.deepEqual(objects.filter((one) => one !== key('young stray')), (await named()).filter((one) => one !== key('lost')));
	// What was removed can be stored again, once nobody can mean what was there.
	assert.equal((await upload('stray one')).status, 503);
	await service.psql("update upload_drops set dropped_at = now() - interval '1 minute'");
	assert.equal((await upload('stray one')).status, 201);
	assert.deepEqual(store.unsigned, []);
});

test('without redirects Nginx fetches files from the store, with all that the service says of them', async () => {
	const { id, url } = (await upload(demo, 'through.jpg')).body;
	appendFileSync(path.join(service.state, 'environment'), 'export PARLEY_S3_REDIRECT="off"\n');
	await service.dev('restart', 'fcgi');
	const seen = store.requests.length;
	const whole = await alice.get(url);
	assert.equal(whole.status, 200);
	assert.equal(whole.headers.get('content-type'), 'image/jpeg');
	assert.equal(whole.headers.get('content-disposition'), 'inline; filename="through.jpg"');
	assert.equal(whole.headers.get('cache-control'), 'private, max-age=31536000, immutable');
	assert.equal(whole.headers.get('x-content-type-options'), 'nosniff');
	assert.match(whole.headers.get('content-security-policy'), /^sandbox/);
	assert.equal(whole.headers.get('vary'), 'Accept');
	assert.ok(whole.headers.get('x-request-id'));
	const key = keyOf(hashOf(whole.bytes));
	assert.ok((await store.objects()).includes(key));
	const part = await alice.get(url, { Range: 'bytes=5-9' });
	assert.equal(part.status, 206);
	assert.deepEqual(part.bytes, whole.bytes.subarray(5, 10));
	assert.equal((await alice.get(url, { 'If-None-Match': whole.headers.get('etag') })).status, 304);
	assert.equal((await alice.call('HEAD', url)).status, 200);
	assert.equal((await service.as('mallory').get(url)).status, 404);
	const fetched = store.requests.slice(seen).filter((request) => request.includes(key));
	assert.equal(fetched.length, 4);
	for (const request of fetched) assert.match(request, /X-Amz-Signature=/);

	store.break(/^GET .*X-Amz-Signature/, faults.error500);
	const failed = await alice.get(url);
	assert.equal(failed.status, 502);
	assert.match(failed.headers.get('content-type'), /problem\+json/);
	await store.remove(key);
	const lost = await alice.get(url);
	assert.equal(lost.status, 404);
	assert.equal(lost.body.code, 'not_found');
	await service.psql(`delete from uploads where id = '${id}'`);
});

test('parleyctl tries the store, and copies a directory into it as often as need be', async () => {
	const ctl = async (command, env = {}) => run(path.join(TOP, 'build', 'parleyctl'), ['storage', command],
		{ env: { ...process.env, ...store.env, ...await service.settings(), PARLEY_S3_REDIRECT: 'on', ...env } })
		.catch((error) => error);
	assert.match((await ctl('check')).stdout, /^store a file +ok\nlook for it +ok\nread it +ok\nlist files +ok\nremove it +ok\n$/);
	const refused = await ctl('check', { PARLEY_S3_SECRET_KEY: 'not the secret' });
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /credentials/);
	assert.doesNotMatch(refused.stderr, /not the secret/);

	const dir = path.join(service.state, 'moved');
	const texts = ['old one', 'old two'];
	for (const text of texts) {
		mkdirSync(path.dirname(path.join(dir, keyOf(hashOf(text)))), { recursive: true });
		writeFileSync(path.join(dir, keyOf(hashOf(text))), text);
	}
	const there = { PARLEY_UPLOAD_DIR: dir, PARLEY_UPLOAD_TMP_DIR: path.join(dir, 'tmp') };
	assert.match((await ctl('copy', there)).stdout, /2 copied, 0 were there, 0 failed/);
	assert.match((await ctl('copy', there)).stdout, /0 copied, 2 were there, 0 failed/);
	const objects = await store.objects();
	for (const text of texts) {
		assert.ok(objects.includes(keyOf(hashOf(text))));
		assert.ok(existsSync(path.join(dir, keyOf(hashOf(text)))), 'what was copied stays');
	}
});
