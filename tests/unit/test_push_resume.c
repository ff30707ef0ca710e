/* SPDX-License-Identifier: ISC */
/* From start to live without the log: what the snapshot says, what the ring
 * holds, and when there is no way but a reset. */

#include "tests/unit/push_resume_fixture.h"

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
	CU_ASSERT(world_stats(&w).resets == 0);
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
	CU_ASSERT(world_stats(&w).resumed_ring == 1 &&
	    world_stats(&w).resumed_log == 0);
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
	plain = world_stats(&w).ring_bytes;
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
	CU_ASSERT(world_stats(&w).ring_bytes > plain + twin->bytes);
	CU_ASSERT(world_stats(&w).queue_bytes == 0);
	door_fini(&d);

	/* Both give way, and what they took. */
	for (id = 103; id < 130; id++) {
		struct push_event *more = long_event(id);

		push_hub_publish(w.hub, more);
		push_event_unref(more);
		CU_ASSERT(world_stats(&w).ring_bytes < 20000 + twin->bytes);
	}
	CU_ASSERT(push_hub_ring_floor(w.hub) > 102 && e->refs == 1);
	push_hub_log_reset(w.hub, 200);
	CU_ASSERT(world_stats(&w).ring_bytes == 0);
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
	CU_ASSERT(e->refs == 2 && world_stats(&w).ring_events == 4);
	start(104, 0, 100, NULL, 0);
	CU_ASSERT_STRING_EQUAL(ids(), "101,102,104");
	CU_ASSERT(door_count(&d, "\nevent: other\n") == 1);
	/* Gone and there again, as who tells of it does. */
	push_hub_replace(w.hub, 102, NULL);
	CU_ASSERT(e->refs == 1);
	push_hub_replace(w.hub, 102, e);
	push_hub_log_reset(w.hub, 200);
	CU_ASSERT(world_stats(&w).ring_bytes == 0 && e->refs == 1);
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
	CU_ASSERT(world_stats(&w).resets == 0);
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
	CU_ASSERT(world_stats(&w).resets == 1);
	end();
}

static void
test_reset(void)
{
	reset_check(50, 49);
	reset_check(0, 101);
	reset_check(0, INT64_MAX);
}

TEST_MAIN("push_resume", { "snapshot ahead", test_snapshot_ahead },
    { "snapshot behind", test_snapshot_behind },
    { "snapshot too old", test_snapshot_too_old },
    { "from the ring", test_from_the_ring },
    { "from the ring, compressed", test_from_the_ring_compressed },
    { "replaced", test_replaced }, { "behind a change", test_behind_a_change },
    { "up to date", test_up_to_date }, { "reset", test_reset })
