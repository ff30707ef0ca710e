// SPDX-License-Identifier: ISC
// Who may call what: every operation, by everybody who could.  An operation that is not in this
// table fails the test: it cannot be added without deciding who may call it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Caller, Service } from './lib/service.js';
import { Socket } from './lib/streams.js';

let service;
const people = {};

before(async () => {
	service = await Service.start({ env: { PARLEY_URL_KEYS: `now:${'k'.repeat(32)}`, PARLEY_TUS_UNFINISHED: '100' } });
	for (const user of ['owner', 'manager', 'member', 'stranger', 'victim']) people[user] = service.as(user);
	people.service = service.as('backend', { role: 'service' });
	people.admin = service.as('operator', { role: 'admin' });
	people.nobody = new Caller(service, null, 'nobody');
	for (const caller of Object.values(people)) await caller.get('/v1/me');
});
after(() => service?.stop());

// ---- what an operation is tried on: everything of it made anew for each call ------------------

/** A group of `owner`, `manager` (its admin), `member` and `victim`. */
async function group() {
	const made = await people.owner.done('POST', '/v1/conversations',
		{ type: 'group', name: 'Group', member_ids: ['manager', 'member', 'victim'] });
	await people.owner.done('PATCH', `/v1/conversations/${made.id}/members/manager`, { role: 'admin' });
	return `/v1/conversations/${made.id}`;
}

async function message() {
	const of = await group();
	return (await people.victim.done('POST', `${of}/messages`, { text: 'hello' })).id;
}

async function notification() {
	return (await people.service.done('POST', '/v1/notifications',
		{ user_ids: ['victim'], kind: 'test', title: 'Hello' })).ids[0];
}

const inDays = (days) => new Date(Date.now() + days * 86400000).toISOString();

/** One that `victim` has scheduled. */
async function scheduled() {
	const made = await people.victim.done('POST', `${await group()}/scheduled`, { text: 'later', send_at: inDays(9) });
	return made.id;
}

/** A file of `victim`'s in a group, or not yet in any. */
async function upload(sent) {
	const form = new FormData();
	form.append('file', new Blob(['some text']), 'a.txt');
	const { id } = await people.victim.done('POST', '/v1/uploads', form);
	if (sent) await people.victim.done('POST', `${await group()}/messages`, { attachments: [id] });
	return id;
}

const TUS = { 'Tus-Resumable': '1.0.0' };

/** An upload in pieces that `victim` has begun. */
async function begun() {
	const { headers } = await people.victim.call('POST', '/v1/tus', undefined, { ...TUS, 'Upload-Length': '4' });
	return headers.get('location').replace(service.url, '');
}

const streams = [];
async function connection() {
	streams.push(await Socket.open(people.victim, { reconnect: false }));
	return `/v1/connections/${streams.at(-1).ready.connection}`;
}
after(() => { for (const stream of streams) stream.close(); });

// ---- the table: what is called, and what each answers ----------------------------------------

const CALLERS = ['nobody', 'stranger', 'member', 'manager', 'owner', 'service', 'admin'];
const all = (status, others = {}) => ({
	...Object.fromEntries(CALLERS.map((who) => [who, status])), nobody: 401, ...others,
});
const everybody = (status, others = {}) => ({ ...all(status, others), nobody: status, ...others });
// A conversation that is not there for strangers; back ends may look into each.
const insiders = (status, others = {}) => all(status, { stranger: 404, ...others });
const backEnds = (status) => all(403, { service: status, admin: status });
// What belongs to `victim`; nobody else is told that it is there.
const itsOwn = (others = {}) => all(404, others);

