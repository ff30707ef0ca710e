// SPDX-License-Identifier: ISC
// Messages that are sent at a time: by one of several processes, also when another one dies at that moment.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { askFastcgi } from './lib/fastcgi.js';
import { Service, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

let service;
let fastcgi;
let [ann, ben] = [];
before(async () => {
	service = await Service.start({ workers: 2 });
	fastcgi = (await service.settings()).PARLEY_FCGI_SOCKET;
	[ann, ben] = [service.as('ann'), service.as('ben')];
	for (const caller of [ann, ben]) await caller.get('/v1/me');
});
after(async () => { await service?.stop(); });

const inSeconds = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();

test('scheduled, changed, cancelled and sent by every door, and told to its user', async () => {
	const { id: conversation } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Later', member_ids: ['ben'] });
	const where = `/v1/conversations/${conversation}/scheduled`;
	const [socket, events] = [await Socket.open(ann), await Events.open(ann)];
	const other = await Socket.open(ben);
	const asked = { id: randomUUID(), text: 'one', send_at: inSeconds(3600) };
	const made = await ann.post(where, asked);
	assert.equal(made.status, 201);
	assert.deepEqual([made.body.id, made.body.text, made.body.state], [asked.id, 'one', 'pending']);
	const again = await ann.post(where, asked);
	assert.deepEqual([again.status, again.body], [200, made.body]);
	const framed = await socket.request('messages.schedule', { conversation_id: conversation, text: 'two', send_at: inSeconds(7200) });
	assert.equal(framed.status, 201);
	const relayed = await askFastcgi(fastcgi, { uri: '/v1/scheduled?limit=1', headers: { Authorization: `Bearer ${ann.token}` } });
	assert.deepEqual(relayed.body.data, [made.body]);
	assert.deepEqual((await ann.done('GET', `/v1/scheduled?limit=1&after=${encodeURIComponent(relayed.body.next)}`)).data, [framed.data]);
	assert.deepEqual((await ben.done('GET', '/v1/scheduled')).data, []);
	assert.equal((await ann.call('DELETE', `/v1/scheduled/${framed.data.id}`)).status, 200);
	// On a machine that stalls the time may be over when it is heard of.
	const changed = await until(async () => {
		const answer = await ann.call('PATCH', `/v1/scheduled/${asked.id}`, { text: 'one, soon', send_at: inSeconds(1.5) });
		return answer.status === 200 && answer.body;
	}, 'a time ahead', 20000);
	const sent = await other.wait('message.created', (event) => event.data.id === asked.id, 20000);
	assert.deepEqual([sent.data.text, sent.data.sender.id, sent.data.via], ['one, soon', 'ann', 'schedule']);
	assert.ok(sent.data.created_at >= changed.send_at, `${sent.data.created_at} after ${changed.send_at}`);
	for (const listener of [socket, events]) {
		await listener.wait('scheduled.sent');
		const told = listener.events.filter((event) => event.event.startsWith('scheduled.'));
		assert.deepEqual(told.map((event) => [event.event, event.data.id]), [
			['scheduled.created', asked.id], ['scheduled.created', framed.data.id], ['scheduled.cancelled', framed.data.id],
			['scheduled.updated', asked.id], ['scheduled.sent', asked.id],
		]);
		assert.deepEqual(told[3].data, changed);
		listener.close();
	}
	assert.deepEqual(other.events.filter((event) => event.event.startsWith('scheduled.')), []);
	other.close();
	assert.equal((await ann.call('DELETE', `/v1/scheduled/${asked.id}`)).status, 409);
	assert.deepEqual((await ann.done('GET', '/v1/scheduled')).data, []);
	const position = (await ann.done('GET', `/v1/conversations/${conversation}`)).last_read_seq;
	assert.equal(position, 0, 'what was sent for its user is not read by them');
});

test('who may not post any more is told so', async () => {
	const { id: conversation } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Out', member_ids: ['ben'] });
	const socket = await Socket.open(ben);
	const { id } = await ben.done('POST', `/v1/conversations/${conversation}/scheduled`, { text: 'never', send_at: inSeconds(3600) });
	await ann.done('DELETE', `/v1/conversations/${conversation}/members/ben`);
	await service.psql(`update scheduled set send_at = now() where id = '${id}'`);
	const { data } = await socket.wait('scheduled.failed', (event) => event.data.id === id, 20000);
	assert.deepEqual([data.state, data.error], ['failed', 'not_found']);
	assert.deepEqual((await ben.done('GET', '/v1/scheduled')).data, [data]);
	socket.close();
});

test('all are sent once, though workers are killed while they are', async () => {
	const { id: conversation } = await ann.done('POST', '/v1/conversations', { type: 'group', name: 'Kill', member_ids: ['ben'] });
	const ids = [];
	for (let i = 0; i < 80; i++) {
		const made = await ann.done('POST', `/v1/conversations/${conversation}/scheduled`, { id: randomUUID(), text: `n${i}`, send_at: inSeconds(3600) });
		ids.push(made.id);
	}
	// A moment in which some are sent and others wait, or are under way.
	const count = async () => Number(await service.psql(`select count(*) from messages where conversation_id = '${conversation}'`));
	await service.psql(`update scheduled set send_at = clock_timestamp() + interval '1 s' where conversation_id = '${conversation}'`);
	await until(async () => (await count()) > 0, 'their time', 20000);
	for (const pid of await service.children('kore')) process.kill(pid, 'SIGKILL');
	await until(async () => (await count()) >= ids.length, 'all of them', 60000);
	const rows = await service.psql(`select string_agg(id::text, ',' order by seq) from messages where conversation_id = '${conversation}'`);
	assert.deepEqual(rows.split(',').sort(), [...ids].sort());
	const told = await service.psql(`select type || ' ' || count(*) from events where message_id in (select id from messages where
		conversation_id = '${conversation}') and type <> 'scheduled.created' group by type order by type`);
	assert.equal(told, 'message.created 80\nscheduled.sent 80');
	assert.equal(await service.psql('select count(*) from scheduled where failed_at is null'), '0');
});
