// SPDX-License-Identifier: ISC
// Clients that are torn away and come back, each by its own door: WebSocket, Server-Sent Events, polling
// with a wait, Server-Sent Events of a FastCGI process that holds no stream.  Each keeps what it got.
import http from 'node:http';
import { StringDecoder } from 'node:string_decoder';
import WebSocket from 'ws';
import { FastcgiRequest } from './fastcgi.js';
import { pause } from './service.js';

const PATIENCE_MS = 20000; // with a service that does not answer
const ANSWERED_MS = 60000; // after which nothing that happens to a service excuses that it never answered

/** The stream format of the HTML standard; calls `dispatch({id, event, data})` at each empty line. */
class EventStream {
	constructor(dispatch) {
		this.dispatch = dispatch;
		this.decoder = new StringDecoder('utf8');
		this.rest = '';
		this.clear();
	}

	clear() {
		this.event = '';
		this.data = [];
	}

	feed(bytes) {
		const lines = (this.rest + this.decoder.write(bytes)).split('\n');
		this.rest = lines.pop();
		for (const line of lines) this.line(line);
	}

	line(line) {
		if (line === '') {
			this.dispatch({ id: this.id, event: this.event, data: this.data.join('\n') });
			this.clear();
			return;
		}
		const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
		if (name === 'data') this.data.push(value);
		else if (name === 'event') this.event = value;
		else if (name === 'id') this.id = value;
	}
}

/**
 * Follows events from its first connection until `end`, whatever happens to its connections.
 * `seen`: the logged events in order of arrival; `first`: the position that it began at;
 * `faults`: what a client must never see; `journal`: what happened to it, for whoever looks for a fault.
 */
class Follower {
	/** Options: topics, after (from now on without it). */
	constructor(caller, random, { topics, after } = {}) {
		Object.assign(this, { caller, random, topics, service: caller.service, first: after, last: after });
		this.name = `${caller.user} ${this.constructor.name}`;
		this.seen = [];
		this.faults = [];
		this.journal = [];
		this.origins = new Set(); // ids of its connections
		this.running = this.run();
	}

	note(text) { this.journal.push(`${new Date().toISOString().slice(11, 23)} ${text}`); }

	fault(text) {
		this.note(text);
		this.faults.push(text);
	}

	async run() {
		while (!this.done) {
			await this.connect().catch((error) => this.note(error.message));
			if (!this.done) await pause(this.random.between(10, 200));
		}
	}

	/** Where it goes on, as a query; nothing at the first time. */
	query(extra = {}) {
		const values = { ...extra, ...(this.topics ? { topics: this.topics } : {}), ...(this.last === undefined ? {} : { after: this.last }) };
		return new URLSearchParams(values).toString();
	}

	refused(status) {
		this.note(`refused with ${status}`);
		if (![502, 503, 504].includes(status)) this.fault(`refused with ${status}`);
	}

	begin(position) {
		this.first ??= position;
		this.last ??= position;
	}

	take(event) {
		if (event.event === 'ready') this.ready(event.data);
		else if (event.event === 'reset') this.fault(`reset at ${this.last} to ${event.data.last_event_id}`);
		else if (event.event === 'reconnect' || event.event === 'error') this.note(`${event.event} ${JSON.stringify(event.data)}`);
		if (event.id === undefined) return;
		if (event.id <= this.last) this.fault(`event ${event.id} after ${this.last}`);
		this.seen.push(event);
		this.last = event.id;
	}

	ready(data) {
		this.origins.add(data.connection);
		if (this.last !== undefined && data.last_event_id !== this.last) this.fault(`begins at ${data.last_event_id} instead of ${this.last}`);
		this.begin(data.last_event_id);
	}

	/** How its connection ends next; it comes back by itself, from `stalled` perhaps on the same one. */
	async suffer(how) {
		if (!this.alive) return;
		this.note(how);
		if (how === 'closed') this.close();
		else if (how === 'reset') this.tcp?.resetAndDestroy();
		else if (how === 'half-open') this.abandon();
		else if (how === 'stalled') {
			const { tcp } = this;
			tcp?.pause();
			await pause(this.random.between(300, 3000));
			tcp?.resume();
		}
	}

	/** Leaves the connection open and never looks at it again. */
	abandon() {
		const { tcp } = this;
		if (!tcp) return;
		this.service.listeners.add({ close: () => tcp.destroy() });
		tcp.pause();
		this.leave();
	}

	async end() {
		this.done = true;
		let over = false;
		const running = this.running.then(() => { over = true; });
		while (!over) { // it may be about to connect
			if (this.alive) this.close();
			await Promise.race([running, pause(50)]);
		}
	}
}

export class SocketFollower extends Follower {
	connect() {
		const replies = new Map();
		const ws = new WebSocket(`${this.service.url.replace('http', 'ws')}/v1/socket?${this.query()}`,
			{ headers: { Authorization: `Bearer ${this.caller.token}` }, handshakeTimeout: PATIENCE_MS, closeTimeout: 1000 });
		this.note(`connects, after ${this.last}`);
		return new Promise((resolve) => {
			let ended = false;
			const over = (text) => { // once: one that was abandoned ends later, beside the next
				if (ended) return;
				ended = true;
				this.note(text);
				this.alive = false;
				ws.removeAllListeners('message');
				for (const reply of replies.values()) reply({ status: 0 });
				replies.clear();
				resolve();
			};
			Object.assign(this, { ws, replies, leave: () => over('abandoned'), close: () => ws.close(1000) });
			ws.on('open', () => {
				this.alive = true;
				this.tcp = ws._socket;
			});
			ws.on('message', (data) => {
				const object = JSON.parse(data);
				if (object.reply === undefined) {
					this.take(object);
					return;
				}
				replies.get(object.reply)?.(object);
				replies.delete(object.reply);
			});
			ws.on('unexpected-response', (request, response) => {
				this.refused(response.statusCode);
				request.destroy();
				over('not taken in');
			});
			ws.on('error', (error) => over(error.message));
			ws.on('close', (code, reason) => {
				if ([1002, 1003, 1007, 1008, 1009, 1011, 4401, 4403].includes(code)) this.fault(`closed with ${code} ${reason}`);
				over(`closed with ${code} ${reason}`);
			});
		});
	}

