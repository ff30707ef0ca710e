// SPDX-License-Identifier: ISC
// Three instances behind Nginx are replaced one after the other while everybody talks.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';
import { form } from './lib/pictures.js';
import { Service, pause, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

const LISTENERS = 3; // of each kind
const WRITERS = 4;

const service = await Service.start({ instances: 3 });
const bob = service.as('bob');
await bob.get('/v1/me');

const listeners = [];
for (let i = 0; i < LISTENERS; i++) listeners.push(await Socket.open(bob), await Events.open(bob));
test.after(() => service.stop());

/** Talks until told to stop, and remembers what was said and how it was answered. */
class Writer {
	constructor(user) {
		this.caller = service.as(user);
		this.said = [];
		this.answers = {};
	}

	async begin() {
		this.conversation = (await this.caller.direct('bob')).id;
		this.talking = this.talk();
	}

	async talk() {
		while (!this.done) {
			const text = `${this.caller.user} ${this.said.length}`;
			this.said.push(text);
			await this.say(text);
			await pause(5);
		}
	}

	count(answer) {
		this.answers[answer] = (this.answers[answer] ?? 0) + 1;
	}

	async end() {
		this.done = true;
		await this.talking;
	}
}

/** Over REST: each request is made once. */
class RestWriter extends Writer {
	async say(text) {
		for (const ask of [
			() => this.caller.send(this.conversation, text),
			() => this.caller.get(`/v1/conversations/${this.conversation}/messages?limit=1`),
		]) this.count(await ask().then((answer) => answer.status, (error) => error.message));
	}
}

/** Over a socket: what was not answered before the close is asked again, with the same id. */
class SocketWriter extends Writer {
	async begin() {
		this.socket = await Socket.open(this.caller);
		await super.begin();
	}

	async say(text) {
		const args = { id: randomUUID(), conversation_id: this.conversation, text };
		let answer;
		while ((answer = await this.socket.request('messages.send', args)).status === 0) await pause(20);
		this.count(answer.status);
	}
}

/** What everybody saw while `deploy` ran. */
async function during(t, deploy) {
	const writers = [];
	for (let i = 0; i < WRITERS; i++) {
		writers.push(new (i % 2 ? SocketWriter : RestWriter)(`${t.name.slice(0, 5).trim()}${i}`.replace(/\W/g, '')));
		await writers[i].begin();
	}
	await pause(200);
	try {
		await deploy();
		await pause(200);
	} finally {
		for (const writer of writers) await writer.end();
	}

	for (const writer of writers) {
		const answers = Object.keys(writer.answers).filter((status) => status !== '200' && status !== '201');
		assert.deepEqual(answers, [], JSON.stringify(writer.answers));
		for (const listener of listeners) {
			const heard = () => listener.texts(writer.conversation);
			await until(() => heard().length >= writer.said.length, `${writer.caller.user} at ${listener.who}`);
			assert.deepEqual(heard(), writer.said, listener.who);
		}
	}
	const sockets = writers.filter((writer) => writer.socket).map((writer) => writer.socket);
	for (const listener of [...listeners, ...sockets]) {
		assert.equal(listener.refused, undefined, `${listener.who} was refused`);
		assert.equal(listener.named('reset').length, 0);
		assert.equal(listener.connections, listener.named('reconnect').length + 1,
			`${listener.who} was told of each end`);
		if (listener instanceof Socket) assert.deepEqual(listener.closes.filter((code) => code !== 1012), []);
	}
	t.diagnostic(`${writers.reduce((sum, writer) => sum + writer.said.length, 0)} messages, ${
		listeners.reduce((sum, listener) => sum + listener.named('reconnect').length, 0)} reconnects`);
}

const holders = () => new Set(listeners.map((listener) => listener.ready.connection.split('-')[0]));

test('each instance is drained and started again: nothing is lost', (t) => during(t, async () => {
	for (const name of ['k1', 'k2', 'k3']) {
		assert.ok(holders().has(name), `${name} holds somebody`);
		await service.dev('drain', name, '--seconds', '1');
		assert.match(await service.log(name), / stopped process=/);
		// Before it is there again: an event stream takes its time to return, and would find it empty.
		await until(() => !holders().has(name), `all came back elsewhere than ${name}`, 60000);
		await service.dev('restart', name);
		// Who comes back next finds it.
		const visitors = [];
		await until(async () => {
			visitors.push(await Socket.open(bob, { reconnect: false }));
			return visitors.at(-1).ready.connection.startsWith(name);
		}, `${name} is used again`);
		for (const visitor of visitors) visitor.close();
	}
}));

/** A request at the instance's own socket: {request, answer}, the answer being {status, body}. */
async function at(name, method, where, headers = {}) {
	const { PARLEY_RUN_DIR: dir } = await service.settings();
	const request = http.request({
		socketPath: path.join(dir, `${name}.sock`), method, path: where, headers: { Authorization: `Bearer ${bob.token}`, ...headers },
	});
	const answer = new Promise((resolve, reject) => {
		request.on('error', reject);
		request.on('response', async (response) => {
			resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(await response.toArray())) });
		});
	});
	answer.catch(() => {}); // who awaits it hears of it
	return { request, answer };
}

