/* SPDX-License-Identifier: ISC */
/* From start to live by way of the log: chunks of it, then the ring, which moves
 * on or grows meanwhile, and readers who take their time. */

#include "tests/unit/push_resume_fixture.h"

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
	CU_ASSERT(world_stats(&w).resumed_log == 1 &&
	    world_stats(&w).resumed_ring == 0);
	/* An answer that nobody waits for is ignored. */
	push_session_replay(d.s, NULL, 0, 200);
	publish(&w, 106, "conversation:a");
	CU_ASSERT(strstr(ids(), "105,106") != NULL);
	end();
}

/* Ephemeral events that pass while the past is replayed are nowhere: the session
 * is told that there were some. */
static void
test_passed_meanwhile(void)
{
	for (int passed = 0; passed < 2; passed++) {
		world_init_with(&w,
		    (struct push_hub_params){ .missed_ms = 1, .tick_ms = 5 });
		push_hub_cursor_set(w.hub, 103);
		door_open(&w, &d, PUSH_SSE);
		push_session_identify(
		    d.s, &(struct push_identity){ .user = "ann" });
		publish(&w, 0, "conversation:a");
		start(103, 0, 95, NULL, 0);
		turns(&w, 1);
		if (passed)
			publish(&w, 0, "conversation:z");
		log_make(96, 103);
		push_session_replay(d.s, log_events, 8, 103);
		log_free();
		CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
		wait_ms(&w, 40);
		CU_ASSERT_STRING_EQUAL(ids(), "96,97,98,99,100,101,102,103");
		CU_ASSERT_EQUAL(
		    door_count(&d, "event: presence.missed\n"), passed);
		end();
	}
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
	CU_ASSERT(world_stats(&w).ring_events == 2000 / one);
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
	CU_ASSERT(d.closed == 0 && world_stats(&w).cut == 0);
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

/* A right that was looked up before a leave, which the session meets later or
 * has met already. */
static void
test_subscribe_while_replaying(void)
{
	begin(100);
	publish_effect(&w, 101, "user:ann", -1, "conversation:a");
	start(100, 0, 95, NULL, 0);
	turns(&w, 1);
	CU_ASSERT(push_session_state(d.s) == PUSH_REPLAYING);
	CU_ASSERT_TRUE(push_session_subscribe(d.s, "conversation:a", 0, 100));
	publish(&w, 102, "conversation:a");
	push_session_replay(d.s, NULL, 0, 100);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	CU_ASSERT_FALSE(push_session_subscribe(d.s, "conversation:a", 0, 100));
	publish(&w, 103, "conversation:a");
	CU_ASSERT_TRUE(push_session_subscribe(d.s, "conversation:a", 0, 103));
	publish(&w, 104, "conversation:a");
	CU_ASSERT_STRING_EQUAL(ids(), "101,104");
	end();
}

/* One that was looked up in a log that the session has not come to. */
static void
test_subscribe_ahead(void)
{
	begin(100);
	start(100, 0, 95, NULL, 0);
	turns(&w, 1);
	CU_ASSERT_TRUE(push_session_subscribe(d.s, "conversation:c", 0, 102));
	CU_ASSERT_TRUE(push_session_visit(d.s, "conversation:d", 0, 102));
	publish(&w, 101, "conversation:c");
	push_session_replay(d.s, NULL, 0, 100);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	publish(&w, 102, "conversation:d");
	publish(&w, 103, "conversation:c");
	publish(&w, 104, "conversation:d");
	CU_ASSERT_STRING_EQUAL(ids(), "103,104");
	end();
}

TEST_MAIN("push_resume_log", { "from the log", test_from_the_log },
    { "passed meanwhile", test_passed_meanwhile },
    { "ring ran away", test_ring_ran_away },
    { "ring extended", test_ring_extended },
    { "ring extended partly", test_ring_extended_partly },
    { "too many chunks", test_too_many_chunks }, { "pauses", test_pauses },
    { "join while replaying", test_join_while_replaying },
    { "subscribe while replaying", test_subscribe_while_replaying },
    { "subscribe ahead", test_subscribe_ahead })
