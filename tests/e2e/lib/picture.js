// SPDX-License-Identifier: ISC
// A client's picture of everything it sees, kept by the events of its stream and the rules of docs/clients.md: what an
// application does, in the least of code.  REST is asked when it starts, and for the past of what it comes into.
import { rules, saw } from './picture-rules.js';
import { Socket } from './streams.js';

const PAGE = 100;

/** All entries of a list that pages by `before`, or `by`. */
export async function pages(caller, where, by = 'before') {
	const found = [];
	for (let cursor = '';;) {
		const page = await caller.doneSurely('GET', `${where}${where.includes('?') ? '&' : '?'}limit=${PAGE}${cursor}`);
		found.push(...page.data);
		if (page.next === null) return found;
		cursor = `&${by}=${encodeURIComponent(page.next)}`;
	}
}

const byId = (list) => new Map(list.map((one) => [one.id, one]));

export class Picture {
	/** `door`: the kind of stream, Socket or Events. */
	static async start(caller, door = Socket) {
		const picture = new Picture();
		Object.assign(picture, { caller, door, me: caller.user, queue: [], faults: [], lags: [] });
		picture.working = true;
		await picture.open();
		await picture.load();
		picture.working = false;
		await picture.work();
		return picture;
	}

	async open(after) {
		this.stream = await this.door.open(this.caller, {
			after,
			heard: (event) => {
				if (event.id) this.lags.push(Date.now() - Date.parse(event.time));
				this.queue.push(event);
				this.work();
			},
		});
	}

	/** The connection breaks; the stream comes back with the last id that it has heard. */
	async lose() {
		if (this.stream.ws) {
			this.stream.ws.terminate();
			return;
		}
		this.stream.close();
		await this.open(this.stream.last);
	}

	/** Everything that there is, and from which event on it is to be followed. */
	async load() {
		this.conversations = new Map(); // id -> as conversations.get answers it
		this.messages = new Map(); // conversation or thread -> Map(id -> as messages.get answers it)
		this.members = new Map(); // conversation -> Map(user -> as members.list answers it)
		this.since = new Map(); // conversation -> the event up to which its page of sync.get has everything
		this.presence = new Map(); // of those with whom the user shares a conversation
		this.from = undefined;
		for (let before = '';;) {
			const sync = await this.caller.doneSurely('GET', `/v1/sync?limit=${PAGE}${before}`);
			this.from ??= sync.last_event_id;
			for (const conversation of sync.conversations) {
				this.since.set(conversation.id, sync.last_event_id);
				await this.enter(conversation);
			}
			if (sync.next === null) break;
			before = `&before=${encodeURIComponent(sync.next)}`;
		}
		this.threads = byId(await pages(this.caller, '/v1/threads')); // those that the user follows
		this.scheduled = byId(await pages(this.caller, '/v1/scheduled', 'after'));
		this.blocks = byId(await pages(this.caller, '/v1/blocks'));
		this.uploads = byId(await pages(this.caller, '/v1/uploads'));
		this.notifications = byId(await pages(this.caller, '/v1/notifications'));
		this.badge = (await this.caller.doneSurely('GET', '/v1/notifications/count')).unread;
		await this.look([this.me]);
	}

	/** Starts over, as after `reset`. */
	again() {
		this.queue.push({ event: 'reset' });
		this.work();
	}

	/** One event after the other; what comes while the past of a conversation is asked for waits. */
	async work() {
		if (this.working) return;
		this.working = true;
		try {
			while (this.queue.length > 0) await this.apply(this.queue.shift());
		} catch (error) {
			this.faults.push(error.stack);
		} finally {
			this.working = false;
		}
	}

	async apply(event) {
		if (event.event === 'reset') await this.load();
		else if (event.event === 'ready' || event.event === 'presence.missed') await this.look([this.me, ...this.sharers()]);
		if (event.event === 'presence.updated') this.presence.set(event.data.user_id, event.data);
		if (event.id === undefined || event.id <= this.from) return;
		this.from = event.id;
		const { data, topic } = event;
		const place = event.event === 'conversation.created' ? data.id : data.parent_id ?? data.conversation_id;
		if (event.id <= this.since.get(place)) return;
		// It was on no page of sync.get, since it was moved while they were read.
		if (topic.startsWith('conversation:') && !this.conversations.has(topic.slice(13))) await this.load();
		else if (rules[event.event]) await rules[event.event].call(this, structuredClone(data), event);
		else this.faults.push(`no rule for ${event.event}`);
	}

	/** A conversation that the user is in from now on: its past is asked for, what happens meanwhile counts afterwards. */
	async enter(conversation) {
		const { id } = conversation;
		this.leave(id);
		this.conversations.set(id, conversation);
		this.messages.set(id, new Map());
		this.members.set(id, new Map());
		try {
			const [history, members] = await Promise.all([
				this.caller.history(id), pages(this.caller, `/v1/conversations/${id}/members`, 'after'),
			]);
			this.messages.set(id, byId(history));
			this.members.set(id, byId(members));
			for (const { sender, seq, type, via } of history) {
				const member = this.members.get(id).get(sender.id);
				if (member && type !== 'system' && !via) saw(member, seq);
			}
			await this.replies(history);
			await this.look(members.map((member) => member.id));
		} catch (error) {
			// Removed again meanwhile: the event that says so is on its way.
			if (!error.message.includes(': 404 ')) throw error;
		}
	}

	/** The histories of the threads that hang on these messages. */
	async replies(roots) {
		const threads = roots.filter((root) => root.thread).map((root) => root.thread.id);
		while (threads.length > 0) {
			const { data } = await this.caller.doneSurely('POST', '/v1/sync/messages',
				{ conversations: threads.splice(0, 200).map((id) => ({ conversation_id: id, after_seq: 0 })), limit: PAGE });
			for (const { conversation_id: id, gap, messages, gone } of data) {
				if (!gone) this.messages.set(id, byId(gap ? await this.caller.history(id) : messages));
			}
		}
	}

	/** How these users are now. */
	async look(users) {
		const { data } = await this.caller.doneSurely('POST', '/v1/presence/query', { user_ids: [...new Set(users)].slice(0, 500) });
		for (const one of data) this.presence.set(one.user_id, one);
	}

	/** Those whose presence the user is told of. */
	sharers() {
		const small = [...this.conversations.values()].filter((one) => one.member_count <= 200);
		return [...new Set(small.flatMap((one) => [...this.members.get(one.id).keys()]))];
	}

	/** The histories of a conversation's threads, with their ids. */
	threadsOf(id) {
		return [...this.messages].filter(([, map]) => [...map.values()].some((message) => message.parent_id === id));
	}

	leave(id) {
		for (const [thread, { conversation_id: parent }] of this.threads ?? []) if (parent === id) this.threads.delete(thread);
		for (const [thread] of this.threadsOf(id)) this.messages.delete(thread);
		for (const part of [this.conversations, this.messages, this.members]) part.delete(id);
	}

	message(place, id) {
		return this.messages.get(place)?.get(id);
	}

	/** Calls an operation by the stream or by REST. */
	ask(dice, op, method, where, args, body = {}) {
		if (this.stream.request && dice.chance(0.5)) return this.stream.request(op, { ...args, ...body });
		return this.caller.call(method, where, Object.keys(body).length ? body : undefined);
	}

	close() { this.stream.close(); }
}
