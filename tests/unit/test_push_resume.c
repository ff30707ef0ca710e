/* SPDX-License-Identifier: ISC */
/*
 * From start to live: every rule of push/resume.c alone, then a property test
 * in which a small log stands for the database and clients come and go at
 * random while events are published.
 */

#include <stdlib.h>

#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

static const char *const topics_a[] = { "conversation:a" };

static struct world w;
static struct door d;

static struct push_stats
stats(void)
{
	struct push_stats s;

	push_hub_stats(w.hub, &s);
	return s;
}

static void
begin(int64_t cursor)
{
	world_init(&w);
	push_hub_cursor_set(w.hub, cursor);
	door_open(&w, &d, PUSH_SSE);
	push_session_identify(d.s, &(struct push_identity){ .user = "ann" });
}

static void
end(void)
{
	door_fini(&d);
	world_fini(&w);
}

/* `after` -1: none. */
static void
start(int64_t end_id, int64_t floor, int64_t after, const struct push_effect *x,
    size_t n)
{
	struct push_start st = { .topics = topics_a,
		.topic_count = 1,
		.end_id = end_id,
		.floor_id = floor,
		.effects = x,
		.effect_count = n,
		.has_after = after >= 0,
		.after = after,
		.head = "HEAD\r\n\r\n",
		.head_len = 8 };

	push_session_start(d.s, &st);
}

static const char *
ids(void)
{
	turns(&w, 1);
	door_read(&d);
	return door_ids(&d);
}

static void
publish_from_to(int64_t from, int64_t to)
{
	for (; from <= to; from++)
		publish(&w, from, "conversation:a");
}

/* No position: from max(H, C) on.  Here H > C: what the snapshot has seen is
 * not sent again. */
static void
test_snapshot_ahead(void)
{
	begin(100);
	start(103, 0, -1, NULL, 0);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish_from_to(101, 105);
	CU_ASSERT_STRING_EQUAL(ids(), "104,105");
	CU_ASSERT(door_count(&d, "\"last_event_id\":103}") == 1);
	end();
}

/* H < C: joins and leaves between them come from the ring. */
static void
test_snapshot_behind(void)
{
	begin(100);
	publish_effect(&w, 101, "user:ann", 1, "conversation:b");
	publish_effect(&w, 102, "user:ann", -1, "conversation:a");
	start(100, 0, -1, NULL, 0);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish(&w, 103, "conversation:a");
	publish(&w, 104, "conversation:b");
	CU_ASSERT_STRING_EQUAL(ids(), "104");
	CU_ASSERT(door_count(&d, "\"last_event_id\":102}") == 1);
	end();
}

static void
test_snapshot_too_old(void)
{
	begin(100);
	start(90, 0, -1, NULL, 0);
	turns(&w, 1);
	CU_ASSERT(d.restarts == 1 && d.restart_after == -1);
	door_read(&d);
	CU_ASSERT(d.got.len == 0);
	CU_ASSERT(push_session_state(d.s) == PUSH_STARTING);
	/* What the first call said counts: there was no position. */
	start(100, 0, 7777, NULL, 0);
	publish(&w, 101, "conversation:a");
	CU_ASSERT_STRING_EQUAL(ids(), "101");
	CU_ASSERT(stats().resets == 0);
	end();
}

static void
test_from_the_ring(void)
{
	const struct push_effect x[] = { { 104, 1, "conversation:a", 0 } };

	begin(100);
	publish_from_to(101, 103);
	publish_effect(&w, 104, "user:ann", 1, "conversation:a");
	publish_from_to(105, 106);
	start(106, 0, 102, x, 1);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish(&w, 107, "conversation:a");
	CU_ASSERT_STRING_EQUAL(ids(), "104,105,106,107");
	CU_ASSERT(door_count(&d, "\"last_event_id\":102}") == 1);
	CU_ASSERT(door_count(&d, "\nevent: reset\n") == 0);
	CU_ASSERT(stats().resumed_ring == 1 && stats().resumed_log == 0);
	end();
}

