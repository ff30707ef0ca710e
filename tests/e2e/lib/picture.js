// SPDX-License-Identifier: ISC
// A client's picture of everything it sees, kept by the events of its stream and the rules of docs/clients.md: what an
// application does, in the least of code.  REST is asked when it starts, and for the history of what it comes into.
import { isDeepStrictEqual } from 'node:util';
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
		picture.threads = new Map(); // those that the user follows, as threads.list answers them
		picture.scheduled = new Map();
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
		for (const thread of await pages(caller, '/v1/threads')) picture.threads.set(thread.id, thread);
		picture.scheduled = new Map((await pages(caller, '/v1/scheduled', 'after')).map((one) => [one.id, one]));
		picture.blocks = new Map((await pages(caller, '/v1/blocks')).map((block) => [block.id, block]));
		delete picture.apply;
		for (const event of waiting) picture.apply(event);
		return picture;
	}

	/** Each event that is in the log, once and in order, as the stream gives them. */
	apply(event) {
		if (event.id === undefined || event.id <= this.from) return;
		this.from = event.id;
		this.loading.get(event.topic.replace('conversation:', ''))?.push(event);
		this.follow(event);
	}

	follow(event) {
		if (rules[event.event]) rules[event.event].call(this, structuredClone(event.data), event);
		else this.faults.push(`no rule for ${event.event}`);
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
			for (const { sender, seq, type, via } of history) {
				const member = this.members.get(conversation.id).get(sender.id);
				if (member && type !== 'system' && !via) saw(member, seq);
			}
			for (const event of meanwhile) this.follow(event);
		} catch (error) {
			// Removed again meanwhile: the event that says so is on its way.
			if (!error.message.includes(': 404 ')) this.faults.push(error.message);
		} finally {
			if (this.loading.get(conversation.id) === meanwhile) this.loading.delete(conversation.id);
		}
	}

	leave(id) {
		for (const [thread, { conversation_id: parent }] of this.threads) if (parent === id) this.threads.delete(thread);
		for (const part of [this.conversations, this.messages, this.members, this.loading]) part.delete(id);
	}

	message(place, id) {
		return this.messages.get(place)?.get(id);
	}

	/** A message as an event has it: `me` of its reactions is what it was. */
	put(message) {
		const { conversation_id: place } = message;
		if (message.seq < this.conversations.get(place)?.visible_from) return; // the user has cleared it
		const before = this.message(place, message.id);
		if (!this.messages.has(place)) this.messages.set(place, new Map());
		this.messages.get(place).set(message.id, message);
		for (const reaction of message.reactions ?? []) {
			reaction.me = before?.reactions?.find((one) => one.emoji === reaction.emoji)?.me ?? false;
		}
		// Where members do not see the same history an event quotes nothing.
		const quoted = message.quote && this.message(place, message.quote.id);
		if (quoted) this.quote(message.quote, quoted);
		for (const answer of [...this.messages.get(place).values()]) {
			if (answer.quote?.id === message.id) this.quote(answer.quote, message);
		}
	}

	/** What an answer shows of `message`. */
	quote(quote, message) {
		Object.assign(quote, message.deleted_at ? { text: null, deleted: true } : { text: [...message.text].slice(0, 200).join('') });
	}

	react({ conversation_id: place, message_id: id, user_id: user, emoji, reactions }, added) {
		const message = this.message(place, id);
		if (!message) return;
		for (const reaction of reactions) {
			reaction.me = reaction.emoji === emoji && user === this.me ? added
				: message.reactions?.find((one) => one.emoji === reaction.emoji)?.me ?? false;
		}
		setOrDrop(message, 'reactions', reactions);
	}

	names(message) {
		return Boolean(message.mention_all || message.mentions?.includes(this.me));
	}

	/** Whoever is shown anywhere. */
	everyone(see) {
		const walk = (value) => {
			if (Array.isArray(value)) value.forEach(walk);
			else if (value !== null && typeof value === 'object') {
				if (typeof value.id === 'string' && 'name' in value) see(value);
				// Of what was forwarded the writer is shown as they were.
				for (const [key, part] of Object.entries(value)) if (key !== 'forwarded') walk(part);
			}
		};
		for (const part of [this.messages, this.members]) for (const map of part.values()) walk([...map.values()]);
		for (const part of [this.threads, this.blocks, this.notifications]) walk([...part.values()]);
	}

	/** A conversation as the lists show it. */
	shown(conversation) {
		const messages = [...this.messages.get(conversation.id).values()];
		return {
			...conversation,
			first_unread_seq: conversation.unread === 0 ? null
				: Math.max(conversation.last_read_seq + 1, conversation.visible_from),
			members: [...this.members.get(conversation.id).values()].slice(0, 8),
			last_message: messages.find((message) => message.seq === conversation.last_seq) ?? null,
		};
	}

	/** Where it is not what REST says, line by line. */
	async difference() {
		const found = [];
		const compare = (what, mine, theirs) => {
			for (const [key, value] of theirs) {
				if (!mine.has(key)) found.push(`${what} ${key} is missing: ${JSON.stringify(value)}`);
				else for (const name of new Set([...Object.keys(value), ...Object.keys(mine.get(key))])) {
					if (!isDeepStrictEqual(mine.get(key)[name], value[name])) {
						found.push(`${what} ${key}: ${name} is ${JSON.stringify(mine.get(key)[name])}, not ${JSON.stringify(value[name])}`);
					}
				}
			}
			for (const key of mine.keys()) if (!theirs.has(key)) found.push(`${what} ${key} should not be`);
		};
		const ask = async (where, by, key = 'id') => new Map((await pages(this.caller, where, by)).map((one) => [one[key], one]));

		const conversations = new Map([...await ask('/v1/conversations'), ...await ask('/v1/conversations?hidden=true')]);
		compare('conversation', new Map([...this.conversations].map(([id, one]) => [id, this.shown(one)])), conversations);
		for (const id of conversations.keys()) {
			if (!this.conversations.has(id)) continue;
			compare('message', this.messages.get(id), new Map((await this.caller.history(id)).map((one) => [one.id, one])));
			const pinned = [...this.messages.values()].flatMap((map) => [...map.values()])
				.filter((message) => message.pinned && [message.conversation_id, message.parent_id].includes(id));
			compare('pin', new Map(pinned.map((one) => [one.id, one])), await ask(`/v1/conversations/${id}/pins`));
			const members = await ask(`/v1/conversations/${id}/members`, 'after');
			compare('member', this.members.get(id), members);
			if (!isDeepStrictEqual([...members.keys()], [...this.members.get(id).keys()])) found.push(`members of ${id} in another order`);
		}
		const threads = [...this.threads].map(([id, one]) => [id, { ...one, root: this.message(one.conversation_id, one.root.id) }]);
		compare('thread', new Map(threads), await ask('/v1/threads'));
		compare('scheduled', this.scheduled, await ask('/v1/scheduled', 'after'));
		compare('block', this.blocks, await ask('/v1/blocks'));
		compare('notification', this.notifications, await ask('/v1/notifications'));
		return found;
	}

	/** Calls an operation by the stream or by REST. */
	ask(dice, op, method, where, args, body = {}) {
		if (dice.chance(0.5)) return this.stream.request(op, { ...args, ...body });
		return this.caller.call(method, where, Object.keys(body).length ? body : undefined);
	}

	close() { this.stream.close(); }
}

