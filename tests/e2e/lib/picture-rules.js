// SPDX-License-Identifier: ISC
// What becomes of a client's picture by each event; `this` is the Picture.  docs/clients.md says the same in words.

/** These positions of members only rise; what was read has come. Null: they are not shown there. */
function got(member, seq) {
	if (member.delivered_upto !== null) member.delivered_upto = Math.max(member.delivered_upto, seq);
}

export function saw(member, seq) {
	if (member.seen_upto === null) return;
	member.seen_upto = Math.max(member.seen_upto, seq);
	got(member, seq);
}

/** A message that has nothing any more has no such member. */
function setOrDrop(object, name, value) {
	if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) delete object[name];
	else object[name] = value;
}

/** What an answer shows of a message. */
function setQuote(quote, message) {
	Object.assign(quote, message.deleted_at ? { text: null, deleted: true } : { text: [...message.text].slice(0, 200).join('') });
}

/** Of the reactions in an event `me` is what it was. */
function keepMe(reactions, before) {
	for (const reaction of reactions ?? []) {
		reaction.me = before?.find((one) => one.emoji === reaction.emoji)?.me ?? false;
	}
}

/** A message as an event has it. */
function put(picture, message) {
	const { conversation_id: place, parent_id: parent } = message;
	const conversation = picture.conversations.get(parent ?? place);
	if (!conversation || (message.root_seq ?? message.seq) < conversation.visible_from) return;
	if (!picture.messages.has(place)) picture.messages.set(place, new Map());
	const all = picture.messages.get(place);
	keepMe(message.reactions, all.get(message.id)?.reactions);
	all.set(message.id, message);
	const { quote } = message;
	if (quote && all.has(quote.id)) setQuote(quote, all.get(quote.id));
	else if (quote && !parent && quote.seq < conversation.visible_from) quote.text = null;
	for (const answer of all.values()) if (answer.quote?.id === message.id) setQuote(answer.quote, message);
}

const names = (message, user) => Boolean(message.mention_all || message.mentions?.includes(user));

function react({ conversation_id: place, message_id: id, user_id: user, emoji, reactions }, picture, added) {
	const message = picture.message(place, id);
	if (!message) return;
	keepMe(reactions, message.reactions);
	const changed = reactions.find((one) => one.emoji === emoji);
	if (changed && user === picture.me) changed.me = added;
	setOrDrop(message, 'reactions', reactions);
}