static struct push_event *
long_event(int64_t id)
{
	char data[1002];

	memset(data, 'x', sizeof(data));
	data[0] = data[1000] = '"';
	data[1001] = '\0';
	return push_event_new(&(struct push_event_fields){ .id = id,
	    .topic = "conversation:a",
	    .type = "long",
	    .data = data });
}

/* What was compressed for one is kept in the ring for those who come back, and
 * counts there. */
static void
test_from_the_ring_compressed(void)
{
	static const char *const topics[] = { "conversation:a", NULL };
	struct push_event *e = long_event(101);
	const struct push_event *twin;
	struct door other;
	size_t plain;
	int64_t id;

	world_init_with(&w, (struct push_hub_params){ .ring_bytes = 20000 });
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &other, PUSH_WEBSOCKET);
	other.window_bits = 15;
	push_hub_publish(w.hub, e);
	plain = stats().ring_bytes;
	CU_ASSERT(e->twin == NULL);
	door_start(&w, &other, "bob", topics); /* from 101 on */
	publish(&w, 102, "conversation:a");
	turns(&w, 1);

	door_open(&w, &d, PUSH_WEBSOCKET);
	d.window_bits = 15;
	push_session_identify(d.s, &(struct push_identity){ .user = "ann" });
	push_session_start(d.s,
	    &(struct push_start){ .topics = topics,
		.topic_count = 1,
		.end_id = 102,
		.has_after = true,
		.after = 100,
		.window_bits = 15 });
	turns(&w, 1);
	door_read(&d);
	twin = e->twin;
	CU_ASSERT_FATAL(twin != NULL && twin->refs == 1);
	CU_ASSERT(
	    memmem(d.got.data, d.got.len, twin->json, twin->json_len) != NULL);
	CU_ASSERT(stats().ring_bytes > plain + twin->bytes);
	CU_ASSERT(stats().queue_bytes == 0);
	door_fini(&d);

	/* Both give way, and what they took. */
	for (id = 103; id < 130; id++) {
		struct push_event *more = long_event(id);

		push_hub_publish(w.hub, more);
		push_event_unref(more);
		CU_ASSERT(stats().ring_bytes < 20000 + twin->bytes);
	}
	CU_ASSERT(push_hub_ring_floor(w.hub) > 102 && e->refs == 1);
	push_hub_log_reset(w.hub, 200);
	CU_ASSERT(stats().ring_bytes == 0);
	push_event_unref(e);
	door_fini(&other);
	world_fini(&w);
}

/* What is another event now, or gone, is so for those who resume; and the ring
 * still knows its size. */
static void
test_replaced(void)
{
	struct push_event *e =
	    event_with(102, "conversation:a", "other", 0, NULL);

	begin(100);
	publish_from_to(101, 104);
	push_hub_replace(w.hub, 102, e);
	push_hub_replace(w.hub, 103, NULL);
	push_hub_replace(w.hub, 99, e);
	push_hub_replace(w.hub, 105, e);
	CU_ASSERT(e->refs == 2 && stats().ring_events == 4);
	start(104, 0, 100, NULL, 0);
	CU_ASSERT_STRING_EQUAL(ids(), "101,102,104");
	CU_ASSERT(door_count(&d, "\nevent: other\n") == 1);
	/* Gone and there again, as who tells of it does. */
	push_hub_replace(w.hub, 102, NULL);
	CU_ASSERT(e->refs == 1);
	push_hub_replace(w.hub, 102, e);
	push_hub_log_reset(w.hub, 200);
	CU_ASSERT(stats().ring_bytes == 0 && e->refs == 1);
	push_event_unref(e);
	end();
}

/* An event that the hub has not met has changed older ones: up to the end of
 * the snapshot the log is read, and then not what is on its way to the hub. */
