// SPDX-License-Identifier: ISC
// What each client should have had, by the log alone; and what became of every message.

/** The whole event log, oldest first. */
export async function readLog(service) {
	const rows = await service.psql('select row_to_json(e) from events e order by id');
	return rows.split('\n').filter(Boolean).map((row) => JSON.parse(row));
}

/**
 * The events of the log that a follower gets: those of its user's own topic, and of each conversation from the join to the
 * leave, both of which stand on the user's topic.  `maybe` marks those that its own connection may have been spared.
 */
export function due(log, { user, first, topics, origins }) {
	const own = `user:${user}`;
	const only = topics?.split(',');
	const member = new Set();
	const list = [];
	for (const row of log) {
		const hears = topics === 'all' || (only?.includes(row.topic) ?? true) && (row.topic === own || member.has(row.topic));
		if (hears && row.id > first) list.push({ ...row, maybe: row.skip_origin && origins.has(row.origin) });
		if (row.topic !== own || !row.effect) continue;
		if (row.effect > 0) member.add(row.effect_topic);
		else member.delete(row.effect_topic);
	}
	return list;
}

/** The members of each conversation's topic at the end of the log: {topic: [user, …]}, sorted. */
export function membersAtEnd(log) {
	const members = {};
	for (const { topic, effect, effect_topic: conversation } of log) {
		if (!effect) continue;
		const set = members[conversation] ??= new Set();
		if (effect > 0) set.add(topic.slice('user:'.length));
		else set.delete(topic.slice('user:'.length));
	}
	return Object.fromEntries(Object.entries(members).filter(([, set]) => set.size).map(([topic, set]) => [topic, [...set].sort()]));
}

const show = (event) => (event ? `${event.id} ${event.event ?? event.type} on ${event.topic}` : 'nothing');

/** Where `seen` differs from what was due: a sentence, or undefined. */
export function difference(seen, list) {
	let at = 0;
	for (const row of list) {
		const event = seen[at];
		if (row.maybe && event?.id !== row.id) continue;
		at++;
		if (event?.id !== row.id) return `${show(event)} instead of ${show(row)}, behind ${show(seen[at - 2])}`;
		if (event.event !== row.type || event.topic !== row.topic || JSON.stringify(event.data) !== JSON.stringify(JSON.parse(row.data))) {
			return `event ${row.id} is not what the log says: ${JSON.stringify(event)}`;
		}
	}
	return seen.length > at ? `${show(seen[at])} beyond the end` : undefined;
}