export const rules = {
	// ---- conversations and members
	'conversation.created'(conversation) { return this.enter(conversation); },
	'conversation.updated'({ conversation_id: id, by, ...said }) { Object.assign(this.conversations.get(id), said); },
	'conversation.deleted'({ conversation_id: id }) { this.leave(id); },
	'member.added'({ conversation_id: id, user_id: user, member, member_count: count, conversation }) {
		if (conversation) return this.enter(conversation);
		if (conversation === null) return undefined; // deleted for all since
		const members = this.members.get(id);
		members.delete(user); // who comes again is the last
		members.set(user, member);
		this.conversations.get(id).member_count = count;
		if (count > 64) for (const one of members.values()) Object.assign(one, { seen_upto: null, delivered_upto: null });
		return this.look([user]);
	},
	'member.updated'({ conversation_id: id, user_id: user, member }) {
		const before = this.members.get(id).get(user);
		if (!before) return;
		const { seen_upto: seen, delivered_upto: delivered } = before;
		Object.assign(before, member);
		saw(before, seen);
		got(before, delivered);
		if (user === this.me) this.conversations.get(id).role = member.role;
	},
	'member.removed'({ conversation_id: id, user_id: user, member_count: count, members }) {
		if (user === this.me) {
			this.leave(id);
			return;
		}
		const before = this.members.get(id);
		before.delete(user);
		for (const member of members) {
			const known = before.get(member.id); // who left while the list was read is in it no more
			if (known) before.set(member.id, member);
			saw(member, known?.seen_upto ?? 0);
			got(member, known?.delivered_upto ?? 0);
		}
		this.conversations.get(id).member_count = count;
	},
	'conversation.cleared'({ conversation_id: id, visible_from: from, last_read_seq: last, unread, mentions }) {
		const conversation = this.conversations.get(id);
		if (!conversation) return;
		Object.assign(conversation, { visible_from: from, last_read_seq: last, unread, mentions });
		for (const [thread, { conversation_id: parent, root }] of this.threads) {
			if (parent === id && root.seq < from) this.threads.delete(thread);
		}
		for (const [thread, map] of this.threadsOf(id)) {
			if ([...map.values()][0].root_seq < from) this.messages.delete(thread);
		}
		const messages = this.messages.get(id);
		for (const message of messages.values()) if (message.seq < from) messages.delete(message.id);
		for (const { quote } of messages.values()) if (quote?.seq < from) quote.text = null;
	},
	'unread.updated'({ conversation_id: id, last_read_seq: last, unread, mentions }) {
		const conversation = this.conversations.get(id);
		if (conversation && last >= conversation.last_read_seq) Object.assign(conversation, { unread, mentions });
	},
	'settings.updated'({ conversation_id: id, settings }) {
		const conversation = this.conversations.get(id);
		if (conversation) conversation.settings = settings;
	},
	'user.updated'({ id, name, picture }) {
		const see = (person) => {
			if (person?.id !== id) return;
			person.name = name;
			if ('picture' in person) person.picture = picture;
		};
		for (const map of this.messages.values()) {
			for (const { sender, quote } of map.values()) {
				see(sender);
				see(quote?.sender);
			}
		}
		for (const map of this.members.values()) see(map.get(id));
		see(this.blocks.get(id));
		for (const { actor } of this.notifications.values()) see(actor);
	},

	// ---- messages
	'message.created'(message) {
		put(this, message);
		const { conversation_id: id, seq, sender, type, via } = message;
		const place = this.conversations.get(id) ?? this.threads.get(id);
		if (place && seq > place.last_seq) {
			place.last_seq = seq;
			place.last_activity_at = message.created_at;
			if (place.settings) place.settings.hidden = false;
			if (type !== 'system') {
				if (place.unread < 999) place.unread++;
				if (sender.id !== this.me && names(message, this.me)) place.mentions++;
				if (sender.id === this.me && !via) Object.assign(place, { last_read_seq: seq, unread: 0, mentions: 0 });
			}
		}
		const member = this.members.get(id)?.get(sender.id);
		if (member && type !== 'system' && !via) saw(member, seq);
	},
	'message.updated'(message) { put(this, message); },
	'message.deleted'(message) {
		const { conversation_id: id, seq } = message;
		const conversation = this.conversations.get(id);
		if (conversation && seq > Math.max(conversation.last_read_seq, conversation.visible_from - 1)) {
			conversation.unread--;
			if (message.sender.id !== this.me && names(message, this.me)) conversation.mentions--;
		}
		put(this, message);
	},
	'message.pinned'(message) { put(this, message); },
	'message.unpinned'(message) { put(this, message); },
	'reaction.added'(data) { react(data, this, true); },
	'reaction.removed'(data) { react(data, this, false); },

	// ---- threads
	'thread.updated'({ conversation_id: id, message_id: root, thread }) {
		const message = this.message(id, root);
		if (message) setOrDrop(message, 'thread', thread);
	},
	'thread.followed'(thread) { this.threads.set(thread.id, thread); },
	'thread.unfollowed'({ thread_id: id }) { this.threads.delete(id); },
	'thread.read'({ thread_id: id, last_read_seq, unread, mentions }) {
		const thread = this.threads.get(id);
		if (thread) Object.assign(thread, { last_read_seq, unread, mentions });
	},

	// ---- read positions
	'receipt.updated'({ conversation_id: id, user_id: user, last_read_seq: last, seen_upto: seen, unread, mentions, back }) {
		const member = this.members.get(id)?.get(user);
		if (member) saw(member, seen);
		const conversation = this.conversations.get(id);
		if (user !== this.me || !conversation || (last < conversation.last_read_seq && !back)) return;
		Object.assign(conversation, { last_read_seq: last, unread, mentions });
	},
	'receipt.delivered'({ conversation_id: id, user_id: user, delivered_upto: upto }) {
		const member = this.members.get(id).get(user);
		if (member) got(member, upto);
	},

	// ---- what is the user's own
	'notification.created'({ notification, unread }) {
		this.notifications.set(notification.id, notification);
		this.badge = unread;
	},
	'notification.read'({ ids, read_at: at, unread }) {
		for (const id of ids) if (this.notifications.has(id)) this.notifications.get(id).read_at = at;
		this.badge = unread;
	},
	'notification.removed'({ ids, unread }) {
		for (const id of ids) this.notifications.delete(id);
		this.badge = unread;
	},
	'upload.ready'(upload) { this.uploads.set(upload.id, upload); },
	'upload.updated'(upload) { this.uploads.set(upload.id, upload); },
	'upload.deleted'({ id }) { this.uploads.delete(id); },
	'upload.failed'() {},
	'scheduled.created'(scheduled) { this.scheduled.set(scheduled.id, scheduled); },
	'scheduled.updated'(scheduled) { this.scheduled.set(scheduled.id, scheduled); },
	'scheduled.failed'(scheduled) { this.scheduled.set(scheduled.id, scheduled); },
	'scheduled.cancelled'({ id }) { this.scheduled.delete(id); },
	'scheduled.sent'({ id }) { this.scheduled.delete(id); },
	'block.added'(block) { this.blocks.set(block.id, block); },
	'block.removed'({ user_id: user }) { this.blocks.delete(user); },
};
