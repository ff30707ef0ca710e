/* SPDX-License-Identifier: ISC */
/* The hub: who gets what, joining and leaving on open connections. */

#include <stdlib.h>

#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

static const char *const topics_a[] = { "conversation:a", NULL };

static struct world w;
static struct door ann, bob;

static void
begin(void)
{
	world_init(&w);
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &ann, PUSH_SSE);
	door_open(&w, &bob, PUSH_SSE);
	door_start(&w, &ann, "ann", topics_a);
	door_start(&w, &bob, "bob", topics_a);
}

static void
look(void)
{
	turns(&w, 1);
	door_read(&ann);
	door_read(&bob);
}

static void
end(void)
{
	door_fini(&ann);
	door_fini(&bob);
	world_fini(&w);
}

static void
test_topics(void)
{
	begin();
	publish(&w, 101, "conversation:a");
	publish(&w, 102, "user:ann");
	publish(&w, 103, "user:bob");
	publish(&w, 103, "conversation:a");
	publish(&w, 90, "conversation:a");
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "101,102");
	CU_ASSERT_STRING_EQUAL(door_ids(&bob), "101,103");
	CU_ASSERT(push_hub_listeners(w.hub, "conversation:a") == 2);
	CU_ASSERT(push_hub_listeners(w.hub, "user:ann") == 1);
	CU_ASSERT(push_hub_listeners(w.hub, "nobody") == 0);
	CU_ASSERT(world_stats(&w).topics == 3);
	end();
}

static void
test_join_and_leave(void)
{
	begin();
	publish(&w, 101, "conversation:b");
	publish_effect(&w, 102, "user:ann", 1, "conversation:b");
	publish(&w, 103, "conversation:b");
	publish_effect(&w, 104, "user:ann", -1, "conversation:b");
	publish(&w, 105, "conversation:b");
	publish_effect(&w, 106, "user:bob", -1, "conversation:a");
	publish(&w, 107, "conversation:a");
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "102,103,104,107");
	CU_ASSERT_STRING_EQUAL(door_ids(&bob), "106");
	CU_ASSERT(world_stats(&w).topics == 3);
	CU_ASSERT(push_session_follows(ann.s, "conversation:a"));
	CU_ASSERT(!push_session_follows(bob.s, "conversation:a"));
	end();
}

static void
test_by_hand(void)
{
	begin();
	push_session_join(ann.s, "conversation:open", 0);
	push_session_join(ann.s, "conversation:open", 0);
	publish(&w, 101, "conversation:open");
	push_session_leave(ann.s, "conversation:open");
	push_session_leave(ann.s, "conversation:open");
	publish(&w, 102, "conversation:open");
	/* Without its own topic it still hears joins. */
	push_session_leave(ann.s, "user:ann");
	CU_ASSERT(!push_session_follows(ann.s, "user:ann"));
	publish_effect(&w, 103, "user:ann", 1, "conversation:b");
	publish(&w, 104, "conversation:b");
	push_session_join(ann.s, "user:ann", 0);
	publish(&w, 105, "user:ann");
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "101,104,105");
	end();
}

/* What was looked up before a leave that the session has met counts no more,
 * wherever the session is then: who was removed would follow it for good. */
static void
test_subscribe_behind_a_leave(void)
{
	begin();
	publish_effect(&w, 101, "user:ann", 1, "conversation:c");
	publish_effect(&w, 102, "user:ann", -1, "conversation:c");
	CU_ASSERT_FALSE(
	    push_session_subscribe(ann.s, "conversation:c", 0, 101));
	publish(&w, 103, "conversation:c");
	/* What it follows stays as it is, its own topic is never lost. */
	CU_ASSERT_TRUE(push_session_subscribe(ann.s, "conversation:a", 0, 101));
	CU_ASSERT_TRUE(push_session_subscribe(ann.s, "user:ann", 0, 101));
	publish(&w, 104, "conversation:a");
	/* Others' leaves do not matter. */
	CU_ASSERT_TRUE(push_session_subscribe(bob.s, "conversation:c", 0, 101));
	publish(&w, 105, "conversation:c");
	/* Looked up anew, it may. */
	CU_ASSERT_TRUE(push_session_subscribe(ann.s, "conversation:c", 0, 105));
	publish(&w, 106, "conversation:c");
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "101,102,104,106");
	CU_ASSERT_STRING_EQUAL(door_ids(&bob), "104,105,106");
	end();
}

/* A right that was looked up in a log that the hub is behind counts from there
 * on: ann may have joined in between, bob comes by the door. */