static void
test_behind_a_change(void)
{
	begin(100);
	publish_from_to(101, 103);
	push_session_start(d.s,
	    &(struct push_start){ .topics = topics_a,
		.topic_count = 1,
		.end_id = 106,
		.rewritten_id = 105,
		.has_after = true,
		.after = 101,
		.head = "HEAD\r\n\r\n",
		.head_len = 8 });
	CU_ASSERT(push_session_state(d.s) == PUSH_REPLAYING);
	CU_ASSERT_STRING_EQUAL(ids(), "");
	CU_ASSERT(d.replays == 1 && d.after == 101 && d.upto == 106);
	push_session_replay(d.s, NULL, 0, 106);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish_from_to(104, 107);
	CU_ASSERT_STRING_EQUAL(ids(), "107");
	end();
	/* One that the hub has met does not matter. */
	begin(100);
	publish_from_to(101, 105);
	push_session_start(d.s,
	    &(struct push_start){ .topics = topics_a,
		.topic_count = 1,
		.end_id = 106,
		.rewritten_id = 105,
		.has_after = true,
		.after = 104 });
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	CU_ASSERT_STRING_EQUAL(ids(), "105");
	end();
}

/* At the end exactly, also above the cursor: nothing is missed. */
static void
test_up_to_date(void)
{
	begin(100);
	start(102, 0, 102, NULL, 0);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish_from_to(101, 103);
	CU_ASSERT_STRING_EQUAL(ids(), "103");
	CU_ASSERT(stats().resets == 0);
	end();
}

static void
reset_check(int64_t floor, int64_t after)
{
	begin(100);
	start(100, floor, after, NULL, 0);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish(&w, 101, "conversation:a");
	CU_ASSERT_STRING_EQUAL(ids(), "101");
	CU_ASSERT(door_count(&d,
		      "\n\nid: 100\nevent: reset\ndata: {\"event\":\"reset\","
		      "\"data\":{\"last_event_id\":100}}\n\n") == 1);
	CU_ASSERT(stats().resets == 1);
	end();
}

static void
test_reset(void)
{
	reset_check(50, 49);
	reset_check(0, 101);
	reset_check(0, INT64_MAX);
}

static struct push_event *log_events[600];
static size_t log_count;

static void
log_make(int64_t from, int64_t to)
{
	for (log_count = 0; from <= to; from++)
		log_events[log_count++] =
		    event_with(from, "conversation:a", "test", 0, NULL);
}

static void
log_free(void)
{
	while (log_count > 0)
		push_event_unref(log_events[--log_count]);
}

/* Older than the ring: chunks of the log, then the ring, then live; what is
 * published meanwhile comes once and in its place. */
static void
test_from_the_log(void)
{
	begin(100);
	publish_from_to(101, 103);
	start(103, 0, 95, NULL, 0);
	CU_ASSERT(d.replays == 0);
	turns(&w, 1);
	CU_ASSERT(d.replays == 1 && d.after == 95 && d.upto == 103);
	CU_ASSERT(strstr(base_buf_str(&d.topics), "user:ann ") != NULL);
	CU_ASSERT(strstr(base_buf_str(&d.topics), "conversation:a ") != NULL);
	CU_ASSERT(push_session_state(d.s) == PUSH_REPLAYING);
	publish(&w, 104, "conversation:a");
	log_make(96, 98);
	push_session_replay(d.s, log_events, 3, 98);
	CU_ASSERT(d.replays == 1);
	turns(&w, 1);
	CU_ASSERT(d.replays == 2 && d.after == 98 && d.upto == 103);
	log_free();
	log_make(99, 101);
	push_session_replay(d.s, log_events, 3, 101);
	log_free();
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish(&w, 105, "conversation:a");
	CU_ASSERT_STRING_EQUAL(ids(), "96,97,98,99,100,101,102,103,104,105");
	CU_ASSERT(stats().resumed_log == 1 && stats().resumed_ring == 0);
	/* An answer that nobody waits for is ignored. */
	push_session_replay(d.s, NULL, 0, 200);
	publish(&w, 106, "conversation:a");
	CU_ASSERT(strstr(ids(), "105,106") != NULL);
	end();
}

/* The whole log up to H is read and the ring has moved on meanwhile: a new
 * start query from where it stands. */
