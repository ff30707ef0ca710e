// SPDX-License-Identifier: ISC
// Both shipped Nginx sites, with real Nginx: three Kore instances behind the first, FastCGI for all
// of REST behind the second.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { demo, form } from './lib/pictures.js';
import { Caller, Service, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';
import { Break, tusUpload } from './lib/tus.js';

/** A request that fetch() would not make. */
const raw = (service, method, path, headers = {}) => new Promise((resolve, reject) => {
	const request = http.request({ host: '127.0.0.1', port: service.port, method, path, headers }, (response) => {
		let body = '';
		response.on('data', (data) => { body += data; });
		response.on('end', () => resolve({ status: response.statusCode, type: response.headers['content-type'], body }));
	});
	request.on('error', reject);
	request.end();
});

for (const [name, options] of [['the site', { instances: 3 }], ['the side-car site', {
	instances: 2, site: 'sidecar', env: { PARLEY_URL_KEYS: `a:${'k'.repeat(32)}`, PARLEY_SIGN_URLS: 'on' },
}]]) {
	test(name, async (t) => {
		const service = await Service.start(options);
		t.after(() => service.stop());
		const [alice, bob] = [service.as('alice'), service.as('bob')];
		await bob.get('/v1/me');

		await t.test('a conversation over all instances', async () => {
			const { id: conversation } = await alice.direct('bob');
			const listeners = [];
			for (let i = 0; i < 4; i++) listeners.push(await Socket.open(bob), await Events.open(bob));
			const instances = new Set(listeners.map((listener) => listener.ready.connection.split('-')[0]));
			assert.equal(instances.size, options.instances);
			assert.match(listeners[0].ws.extensions, /permessage-deflate/);
			for (let i = 0; i < 50; i++) {
				const sent = i % 2 || options.site ? await alice.send(conversation, `m${i}`)
					: await listeners[0].request('messages.send', { conversation_id: conversation, text: `m${i}` });
				assert.equal(sent.status, 201, JSON.stringify(sent.body ?? sent));
			}
			for (const listener of listeners) {
				await until(() => listener.texts(conversation).length >= 50, `all at ${listener.who}`);
				assert.deepEqual(listener.texts(conversation), [...Array(50).keys()].map((i) => `m${i}`));
			}
			const closing = listeners.find((listener) => listener instanceof Socket);
			const gone = await bob.call('DELETE', `/v1/connections/${closing.ready.connection}`, undefined, { 'Parley-Connection': closing.ready.connection });
			assert.ok(gone.status < 300, JSON.stringify(gone.body));
			await until(() => closing.connections === 2, 'the closed socket came back');
			for (const listener of listeners) listener.close();
		});

		await t.test('resume through Nginx', async () => {
			const { id: conversation } = await alice.direct('bob');
			const first = await Events.open(bob);
			await alice.send(conversation, 'seen');
			const { id } = await first.wait('message.created');
			first.close();
			await alice.send(conversation, 'missed');
			for (const kind of [Socket, Events]) {
				const back = await kind.open(bob, { after: id });
				await back.wait('message.created', (event) => event.data.text === 'missed');
				assert.deepEqual(back.texts(conversation), ['missed']);
				back.close();
			}
		});

		await t.test('a WebSocket that is closed can answer, and meets no reset', async () => {
			const socket = net.connect({ port: service.port, host: '127.0.0.1', allowHalfOpen: true });
			let [bytes, ended, failed] = [Buffer.alloc(0), false, undefined];
			socket.on('data', (data) => { bytes = Buffer.concat([bytes, data]); });
			socket.on('end', () => { ended = true; });
			socket.on('error', (error) => { failed = error; });
			const closed = new Promise((resolve) => { socket.on('close', resolve); });
			socket.write(`GET /v1/socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n`
				+ `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`);
			await until(() => bytes.includes('"ready"'), 'ready');
			socket.write(Buffer.from([0x83, 0x80, 0, 0, 0, 0])); // there is no opcode 3
			await until(() => ended || failed, 'the end of what the service says');
			assert.ok(bytes.includes(Buffer.from([0x03, 0xea])), 'closed with 1002');
			for (let i = 0; i < 3; i++) await new Promise((resolve) => { socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xea]), resolve); });
			socket.end();
			await closed;
			assert.equal(failed, undefined);
		});

		await t.test('a file by X-Accel-Redirect, and no way round it', async () => {
			const { body } = await alice.post('/v1/uploads', form(demo, 'a.jpg'));
			const answer = await alice.get(body.url);
			assert.equal(answer.status, 200);
			assert.equal(answer.headers.get('x-accel-redirect'), null);
			assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
			assert.match(answer.headers.get('content-security-policy'), /sandbox/);
			assert.equal((await alice.get('/_files/')).status, 404);
			assert.equal(/signature=/.test(body.url), Boolean(options.env));
			const big = await alice.post(`/v1/conversations`, 'x'.repeat(200000));
			assert.equal(big.status, 413);
			assert.equal(big.body.code, 'payload_too_large');
		});

		await t.test('the tus client, and a piece that breaks off on its way through Nginx', async () => {
			const bytes = randomBytes(512 * 1024).toString('hex');
			const part = async () => {
				const names = await readdir(path.join(service.state, 'uploads', 'tmp'));
				const sizes = await Promise.all(names.filter((one) => one.startsWith('tus-'))
					.map(async (one) => (await stat(path.join(service.state, 'uploads', 'tmp', one))).size));
				return sizes.some((size) => size > 0);
			};
			const through = await Break.at(service.port, 600 * 1024, [() => until(part, 'bytes on the disk')]);
			const { id, requests } = await tusUpload(alice, Buffer.from(bytes), 'a.txt', { through });
			through.close();
			assert.ok(requests.find((one) => one.method === 'HEAD').offset > 0, 'what had come was kept');
			assert.equal((await alice.get(`/v1/files/${id}/original`)).body, bytes);
			const options = await alice.call('OPTIONS', '/v1/tus');
			assert.equal(options.headers.get('tus-version'), '1.0.0');
		});

		if (options.env) await t.test('addresses in answers and events are signed ones', async () => {
			const nobody = new Caller(service, null, 'nobody');
			const { id: conversation } = await alice.direct('bob');
			const socket = await Socket.open(bob);
			const { body: upload } = await alice.post('/v1/uploads', form(demo, 'a.jpg'));
			const text = `"url":"/v1/files/${upload.id}/original"`;
			await alice.send(conversation, text, { attachments: [upload.id] });
			const told = (await socket.wait('message.created')).data;
			const [listed] = (await bob.done('GET', `/v1/conversations/${conversation}/messages?limit=1`)).data;
			for (const message of [told, listed]) {
				assert.equal(message.text, text);
				for (const url of [message.attachments[0].url, message.attachments[0].thumbnail_url]) {
					assert.match(url, /signature=/);
					const answer = await nobody.get(url);
					assert.equal(answer.status, 200);
					assert.match(answer.headers.get('cache-control'), /^public/);
				}
			}
			assert.equal((await nobody.get(`/v1/files/${upload.id}/original`)).status, 401);
			socket.close();
		});

		await t.test('the client is the one that Nginx saw', async () => {
			const socket = await Socket.open(bob);
			const rows = await until(async () => {
				const { body } = await bob.get('/v1/connections', { 'X-Real-IP': '6.6.6.6', 'X-Forwarded-For': '6.6.6.6' });
				return body.data.length && body.data;
			}, 'the connection');
			assert.equal(rows[0].address, '127.0.0.1');
			socket.close();
		});

		await t.test('what Nginx refuses has the form of the service\'s errors', async () => {
			const refused = [
				['GET', '/v1/me%00', 400], ['GET', '/v1/users/%zz', 400], ['TRACE', '/v1/me', 405],
				['GET', '/v1/me', 431, { 'X-Big': 'x'.repeat(40000) }],
			];
			for (const [method, where, status, headers] of refused) {
				const answer = await raw(service, method, where, headers);
				assert.equal(answer.status, status, `${method} ${where}`);
				assert.match(answer.type, /problem\+json/, `${method} ${where}`);
				assert.equal(JSON.parse(answer.body).status, status);
			}
		});

		await t.test('a thousand users in one request', async () => {
			const users = Array.from({ length: 1000 }, (_, i) => ({ id: `u${i}`, name: 'n'.repeat(180) }));
			const answer = await service.as('laravel', { role: 'service' }).call('PUT', '/v1/users', { users });
			assert.equal(answer.status, 200, JSON.stringify(answer.body));
			assert.equal(answer.body.created, 1000);
		});

		await t.test('a body behind a GET is not the next request', async () => {
			const smuggled = `GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.token('mallory')}\r\n\r\n`;
			const answer = await new Promise((resolve) => {
				let out = '';
				const socket = net.connect(service.port, '127.0.0.1', () => {
					socket.write(`GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`);
				});
				socket.on('data', (data) => { out += data; });
				socket.on('close', () => resolve(out));
				setTimeout(() => socket.destroy(), 1500);
			});
			assert.match(answer, /^HTTP\/1\.1 400/);
			assert.equal(answer.includes('mallory'), false);
		});

		await t.test('metrics count what happened', async () => {
			const { status, body } = await new (alice.constructor)(service, null).get('/metrics');
			assert.equal(status, 200);
			assert.match(body, /parley_requests_total\{[^}]*operation="messages\.send"[^}]*\} [1-9]/);
			if (!options.site) assert.match(body, /parley_connections\{[^}]*\}/);
		});
	});
}
