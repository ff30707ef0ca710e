// SPDX-License-Identifier: ISC
// Server-Sent Events as bytes: what goes over the wire at Kore's port and through Nginx, and what is answered to those who ask wrongly.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Wire } from './lib/wire.js';

const services = {};
before(async () => {
	const env = { PARLEY_HEARTBEAT_SECONDS: '1' };
	[services.kore, services.nginx] = await Promise.all([Service.start({ workers: 1, env }), Service.start({ instances: 1, env })]);
	for (const service of Object.values(services)) {
		for (const user of ['alice', 'bob']) await service.as(user).get('/v1/me');
		service.room = await service.as('alice').direct('bob');
	}
});
after(() => Promise.all(Object.values(services).map((service) => service.stop())));

/** A request of bob's, with these header lines. */
async function ask(service, lines = [], { method = 'GET', version = '1.1', query = '' } = {}) {
	const wire = await Wire.open(service.port);
	wire.write([`${method} /v1/events${query} HTTP/${version}`, 'Host: x', `Authorization: Bearer ${service.token('bob')}`, ...lines, '', ''].join('\r\n'));
	return wire;
}

/** The body so far, taken out of its chunks; HTTP/1.0 and `Connection: close` have none. */
function body(wire, { headers, start }) {
	let rest = wire.bytes.subarray(start);
	if (headers['transfer-encoding'] !== 'chunked') return rest.toString();
	const parts = [];
	for (;;) {
		const end = rest.indexOf('\r\n');
		const size = end < 0 ? 0 : parseInt(rest.subarray(0, end).toString(), 16);
		if (!size || rest.length < end + 4 + size) return Buffer.concat(parts).toString();
		parts.push(rest.subarray(end + 2, end + 2 + size));
		rest = rest.subarray(end + 4 + size);
	}
}

/** Blocks of lines, as an EventSource reads them: comments, and messages as {field: value}. */
const blocks = (text) => text.split('\n\n').slice(0, -1).map((block) => (block.startsWith(':') ? block
	: Object.fromEntries(block.split('\n').map((line) => /^([a-z]+): ([^]*)$/.exec(line).slice(1)))));

