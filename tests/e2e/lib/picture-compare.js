// SPDX-License-Identifier: ISC
// Where a client's picture is not what the lists say.
import { isDeepStrictEqual } from 'node:util';
import { pages } from './picture.js';

/** A conversation as the lists show it. */
function shown(picture, conversation) {
	const messages = [...picture.messages.get(conversation.id).values()];
	return {
		...conversation,
		first_unread_seq: conversation.unread === 0 ? null : Math.max(conversation.last_read_seq + 1, conversation.visible_from),
		members: [...picture.members.get(conversation.id).values()].slice(0, 8),
		last_message: messages.find((message) => message.seq === conversation.last_seq) ?? null,
	};
}

/** What unread.get says. */
function badge(picture) {
	const all = [...picture.conversations.values()];
	const loud = all.filter(({ settings }) => !settings.muted && !settings.archived);
	const sum = (list, name) => list.reduce((total, one) => total + one[name], 0);
	const counted = loud.filter(({ settings }) => settings.level === 'all');
	const named = loud.filter(({ settings }) => settings.level !== 'none');
	return {
		unread: sum(counted, 'unread'), mentions: sum(named, 'mentions'),
		conversations: loud.filter((one) => (counted.includes(one) && one.unread > 0) || (named.includes(one) && one.mentions > 0)).length,
		threads: [...picture.threads.values()].filter((thread) => thread.unread > 0).length,
		muted: sum(all, 'unread') - sum(loud, 'unread'),
	};
}

/** The files in these messages, by where they are shown. */
function gallery(messages) {
	return new Map(messages.flatMap((message) => message.attachments.map((file) => [`${message.id} ${file.id}`, file])));
}

/** The differences, line by line. */
export async function differences(picture) {
	const found = [];
	const { caller } = picture;
	const json = JSON.stringify;
	const compare = (what, mine, theirs) => {
		for (const [key, value] of theirs) {
			if (!mine.has(key)) found.push(`${what} ${key} is missing: ${json(value)}`);
			else for (const name of new Set([...Object.keys(value), ...Object.keys(mine.get(key))])) {
				if (!isDeepStrictEqual(mine.get(key)[name], value[name])) {
					found.push(`${what} ${key}: ${name} is ${json(mine.get(key)[name])}, not ${json(value[name])}`);
				}
			}
		}
		for (const [key, value] of mine) if (!theirs.has(key)) found.push(`${what} ${key} should not be: ${json(value)}`);
	};
	const ask = async (where, by) => new Map((await pages(caller, where, by)).map((one) => [one.id, one]));
	/** Entries that stand where they do because of what `key` makes of them; of equal ones any may come first. */
	const ordered = (what, mine, theirs, key, sign = -1) => {
		const order = [...theirs.keys()].filter((id) => mine.has(id)).map((id) => key(mine.get(id)));
		for (let i = 1; i < order.length; i++) {
			const step = Number(order[i - 1] < order[i]) - Number(order[i - 1] > order[i]);
			if (step * sign < 0) found.push(`${what} in another order: ${order[i - 1]} before ${order[i]}`);
		}
	};
	const list = async (what, mine, where, key, { by, sign } = {}) => {
		const theirs = await ask(where, by);
		compare(what, mine, theirs);
		ordered(what, mine, theirs, key, sign);
	};

	const listed = await ask('/v1/conversations');
	const hidden = await ask('/v1/conversations?hidden=true');
	const mine = new Map([...picture.conversations].map(([id, one]) => [id, shown(picture, one)]));
	compare('conversation', mine, new Map([...listed, ...hidden]));
	for (const theirs of [listed, hidden]) ordered('conversations', mine, theirs, (one) => one.last_activity_at);
	const places = new Set(mine.keys());
	for (const id of mine.keys()) {
		if (!listed.has(id) && !hidden.has(id)) continue;
		const history = new Map((await caller.history(id)).map((one) => [one.id, one]));
		compare('message', picture.messages.get(id), history);
		for (const { thread } of history.values()) {
			if (!thread) continue;
			places.add(thread.id);
			compare('reply', picture.messages.get(thread.id) ?? new Map(),
				new Map((await caller.history(thread.id)).map((one) => [one.id, one])));
		}
		const all = [...picture.messages.values()].flatMap((map) => [...map.values()])
			.filter((message) => (message.parent_id ?? message.conversation_id) === id);
		const pinned = all.filter((message) => message.pinned);
		await list('pin', new Map(pinned.map((one) => [one.id, one])), `/v1/conversations/${id}/pins`, (one) => one.pinned.at);
		const files = (await pages(caller, `/v1/uploads?conversation_id=${id}`))
			.map(({ shared, created_at: at, kind, alt, ...file }) => [`${shared.message_id} ${file.id}`, alt === null ? file : { ...file, alt }]);
		compare('file', gallery(all), new Map(files));
		const members = await ask(`/v1/conversations/${id}/members`, 'after');
		compare('member', picture.members.get(id), members);
		if (!isDeepStrictEqual([...members.keys()], [...picture.members.get(id).keys()])) found.push(`members of ${id} in another order`);
	}
	for (const [id, map] of picture.messages) if (!places.has(id)) found.push(`history ${id} should not be: ${map.size} messages`);

	const threads = [...picture.threads].map(([id, one]) => [id, { ...one, root: picture.message(one.conversation_id, one.root.id) }]);
	await list('thread', new Map(threads), '/v1/threads', (one) => one.last_activity_at);
	await list('scheduled', picture.scheduled, '/v1/scheduled', (one) => one.send_at, { by: 'after', sign: 1 });
	await list('block', picture.blocks, '/v1/blocks', (one) => one.blocked_at);
	await list('notification', picture.notifications, '/v1/notifications', (one) => one.created_at);
	await list('upload', picture.uploads, '/v1/uploads', (one) => one.created_at);
	const count = (await caller.doneSurely('GET', '/v1/notifications/count')).unread;
	const unread = [...picture.notifications.values()].filter((one) => one.read_at === null).length;
	if (picture.badge !== count || unread !== count) found.push(`${picture.badge} and ${unread} notifications are not read, not ${count}`);
	compare('badge', new Map([['', badge(picture)]]), new Map([['', await caller.doneSurely('GET', '/v1/me/unread')]]));

	// Of what anybody finds, one's own groups are as one knows them.
	const known = new Map([...mine].filter(([, one]) => one.visibility === 'public' || one.access === 'open'));
	const open = new Map([...await ask('/v1/discover')].filter(([, one]) => one.member));
	const asFound = (one, fields) => ({ ...Object.fromEntries(Object.keys(fields).map((name) => [name, one[name]])), member: true });
	compare('found', new Map([...known].map(([id, one]) => [id, asFound(one, open.get(id) ?? {})])), open);

	const users = [picture.me, ...picture.sharers().filter((user) => user !== picture.me)];
	const { data } = await caller.doneSurely('POST', '/v1/presence/query', { user_ids: users.slice(0, 500) });
	compare('presence', new Map(users.map((user) => [user, picture.presence.get(user) ?? {}])), new Map(data.map((one) => [one.user_id, one])));
	return found;
}