static void
test_subscribe_ahead(void)
{
	begin();
	CU_ASSERT_TRUE(push_session_subscribe(ann.s, "conversation:c", 0, 103));
	CU_ASSERT_TRUE(push_session_subscribe(ann.s, "conversation:d", 0, 103));
	CU_ASSERT_TRUE(push_session_visit(bob.s, "conversation:c", 0, 103));
	publish(&w, 0, "conversation:c");
	publish(&w, 101, "conversation:c");
	publish_effect(&w, 102, "conversation:c", -1, "conversation:c");
	push_session_leave(ann.s, "conversation:d");
	publish(&w, 103, "conversation:c");
	CU_ASSERT(!push_session_follows(ann.s, "conversation:c"));
	publish(&w, 104, "conversation:d");
	publish(&w, 105, "conversation:c");
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "105");
	CU_ASSERT_STRING_EQUAL(door_ids(&bob), "105");
	/* Who has gone meanwhile is not joined. */
	CU_ASSERT_TRUE(push_session_subscribe(ann.s, "conversation:d", 0, 106));
	push_session_close(ann.s, PUSH_CLOSE_NORMAL, NULL);
	publish(&w, 106, "conversation:d");
	publish(&w, 107, "conversation:d");
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "105");
	end();
}

/* Both visit; one joins.  The door is shut for the other only. */
static void
test_door(void)
{
	begin();
	CU_ASSERT_FATAL(push_session_visit(ann.s, "conversation:open", 1, 100));
	CU_ASSERT_FATAL(push_session_visit(bob.s, "conversation:open", 1, 100));
	publish(&w, 101, "conversation:open");
	publish_effect(&w, 102, "user:bob", 1, "conversation:open");
	publish_effect(&w, 103, "conversation:open", -1, "conversation:open");
	publish(&w, 104, "conversation:open");
	CU_ASSERT_EQUAL(push_hub_shut(w.hub), 103);
	CU_ASSERT(!push_session_follows(ann.s, "conversation:open"));
	/* What was looked up before counts no more. */
	CU_ASSERT_FALSE(push_session_visit(ann.s, "conversation:open", 1, 102));
	CU_ASSERT(!push_session_follows(ann.s, "conversation:open"));
	CU_ASSERT_TRUE(push_session_visit(ann.s, "conversation:open", 1, 103));
	publish(&w, 105, "conversation:open");
	/* Who belongs to it does not become a visitor. */
	CU_ASSERT_TRUE(push_session_visit(bob.s, "conversation:open", 1, 103));
	publish_effect(&w, 106, "conversation:open", -1, "conversation:open");
	publish(&w, 107, "conversation:open");
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "101,103,105,106");
	CU_ASSERT_STRING_EQUAL(door_ids(&bob), "101,102,104,105,107");
	end();
}

static void
test_skip_origin(void)
{
	struct push_event_fields f = { .id = 101,
		.topic = "conversation:a",
		.type = "x",
		.origin = "t-1",
		.skip_origin = true };
	struct push_event *e = push_event_new(&f);

	begin();
	push_hub_publish(w.hub, e);
	push_event_unref(e);
	look();
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "");
	CU_ASSERT_STRING_EQUAL(door_ids(&bob), "101");
	CU_ASSERT(push_hub_find(w.hub, "t-1") == ann.s);
	CU_ASSERT(push_hub_find(w.hub, "t-9") == NULL);
	end();
}

static void
start_as(
    struct door *d, const struct push_identity *who, const char *const *topics)
{
	struct push_start st = { .topics = topics,
		.end_id = push_hub_cursor(w.hub),
		.head = "HEAD",
		.head_len = 4 };

	while (topics[st.topic_count] != NULL)
		st.topic_count++;
	push_session_identify(d->s, who);
	push_session_start(d->s, &st);
}

static void
test_restricted(void)
{
	const char *const only[] = { "conversation:a", "conversation:c" };
	const char *const now[] = { "conversation:a", "conversation:b", NULL };
	struct push_identity who = {
		.user = "cat", .only = only, .only_count = 2
	};
	struct door cat;

	begin();
	door_open(&w, &cat, PUSH_WEBSOCKET);
	start_as(&cat, &who, now);
	publish(&w, 101, "conversation:a");
	publish(&w, 102, "conversation:b");
	publish_effect(&w, 103, "user:cat", 1, "conversation:d");
	publish(&w, 104, "conversation:d");
	publish_effect(&w, 105, "user:cat", 1, "conversation:c");
	publish(&w, 106, "conversation:c");
	publish_effect(&w, 107, "user:cat", -1, "conversation:a");
	publish(&w, 108, "conversation:a");
	push_session_join(cat.s, "conversation:d", 0);
	publish(&w, 109, "conversation:d");
	turns(&w, 1);
	door_read(&cat);
	CU_ASSERT_STRING_EQUAL(door_ids(&cat), "101,106,109");
	door_fini(&cat);
	end();
}

