// SPDX-License-Identifier: ISC
// Debian's Chromium, and pages in which its own EventSource and WebSocket talk to a service.
import http from 'node:http';
import { chromium } from 'playwright-core';
import { freePort, until } from './service.js';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync'];

/** Runs in the page: streams by name, and what each has met. */
function equip() {
	const streams = {};
	const answered = async (base, token) => {
		const response = await fetch(`${base}/v1/tickets`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
		return (await response.json()).ticket;
	};
	globalThis.openEvents = async (name, base, token, names, query = '') => {
		const ticket = await answered(base, token);
		const source = new EventSource(`${base}/v1/events?ticket=${ticket}${query}`);
		const stream = { source, ticket, agent: navigator.userAgent, events: [], opens: 0, errors: 0 };
		streams[name] = stream;
		source.onopen = () => { stream.opens++; };
		source.onerror = (event) => { if (event.data === undefined) stream.errors++; };
		for (const type of names) {
			source.addEventListener(type, (event) => {
				stream.events.push({ type, lastEventId: event.lastEventId, ...JSON.parse(event.data) });
			});
		}
	};
	globalThis.openSocket = async (name, base, { token, ticketOf }) => {
		const url = `${base.replace('http', 'ws')}/v1/socket`;
		const ws = token ? new WebSocket(url, ['parley.v1', `bearer.${token}`])
			: new WebSocket(`${url}?ticket=${await answered(base, ticketOf)}`);
		const stream = { source: ws, events: [], opens: 0, errors: 0 };
		streams[name] = stream;
		ws.onopen = () => { stream.opens++; stream.protocol = ws.protocol; stream.extensions = ws.extensions; };
		ws.onerror = () => { stream.errors++; };
		ws.onmessage = (event) => { stream.events.push(JSON.parse(event.data)); };
		ws.onclose = (event) => { stream.code = event.code; };
	};
	globalThis.seen = (name) => {
		const { source, ...rest } = streams[name];
		return { ...rest, state: source.readyState };
	};
	globalThis.say = (name, text) => { streams[name].source.send(text); };
}

const NAMES = ['ready', 'reset', 'reconnect', 'token.expiring', 'message.created'];

/** One stream in a page. */
class Stream {
	constructor(page, name) { Object.assign(this, { page, name }); }

	/** {events, opens, errors, state, …} as of now. */
	seen() { return this.page.evaluate((name) => globalThis.seen(name), this.name); }

	say(frame) { return this.page.evaluate(([name, text]) => globalThis.say(name, text), [this.name, JSON.stringify(frame)]); }

	/** Waits until what it has met passes `test`, and answers that. */
	async until(test, what, ms = 20000) {
		let last;
		try {
			return await until(async () => { last = await this.seen(); return test(last) && last; }, `${what} at ${this.name}`, ms);
		} catch (error) {
			throw new Error(`${error.message}: ${JSON.stringify(last).slice(-1500)}`);
		}
	}
}

export class Browser {
	static async start() {
		const browser = new Browser();
		browser.port = await freePort();
		browser.server = http.createServer((request, response) => {
			response.setHeader('Content-Type', 'text/html');
			response.end('<!doctype html><title>a page of another origin</title>');
		});
		await new Promise((resolve) => { browser.server.listen(browser.port, '127.0.0.1', resolve); });
		browser.origin = `http://127.0.0.1:${browser.port}`;
		browser.stranger = `http://localhost:${browser.port}`;
		browser.chromium = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
		browser.context = await browser.chromium.newContext({ ignoreHTTPSErrors: true });
		return browser;
	}

	/** A page at that address. */
	async page(url) {
		const page = await this.context.newPage();
		await page.goto(url);
		await page.evaluate(equip);
		return page;
	}

	/** The page's EventSource, opened with a ticket for that token; it is ready. */
	async events(page, name, base, token, query) {
		await page.evaluate(([...args]) => globalThis.openEvents(...args), [name, base, token, NAMES, query]);
		const stream = new Stream(page, name);
		await stream.until((seen) => seen.events.some((event) => event.type === 'ready') || seen.state === 2, 'ready');
		return stream;
	}

	/** The page's WebSocket, with the token as its subprotocol or a ticket for it. */
	async socket(page, name, base, how) {
		await page.evaluate(([...args]) => globalThis.openSocket(...args), [name, base, how]);
		return new Stream(page, name);
	}

	async stop() {
		await this.chromium?.close();
		this.server?.close();
	}
}

export const texts = (seen) => seen.events.filter((event) => event.type === 'message.created').map((event) => event.data.text);
export const readies = (seen) => seen.events.filter((event) => event.type === 'ready').map((event) => event.data.connection);