const table = {
	'sync.get': [all(200), () => ['GET', '/v1/sync']],
	'messages.catch_up': [all(200), () => ['POST', '/v1/sync/messages', { conversations: [{ conversation_id: 'public', after_seq: 0 }] }]],
	'me.get': [all(200), () => ['GET', '/v1/me']],
	'users.get': [all(200), () => ['GET', '/v1/users/victim']],
	'users.put': [backEnds(201), () => ['PUT', `/v1/users/${randomUUID()}`, { name: 'New' }]],
	'users.put_many': [backEnds(200), () => ['PUT', '/v1/users', { users: [{ id: 'many', name: 'M' }] }]],

	'blocks.list': [all(200), () => ['GET', '/v1/blocks']],
	'blocks.add': [all(201), async (caller) => {
		await caller.call('DELETE', '/v1/blocks/victim');
		return ['PUT', '/v1/blocks/victim'];
	}],
	'blocks.remove': [all(200), async (caller) => {
		await caller.call('PUT', '/v1/blocks/victim');
		return ['DELETE', '/v1/blocks/victim'];
	}],

	'users.suspend': [backEnds(200), () => ['PUT', '/v1/users/nuisance/suspension', { reason: 'spam' }]],
	'users.restore': [backEnds(200), async () => {
		await people.admin.done('PUT', '/v1/users/nuisance/suspension', {});
		return ['DELETE', '/v1/users/nuisance/suspension'];
	}],
	'suspensions.get': [backEnds(200), async () => {
		await people.admin.done('PUT', '/v1/users/nuisance/suspension', {});
		return ['GET', '/v1/users/nuisance/suspension'];
	}],
	'suspensions.list': [backEnds(200), () => ['GET', '/v1/suspensions']],

	'conversations.create': [all(201), () => ['POST', '/v1/conversations', { type: 'group', name: 'Mine' }]],
	'conversations.list': [all(200), () => ['GET', '/v1/conversations']],
	'conversations.get': [insiders(200), async () => ['GET', await group()]],
	'conversations.update': [insiders(200, { member: 403 }), async () => ['PATCH', await group(), { name: 'Other' }]],
	'conversations.delete': [insiders(200, { member: 403, manager: 403 }), async () => ['DELETE', await group()]],
	'conversations.settings': [insiders(200, { service: 403, admin: 403 }),
		async () => ['PATCH', `${await group()}/settings`, { archived: true }]],
	'conversations.clear': [insiders(200, { service: 403, admin: 403 }), async () => ['POST', `${await group()}/clear`]],
	'conversations.discover': [all(200), () => ['GET', '/v1/discover?search=group']],
	'members.list': [insiders(200), async () => ['GET', `${await group()}/members`]],
	'members.add': [insiders(200, { member: 403 }), async () => ['POST', `${await group()}/members`, { user_ids: ['stranger'] }]],
	'members.update': [insiders(200, { member: 403, manager: 403 }),
		async () => ['PATCH', `${await group()}/members/victim`, { role: 'admin' }]],
	'members.remove': [insiders(200, { member: 403 }), async () => ['DELETE', `${await group()}/members/victim`]],

	'messages.send': [insiders(201), async () => ['POST', `${await group()}/messages`, { text: 'hello' }]],
	'messages.schedule': [insiders(201, { admin: 403 }), async () => ['POST', `${await group()}/scheduled`, { text: 'later', send_at: inDays(9) }]],
	'schedule.list': [all(200), () => ['GET', '/v1/scheduled']],
	'schedule.update': [itsOwn(), async () => ['PATCH', `/v1/scheduled/${await scheduled()}`, { text: 'else' }]],
	'schedule.cancel': [itsOwn(), async () => ['DELETE', `/v1/scheduled/${await scheduled()}`]],
	'messages.list': [insiders(200), async () => ['GET', `${await group()}/messages`]],
	'messages.get': [insiders(200), async () => ['GET', `/v1/messages/${await message()}`]],
	'messages.search': [all(200), () => ['GET', '/v1/search/messages?q=hello']],
	'conversations.search': [all(200), () => ['GET', '/v1/search/conversations?q=group']],
	'users.search': [all(200), () => ['GET', '/v1/search/users?q=victim']],
	'messages.edit': [insiders(403), async () => ['PATCH', `/v1/messages/${await message()}`, { text: 'mine' }]],
	'messages.edits': [insiders(200, { member: 403 }), async () => ['GET', `/v1/messages/${await message()}/edits`]],
	'messages.delete': [insiders(200, { member: 403 }), async () => ['DELETE', `/v1/messages/${await message()}`]],
	'messages.forward': [insiders(201), async () => {
		const id = await message();
		return ['POST', `/v1/messages/${id}/forward`, { conversation_ids: ['public'] }];
	}],
	'threads.list': [all(200), () => ['GET', '/v1/threads']],
	'threads.get': [insiders(200), async () => ['GET', `/v1/messages/${await message()}/thread`]],
	'threads.follow': [insiders(200, { service: 403, admin: 403 }),
		async () => ['PUT', `/v1/messages/${await message()}/thread/follow`]],
	'threads.unfollow': [insiders(200, { service: 403, admin: 403 }),
		async () => ['DELETE', `/v1/messages/${await message()}/thread/follow`]],
	'threads.mark': [insiders(200, { service: 403, admin: 403 }),
		async () => ['POST', `/v1/messages/${await message()}/thread/read`, { seq: 0 }]],
	'reactions.list': [insiders(200), async () => ['GET', `/v1/messages/${await message()}/reactions`]],
	'reactions.add': [insiders(201), async () => ['PUT', `/v1/messages/${await message()}/reactions/:ok:`]],
	'reactions.remove': [insiders(200), async () => ['DELETE', `/v1/messages/${await message()}/reactions/:ok:`]],
	'pins.list': [insiders(200), async () => ['GET', `${await group()}/pins`]],
	'pins.add': [insiders(201, { member: 403 }), async () => ['PUT', `/v1/messages/${await message()}/pin`]],
	'pins.remove': [insiders(200, { member: 403 }), async () => ['DELETE', `/v1/messages/${await message()}/pin`]],
	'receipts.mark': [insiders(200, { service: 403, admin: 403 }), async () => ['POST', `${await group()}/read`, { seq: 0 }]],
	// Conversations that one is not in are passed over.
	'receipts.deliver': [all(200), async () => ['POST', '/v1/receipts/delivered',
		{ positions: [{ conversation_id: (await group()).split('/').at(-1), seq: 1 }] }]],
	'reads.list': [insiders(200), async () => ['GET', `/v1/messages/${await message()}/reads`]],
	'receipts.mark_all': [all(200), () => ['POST', '/v1/me/read', {}]],
	'unread.get': [all(200), () => ['GET', '/v1/me/unread']],
	'typing.start': [insiders(200), async () => ['POST', `${await group()}/typing`]],
	'typing.stop': [insiders(200), async () => ['DELETE', `${await group()}/typing`]],

	'notifications.list': [all(200), () => ['GET', '/v1/notifications']],
	'notifications.count': [all(200), () => ['GET', '/v1/notifications/count']],
	'notifications.read': [all(200), () => ['POST', '/v1/notifications/read', { all: true }]],
	'notifications.remove': [all(404), async () => ['DELETE', `/v1/notifications/${await notification()}`]],
	'notifications.create': [backEnds(201),
		() => ['POST', '/v1/notifications', { user_ids: ['victim'], kind: 'test', title: 'Hello' }]],

	'uploads.create': [all(201), () => ['POST', '/v1/uploads?filename=a.txt', new TextEncoder().encode('text')]],
	'uploads.get': [insiders(200), async () => ['GET', `/v1/uploads/${await upload(true)}`]],
	'uploads.list': [insiders(200), async () => {
		const of = await group();
		return ['GET', `/v1/uploads?conversation_id=${of.split('/').at(-1)}`];
	}],
	'uploads.update': [insiders(403, { service: 200, admin: 200 }),
		async () => ['PATCH', `/v1/uploads/${await upload(true)}`, { alt: 'Words' }]],
	'uploads.delete': [itsOwn({ service: 200, admin: 200 }), async () => ['DELETE', `/v1/uploads/${await upload(false)}`]],
	// Of what the caller may not see there is no address in the answer.
	'files.sign': [all(200), async () => ['POST', '/v1/files/sign', { upload_ids: [await upload(true)] }]],
	'files.get': [insiders(200), async () => ['GET', `/v1/files/${await upload(true)}/original`]],

	'tus.create': [all(201), () => ['POST', '/v1/tus', undefined, { ...TUS, 'Upload-Length': '4' }]],
	'tus.head': [itsOwn(), async () => ['HEAD', await begun(), undefined, TUS]],
	'tus.patch': [itsOwn(), async () => ['PATCH', await begun(), new TextEncoder().encode('text'),
		{ ...TUS, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' }]],
	'tus.end': [itsOwn(), async () => ['DELETE', await begun(), undefined, TUS]],

	'events.list': [all(200), () => ['GET', '/v1/events?after=0&limit=1', undefined, { Accept: 'application/json' }]],
	// Without the upgrade, which is looked at first.
	'socket.open': [everybody(426), () => ['GET', '/v1/socket']],
	'tickets.create': [all(201), () => ['POST', '/v1/tickets']],

	'connections.list': [all(200), () => ['GET', '/v1/connections']],
	'connections.update': [itsOwn({ service: 200, admin: 200 }), async () => ['PATCH', await connection(), { platform: 'web' }]],
	'connections.subscribe': [itsOwn({ service: 200, admin: 200 }),
		async () => ['POST', `${await connection()}/subscribe`, { conversations: ['public'] }]],
	'connections.unsubscribe': [itsOwn({ service: 200, admin: 200 }),
		async () => ['POST', `${await connection()}/unsubscribe`, { conversations: ['public'] }]],
	// With a token of the stream's user; who is another one renews nothing with it.
	'connections.renew': [all(422, { service: 200, admin: 200 }),
		async () => ['POST', `${await connection()}/renew`, { token: service.token('victim') }]],
	'connections.close_all': [all(403, { service: 200, admin: 200 }), async () => {
		await connection();
		return ['DELETE', '/v1/users/victim/connections'];
	}],
	'connections.close': [itsOwn({ service: 200, admin: 200 }), async () => ['DELETE', await connection()]],

	'connections.touch': [itsOwn({ service: 200, admin: 200 }), async () => ['POST', `${await connection()}/touch`, {}]],

	'presence.get': [all(200), () => ['POST', '/v1/presence/query', { user_ids: ['victim'] }]],
	'presence.set': [all(200), () => ['PUT', '/v1/presence', { state: 'online' }]],
	'presence.watch': [itsOwn({ service: 200, admin: 200 }),
		async () => ['POST', `${await connection()}/watch`, { user_ids: ['owner'] }]],
	'presence.unwatch': [itsOwn({ service: 200, admin: 200 }),
		async () => ['POST', `${await connection()}/unwatch`, { user_ids: ['owner'] }]],

	'stats.summary': [backEnds(200), () => ['GET', '/v1/stats']],
	ping: [all(200), () => ['POST', '/v1/ping']],
	'health.live': [everybody(200), () => ['GET', '/health']],
	'health.ready': [everybody(200), () => ['GET', '/health/ready']],
	'metrics.get': [everybody(200), () => ['GET', '/metrics']],
	'openapi.get': [everybody(200), () => ['GET', '/openapi.json']],
};

test('every operation is in the table, with the method and path it is called by', async () => {
	const { paths } = (await people.nobody.get('/openapi.json')).body;
	const operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods)
		.filter(([, operation]) => operation.operationId)
		.map(([method, operation]) => ({ name: operation.operationId, method: method.toUpperCase(), path })));
	assert.deepEqual(operations.map((one) => one.name).sort(), Object.keys(table).sort());
	for (const { name, method, path } of operations) {
		const [called, where] = await table[name][1](people.owner);
		assert.equal(called, method, name);
		assert.match(where, new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/?]+')}(\\?.*)?$`), name);
	}
});

for (const [name, [expected, prepare]] of Object.entries(table)) {
	test(`${name}: who may`, async () => {
		const found = {};
		for (const who of CALLERS) {
			const [method, where, body, headers] = await prepare(people[who]);
			const answer = await people[who].call(method, where, body, headers);
			found[who] = answer.status;
			if (answer.status >= 400 && method !== 'HEAD') assert.ok(answer.body.detail, `${who}: a reason`);
		}
		assert.deepEqual(found, expected);
	});
}

test('an upload that is in no message is its owner\'s, and the back ends\'', async () => {
	const id = await upload(false);
	const found = {};
	for (const who of [...CALLERS, 'victim']) found[who] = (await people[who].get(`/v1/uploads/${id}`)).status;
	assert.deepEqual(found, { ...itsOwn({ service: 200, admin: 200 }), victim: 200 });
});