static void
test_everything(void)
{
	struct push_identity who = { .user = "svc", .everything = true };
	const char *const none[] = { NULL };
	struct door svc;

	begin();
	door_open(&w, &svc, PUSH_WEBSOCKET);
	start_as(&svc, &who, none);
	publish(&w, 101, "conversation:a");
	publish_effect(&w, 102, "user:svc", -1, "conversation:a");
	publish(&w, 103, "conversation:z");
	publish(&w, 0, "conversation:z");
	push_session_leave(svc.s, "conversation:a");
	publish(&w, 104, "conversation:a");
	turns(&w, 1);
	door_read(&svc);
	CU_ASSERT_STRING_EQUAL(door_ids(&svc), "101,102,103,104");
	CU_ASSERT(door_count(&svc, "\"event\":\"test\",\"topic\"") == 1);
	door_fini(&svc);
	end();
}

static void
count_each(struct push_session *s, void *arg)
{
	(void)s;
	(*(unsigned *)arg)++;
}

static void
close_each(struct push_session *s, void *arg)
{
	(void)arg;
	push_session_close(s, PUSH_CLOSE_FORBIDDEN, NULL);
}

static void
test_each(void)
{
	unsigned n = 0;

	begin();
	push_hub_each(w.hub, count_each, &n);
	CU_ASSERT(n == 2);
	push_hub_each(w.hub, close_each, NULL);
	n = 0;
	push_hub_each(w.hub, count_each, &n);
	CU_ASSERT(n == 0);
	CU_ASSERT(push_hub_find(w.hub, "t-1") == NULL);
	turns(&w, 2);
	CU_ASSERT(ann.closed == 1 && bob.closed == 1);
	end();
}

static void
test_log_reset(void)
{
	begin();
	publish(&w, 101, "conversation:a");
	push_hub_log_reset(w.hub, 50);
	CU_ASSERT(push_hub_cursor(w.hub) == 50);
	CU_ASSERT(push_hub_ring_floor(w.hub) == 50);
	CU_ASSERT(world_stats(&w).ring_events == 0);
	turns(&w, 2);
	CU_ASSERT(ann.closed == 1 && ann.code == PUSH_CLOSE_RESTART);
	end();
}

static struct push_event *text_event;

static void
publish_on_text(struct door *d, const char *text, size_t len)
{
	(void)d;
	(void)text;
	(void)len;
	push_hub_publish(w.hub, text_event);
}

/* A thousand sessions in a room: all get it, the room is gone with them, and
 * publishing from inside a callback is fine. */
static void
test_crowd(void)
{
	enum {
		N = 300
	};
	static struct door crowd[N];
	unsigned i, got = 0;

	begin();
	for (i = 0; i < N; i++) {
		door_open(&w, &crowd[i], i % 2 ? PUSH_SSE : PUSH_WEBSOCKET);
		door_start(&w, &crowd[i], "ann", topics_a);
	}
	crowd[0].on_text = publish_on_text;
	text_event =
	    event_with(200, "conversation:a", "from-callback", 0, NULL);
	door_frame(&crowd[0], 0x81, "go", 2);
	publish(&w, 101, "conversation:a");
	turns(&w, 40); /* 2 ms of writing each, on a busy machine */
	for (i = 0; i < N; i++) {
		door_read(&crowd[i]);
		got += strcmp(door_ids(&crowd[i]), "101,200") == 0;
	}
	CU_ASSERT(got == N);
	CU_ASSERT(text_event->refs == 2); /* the ring's and ours */
	push_event_unref(text_event);
	for (i = 0; i < N; i += 3)
		door_fini(&crowd[i]);
	for (i = 0;
	     i < 2000 && push_hub_listeners(w.hub, "conversation:a") > 2 + 200;
	     i++)
		turns(&w, 1);
	CU_ASSERT(push_hub_listeners(w.hub, "conversation:a") == 2 + 200);
	for (i = 0; i < N; i++)
		if (i % 3 != 0)
			push_session_close(crowd[i].s, 1000, NULL);
	push_session_close(ann.s, 1000, NULL);
	push_session_close(bob.s, 1000, NULL);
	for (i = 0; i < 2000 && world_stats(&w).topics > 0; i++)
		turns(&w, 1);
	CU_ASSERT(world_stats(&w).topics == 0);
	for (i = 0; i < N; i++)
		if (i % 3 != 0)
			door_fini(&crowd[i]);
	end();
}

