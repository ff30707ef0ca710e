// SPDX-License-Identifier: ISC
// Many users do at random whatever can be done; each one's client keeps a picture of it by events alone.  Afterwards every
// picture is what the lists say.
//
//     PARLEY_PICTURE_SECONDS=180 PARLEY_PICTURE_USERS=50 PARLEY_PICTURE_SEED=4711 node --test picture.test.js
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { Picture } from './lib/picture.js';
import { differences } from './lib/picture-compare.js';
import { demo } from './lib/pictures.js';
import { Random } from './lib/random.js';
import { Service, pause, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

const SECONDS = Number(process.env.PARLEY_PICTURE_SECONDS ?? 6);
const USERS = Number(process.env.PARLEY_PICTURE_USERS ?? 8);
const SEED = Number(process.env.PARLEY_PICTURE_SEED ?? randomInt(2 ** 31));
for (const name of ['PARLEY_PICTURE_SECONDS', 'PARLEY_PICTURE_USERS', 'PARLEY_PICTURE_SEED']) delete process.env[name];

const EMOJIS = ['👍', '🎉', '👩‍👩‍👧', '🇩🇪', ':party:'];
// What somebody may be told who was a moment too late, or is not the one who may; or when the machine is busy.
const REFUSALS = [403, 404, 409, 422, 503];
const SETTLE_MS = 60000;
const done = {};

const random = new Random(SEED);
const faults = [];
let service, boss, pictures;

before(async () => {
	service = await Service.start({ workers: 2, env: { PARLEY_FCGI_PROCESSES: '2' }, patience: 200 + 4 * SECONDS });
	boss = service.as('boss', { role: 'service' });
	const callers = Array.from({ length: USERS }, (_, i) => service.as(`user${i}`));
	for (const caller of callers) await caller.done('GET', '/v1/me');
	pictures = await Promise.all(callers.map((caller, i) => Picture.start(caller, i % 3 === 2 ? Events : Socket)));
	for (const picture of pictures.slice(0, 3)) {
		const upload = await picture.caller.call('POST', '/v1/uploads?filename=one.jpg', demo, { 'Content-Type': 'image/jpeg' });
		assert.equal(upload.status, 201, JSON.stringify(upload.body));
	}
	await boss.done('POST', '/v1/conversations', { type: 'channel', name: 'news', access: 'open', announce: true });
	await pictures[0].caller.done('POST', '/v1/conversations', { type: 'group', name: 'All', history: 'all', member_ids: callers.map((one) => one.user) });
});
after(async () => {
	for (const picture of pictures ?? []) picture.close();
	await service?.stop();
});

// ---- what users do: each answers {status} or nothing when there was nothing to do it on ------

const anybody = (dice) => dice.pick(pictures).me;
const some = (dice, list) => (list.length ? dice.pick(list) : undefined);
const conversationOf = (dice, picture, fits = () => true) => some(dice, [...picture.conversations.values()].filter(fits));
const isGroup = (conversation) => conversation.type === 'group';

/** A message that the user sees; rather a new one. */
function messageOf(dice, picture, fits = () => true) {
	const conversation = conversationOf(dice, picture);
	const place = dice.chance(0.2) ? some(dice, [...picture.messages.keys()]) : conversation?.id;
	const known = [...picture.messages.get(place)?.values() ?? []].filter(fits);
	return some(dice, known.slice(-6));
}

const actions = {
	send: [30, (dice, picture) => {
		const conversation = conversationOf(dice, picture);
		if (!conversation) return undefined;
		const body = { id: randomUUID(), text: `${picture.me} says ${dice.between(0, 999)}` };
		if (dice.chance(0.2)) body.mentions = [...new Set([anybody(dice), anybody(dice)])];
		if (dice.chance(0.05)) body.mention_all = true;
		if (dice.chance(0.05)) Object.assign(body, { type: 'code', language: 'c' });
		const answered = dice.chance(0.3) && messageOf(dice, picture, (message) => message.conversation_id === conversation.id);
		if (picture.uploads.size > 0 && dice.chance(0.1)) body.attachments = [some(dice, [...picture.uploads.keys()])];
		if (answered) body[dice.chance(0.5) ? 'reply_to' : 'thread_root'] = answered.id;
		return picture.ask(dice, 'messages.send', 'POST', `/v1/conversations/${conversation.id}/messages`, { conversation_id: conversation.id }, body);
	}],
	'send for': [1, (dice, picture) => {
		const conversation = conversationOf(dice, picture);
		const mentions = dice.chance(0.5) ? [picture.me] : [];
		return conversation && boss.call('POST', `/v1/conversations/${conversation.id}/messages`,
			{ id: randomUUID(), text: 'in your name', mentions, mention_all: dice.chance(0.1) }, { 'Parley-As': picture.me });
	}],
	'read all': [0.5, (dice, picture) => picture.ask(dice, 'receipts.mark_all', 'POST', '/v1/me/read', {})],
	read: [10, (dice, picture) => {
		const conversation = conversationOf(dice, picture);
		if (!conversation) return undefined;
		const body = { seq: dice.between(0, conversation.last_seq), unread: dice.chance(0.3) };
		return picture.ask(dice, 'receipts.mark', 'POST', `/v1/conversations/${conversation.id}/read`, { conversation_id: conversation.id }, body);
	}],
	react: [8, (dice, picture) => {
		const message = messageOf(dice, picture);
		const emoji = dice.pick(EMOJIS);
		return message && picture.ask(dice, 'reactions.add', 'PUT', `/v1/messages/${message.id}/reactions/${encodeURIComponent(emoji)}`,
			{ message_id: message.id, emoji });
	}],
	unreact: [4, (dice, picture) => {
		const message = messageOf(dice, picture, (one) => one.reactions);
		const emoji = message && dice.pick(message.reactions).emoji;
		return message && picture.ask(dice, 'reactions.remove', 'DELETE', `/v1/messages/${message.id}/reactions/${encodeURIComponent(emoji)}`,
			{ message_id: message.id, emoji });
	}],
	edit: [5, (dice, picture) => {
		const message = messageOf(dice, picture, (one) => one.sender.id === picture.me);
		const body = { text: `${picture.me} means ${dice.between(0, 999)}` };
		if (dice.chance(0.3)) body.mentions = dice.chance(0.5) ? [] : [anybody(dice)];
		return message && picture.ask(dice, 'messages.edit', 'PATCH', `/v1/messages/${message.id}`, { message_id: message.id }, body);
	}],
	delete: [4, (dice, picture) => {
		const message = messageOf(dice, picture);
		return message && picture.ask(dice, 'messages.delete', 'DELETE', `/v1/messages/${message.id}`, { message_id: message.id });
	}],
	forward: [2, (dice, picture) => {
		const message = messageOf(dice, picture);
		const targets = [...new Set([conversationOf(dice, picture)?.id, conversationOf(dice, picture)?.id])].filter(Boolean);
		return message && picture.caller.call('POST', `/v1/messages/${message.id}/forward`, { conversation_ids: targets });
	}],
	pin: [3, (dice, picture) => {
		const message = messageOf(dice, picture);
		return message && picture.caller.call(dice.chance(0.6) ? 'PUT' : 'DELETE', `/v1/messages/${message.id}/pin`);
	}],
	'have it': [4, (dice, picture) => {
		const conversation = conversationOf(dice, picture);
		return conversation && picture.caller.call('POST', '/v1/receipts/delivered',
			{ positions: [{ conversation_id: conversation.id, seq: dice.between(0, conversation.last_seq) }] });
	}],
	describe: [2, (dice, picture) => {
		const group = conversationOf(dice, picture, isGroup);
		const said = dice.pick([{ name: `Group ${dice.between(0, 99)}` }, { description: dice.pick(['what it is about', null]) },
			{ category: dice.pick(['news', 'tips']) }, { image: dice.pick([...picture.uploads.keys(), null]) }, { visibility: dice.pick(['public', 'private']) }, { history: dice.pick(['all', 'joined']) }]);
		return group && picture.caller.call('PATCH', `/v1/conversations/${group.id}`, said);
	}],
	keep: [3, (dice, picture) => {
		const conversation = conversationOf(dice, picture);
		const soon = new Date(Date.now() + dice.between(300, 3000)).toISOString();
		const kept = dice.pick([{ muted: dice.chance(0.3) }, { muted: true, muted_until: soon }, { archived: dice.chance(0.5) }, { favourite: dice.chance(0.5) },
			{ hidden: dice.chance(0.7) }, { nickname: dice.pick(['Nick', null]) }, { level: dice.pick(['all', 'all', 'mentions', 'none']) }]);
		return conversation && picture.caller.call('PATCH', `/v1/conversations/${conversation.id}/settings`, kept);
	}],
	clear: [0.5, (dice, picture) => {
		const conversation = conversationOf(dice, picture);
		return conversation && picture.caller.call('POST', `/v1/conversations/${conversation.id}/clear`);
	}],
	'delete a conversation': [0.3, (dice, picture) => {
		const group = conversationOf(dice, picture, (one) => isGroup(one) && one.name !== 'All');
		return group && picture.caller.call('DELETE', `/v1/conversations/${group.id}`);
	}],
	'find and join': [1, async (dice, picture) => {
		const found = await picture.caller.call('GET', '/v1/discover');
		const group = found.status === 200 ? some(dice, found.body.data) : undefined;
		return group ? picture.caller.call('POST', `/v1/conversations/${group.id}/members`, { user_ids: [picture.me] }) : found;
	}],
	schedule: [2, (dice, picture) => {
		const [conversation, one] = [conversationOf(dice, picture), some(dice, [...picture.scheduled.values()])];
		if (one && dice.chance(0.3)) return picture.caller.call('DELETE', `/v1/scheduled/${one.id}`);
		if (one && dice.chance(0.3)) return picture.caller.call('PATCH', `/v1/scheduled/${one.id}`, { text: `later ${dice.between(0, 99)}` });
		return conversation && picture.caller.call('POST', `/v1/conversations/${conversation.id}/scheduled`,
			{ id: randomUUID(), text: 'later', send_at: new Date(Date.now() + dice.between(1000, 60000)).toISOString() });
	}],
	'open a direct conversation': [2, (dice, picture) => picture.caller.call('POST', '/v1/conversations', { type: 'direct', user_id: anybody(dice) })],
	'make a group': [1, (dice, picture) => picture.caller.call('POST', '/v1/conversations', {
		type: 'group', name: `Group ${dice.between(0, 99)}`, history: dice.pick(['all', 'joined']),
		member_ids: [...new Set([anybody(dice), anybody(dice), anybody(dice)])].filter((user) => user !== picture.me),
	})],
	'add a member': [3, (dice, picture) => {
		const group = conversationOf(dice, picture, isGroup);
		return group && picture.caller.call('POST', `/v1/conversations/${group.id}/members`, { user_ids: [anybody(dice)] });
	}],
	'remove a member': [2, (dice, picture) => {
		const group = conversationOf(dice, picture, isGroup);
		return group && picture.caller.call('DELETE', `/v1/conversations/${group.id}/members/${dice.chance(0.4) ? picture.me : anybody(dice)}`);
	}],
	'change a role': [2, (dice, picture) => {
		const group = conversationOf(dice, picture, isGroup);
		return group && picture.caller.call('PATCH', `/v1/conversations/${group.id}/members/${anybody(dice)}`,
			{ role: dice.pick(['owner', 'admin', 'member']) });
	}],
	'follow a thread': [2, (dice, picture) => {
		const root = messageOf(dice, picture, (message) => message.thread);
		return root && picture.caller.call(dice.chance(0.6) ? 'PUT' : 'DELETE', `/v1/messages/${root.id}/thread/follow`);
	}],
	'read a thread': [3, (dice, picture) => {
		const thread = some(dice, [...picture.threads.values()]);
		return thread && picture.caller.call('POST', `/v1/messages/${thread.root.id}/thread/read`,
			{ seq: dice.between(0, thread.last_seq), unread: dice.chance(0.3) });
	}],
	block: [1, (dice, picture) => picture.caller.call(dice.chance(0.3) ? 'PUT' : 'DELETE', `/v1/blocks/${anybody(dice)}`)],
	'see notifications': [2, (dice, picture) => {
		const one = some(dice, [...picture.notifications.values()]);
		if (!one) return undefined;
		if (dice.chance(0.3)) return picture.caller.call('DELETE', `/v1/notifications/${one.id}`);
		return picture.caller.call('POST', '/v1/notifications/read', dice.chance(0.2) ? { all: true } : { ids: [one.id] });
	}],
	notify: [1, (dice) => boss.call('POST', '/v1/notifications', { user_ids: [anybody(dice)], kind: 'news', title: `${dice.between(0, 99)}` })],
	'be there': [2, (dice, picture) => picture.caller.call('PUT', '/v1/presence', dice.pick([
		{ state: 'online' }, { state: 'away' }, { state: 'dnd' }, { state: 'invisible' }, { status_text: dice.pick(['busy', '']) },
		{ status_text: 'soon over', status_seconds: 2 }, { activity_type: 'listening', activity_name: dice.pick(['Bach', '']) },
	]))],
	upload: [0.3, (dice, picture) => picture.caller.call('POST', `/v1/uploads?filename=${dice.between(1, 9)}.txt`,
		`note ${dice.between(0, 999)}`, { 'Content-Type': 'text/plain' })],
	'describe a file': [1, (dice, picture) => {
		const file = some(dice, [...picture.uploads.values()]);
		return file && picture.caller.call('PATCH', `/v1/uploads/${file.id}`,
			dice.chance(0.5) ? { alt: dice.pick(['a view', null]) } : { filename: `${dice.between(1, 9)}.jpg` });
	}],
	'delete a file': [0.2, (dice, picture) => {
		const file = some(dice, [...picture.uploads.values()]);
		return file && picture.caller.call('DELETE', `/v1/uploads/${file.id}`);
	}],
	'lose the connection': [0.5, (dice, picture) => picture.lose()],
	'start over': [0.3, (dice, picture) => picture.again()],
	'change a name': [1, (dice, picture) => boss.call('PUT', `/v1/users/${picture.me}`, { name: `${picture.me} the ${dice.between(1, 9)}th` })],
	'change names': [0.5, (dice) => boss.call('PUT', '/v1/users', { users: [anybody(dice), anybody(dice)].map((id) => (
		{ id, name: `${id} of ${dice.between(1, 9)}` })) })],
};
const weights = Object.fromEntries(Object.entries(actions).map(([name, [weight]]) => [name, weight]));

async function live(picture, dice, end) {
	while (Date.now() < end) {
		const name = dice.weighted(weights);
		const answer = await actions[name][1](dice, picture);
		done[name] = (done[name] ?? 0) + 1;
		if (answer && answer.status >= 300 && !REFUSALS.includes(answer.status)) {
			faults.push(`${picture.me}: ${name}: ${answer.status} ${JSON.stringify(answer.body ?? answer.error)}`);
		}
		await pause(dice.between(0, 60));
	}
}

/** What was done, how far behind events were, and how large the workers are. */
async function report(t) {
	const lags = pictures.flatMap((picture) => picture.lags).sort((a, b) => a - b);
	const at = (share) => lags[Math.floor((lags.length - 1) * share)];
	const sizes = await Promise.all((await service.children('kore')).map(async (pid) => (
		/VmRSS:\s+(.*)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1])));
	t.diagnostic(`${Object.values(done).reduce((a, b) => a + b)} operations; ${lags.length} events,`
		+ ` heard after ${at(0.5)} ms (p50), ${at(0.99)} ms (p99), ${at(1)} ms (max); workers of ${sizes.join(', ')}`);
}

test(`the pictures of ${USERS} users after ${SECONDS} s (PARLEY_PICTURE_SEED=${SEED})`, async (t) => {
	const end = Date.now() + SECONDS * 1000;
	await Promise.all(pictures.map((picture) => live(picture, new Random(random.between(0, 2 ** 31)), end)));
	await report(t);
	assert.deepEqual(faults, []);
	for (const picture of pictures) {
		let found;
		// Notifications and own read positions follow a moment after what they are about.
		await until(async () => {
			found = await differences(picture);
			return found.length === 0 || picture.faults.length > 0;
		}, () => `${picture.me}'s picture is not what the lists say:\n${found.slice(0, 10).join('\n')}`, SETTLE_MS);
		assert.deepEqual(picture.faults, []);
	}
	const logs = await Promise.all(['kore', 'fcgi'].map((name) => service.log(name)));
	const wrong = logs.join('\n').split('\n').filter((line) => /^\S+ error /.test(line) || line.includes(' status=500 '));
	assert.deepEqual(wrong, []);
});