	/** Calls an operation; status 0: nobody knows. */
	request(op, args) {
		if (!this.alive) return Promise.resolve({ status: 0 });
		return new Promise((resolve) => {
			const id = String(this.number = (this.number ?? 0) + 1);
			const tired = setTimeout(() => {
				this.fault(`${op} ${id} was not answered on an open connection`);
				resolve({ status: 0 });
			}, ANSWERED_MS);
			this.replies.set(id, (answer) => {
				clearTimeout(tired);
				resolve(answer);
			});
			this.ws.send(JSON.stringify({ id, op, args }), () => {});
		});
	}
}

/** Reads a stream of events, and the cursor from its ids as a browser does. */
class StreamFollower extends Follower {
	events() {
		return new EventStream(({ id, event, data }) => {
			if (data === '') {
				// An id without data moves the place and shows nothing.
				if (id !== undefined) this.move(Number(id));
				return;
			}
			const object = JSON.parse(data);
			if (object.event !== event) this.fault(`event: ${event} carries ${object.event}`);
			if (object.id !== undefined && String(object.id) !== id) this.fault(`id: ${id} carries ${object.id}`);
			this.take(object);
		});
	}

	move(position) {
		if (position < this.last) this.fault(`id: ${position} after ${this.last}`);
		this.begin(position);
		this.last = position;
	}

	/** In the header or in the query: both are allowed. */
	cursor(headers) {
		if (this.last === undefined || this.random.chance(0.5)) return this.query();
		headers['Last-Event-ID'] = String(this.last);
		return this.topics ? `topics=${this.topics}` : '';
	}
}

export class EventsFollower extends StreamFollower {
	connect() {
		const headers = { Authorization: `Bearer ${this.caller.token}`, Accept: 'text/event-stream' };
		const request = http.get(`${this.service.url}/v1/events?${this.cursor(headers)}`, { headers, agent: false });
		this.note(`connects, after ${this.last}`);
		return new Promise((resolve) => {
			let ended = false;
			const over = (text) => { // once, as above
				if (ended) return;
				ended = true;
				this.note(text);
				this.alive = false;
				resolve();
			};
			const tired = setTimeout(() => request.destroy(new Error('no answer')), PATIENCE_MS);
			request.on('error', (error) => over(error.message));
			request.on('close', () => clearTimeout(tired));
			request.on('response', (response) => {
				clearTimeout(tired);
				const stream = this.events();
				if (response.statusCode !== 200) {
					this.refused(response.statusCode);
					response.resume();
				} else {
					response.on('data', (data) => { if (!ended) stream.feed(data); });
					Object.assign(this, {
						alive: true, tcp: response.socket, close: () => request.destroy(),
						leave: () => over('abandoned'),
					});
				}
				response.on('error', () => {});
				response.on('close', () => over('closed'));
			});
		});
	}
}

export class PollingFollower extends Follower {
	async connect() {
		const gone = new AbortController();
		Object.assign(this, { alive: true, close: () => gone.abort(), leave: () => gone.abort() });
		const wait = this.random.between(0, 5);
		const query = this.query({ wait, limit: this.random.pick([1, 7, 100, 1000]) });
		const response = await fetch(`${this.service.url}/v1/events?${query}`, {
			headers: { Authorization: `Bearer ${this.caller.token}`, Accept: 'application/json' },
			signal: AbortSignal.any([gone.signal, AbortSignal.timeout(PATIENCE_MS)]),
		});
		if (response.status !== 200) {
			this.refused(response.status);
			return;
		}
		const { data, next } = await response.json();
		for (const event of data) this.take(event);
		this.note(`${data.length} events up to ${next}`);
		if (next < this.last) this.fault(`next is ${next} after ${this.last}`);
		this.begin(next);
		this.last = next;
	}

	async suffer(how) {
		this.note(how);
		if (how === 'stalled') this.random.next();
		else this.close();
	}
}

export class FastcgiFollower extends StreamFollower {
	async connect() {
		const headers = { Authorization: `Bearer ${this.caller.token}`, Accept: 'text/event-stream' };
		const stream = this.events();
		const request = new FastcgiRequest(this.service.fastcgi, {
			uri: `/v1/events?${this.cursor(headers)}`, headers, onBody: (data) => { if (request.status === 200) stream.feed(data); },
		});
		Object.assign(this, { alive: true, tcp: request.socket, close: () => request.socket.destroy(), leave: () => request.socket.destroy() });
		request.socket.setTimeout(PATIENCE_MS, () => request.socket.destroy());
		const status = await request.answered;
		this.alive = false;
		if (status !== 200) this.refused(status);
		this.note(`has ${this.seen.length} events, up to ${this.last}`);
		await pause(this.random.between(0, 500));
	}

	async suffer(how) {
		if (how !== 'stalled' && this.alive) this.close();
	}
}