static void
test_ring_ran_away(void)
{
	world_init_with(&w, (struct push_hub_params){ .ring_bytes = 2000 });
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &d, PUSH_SSE);
	push_session_identify(d.s, &(struct push_identity){ .user = "ann" });
	start(100, 0, 99, NULL, 0);
	turns(&w, 1);
	publish_from_to(101, 130);
	CU_ASSERT(push_hub_ring_floor(w.hub) > 110);
	log_make(100, 100);
	push_session_replay(d.s, log_events, 1, 100);
	log_free();
	turns(&w, 1);
	CU_ASSERT(d.restarts == 1 && d.restart_after == 100);
	start(130, 0, 7777, NULL, 0);
	turns(&w, 1);
	CU_ASSERT(d.replays == 2 && d.after == 100 && d.upto == 130);
	log_make(101, 130);
	push_session_replay(d.s, log_events, 30, 130);
	log_free();
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	ids();
	CU_ASSERT(door_count(&d, "\"event\":\"ready\"") == 1);
	CU_ASSERT(door_count(&d, "\"event\":\"test\"") == 31);
	CU_ASSERT(door_count(&d, "\"event\":\"reset\"") == 0);
	end();
}

/* The ring was filled downwards for those who wait. */
static void
test_ring_extended(void)
{
	begin(100);
	publish(&w, 101, "conversation:a");
	start(101, 0, 95, NULL, 0);
	turns(&w, 1);
	CU_ASSERT(d.replays == 1);
	log_make(93, 100);
	push_hub_ring_extend(w.hub, log_events, 8, 90);
	log_free();
	CU_ASSERT(push_hub_ring_floor(w.hub) == 90);
	push_session_replay(d.s, NULL, 0, 95);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	CU_ASSERT_STRING_EQUAL(ids(), "96,97,98,99,100,101");
	end();
}

static void
test_ring_extended_partly(void)
{
	size_t one;

	world_init_with(&w, (struct push_hub_params){ .ring_bytes = 2000 });
	push_hub_cursor_set(w.hub, 100);
	log_make(51, 100);
	one = log_events[0]->bytes + 24;
	push_hub_ring_extend(w.hub, log_events, 50, 50);
	CU_ASSERT(stats().ring_events == 2000 / one);
	CU_ASSERT(push_hub_ring_floor(w.hub) == 100 - (int64_t)(2000 / one));
	log_free();
	world_fini(&w);
}

static void
test_too_many_chunks(void)
{
	unsigned i;

	world_init_with(&w, (struct push_hub_params){ .replay_chunks = 3 });
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &d, PUSH_WEBSOCKET);
	start(100, 0, 10, NULL, 0);
	for (i = 0; i < 3; i++) {
		turns(&w, 1);
		push_session_replay(d.s, NULL, 0, 11 + i);
	}
	turns(&w, 1);
	CU_ASSERT(d.replays == 3 && d.closed == 1);
	CU_ASSERT(d.code == PUSH_CLOSE_TRY_LATER);
	door_read(&d);
	CU_ASSERT(door_count(&d, "\"event\":\"reconnect\"") == 1);
	CU_ASSERT(door_count(&d, "\x03\xf5too far behind") == 1);
	end();
}

static struct push_event *
big_event(int64_t id)
{
	static char data[4003];
	struct push_event_fields f = { .id = id,
		.topic = "conversation:a",
		.type = "test",
		.data = data };

	memset(data, 'x', 4002);
	data[0] = data[4001] = '"';
	return push_event_new(&f);
}

/* A long replay to a client that reads slowly pauses, from the log and from
 * the ring, holds little, and loses nothing. */
