// SPDX-License-Identifier: ISC
// A real browser, with its own EventSource and WebSocket: through Nginx with TLS and HTTP/2, and at Kore's own port; from a page
// of the same origin and from others.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Browser, readies, texts } from './lib/browser.js';
import { Service, until } from './lib/service.js';

process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; // fetch here; the browser is told so too

let browser, nginx, kore, pages;

before(async () => {
	browser = await Browser.start();
	const env = { PARLEY_ORIGINS: browser.origin };
	[nginx, kore] = await Promise.all([
		Service.start({ instances: 3, tls: true, env, prepare: (service) => { service.env.PARLEY_PUBLIC_URL = service.url; } }),
		Service.start({ workers: 1, env }),
	]);
	pages = {
		same: await browser.page(`${nginx.url}/health`), cross: await browser.page(browser.origin),
		stranger: await browser.page(browser.stranger),
	};
	for (const service of [nginx, kore]) {
		for (const user of ['alice', 'bob', 'carol']) await service.as(user).get('/v1/me');
		service.room = await service.as('alice').direct('bob');
	}
});
after(async () => {
	await browser?.stop();
	await Promise.all([nginx, kore].map((service) => service?.stop()));
});

const say = (service, text) => service.as('alice').sendSurely(service.room.id, text);

/** The holder's log says with which id the stream came back. */
async function resumedAfter(service, log, connection) {
	const line = await until(async () => (await service.log(log)).split('\n').find((one) => one.includes('stream opened') && one.includes(connection)), 'the log');
	return Number(/ after=(\d+)/.exec(line)[1]);
}

/** What a service answers to a request for events with these headers. */
async function ask(service, query, headers = {}) {
	const stop = new AbortController();
	const response = await fetch(`${service.url}/v1/events?${query}`, { headers: { Accept: 'text/event-stream', ...headers }, signal: stop.signal });
	stop.abort();
	return response.status;
}

/** An EventSource is live, loses its holder, comes back by itself, and is then closed for good. */
async function backByItself(service, page, lose) {
	const stream = await browser.events(page, 'back', service.url, service.token('bob'));
	await say(service, 'at once');
	const before = await stream.until((seen) => texts(seen).includes('at once'), 'a message while the stream is open');
	assert.deepEqual([before.opens, before.errors, before.state], [1, 0, 1]);
	const [first] = readies(before);
	const last = before.events.at(-1);
	assert.equal(last.lastEventId, String(last.id));

	const losing = lose(first.split('-')[0]);
	await stream.until((seen) => seen.errors > 0, 'the end of the stream');
	await say(service, 'meanwhile');
	const back = await stream.until((seen) => texts(seen).includes('meanwhile'), 'what was missed');
	assert.deepEqual(texts(back), ['at once', 'meanwhile']);
	assert.equal(back.events.some((event) => event.type === 'reset'), false);
	const [, second] = readies(back);
	assert.notEqual(second, first);
	// The last that it heard before, which need not be the message: Alice's position follows that.
	const heard = back.events[back.events.findIndex((event) => event.data.connection === second) - 1].lastEventId;
	assert.equal(await resumedAfter(service, service === nginx ? second.split('-')[0] : 'kore', second), Number(heard));

	// Who has read the URL somewhere, but is another program, or begins anew.
	const again = { 'Last-Event-ID': back.events.at(-1).lastEventId };
	for (const headers of [{}, again, { ...again, 'User-Agent': back.agent, Accept: 'application/json' }]) {
		assert.equal(await ask(service, `ticket=${back.ticket}`, headers), 401, JSON.stringify(headers));
	}
	assert.equal(await ask(service, 'ticket=nosuch', again), 401);

	await service.as('bob').done('DELETE', `/v1/connections/${second}`);
	await stream.until((seen) => seen.state === 2, 'the refusal');
	await losing;
}

test('a WebSocket: the token as subprotocol, a ticket, and nobody from a strange origin', async () => {
	for (const [service, page] of [[nginx, pages.same], [nginx, pages.cross], [kore, pages.cross]]) {
		for (const how of [{ token: service.token('bob') }, { ticketOf: service.token('bob') }]) {
			const socket = await browser.socket(page, 'socket', service.url, how);
			await socket.until((seen) => seen.events[0]?.event === 'ready', 'ready');
			await socket.say({ id: '1', op: 'ping', args: {} });
			const seen = await socket.until((one) => one.events.some((event) => event.reply === '1'), 'the reply');
			assert.equal(seen.protocol, how.token ? 'parley.v1' : '');
			// It compresses what it sends, and understands what comes back compressed.
			assert.match(seen.extensions, /permessage-deflate/);
			await socket.say({ id: '2', op: 'sync.get', args: {} });
			const { events } = await socket.until((one) => one.events.some((event) => event.reply === '2'), 'a longer reply');
			assert.equal(events.find((event) => event.reply === '2').status, 200);
		}
	}
	for (const service of [nginx, kore]) {
		const socket = await browser.socket(pages.stranger, 'strange', service.url, { token: service.token('bob') });
		const refused = await socket.until((seen) => seen.code !== undefined, 'the refusal');
		assert.deepEqual([refused.opens, refused.code, refused.events], [0, 1006, []]);
	}
	assert.match(await kore.log('kore'), /stream refused .*kind=websocket status=403 code=origin_not_allowed/);
});

describe('a browser', { concurrency: 2 }, () => {
	test('through Nginx, over TLS, from a page of the same origin', async (t) => {
		let gone;
		await t.test('an EventSource comes back by itself from an instance that is drained', () => backByItself(nginx, pages.same, (holder) => {
			gone = holder;
			return nginx.dev('drain', holder, '--seconds', '0');
		}));
		await t.test('an EventSource meets Nginx without the service, and comes back', async () => {
			const stream = await browser.events(pages.cross, 'alone', nginx.url, nginx.token('carol'));
			for (const name of ['k1', 'k2', 'k3']) if (name !== gone) process.kill(await nginx.pid(name), 'SIGTERM');
			// Nginx's own answer opens, is empty, and ends.
			await stream.until((seen) => seen.opens > readies(seen).length, 'an empty answer');
			await nginx.dev('restart', 'kore');
			await stream.until((seen) => readies(seen).length === 2, 'the return');
		});
	});

	test('at Kore\'s port, from a page of another origin', async (t) => {
		await t.test('an EventSource comes back by itself from a worker that was killed', () => backByItself(kore, pages.cross,
			() => kore.dev('kill-worker')));
		await t.test('an EventSource outlives the service, and gives up once its token has expired', async () => {
			const [lasting, brief] = [
				await browser.events(pages.cross, 'lasting', kore.url, kore.token('carol')),
				await browser.events(pages.cross, 'brief', kore.url, kore.token('carol', { ttl: 4 })),
			];
			await kore.dev('restart', 'kore');
			await lasting.until((seen) => readies(seen).length === 2, 'the return');
			await brief.until((seen) => seen.state === 2, 'the refusal', 30000);
		});
	});
});