for (const name of ['kore', 'nginx']) {
	for (const version of ['1.0', '1.1']) {
		test(`a stream over HTTP/${version} at ${name}`, async (t) => {
			const service = services[name];
			const wire = await ask(service, ['Accept: text/event-stream', 'Accept-Encoding: gzip, deflate, br'], { version });
			t.after(() => wire.close());
			const head = await wire.head();
			assert.equal(head.status, 200);
			assert.match(head.headers['content-type'], /^text\/event-stream(; charset=utf-8)?$/);
			assert.match(head.headers['cache-control'], /no-store.*no-transform/);
			assert.equal(head.headers['content-encoding'], undefined);
			assert.equal(head.headers['content-length'], undefined);
			if (version === '1.0') assert.equal(head.headers['transfer-encoding'], undefined);
			if (name === 'kore') assert.equal(head.headers['x-accel-buffering'], 'no');

			const { body: sent } = await service.as('alice').sendSurely(service.room.id, 'two\nlines and\u2028 more');
			await until(() => body(wire, head).includes('message.created'), 'the message while the stream is open');
			await until(() => /^:\n\n/m.test(body(wire, head)), 'a comment');
			assert.equal(wire.closed, undefined);
			const text = body(wire, head);
			assert.equal(text.codePointAt(0), 'i'.codePointAt(0), 'no byte order mark');
			assert.equal(text.includes('\r'), false);
			const [ready, ...rest] = blocks(text);
			assert.deepEqual(Object.keys(ready), ['id', 'retry', 'event', 'data']);
			assert.ok(Number(ready.retry) >= 1000 && Number(ready.retry) <= 10000, ready.retry);
			assert.equal(JSON.parse(ready.data).data.last_event_id, Number(ready.id));
			const messages = rest.filter((block) => block.event === 'message.created');
			assert.equal(messages.length, 1);
			assert.deepEqual(Object.keys(messages[0]), ['id', 'event', 'data']);
			const object = JSON.parse(messages[0].data);
			assert.equal(String(object.id), messages[0].id);
			assert.deepEqual([object.event, object.data.id, object.data.text], ['message.created', sent.id, sent.text]);
			assert.deepEqual([...new Set(rest.filter((block) => typeof block === 'string'))], [':']);
		});
	}

	test(`HEAD at ${name} answers what a GET would, and opens nothing`, async () => {
		const service = services[name];
		await until(async () => (await service.metric('parley_connections')) === 0, 'no stream');
		const before = await service.metric('parley_streams_opened_total');
		const wire = await ask(service, ['Connection: close'], { method: 'HEAD' });
		const { status, headers, start } = await wire.head();
		assert.deepEqual([status, headers['content-type']], [200, 'text/event-stream']);
		await until(() => wire.closed, 'the end');
		assert.equal(wire.bytes.length, start);
		await until(async () => (await service.metric('parley_connections')) === 0, 'no stream');
		assert.equal(await service.metric('parley_streams_opened_total'), before);
		// The list is written a little later; what was opened before may still have to leave it.
		await until(async () => (await service.as('bob').done('GET', '/v1/connections')).data.length === 0, 'nothing in the list');
	});

	test(`what Accept decides at ${name}`, async () => {
		const stream = 'text/event-stream';
		const list = 'application/json';
		const problem = 'application/problem+json';
		for (const [accept, status, type] of [
			[undefined, 200, stream], ['', 200, stream], ['*/*', 200, stream], ['text/*', 200, stream], ['TEXT/Event-Stream', 200, stream],
			[`${stream}, ${list};q=0.9`, 200, stream], [list, 200, list], ['application/*', 200, list], [`${list}, text/plain, */*`, 200, list],
			[`${stream};q=0.5, ${list}`, 200, list], [`${stream};q=0, */*`, 200, list], [`${list};q=0`, 406, problem],
			['text/html', 406, problem], [`${stream};q=0`, 406, problem], ['image/*, text/plain', 406, problem],
		]) {
			const wire = await ask(services[name], accept === undefined ? [] : [`Accept: ${accept}`]);
			const head = await wire.head();
			assert.deepEqual([head.status, head.headers['content-type']], [status, type], `Accept: ${accept}`);
			if (status === 406) assert.equal((await wire.answer()).body.code, 'not_acceptable');
			wire.close();
		}
	});

	test(`wrong methods and places to resume at ${name}`, async () => {
		const service = services[name];
		const post = await ask(service, ['Content-Length: 0'], { method: 'POST' });
		const refused = await post.answer();
		assert.equal(refused.status, 405);
		assert.equal(refused.headers.allow, 'GET, HEAD, OPTIONS');
		assert.equal(refused.body.code, 'method_not_allowed');
		post.close();

		for (const accept of ['text/event-stream', 'application/json']) {
			for (const last of ['abc', '-1', '1.5', '99999999999999999999', '1.ABCDEFGHIJKLMNOPQRSTUVWXYZ']) {
				const wire = await ask(service, [`Accept: ${accept}`, `Last-Event-ID: ${last}`]);
				const { status, body: why } = await wire.answer();
				assert.deepEqual([status, why.code, why.errors[0].field], [422, 'invalid', 'Last-Event-ID'], last);
				wire.close();
			}
		}

		const { body: { seq } } = await service.as('alice').send(service.room.id, 'one');
		const probe = await service.as('bob').done('GET', '/v1/events?after=0', undefined, { Accept: 'application/json' });
		const one = probe.data.find((event) => event.data.seq === seq).id;
		await service.as('alice').send(service.room.id, 'two');
		// An empty one counts as none; one that is there wins over `after`.
		for (const [lines, after, first] of [[['Last-Event-ID:'], one, 'two'], [[`Last-Event-ID: ${one}`], 0, 'two'], [[`Last-Event-ID: ${one - 1}`], one, 'one']]) {
			const wire = await ask(service, lines, { query: `?after=${after}` });
			const head = await wire.head();
			const message = await until(() => blocks(body(wire, head)).find((block) => block.event === 'message.created'), 'a message');
			assert.equal(JSON.parse(message.data).data.text, first, lines[0]);
			wire.close();
		}
	});
}