static void
test_pauses(void)
{
	static char want[8192];
	struct push_event *e;
	size_t at = 0, most = 0;
	int64_t id;
	unsigned i;

	begin(100);
	for (id = 101; id <= 500; id++) {
		e = big_event(id);
		push_hub_publish(w.hub, e);
		push_event_unref(e);
	}
	for (log_count = 0; log_count < 90; log_count++)
		log_events[log_count] = big_event(11 + (int64_t)log_count);
	start(500, 0, 10, NULL, 0);
	for (i = 0; i < 5000 && push_session_state(d.s) != PUSH_LIVE; i++) {
		unsigned replays = d.replays;

		turns(&w, 1);
		if (d.replays > replays) {
			size_t from = (size_t)(d.after - 10);

			push_session_replay(
			    d.s, log_events + from, 90 - from, 100);
		}
		if (push_session_queued(d.s) > most)
			most = push_session_queued(d.s);
		if (i % 4 == 0)
			door_read(&d);
	}
	log_free();
	ids();
	wait_ms(&w, 10);
	CU_ASSERT(most > 200000 && most < 300000);
	for (id = 11; id <= 500; id++)
		at += (size_t)snprintf(want + at, sizeof(want) - at, "%s%lld",
		    at > 0 ? "," : "", (long long)id);
	CU_ASSERT_STRING_EQUAL(ids(), want);
	CU_ASSERT(d.closed == 0 && stats().cut == 0);
	end();
}

/* Subscribing during a replay counts from that moment. */
static void
test_join_while_replaying(void)
{
	begin(100);
	publish(&w, 101, "conversation:c");
	start(101, 0, 95, NULL, 0);
	turns(&w, 1);
	push_session_join(d.s, "conversation:c", 0);
	publish(&w, 102, "conversation:c");
	push_session_replay(d.s, NULL, 0, 101);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish(&w, 103, "conversation:c");
	CU_ASSERT_STRING_EQUAL(ids(), "102,103");
	end();
}

/*
 * The property.  `history` is the log; a client remembers the last id that it
 * got and comes back with it.
 */

enum {
	TOPICS = 5,
	USERS = 3,
	STEPS = 700,
	CLIENTS = 6
};

struct row {
	struct push_event *event;
	int user; /* of an effect, or -1 */
	int topic;
	int64_t seq; /* the message that is told of; 0: any */
};

static struct row history[STEPS + 1]; /* by id */
/* 0: no member; else the first message that they see. */
static int64_t member[STEPS + 1][USERS][TOPICS];
static int published; /* C */
static int committed; /* the end of the log, >= C */

static uint64_t from_log, from_ring, restarts;
static unsigned seed_now;

struct client {
	struct door door;
	int user;
	int64_t from; /* where it began; -1: not yet */
	int64_t last;
	unsigned gets; /* events in all */
	bool open;
	bool asked; /* a start query is under way */
	bool restarting;
	unsigned replays; /* answered */
	unsigned restarts;
};

static struct client clients[CLIENTS];
static const char *const users[USERS] = { "u0", "u1", "u2" };

static void
topic_name(char out[32], int t)
{
	snprintf(out, 32, "conversation:%d", t);
}

static void
history_step(void)
{
	char topic[32], own[32];
	int id = ++committed, t = rand() % TOPICS, u = rand() % USERS;
	int64_t *from = &member[id][u][t], seq = rand() % 10;
	struct push_event_fields f = { .id = id, .type = "test" };

	memcpy(member[id], member[id - 1], sizeof(member[id]));
	topic_name(topic, t);
	if (rand() % 4 == 0) {
		snprintf(own, sizeof(own), "user:%s", users[u]);
		f.topic = own;
		f.effect_topic = topic;
		f.effect = *from > 0 ? -1 : 1;
		f.seq = *from > 0 ? *from : seq + 1;
		*from = *from > 0 ? 0 : f.seq;
		history[id] = (struct row){ push_event_new(&f), u, t, f.seq };
	} else {
		f.topic = topic;
		f.seq = seq;
		history[id] = (struct row){ push_event_new(&f), -1, t, seq };
	}
}

static bool
user_gets(int user, int id)
{
	int64_t from;

	if (history[id].user >= 0)
		return history[id].user == user;
	from = member[id - 1][user][history[id].topic];
	return from > 0 && (history[id].seq == 0 || from <= history[id].seq);
}