/** An upload of which only the head and half of the body have gone. */
async function slowUpload(name, bytes) {
	const encoded = new Response(form(bytes, 'slow.txt', 'text/plain'));
	const body = Buffer.from(await encoded.arrayBuffer());
	const { request, answer } = await at(name, 'POST', '/v1/uploads', {
		'Content-Type': encoded.headers.get('content-type'), 'Content-Length': body.length,
	});
	await new Promise((resolve) => { request.write(body.subarray(0, body.length / 2), resolve); });
	return { answer, finish: () => request.end(body.subarray(body.length / 2)) };
}

test('a drain goes on over its seconds, a second order makes haste, and what is under way is finished', async () => {
	const name = 'k2';
	const streams = await Promise.all(Array.from({ length: 30 }, (_, i) => (i % 2 ? Socket : Events).open(bob, { reconnect: false })));
	const its = streams.filter((stream) => stream.ready.connection.startsWith(`${name}-`));
	assert.ok(its.length >= 5, `${its.length} of 30 streams are at ${name}`);
	const upload = await slowUpload(name, Buffer.alloc(20000, 'x'));
	// Of a topic where nothing happens: notifications may still come.
	const quiet = await bob.done('POST', '/v1/conversations', { type: 'group', name: 'Quiet' });
	const poll = await at(name, 'GET', `/v1/events?topics=conversation:${quiet.id}&after=${its[0].last}&wait=25`, { Accept: 'application/json' });
	poll.request.end();

	const left = () => its.filter((stream) => stream.named('reconnect').length > 0).length;
	const draining = service.dev('drain', name, '--seconds', '30');
	await until(() => left() > 0, 'the first leaves', 60000);
	assert.ok(left() < its.length, 'not all at once');
	await Promise.all([service.dev('drain', name, '--seconds', '0'), until(() => left() === its.length, 'the last has left'), (async () => {
		await until(async () => (await service.log(name)).split(' draining ').length > 2, 'the second order');
		upload.finish();
		assert.equal((await upload.answer).status, 201);
	})()]);
	await draining;
	for (const stream of its) {
		const [{ data }] = stream.named('reconnect');
		assert.equal(data.close, 1012);
		assert.ok(data.after_ms >= 0 && data.after_ms <= 30000);
		if (stream instanceof Socket) assert.deepEqual(stream.closes, [1012]);
	}
	const polled = await poll.answer;
	assert.deepEqual([polled.status, polled.body.data], [200, []]);
	for (const stream of streams) stream.close();
	await service.dev('restart', name);
});

test('a bare SIGTERM says goodbye too, and loses nothing', (t) => during(t, () => service.dev('restart', 'k1')));

test('when all were away, all streams come back at once', async () => {
	const names = ['k1', 'k2', 'k3'];
	await Promise.all(names.map((name) => service.dev('drain', name, '--seconds', '0')));
	for (let i = 0; i < 6; i++) {
		const { status } = await fetch(`${service.url}/v1/events`, { headers: { Authorization: `Bearer ${bob.token}` } });
		assert.equal(status, 502);
	}
	await Promise.all(names.map((name) => service.dev('restart', name)));
	const streams = [];
	for (let i = 0; i < 20; i++) streams.push(await Socket.open(bob, { reconnect: false }));
	for (const stream of streams) stream.close();
});

test('an instance that does not run is not drained', async () => {
	await assert.rejects(service.dev('drain', 'k3', '--seconds', 'soon'), /--seconds is a number/);
	await assert.rejects(service.dev('drain', 'k4'), /no instance k4/);
});