/** These positions of members only rise; what was read has come. */
function got(member, seq) { member.delivered_upto = Math.max(member.delivered_upto, seq); }

function saw(member, seq) {
	member.seen_upto = Math.max(member.seen_upto, seq);
	got(member, seq);
}

/** A message that has nothing any more has no such member. */
function setOrDrop(object, name, value) {
	if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) delete object[name];
	else object[name] = value;
}

/** What becomes of the picture by each event; `this` is the picture. */
const rules = {
	// ---- conversations and members
	'conversation.created'(conversation) { this.enter(conversation); },
	'conversation.updated'({ conversation_id: id, by, ...said }) { Object.assign(this.conversations.get(id) ?? {}, said); },
	'conversation.deleted'({ conversation_id: id }) { this.leave(id); },
	'member.added'({ conversation_id: id, user_id: user, member, member_count: count, conversation }) {
		if (conversation) {
			this.enter(conversation);
			return;
		}
		const members = this.members.get(id);
		members?.delete(user); // who comes again is the last
		members?.set(user, member);
		if (this.conversations.has(id)) this.conversations.get(id).member_count = count;
	},
	'member.updated'({ conversation_id: id, user_id: user, member }) {
		const before = this.members.get(id)?.get(user);
		if (!before) return;
		const { seen_upto: seen, delivered_upto: delivered } = before;
		Object.assign(before, member);
		saw(before, seen);
		got(before, delivered);
		if (user === this.me && this.conversations.has(id)) this.conversations.get(id).role = member.role;
	},
	'member.removed'({ conversation_id: id, user_id: user, new_owner_id: heir, member_count: count }) {
		if (user === this.me) {
			this.leave(id);
			return;
		}
		const [conversation, members] = [this.conversations.get(id), this.members.get(id)];
		members?.delete(user);
		if (heir && members?.has(heir)) members.get(heir).role = 'owner';
		if (!conversation) return;
		conversation.member_count = count;
		if (heir === this.me) conversation.role = 'owner';
	},
	'conversation.cleared'({ conversation_id: id, visible_from: from, last_read_seq: last, unread }) {
		const conversation = this.conversations.get(id);
		if (!conversation) return;
		Object.assign(conversation, { visible_from: from, last_read_seq: last, unread, mentions: 0 });
		for (const [thread, { conversation_id: parent, root }] of this.threads) {
			if (parent === id && root.seq < from) this.threads.delete(thread);
		}
		const messages = this.messages.get(id);
		for (const message of messages.values()) if (message.seq < from) messages.delete(message.id);
		for (const { quote } of messages.values()) if (quote && quote.seq < from) quote.text = null;
	},
	'unread.updated'({ conversation_id: id, last_read_seq: last, unread, mentions }) {
		const conversation = this.conversations.get(id);
		if (conversation && last >= conversation.last_read_seq) Object.assign(conversation, { unread, mentions });
	},
	'settings.updated'({ conversation_id: id, settings, ...more }) {
		const conversation = this.conversations.get(id);
		if (conversation) Object.assign(conversation, { settings, ...more });
	},
	'user.updated'({ id, name, picture }) {
		this.everyone((person) => {
			if (person.id !== id) return;
			if ('name' in person) person.name = name;
			if ('picture' in person) person.picture = picture;
		});
	},

	// ---- messages
	'message.created'(message) {
		this.put(message);
		const { conversation_id: id, seq, sender } = message;
		const place = this.conversations.get(id) ?? this.threads.get(id);
		if (place && seq > place.last_seq) {
			place.last_seq = seq;
			place.last_activity_at = message.created_at;
			if (place.settings) place.settings.hidden = false;
			if (message.type !== 'system') {
				if (place.unread < 999) place.unread++;
				if (sender.id !== this.me && this.names(message)) place.mentions++;
				if (sender.id === this.me && !message.via) Object.assign(place, { last_read_seq: seq, unread: 0, mentions: 0 });
			}
		}
		const member = this.members.get(id)?.get(sender.id);
		if (member && message.type !== 'system' && !message.via) saw(member, seq);
	},
	'message.updated'(message) { this.put(message); },
	'message.deleted'(message) {
		const place = this.conversations.get(message.conversation_id) ?? this.threads.get(message.conversation_id);
		if (place && message.type !== 'system' && message.seq > Math.max(place.last_read_seq, (place.visible_from ?? 1) - 1)) {
			place.unread--;
			if (message.sender.id !== this.me && this.names(message)) place.mentions--;
		}
		this.put(message);
	},
	'message.pinned'(message) { this.put(message); },
	'message.unpinned'(message) { this.put(message); },
	'reaction.added'(data) { this.react(data, true); },
	'reaction.removed'(data) { this.react(data, false); },

	// ---- threads
	'thread.updated'({ conversation_id: id, message_id: root, thread }) {
		const message = this.message(id, root);
		if (message) setOrDrop(message, 'thread', thread);
	},
	'thread.followed'(thread) { this.threads.set(thread.id, thread); },
	'thread.unfollowed'({ thread_id: id }) { this.threads.delete(id); },
	'thread.read'({ thread_id: id, last_read_seq, unread, mentions }) {
		Object.assign(this.threads.get(id) ?? {}, { last_read_seq, unread, mentions });
	},

	// ---- read positions, notifications, blocks
	'receipt.updated'({ conversation_id: id, user_id: user, last_read_seq: last, seen_upto: seen, ...counts }) {
		const member = this.members.get(id)?.get(user);
		if (member) saw(member, seen);
		const conversation = this.conversations.get(id);
		if (user !== this.me || !conversation || (last < conversation.last_read_seq && !counts.back)) return;
		Object.assign(conversation, { last_read_seq: last, unread: counts.unread, mentions: counts.mentions });
	},
	'receipt.delivered'({ conversation_id: id, user_id: user, delivered_upto: upto }) {
		const member = this.members.get(id)?.get(user);
		if (member) got(member, upto);
	},
	'notification.created'({ notification }) { this.notifications.set(notification.id, notification); },
	'notification.read'({ ids, read_at: at }) {
		for (const id of ids) if (this.notifications.has(id)) this.notifications.get(id).read_at = at;
	},
	'notification.removed'({ ids }) { for (const id of ids) this.notifications.delete(id); },
	'scheduled.created'(scheduled) { this.scheduled.set(scheduled.id, scheduled); },
	'scheduled.updated'(scheduled) { this.scheduled.set(scheduled.id, scheduled); },
	'scheduled.failed'(scheduled) { this.scheduled.set(scheduled.id, scheduled); },
	'scheduled.cancelled'({ id }) { this.scheduled.delete(id); },
	'scheduled.sent'({ id }) { this.scheduled.delete(id); },
	'block.added'(block) { this.blocks.set(block.id, block); },
	'block.removed'({ user_id: user }) { this.blocks.delete(user); },
};