/* Runs the start query of one snapshot, as old as `staleness` events. */
static void
client_start(struct client *c, int staleness)
{
	static char names[TOPICS][32], effect_names[STEPS][32];
	static struct push_effect effects[STEPS];
	const char *topics[TOPICS];
	int64_t from[TOPICS];
	struct push_start st = { .topics = topics,
		.from = from,
		.effects = effects,
		.head = "HEAD",
		.head_len = 4 };
	int64_t after = c->restarting ? c->door.restart_after : c->last;
	int h = committed - staleness, id, t;

	if (h < after)
		h = (int)after;
	for (t = 0; t < TOPICS; t++) {
		if (!member[h][c->user][t])
			continue;
		topic_name(names[t], t);
		from[st.topic_count] = member[h][c->user][t];
		topics[st.topic_count++] = names[t];
	}
	for (id = (int)after + 1; after >= 0 && id <= h; id++) {
		if (history[id].user != c->user)
			continue;
		topic_name(effect_names[st.effect_count], history[id].topic);
		effects[st.effect_count] =
		    (struct push_effect){ id, history[id].event->effect,
			    effect_names[st.effect_count], history[id].seq };
		st.effect_count++;
	}
	st.end_id = h;
	st.has_after = after >= 0;
	st.after = after;
	push_session_start(c->door.s, &st);
	c->asked = false;
	c->restarting = false;
}

/* Answers with at most `limit` rows of the log, as the database would. */
static void
client_replay(struct client *c, uint32_t limit)
{
	struct push_event *rows[STEPS];
	char name[64];
	size_t n = 0;
	int64_t id;

	c->replays = c->door.replays;
	for (id = c->door.after + 1; id <= c->door.upto && n < limit; id++) {
		snprintf(name, sizeof(name), "%s ", history[id].event->topic);
		if (strstr(base_buf_str(&c->door.topics), name) != NULL)
			rows[n++] = history[id].event;
	}
	push_session_replay(c->door.s, rows, n, id - 1);
}

static void
fail(const struct client *c, int64_t id, const char *what)
{
	printf("\n  seed %u, %s, id %lld: %s ", seed_now, users[c->user],
	    (long long)id, what);
	CU_FAIL("property");
}

/* Compares what came in with what the user had to get. */
static void
client_check(struct client *c)
{
	const char *p;
	int64_t id;

	door_read(&c->door);
	if (c->from < 0) {
		p = strstr(base_buf_str(&c->door.got), "\"last_event_id\":");
		if (p == NULL)
			return;
		c->from = c->last = atoll(p + 16);
	}
	for (p = door_ids(&c->door); *p != '\0'; p += *p == ',') {
		id = strtoll(p, (char **)(void *)&p, 10);
		for (c->last++; c->last < id; c->last++)
			if (user_gets(c->user, (int)c->last)) {
				fail(c, c->last, "an event is missing");
				return;
			}
		if (c->last != id || !user_gets(c->user, (int)id)) {
			fail(c, id, "an event too many");
			return;
		}
		c->gets++;
	}
	base_buf_reset(&c->door.got);
}

/* Turns without waiting. */
static void
look(unsigned n)
{
	while (n-- > 0)
		base_loop_poll_turn(w.loop, 0);
}

static void
client_leave(struct client *c)
{
	client_check(c);
	close(c->door.fd);
	c->door.fd = -1;
	if (rand() % 2 == 0)
		push_session_close(c->door.s, PUSH_CLOSE_NORMAL, NULL);
	/* A WebSocket that closes is given a moment. */
	while (c->door.closed == 0)
		base_loop_poll_turn(w.loop, 5);
	door_fini(&c->door);
	c->open = false;
}

static void
client_come(struct client *c)
{
	door_open(&w, &c->door, rand() % 2 ? PUSH_SSE : PUSH_WEBSOCKET);
	push_session_identify(
	    c->door.s, &(struct push_identity){ .user = users[c->user] });
	c->open = true;
	c->asked = true;
	c->restarting = false;
	c->replays = c->restarts = 0;
}

