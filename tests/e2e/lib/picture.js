// SPDX-License-Identifier: ISC
// A client's picture of everything it sees, kept by the events of its stream and the rules of docs/clients.md: what an
// application does, in the least of code.  REST is asked when it starts, and for the history of what it comes into.
import { Socket } from './streams.js';

const PAGE = 100;

/** All entries of a list that pages by `before`. */
export async function pages(caller, where, by = 'before') {
	const found = [];
	for (let cursor = '';;) {
		const page = await caller.doneSurely('GET', `${where}${where.includes('?') ? '&' : '?'}limit=${PAGE}${cursor}`);
		found.push(...page.data);
		if (page.next === null) return found;
		cursor = `&${by}=${encodeURIComponent(page.next)}`;
	}
}

export class Picture {
	static async start(caller) {
		const picture = new Picture();
		picture.caller = caller;
		picture.me = caller.user;
		picture.conversations = new Map(); // id -> as conversations.get answers it
		picture.messages = new Map(); // conversation or thread -> Map(id -> as messages.get answers it)
		picture.members = new Map(); // conversation -> Map(user -> as members.list answers it)
		picture.blocks = new Map();
		picture.notifications = new Map();
		picture.loading = new Map(); // conversation -> events that came meanwhile
		picture.faults = [];
		const waiting = [];
		picture.apply = (event) => waiting.push(event);
		picture.stream = await Socket.open(caller);
		picture.stream.note = ((note) => (event) => {
			note.call(picture.stream, event);
			picture.apply(event);
		})(picture.stream.note);
		waiting.push(...picture.stream.events);
		const sync = await caller.doneSurely('GET', '/v1/sync?limit=100');
		picture.from = sync.last_event_id;
		for (const conversation of sync.conversations) await picture.enter(conversation);
		picture.blocks = new Map((await pages(caller, '/v1/blocks')).map((block) => [block.id, block]));
		delete picture.apply;
		for (const event of waiting) picture.apply(event);
		return picture;
	}

	/** Each event that is in the log, once and in order, as the stream gives them. */
	apply(event) {
		if (event.id === undefined || event.id <= this.from) return;
		this.from = event.id;
		const conversation = event.topic.startsWith('conversation:') ? event.topic.slice(13) : undefined;
		this.loading.get(conversation)?.push(event);
		(rules[event.event] ?? (() => this.faults.push(`no rule for ${event.event}`))).call(this, event.data, event);
	}

	/** A conversation that the user is in from now on: its past is asked for, what happens meanwhile counts afterwards. */
	async enter(conversation) {
		this.conversations.set(conversation.id, conversation);
		this.messages.set(conversation.id, new Map());
		this.members.set(conversation.id, new Map());
		const meanwhile = [];
		this.loading.set(conversation.id, meanwhile);
		try {
			const [history, members] = await Promise.all([
				this.caller.history(conversation.id),
				pages(this.caller, `/v1/conversations/${conversation.id}/members`, 'after'),
			]);
			if (this.loading.get(conversation.id) !== meanwhile) return; // left, and perhaps entered again
			this.messages.set(conversation.id, new Map(history.map((message) => [message.id, message])));
			this.members.set(conversation.id, new Map(members.map((member) => [member.id, member])));
			for (const event of meanwhile) rules[event.event]?.call(this, event.data, event);
		} catch (error) {
			if (this.loading.get(conversation.id) === meanwhile) this.faults.push(error.message);
		} finally {
			if (this.loading.get(conversation.id) === meanwhile) this.loading.delete(conversation.id);
		}
	}

	leave(id) {
		for (const part of [this.conversations, this.messages, this.members, this.loading]) part.delete(id);
	}

	message(conversation, id) {
		return this.messages.get(conversation)?.get(id);
	}

	put(message) {
		if (!this.messages.has(message.conversation_id)) this.messages.set(message.conversation_id, new Map());
		this.messages.get(message.conversation_id).set(message.id, message);
	}

	close() { this.stream.close(); }
}

/** What becomes of the picture by each event, `this`. */
const rules = {
	'conversation.created'(data) { this.enter(data); },
};