/* Told on several topics: once to each who hears one, and not to its user. */
static void
test_via(void)
{
	static const char *const topics[] = { "conversation:a", "presence:cid",
		"conversation:b", "conversation:a" };
	static const char *const except[] = { "user:x", "user:cid",
		"user:bob" };
	struct push_via both = { topics, 4, except, 2 },
			watchers = { topics + 1, 1, NULL, 0 },
			not_bob = { topics, 4, except, 3 };
	struct push_event *e = event_with(0, "presence:cid", "seen", 0, NULL);
	struct door cid, all;

	begin();
	door_open(&w, &cid, PUSH_SSE);
	door_start(&w, &cid, "cid", topics_a);
	door_open(&w, &all, PUSH_SSE);
	push_session_identify(all.s,
	    &(struct push_identity){ .user = "svc", .everything = true });
	push_session_start(
	    all.s, &(struct push_start){ .end_id = 100, .head = "x" });
	push_session_join(ann.s, "presence:cid", 0);
	push_session_join(ann.s, "conversation:b", 0);
	push_session_leave(bob.s, "conversation:a");
	push_session_join(bob.s, "conversation:b", 0);
	for (int i = 0; i < 2; i++)
		push_hub_publish_via(w.hub, e, &both);
	push_hub_publish_via(w.hub, e, &watchers);
	push_hub_publish_via(w.hub, e, &not_bob);
	look();
	door_read(&cid);
	door_read(&all);
	CU_ASSERT_EQUAL(door_count(&ann, "event: seen"), 4);
	CU_ASSERT_EQUAL(door_count(&bob, "event: seen"), 2);
	CU_ASSERT_EQUAL(door_count(&cid, "event: seen"), 0);
	CU_ASSERT_EQUAL(door_count(&all, "event: seen"), 4);
	CU_ASSERT_EQUAL(e->refs, 1);
	push_event_unref(e);
	door_fini(&cid);
	door_fini(&all);
	end();
}

/* Whoever does not see a message hears nothing of it, until they see it. */
static void
test_seen(void)
{
	const char *const now[] = { "conversation:a", "conversation:c" };
	const int64_t from[] = { 5, 1 };
	struct push_start st = { .topics = now,
		.from = from,
		.topic_count = 2,
		.end_id = 100,
		.head = "HEAD",
		.head_len = 4 };
	struct push_identity who = { .user = "cat" };
	struct door cat;

	begin();
	door_open(&w, &cat, PUSH_WEBSOCKET);
	push_session_identify(cat.s, &who);
	push_session_start(cat.s, &st);
	publish_about(&w, 101, "conversation:a", 4);
	publish_about(&w, 102, "conversation:a", 5);
	publish_about(&w, 103, "conversation:c", 1);
	publish_about(&w, 0, "conversation:a", 4);
	publish_about(&w, 0, "conversation:a", 6);
	publish_effect(&w, 104, "user:cat", -1, "conversation:c");
	publish_join(&w, 105, "user:cat", "conversation:c", 9);
	publish_about(&w, 106, "conversation:c", 8);
	publish_about(&w, 107, "conversation:c", 9);
	publish(&w, 108, "conversation:c");
	push_session_join(cat.s, "conversation:d", 3);
	publish_about(&w, 109, "conversation:d", 2);
	publish_about(&w, 110, "conversation:d", 3);
	publish_join(&w, 111, "user:cat", "conversation:d", 1);
	publish_about(&w, 112, "conversation:d", 2);
	look();
	door_read(&cat);
	CU_ASSERT_STRING_EQUAL(
	    door_ids(&cat), "102,103,104,105,107,108,110,111,112");
	CU_ASSERT(door_count(&cat, "\"event\":\"test\",\"topic\"") == 1);
	CU_ASSERT_STRING_EQUAL(door_ids(&ann), "101,102");
	door_fini(&cat);
	end();
}

TEST_MAIN("push_hub", { "what is seen", test_seen }, { "via", test_via },
    { "topics", test_topics }, { "join and leave", test_join_and_leave },
    { "by hand", test_by_hand },
    { "subscribe behind a leave", test_subscribe_behind_a_leave },
    { "subscribe ahead", test_subscribe_ahead }, { "door shut", test_door },
    { "skip origin", test_skip_origin }, { "restricted", test_restricted },
    { "everything", test_everything }, { "each", test_each },
    { "log reset", test_log_reset }, { "crowd", test_crowd })
