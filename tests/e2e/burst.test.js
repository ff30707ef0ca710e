// SPDX-License-Identifier: ISC
// A burst is not a slow reader.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Service, until } from './lib/service.js';
import { Events, Socket } from './lib/streams.js';

test('a burst bigger than the queue does not cut clients that read', async (t) => {
	const service = await Service.start({ workers: 1 });
	t.after(() => service.stop());
	const [alice, bob] = [service.as('alice'), service.as('bob')];
	await bob.get('/v1/me');
	const { id: conversation } = await alice.direct('bob');
	const listeners = [await Socket.open(bob, { reconnect: false }), await Events.open(bob)];
	const text = '\u{1f422}'.repeat(9000);
	for (let round = 1; round <= 3; round++) {
		const answers = await Promise.all(Array.from({ length: 100 }, () => alice.send(conversation, text)));
		for (const answer of answers) assert.equal(answer.status, 201);
		for (const one of listeners) await until(() => one.texts(conversation).length >= 100 * round, `all at ${one.who}`);
	}
	assert.equal(listeners[0].closed, undefined);
	assert.equal(listeners[1].connections, 1);
	assert.equal(await service.metric('parley_streams_slow_total'), 0);
});
