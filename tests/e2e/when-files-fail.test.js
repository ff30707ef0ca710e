// SPDX-License-Identifier: ISC
// A full disk, file processes that die, uploads in pieces with breaks, and parley-fcgi as a plain CGI program.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import {
	createHash, randomBytes, randomInt, randomUUID,
} from 'node:crypto';
import {
	existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync, statfsSync, utimesSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { demo, form } from './lib/pictures.js';
import {
	Service, TOP, pause, until,
} from './lib/service.js';
import { Socket } from './lib/streams.js';
import { Break, tusUpload } from './lib/tus.js';
import { Wire } from './lib/wire.js';

let service;
let [alice, bob] = [];
let conversation;
let uploads; // the directory, on a disk of its own of 20 MiB where that can be had
let noDisk;
before(async () => {
	service = await Service.start({
		workers: 1, env: { PARLEY_FCGI_PROCESSES: '2', PARLEY_FCGI_WAIT_SECONDS: '3', PARLEY_ORIGINS: 'https://app.example' },
		prepare: ({ state }) => {
			uploads = path.join(state, 'uploads');
			mkdirSync(uploads);
			try {
				if (process.getuid() !== 0) throw new Error('only root mounts a small disk');
				execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', uploads], { stdio: 'pipe' });
			} catch (error) {
				noDisk = error.message;
			}
		},
	});
	[alice, bob] = [service.as('alice'), service.as('bob')];
	await bob.get('/v1/me');
	({ id: conversation } = await alice.direct('bob'));
});
after(async () => {
	await service?.dev('down');
	if (uploads && noDisk === undefined) execFileSync('umount', ['-l', uploads]);
	await service?.stop();
});

const debris = () => readdirSync(path.join(uploads, 'tmp'));

/** The demo picture with comments, so that its half is more than the buffers on the way. */
const photo = Buffer.concat([
	demo.subarray(0, 2), ...Array(6).fill(Buffer.concat([Buffer.from([0xff, 0xfe, 0xea, 0x62]), Buffer.alloc(60000)])),
	demo.subarray(2),
]);

/** Writes the head and the first half of an upload, and waits until a child has it in hand: {wire, child, rest}. */
async function halfUpload(bytes = photo) {
	const taken = (await receiving()).map((one) => one.child);
	const wire = await Wire.open(service.port);
	const half = bytes.length >> 1;
	wire.write(`POST /v1/uploads?filename=half.jpg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\n`
		+ `Content-Type: application/octet-stream\r\nContent-Length: ${bytes.length}\r\n\r\n`);
	wire.write(bytes.subarray(0, half));
	const { child } = await until(async () => (await receiving()).find((one) => !taken.includes(one.child)), 'a child that receives');
	return { wire, child, rest: bytes.subarray(half) };
}

/** The children that are receiving a file now. */
async function receiving() {
	const found = [];
	for (const child of await service.children('fcgi')) {
		let names = [];
		try {
			names = readdirSync(`/proc/${child}/fd`).map((fd) => readlinkSync(`/proc/${child}/fd/${fd}`));
		} catch { /* it ended meanwhile */ }
		if (names.some((name) => name.startsWith(path.join(uploads, 'tmp', 'up-')))) found.push({ child });
	}
	return found;
}

for (const signal of ['SIGKILL', 'SIGSEGV']) {
	test(`a file process that ends with ${signal} costs its own upload, not the one beside it nor the next`, async () => {
		const dying = await halfUpload();
		const beside = await halfUpload();
		process.kill(dying.child, signal);
		const answer = await dying.wire.answer();
		assert.equal(answer.status, 502);
		assert.equal(answer.body.code, 'bad_gateway');
		beside.wire.write(beside.rest);
		const whole = await beside.wire.answer();
		assert.equal(whole.status, 201, JSON.stringify(whole.body));
		assert.equal((await alice.post('/v1/uploads', form(demo, 'next.jpg'))).status, 201);
		await until(async () => (await service.children('fcgi')).length === 3, 'another process in its place');
	});
}

test('an upload under way when the file processes are restarted is finished', async () => {
	const upload = await halfUpload();
	const restarted = service.dev('restart', 'fcgi');
	await until(async () => (await service.children('fcgi')).length === 1, 'the end of the idle process');
	upload.wire.write(upload.rest);
	const answer = await upload.wire.answer();
	assert.equal(answer.status, 201, JSON.stringify(answer.body));
	await restarted;
});

test('who would wait too long for a file process is told when to come back', async () => {
	const busy = [await halfUpload(), await halfUpload()];
	const waiting = await Promise.all(Array.from({ length: 12 }, (_, i) => alice.post('/v1/uploads', form(`text ${i}`, 'a.txt'))));
	for (const answer of waiting) {
		assert.equal(answer.status, 503, JSON.stringify(answer.body));
		assert.equal(answer.body.code, 'overloaded');
		assert.ok(Number(answer.headers.get('retry-after')) >= 1);
	}
	for (const { wire, rest } of busy) wire.write(rest);
	// Had others still waited after five seconds, they would have given way.
	for (const { wire } of busy) assert.ok([201, 408].includes((await wire.answer(60000)).status));
	assert.equal((await alice.surely('POST', '/v1/uploads', form('text', 'a.txt'))).status, 201);
});

test('without file processes uploads are 503 with Retry-After, and the chat goes on', async () => {
	const master = await service.pid('fcgi');
	process.kill(master, 'SIGTERM');
	await until(() => !existsSync(`/proc/${master}`), 'the end of parley-fcgi');
	const answer = await alice.post('/v1/uploads', form(demo, 'a.jpg'));
	assert.equal(answer.status, 503);
	assert.equal(answer.body.code, 'files_unavailable');
	assert.ok(Number(answer.headers.get('retry-after')) >= 1);
	assert.match(answer.headers.get('content-type'), /problem\+json/);
	assert.equal((await alice.send(conversation, 'no files, but words')).status, 201);
	await service.dev('restart', 'fcgi');
	assert.equal((await alice.post('/v1/uploads', form(demo, 'a.jpg'))).status, 201);
});

test('a full disk is 507 without debris, the chat goes on, and uploads work again when there is room', async (t) => {
	if (noDisk !== undefined) {
		t.skip(noDisk);
		return;
	}
	const socket = await Socket.open(bob);
	const filler = path.join(uploads, 'filler');
	const { bavail, bsize } = statfsSync(uploads);
	writeFileSync(filler, Buffer.alloc(bavail * bsize - 300 * 1024));
	const before = debris();
	const large = randomBytes(400 * 1024).toString('hex'); // 800 KB of text
	for (const body of [form(large, 'large.txt'), form(large, 'again.txt')]) {
		const answer = await alice.post('/v1/uploads', body);
		assert.equal(answer.status, 507, JSON.stringify(answer.body));
		assert.equal(answer.body.code, 'storage_full');
		assert.doesNotMatch(JSON.stringify(answer.body), /uploads\/|No space/);
	}
	assert.deepEqual(debris(), before);
	assert.ok(statfsSync(uploads).bavail * bsize >= 299 * 1024, 'what was received is gone');
	const small = await alice.post('/v1/uploads', form('a few words\n', 'small.txt'));
	assert.equal(small.status, 201, JSON.stringify(small.body));
	assert.equal((await alice.send(conversation, 'still here', { attachments: [small.body.id] })).status, 201);
	await socket.wait('message.created', (event) => event.data.text === 'still here');
	// In pieces it is known before the first byte.
	const begun = { ...TUS, 'Upload-Length': String(large.length) };
	const refused = await alice.call('POST', '/v1/tus', undefined, begun);
	assert.equal(refused.status, 507, JSON.stringify(refused.body));
	assert.deepEqual(debris(), before);
	assert.equal(await service.psql('select count(*) from tus_uploads'), '0');
	rmSync(filler);
	const answer = await alice.post('/v1/uploads', form(large, 'large.txt'));
	assert.equal(answer.status, 201, JSON.stringify(answer.body));
	assert.equal((await alice.get(answer.body.url)).body, large);
	socket.close();
});

// ---- uploads in pieces (tus) -----------------------------------------------------------------

const TUS = { 'Tus-Resumable': '1.0.0' };
const BYTES = { ...TUS, 'Content-Type': 'application/offset+octet-stream' };

/** Begins one of so many bytes; its path. */
async function begin(length, headers = {}) {
	const answer = await alice.call('POST', '/v1/tus', undefined, { ...TUS, 'Upload-Length': String(length), ...headers });
	assert.equal(answer.status, 201, JSON.stringify(answer.body));
	return answer.headers.get('location').replace(service.url, '');
}

const pieces = () => debris().filter((name) => name.startsWith('tus-') && !name.endsWith('.from'));
const sizeOf = (name) => statSync(path.join(uploads, 'tmp', name), { throwIfNoEntry: false })?.size ?? 0;

/** Who has a file open that is coming in pieces. */
async function takers() {
	const found = [];
	for (const child of await service.children('fcgi')) {
		try {
			const names = readdirSync(`/proc/${child}/fd`).map((fd) => readlinkSync(`/proc/${child}/fd/${fd}`));
			if (names.some((name) => name.startsWith(path.join(uploads, 'tmp', 'tus-')))) found.push(child);
		} catch { /* it ended meanwhile */ }
	}
	return found;
}

test('the tus client comes through resets, a killed process and a restart, and sends nothing twice that was kept', async () => {
	const bytes = randomBytes(1024 * 1024).toString('hex'); // 2 MiB of text
	const kept = [];
	// Half of a piece is on the way; some of it is on the disk when it breaks.
	const arrived = async () => {
		const [name] = pieces();
		const before = kept.at(-1) ?? 0;
		await until(() => sizeOf(name) > before, 'bytes on the disk');
		kept.push(sizeOf(name));
	};
	const through = await Break.at(service.port, 400 * 1024, [
		arrived,
		async () => {
			await arrived();
			for (const child of await takers()) process.kill(child, 'SIGKILL');
		},
		async () => {
			await arrived();
			await service.dev('restart', 'kore');
		},
	]);
	const { id, requests } = await tusUpload(alice, Buffer.from(bytes), 'Größe ☂.txt', { through, chunkSize: 640 * 1024 });
	through.close();
	assert.equal(kept.length, 3, 'all three breaks were met');
	const offsets = requests.filter((one) => one.method === 'HEAD' && one.status === 200).map((one) => one.offset);
	for (const size of kept) assert.ok(offsets.some((offset) => offset >= size), `${size} bytes that had come were kept: ${offsets}`);
	const upload = await alice.done('GET', `/v1/uploads/${id}`);
	assert.equal(upload.filename, 'Größe ☂.txt');
	assert.equal(upload.type, 'text/plain');
	assert.equal((await alice.get(upload.url)).body, bytes);
	assert.deepEqual(pieces(), []);
});

test('a picture sent in pieces is what uploads.create makes of it', async () => {
	const socket = await Socket.open(alice);
	const { id } = await tusUpload(alice, photo, 'holiday.jpg', { chunkSize: 100 * 1024 });
	const ready = await socket.wait('upload.ready', (event) => event.data.id === id);
	assert.deepEqual(ready.data, await alice.done('GET', `/v1/uploads/${id}`));
	const there = await alice.done('POST', '/v1/uploads', form(photo, 'holiday.jpg'));
	const here = await alice.done('GET', `/v1/uploads/${id}`);
	for (const key of ['filename', 'type', 'size', 'width', 'height', 'blurhash']) assert.deepEqual(here[key], there[key], key);
	assert.deepEqual((await alice.get(here.thumbnail_url)).bytes, (await alice.get(there.thumbnail_url)).bytes);
	await assert.rejects(tusUpload(alice, Buffer.from('<svg onload="alert(1)"/>'), 'a.svg'), /unsupported_type/);
	await socket.wait('upload.failed', (event) => event.data.filename === 'a.svg' && event.data.code === 'unsupported_type');
	socket.close();
	assert.deepEqual(pieces(), []);
});

test('what a browser and an old proxy need of tus', async () => {
	const options = await alice.call('OPTIONS', '/v1/tus', undefined, { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST' });
	assert.equal(options.status, 204);
	assert.match(options.headers.get('tus-extension'), /creation-with-upload.*expiration.*checksum.*termination/);
	assert.equal(options.headers.get('tus-max-size'), '10485760');
	for (const name of ['Tus-Resumable', 'Upload-Offset', 'Upload-Metadata', 'X-HTTP-Method-Override']) {
		assert.ok(options.headers.get('access-control-allow-headers').includes(name), name);
	}
	const where = await begin(4, { Origin: 'https://app.example' });
	const preflight = await alice.call('OPTIONS', where, undefined, { Origin: 'https://app.example' });
	assert.match(preflight.headers.get('access-control-allow-methods'), /HEAD.*PATCH.*DELETE/);
	const made = await alice.call('POST', where, 'te', {
		...BYTES, Origin: 'https://app.example', 'X-HTTP-Method-Override': 'PATCH', 'Upload-Offset': '0',
	});
	assert.equal(made.status, 204);
	assert.equal(made.headers.get('upload-offset'), '2');
	assert.match(made.headers.get('access-control-expose-headers'), /Upload-Offset.*Upload-Expires.*Tus-Resumable/);
	assert.equal((await alice.call('HEAD', where)).status, 412);
	const head = await alice.call('HEAD', where, undefined, TUS);
	assert.deepEqual([head.status, head.headers.get('upload-offset'), head.headers.get('upload-length')], [200, '2', '4']);
	assert.equal((await alice.call('DELETE', where, undefined, TUS)).status, 204);
	assert.equal((await alice.call('HEAD', where, undefined, TUS)).status, 404);
});

test('who comes back need not wait for the connection that was left behind', async () => {
	const where = await begin(photo.length);
	const left = await Wire.open(service.port);
	left.write(`PATCH ${where} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\nTus-Resumable: 1.0.0\r\n`
		+ `Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: ${photo.length}\r\n\r\n`);
	left.write(photo.subarray(0, 100000));
	const name = `tus-${where.replace(/^.*\//, '')}`;
	await until(() => sizeOf(name) === 100000, 'all that was sent on the disk');
	const head = await alice.call('HEAD', where, undefined, TUS);
	assert.deepEqual([head.status, head.headers.get('upload-offset')], [200, '100000']);
	assert.equal((await left.answer()).status, 423);
	const twice = await Promise.all([0, 1].map(() => alice.call('PATCH', where, photo.subarray(100000), { ...BYTES, 'Upload-Offset': '100000' })));
	assert.deepEqual(twice.map((one) => one.status).sort(), [204, 409]);
	assert.equal((await alice.get(`/v1/uploads/${where.replace(/^.*\//, '')}`)).status, 200);
	left.close();
});

/** Every file of the store: its hash → its path. */
function stored() {
	const found = new Map();
	for (const outer of readdirSync(uploads).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
		for (const inner of readdirSync(path.join(uploads, outer))) {
			for (const hash of readdirSync(path.join(uploads, outer, inner))) found.set(hash, path.join(uploads, outer, inner, hash));
		}
	}
	return found;
}

const NAMED = `select sha256 from uploads union select thumbnail_sha256 from uploads where thumbnail_sha256 is not null
	union select sha256 from upload_files`;
const lines = (text) => text.split('\n').filter((line) => line !== '').sort();

test('rows and files agree after processes were killed in the middle of uploads of every kind', async () => {
	const kinds = [
		(n) => alice.post('/v1/uploads', form(Buffer.concat([photo, Buffer.from(`${n}`)]), 'a.jpg')),
		(n) => alice.post('/v1/uploads', form(`${n}${randomBytes(50000).toString('hex')}`, 'a.txt')),
		(n) => tusUpload(alice, Buffer.from(`${n}${randomBytes(150000).toString('hex')}`), 'a.txt', { chunkSize: 64 * 1024 }),
		(n) => tusUpload(alice, Buffer.concat([photo, Buffer.from(`${n}`)]), 'a.jpg', { chunkSize: 128 * 1024 }),
	];
	let kills = 0;
	let over = false;
	const made = kinds.map(() => 0);
	const sending = kinds.map(async (send, kind) => {
		for (let n = 0; !over || made[kind] === 0; n++) {
			const answer = await send(`${kind} ${n}`).catch(() => undefined);
			if (answer?.status === 201 || answer?.id) made[kind]++;
		}
	});
	while (kills < 8) {
		await pause(randomInt(400));
		const children = await service.children('fcgi');
		const busy = [...await receiving(), ...(await takers()).map((child) => ({ child }))].map(({ child }) => child);
		const victims = kills % 2 && busy.length ? busy : children;
		const victim = victims[randomInt(victims.length)];
		if (victim === undefined) continue;
		try { process.kill(victim, 'SIGKILL'); } catch { continue; }
		kills++;
	}
	over = true;
	await Promise.all(sending);
	// No row without its file, each what its name says.
	const there = stored();
	for (const hash of lines(await service.psql(NAMED))) {
		assert.ok(there.has(hash), `a row names ${hash}`);
		assert.equal(createHash('sha256').update(readFileSync(there.get(hash))).digest('hex'), hash);
	}
	assert.deepEqual(pieces().sort(),
		lines(await service.psql('select \'tus-\' || id from tus_uploads where finished_at is null and expires_at > now()')));
	// And once they are old, no file without its row.
	await service.psql('update tus_uploads set expires_at = now() where finished_at is null');
	for (const file of [...there.values(), ...pieces().map((name) => path.join(uploads, 'tmp', name))]) utimesSync(file, 1e9, 1e9);
	await service.dev('restart', 'fcgi');
	const named = lines(await service.psql(NAMED));
	await until(() => stored().size === named.length, () => `${stored().size} files for ${named.length} that rows name`, 60000);
	assert.deepEqual([...stored().keys()].sort(), named);
	await until(() => pieces().length === 0, 'the end of pieces that are over', 60000);
});

/** Runs parley-fcgi as a web server would run a CGI program: {status, headers, body}. */
async function cgi(variables, input = '') {
	const running = promisify(execFile)(path.join(TOP, 'build', 'parley-fcgi'), [], {
		env: { PATH: process.env.PATH, ...await service.settings(), SERVER_PROTOCOL: 'HTTP/1.1', REMOTE_ADDR: '127.0.0.1', ...variables },
		timeout: 15000,
	});
	running.child.stdin.end(input);
	const { stdout } = await running;
	const end = stdout.search(/\r?\n\r?\n/);
	const headers = new Headers(stdout.slice(0, end).split(/\r?\n/).map((line) => {
		const [, name, value] = /^([^:]*):\s*(.*)$/.exec(line);
		return [name, value];
	}));
	const body = stdout.slice(end).replace(/^\r?\n\r?\n/, '');
	return { status: Number((headers.get('status') ?? '200').slice(0, 3)), headers, body };
}

const bearer = (caller) => ({ HTTP_AUTHORIZATION: `Bearer ${caller.token}` });

test('as a CGI program it does what the daemon does', async () => {
	const me = await cgi({ REQUEST_METHOD: 'GET', PATH_INFO: '/v1/me', ...bearer(alice) });
	assert.equal(me.status, 200);
	assert.equal(JSON.parse(me.body).id, 'alice');
	assert.match(me.headers.get('content-type'), /^application\/json/);
	const socket = await Socket.open(bob);
	const body = JSON.stringify({ id: randomUUID(), text: 'from a shell' });
	const post = {
		REQUEST_METHOD: 'POST', PATH_INFO: `/v1/conversations/${conversation}/messages`, CONTENT_TYPE: 'application/json',
		CONTENT_LENGTH: String(body.length), ...bearer(alice),
	};
	const sent = await cgi(post, body);
	assert.equal(sent.status, 201, sent.body);
	assert.deepEqual((await socket.wait('message.created', (event) => event.data.text === 'from a shell')).data, JSON.parse(sent.body));
	assert.equal((await cgi(post, body)).status, 200);
	const mounted = await cgi({
		REQUEST_METHOD: 'GET', SCRIPT_NAME: '/cgi-bin/parley-fcgi', REQUEST_URI: `/cgi-bin/parley-fcgi/v1/conversations/${conversation}/messages?limit=1`,
		PATH_INFO: `/v1/conversations/${conversation}/messages`, QUERY_STRING: 'limit=1', ...bearer(bob),
	});
	assert.deepEqual(JSON.parse(mounted.body).data.map((message) => message.text), ['from a shell']);
	const refused = await cgi({ REQUEST_METHOD: 'GET', PATH_INFO: '/v1/me' });
	assert.equal(refused.status, 401);
	assert.match(refused.headers.get('content-type'), /problem\+json/);
	socket.close();
});

test('event streams asked of FastCGI are answered by polling: what is pending, when to come back, the end', async () => {
	// Of one topic: notifications come when they come.
	const poll = async (query, accept = 'text/event-stream') => cgi({
		REQUEST_METHOD: 'GET', PATH_INFO: '/v1/events', QUERY_STRING: `topics=conversation:${conversation}&${query}`, HTTP_ACCEPT: accept, ...bearer(bob),
	});
	const first = await poll('');
	assert.equal(first.status, 200);
	assert.match(first.headers.get('content-type'), /^text\/event-stream/);
	assert.match(first.body, /^retry: \d+$/m);
	let { last_event_id: cursor } = await bob.done('GET', '/v1/sync');
	const seen = [];
	for (let round = 0; round < 3; round++) {
		for (let i = 0; i < 2; i++) assert.equal((await alice.send(conversation, `poll ${round} ${i}`)).status, 201);
		const { body } = await poll(`after=${cursor}`);
		for (const [, id, data] of body.matchAll(/^id: (\d+)\nevent: message\.created\ndata: (.*)$/gm)) {
			assert.equal(JSON.parse(data).id, Number(id));
			seen.push(JSON.parse(data).data.text);
			cursor = id;
		}
	}
	assert.deepEqual(seen, ['poll 0 0', 'poll 0 1', 'poll 1 0', 'poll 1 1', 'poll 2 0', 'poll 2 1']);
	const resumed = await cgi({ REQUEST_METHOD: 'GET', PATH_INFO: '/v1/events', HTTP_LAST_EVENT_ID: String(cursor), ...bearer(bob) });
	assert.doesNotMatch(resumed.body, /message\.created/);
	const json = JSON.parse((await poll(`after=${cursor}`, 'application/json')).body);
	assert.deepEqual(json.data, []);
	assert.ok(json.next >= Number(cursor));
	assert.equal((await cgi({ REQUEST_METHOD: 'GET', PATH_INFO: '/v1/socket', ...bearer(bob) })).status, 501);
});
