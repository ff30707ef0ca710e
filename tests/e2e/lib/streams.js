// SPDX-License-Identifier: ISC
// Two kinds of clients that listen: a WebSocket (ws) and an EventSource, with the same interface.
// Both come back by themselves with the last event id they have seen, as an application would.
import { EventSource } from 'eventsource';
import WebSocket from 'ws';
import { until } from './service.js';

const DURABLE = ['message.created', 'message.updated', 'message.deleted', 'conversation.created', 'member.added',
	'member.removed', 'receipt.updated', 'receipt.delivered', 'unread.updated', 'user.updated', 'thread.updated', 'thread.followed',
	'thread.unfollowed', 'thread.read', 'reaction.added', 'reaction.removed', 'message.pinned', 'message.unpinned',
	'scheduled.created', 'scheduled.updated', 'scheduled.cancelled', 'scheduled.sent', 'scheduled.failed',
	'conversation.updated', 'conversation.cleared', 'conversation.deleted', 'settings.updated', 'member.updated',
	'block.added', 'block.removed', 'notification.created', 'notification.read', 'notification.removed',
	'upload.ready', 'upload.updated', 'upload.deleted', 'upload.failed'];
const EPHEMERAL = ['typing.started', 'typing.stopped', 'presence.updated', 'presence.unwatched', 'presence.missed', 'subscription.ended', 'ready', 'reset', 'reconnect', 'token.expiring', 'heartbeat'];

class Listener {
	constructor({ heard } = {}) {
		this.heard = heard; // called with each event, none of which is kept then
		this.events = []; // all of them, in order of arrival
		this.connections = 0;
		this.closes = []; // the codes of a WebSocket's closes
	}

	note(event) {
		if (this.heard) this.heard(event);
		else this.events.push(event);
		if (event.event === 'ready') {
			this.connections++;
			this.ready = event.data;
			this.last ??= event.data.last_event_id;
		}
		if (event.event === 'reset') this.last = event.data.last_event_id ?? this.last;
		if (event.id) this.last = event.id;
	}

	named(name) { return this.events.filter((event) => event.event === name); }

	/** The first event of that name that passes `test`. */
	async wait(name, test = () => true, ms = 10000) {
		return until(() => this.events.find((event) => event.event === name && test(event)), `${name} at ${this.who}`, ms);
	}

	/** What was said, without what the service says. */
	texts(conversation) {
		return this.named('message.created').map((event) => event.data)
			.filter((one) => one.conversation_id === conversation && one.type !== 'system').map((one) => one.text);
	}
}

export class Socket extends Listener {
	/** Options: after, query, reconnect (default true), heard. */
	static async open(caller, options = {}) {
		const socket = new Socket(options);
		socket.caller = caller;
		caller.service.listeners.add(socket);
		socket.options = { reconnect: true, query: '', ...options };
		socket.who = `${caller.user} (ws)`;
		socket.last = options.after;
		socket.replies = new Map();
		socket.number = 0;
		socket.connect();
		await until(() => socket.connections > 0 || socket.failed, `ready at ${socket.who}`, 15000);
		if (socket.failed) throw socket.failed;
		return socket;
	}

	connect() {
		const after = this.last === undefined ? '' : `&after=${this.last}`;
		const url = `${this.caller.service.url.replace('http', 'ws')}/v1/socket?platform=web${after}${this.options.query}`;
		const ws = new WebSocket(url, { headers: { Authorization: `Bearer ${this.caller.token}` } });
		this.ws = ws;
		ws.on('message', (data, binary) => {
			if (binary) throw new Error('a binary frame');
			const object = JSON.parse(data);
			if (object.reply === undefined) {
				this.note(object);
				return;
			}
			this.replies.get(object.reply)?.(object);
			this.replies.delete(object.reply);
		});
		ws.on('unexpected-response', (request, response) => {
			this.refused = response.statusCode;
			if (!this.options.reconnect) this.failed = new Error(`refused with ${response.statusCode}`);
			request.destroy();
			this.retry();
		});
		ws.on('error', () => {});
		ws.on('close', (code, reason) => {
			this.closed = { code, reason: reason.toString() };
			this.closes.push(code);
			for (const answer of this.replies.values()) answer({ status: 0 });
			this.replies.clear();
			this.retry();
		});
	}

	retry() {
		if (this.options.reconnect && !this.done && !this.timer) {
			this.timer = setTimeout(() => {
				this.timer = undefined;
				if (!this.done) this.connect();
			}, 100);
		}
	}

	/** Calls an operation; answers {status, data|error}, status 0 when the connection was lost. */
	request(op, args = {}, extra = {}) {
		const id = String(++this.number);
		return new Promise((resolve) => {
			if (this.ws.readyState !== WebSocket.OPEN) {
				resolve({ status: 0 });
				return;
			}
			this.replies.set(id, resolve);
			this.ws.send(JSON.stringify({ id, op, args, ...extra }));
		});
	}

	close() {
		this.done = true;
		clearTimeout(this.timer);
		this.ws.terminate();
	}

	/** The worker or instance that holds it. */
	get process() { return this.ready.connection.replace(/-[^-]*$/, ''); }
}

/**
 * Sockets of these callers, one each, that two processes hold; the first is held by another than the second.
 * Which worker takes a connection is chance, and one may take many in a row: so ten at a time are opened.
 */
export async function onTwoProcesses(...callers) {
	const sockets = [];
	for (const caller of callers) {
		const other = sockets.length === 1 ? sockets[0].process : undefined;
		const found = await until(async () => {
			const tried = await Promise.all(Array.from({ length: other ? 10 : 1 }, () => Socket.open(caller, { reconnect: false })));
			const fitting = tried.find((socket) => socket.process !== other);
			for (const socket of tried) if (socket !== fitting) socket.close();
			return fitting;
		}, 'a connection at another process', 20000);
		sockets.push(found);
	}
	return sockets;
}

export class Events extends Listener {
	static async open(caller, options = {}) {
		const events = new Events(options);
		events.who = `${caller.user} (sse)`;
		caller.service.listeners.add(events);
		const after = options.after === undefined ? '' : `&after=${options.after}`;
		events.source = new EventSource(`${caller.service.url}/v1/events?platform=web${after}${options.query ?? ''}`, {
			fetch: (url, init) => fetch(url, {
				...init, headers: { ...init.headers, Authorization: `Bearer ${caller.token}` },
			}),
		});
		for (const name of [...DURABLE, ...EPHEMERAL]) {
			events.source.addEventListener(name, (message) => {
				const object = JSON.parse(message.data);
				if (object.event !== name) throw new Error(`event: ${name} carries ${object.event}`);
				if (object.id && String(object.id) !== message.lastEventId) {
					throw new Error(`id: ${message.lastEventId} carries ${object.id}`);
				}
				events.note(object);
			});
		}
		events.source.addEventListener('error', (error) => {
			if (error.code !== undefined) events.refused = error.code;
		});
		await until(() => events.connections > 0, `ready at ${events.who}`, 15000);
		return events;
	}

	close() {
		this.source.close();
	}
}