/* Whether the session wants a new start query. */
static void
client_restart_note(struct client *c)
{
	if (c->door.restarts == c->restarts)
		return;
	c->restarts = c->door.restarts;
	restarts++;
	c->asked = c->restarting = true;
}

static void
client_act(struct client *c)
{
	if (!c->open) {
		if (rand() % 8 == 0)
			client_come(c);
		return;
	}
	if (c->asked && rand() % 2 == 0)
		client_start(c, rand() % 6);
	look(1);
	if (c->door.replays != c->replays)
		client_replay(c, 1 + (uint32_t)rand() % 7);
	client_restart_note(c);
	/* A half-read message is worth nothing to the check. */
	client_check(c);
	if (rand() % 30 == 0)
		client_leave(c);
}

/* Answers until everybody is live and has everything. */
static void
settle(struct client *c)
{
	unsigned i;
	int64_t id;

	if (!c->open)
		client_come(c);
	for (i = 0; i < 5000 && push_session_state(c->door.s) != PUSH_LIVE;
	     i++) {
		if (c->asked)
			client_start(c, 0);
		look(1);
		if (c->door.replays != c->replays)
			client_replay(c, 50);
		client_restart_note(c);
	}
	look(2);
	client_check(c);
	for (id = c->last + 1; id <= committed; id++)
		if (user_gets(c->user, (int)id)) {
			fail(c, id, "the end is missing");
			return;
		}
}

static void
run(unsigned seed)
{
	unsigned i;
	int step;

	seed_now = seed;
	srand(seed);
	memset(member, 0, sizeof(member));
	memset(clients, 0, sizeof(clients));
	published = committed = 0;
	world_init_with(&w,
	    (struct push_hub_params){
		.ring_bytes = 2000 + (size_t)(rand() % 30) * 500,
		.queue_bytes = 8000,
		.replay_limit = 3,
		.tick_ms = 5,
		.grace_ms = 5,
		.replay_chunks = 100000 });
	for (i = 0; i < 20; i++)
		history_step();
	for (published = 0; published < 20;)
		push_hub_publish(w.hub, history[++published].event);
	for (i = 0; i < CLIENTS; i++) {
		clients[i].user = (int)(i % USERS);
		clients[i].from = clients[i].last = -1;
	}
	for (step = 0; committed < STEPS; step++) {
		if (rand() % 3 == 0)
			history_step();
		while (published < committed && rand() % 4 != 0)
			push_hub_publish(w.hub, history[++published].event);
		client_act(&clients[rand() % CLIENTS]);
	}
	while (published < committed)
		push_hub_publish(w.hub, history[++published].event);
	for (i = 0; i < CLIENTS; i++) {
		settle(&clients[i]);
		door_fini(&clients[i].door);
	}
	CU_ASSERT(stats().resets == 0 && stats().cut == 0);
	from_log += stats().resumed_log;
	from_ring += stats().resumed_ring;
	world_fini(&w);
	for (i = 1; i <= STEPS; i++)
		push_event_unref(history[i].event);
}

static void
test_property(void)
{
	unsigned seed;

	for (seed = 1; seed <= 12; seed++)
		run(seed);
	/* Every way was taken. */
	CU_ASSERT(from_log > 20 && from_ring > 20 && restarts > 20);
}

TEST_MAIN("push_resume", { "snapshot ahead", test_snapshot_ahead },
    { "snapshot behind", test_snapshot_behind },
    { "snapshot too old", test_snapshot_too_old },
    { "from the ring", test_from_the_ring },
    { "from the ring, compressed", test_from_the_ring_compressed },
    { "replaced", test_replaced }, { "behind a change", test_behind_a_change },
    { "up to date", test_up_to_date }, { "reset", test_reset },
    { "from the log", test_from_the_log },
    { "ring ran away", test_ring_ran_away },
    { "ring extended", test_ring_extended },
    { "ring extended partly", test_ring_extended_partly },
    { "too many chunks", test_too_many_chunks }, { "pauses", test_pauses },
    { "join while replaying", test_join_while_replaying },
    { "property", test_property })
