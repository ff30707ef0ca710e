/* SPDX-License-Identifier: ISC */
/* Typing indicators end by themselves, are told of once in a while, and the last
 * word always arrives. */

#include "api/typing.h"

#include "base/clock.h"
#include "tests/unit/harness.h"

#define EVENTS 200

/* What was told, by either way. */
static struct {
	bool started;
	uint64_t at_ms;
	char topic[40];
	char data[20];
} events[EVENTS];
static size_t count;

static struct base_loop *loop;

static void
tell(void *arg, const struct api_typing_word *w)
{
	(void)arg;
	CU_ASSERT_STRING_EQUAL(w->origin, "o");
	CU_ASSERT_FATAL(count < EVENTS);
	events[count].started = w->started;
	events[count].at_ms = base_clock_ms();
	snprintf(
	    events[count].topic, sizeof(events[count].topic), "%s", w->topic);
	snprintf(events[count].data, sizeof(events[count].data), "%s", w->data);
	count++;
}

static void
say(struct api_typing *t, const char *topic, const char *conversation,
    const char *user, const char *data, bool started)
{
	struct api_typing_word w = { .topic = topic,
		.conversation = conversation,
		.user = user,
		.origin = "o",
		.data = data,
		.started = started };

	if (api_typing_say(t, &w))
		tell(NULL, &w);
}

static void
start(struct api_typing *t, const char *conversation, const char *user)
{
	say(t, conversation, conversation, user, "start", true);
}

static void
stop(struct api_typing *t, const char *conversation, const char *user)
{
	say(t, conversation, conversation, user, "stop", false);
}

static struct api_typing *
typing_new(uint32_t expire_ms, uint32_t told_ms, size_t limit)
{
	struct api_typing_params p = { .expire_ms = expire_ms,
		.told_ms = told_ms,
		.limit = limit,
		.crowd_limit = 2,
		.tell = tell };

	loop = p.loop = base_loop_poll_new();
	count = 0;
	return api_typing_new(&p);
}

/* Until so much was told; at most ten seconds. */
static void
wait_told(size_t n)
{
	uint64_t end = base_clock_ms() + 10000;

	while (count < n && base_clock_ms() < end)
		base_loop_poll_turn(loop, 2);
	CU_ASSERT_EQUAL_FATAL(count, n);
}

static void
run(uint64_t ms)
{
	uint64_t end = base_clock_ms() + ms;

	while (base_clock_ms() < end)
		base_loop_poll_turn(loop, 2);
}

static void
done(struct api_typing *t)
{
	api_typing_free(t);
	base_loop_poll_free(loop);
}

static void
test_expires(void)
{
	struct api_typing *t = typing_new(20, 1, 0);

	say(t, "user:bob", "1", "ann", "where", true);
	CU_ASSERT_EQUAL(api_typing_count(t), 1);
	wait_told(2);
	CU_ASSERT_FALSE(events[1].started);
	CU_ASSERT_STRING_EQUAL(events[1].topic, "user:bob");
	CU_ASSERT_STRING_EQUAL(events[1].data, "where");
	CU_ASSERT_EQUAL(api_typing_count(t), 0);
	run(40);
	CU_ASSERT_EQUAL(count, 2);
	done(t);
}

static void
test_renewed(void)
{
	struct api_typing *t = typing_new(300, 1, 0);
	uint64_t last = 0;

	for (int i = 0; i < 5; i++) {
		last = base_clock_ms();
		start(t, "1", "ann");
		CU_ASSERT_EQUAL(api_typing_count(t), 1);
		run(5);
	}
	while (events[count - 1].started)
		wait_told(count + 1);
	CU_ASSERT(events[count - 1].at_ms >= last + 300);
	done(t);
}

static void
test_stopped(void)
{
	struct api_typing *t = typing_new(10000, 1, 0);

	start(t, "1", "ann");
	start(t, "1", "bob");
	start(t, "2", "ann");
	stop(t, "9", "ann");
	CU_ASSERT_EQUAL(count, 3);
	run(5);
	stop(t, "1", "ann");
	wait_told(4);
	CU_ASSERT_FALSE(events[3].started);
	CU_ASSERT_EQUAL(api_typing_count(t), 2);
	done(t);
}

/* "a" in "xb" is not "ba" in "x"; nor are two conversations one that are told
 * of on the same topic. */
static void
test_key(void)
{
	struct api_typing *t = typing_new(10000, 1000, 0);

	start(t, "xb", "a");
	stop(t, "x", "ba");
	CU_ASSERT_EQUAL(api_typing_count(t), 1);
	say(t, "user:bob", "1", "ann", "1", true);
	say(t, "user:bob", "2", "ann", "2", true);
	CU_ASSERT_EQUAL(api_typing_count(t), 3);
	CU_ASSERT_EQUAL(count, 3);
	done(t);
}

static void
test_bounded(void)
{
	struct api_typing *t = typing_new(10000, 50, 2);

	start(t, "t1", "ann");
	start(t, "t2", "ann");
	start(t, "t3", "ann");
	CU_ASSERT_EQUAL(api_typing_count(t), 2);
	wait_told(4);
	CU_ASSERT_FALSE(events[3].started);
	CU_ASSERT_STRING_EQUAL(events[3].topic, "t1");
	done(t);
}

/* However often, and in whatever turns. */
static void
test_seldom(void)
{
	struct api_typing *t = typing_new(10000, 100, 0);
	uint64_t began = base_clock_ms();

	while (base_clock_ms() < began + 450) {
		start(t, "t", "ann");
		stop(t, "t", "ann");
		start(t, "t", "ann");
		base_loop_poll_turn(loop, 2);
	}
	CU_ASSERT(count >= 2);
	CU_ASSERT(count <= (base_clock_ms() - began) / 100 + 1);
	done(t);
}

/* Start and stop; once more; a start after the stop was told. */
static void
test_last_word(void)
{
	struct api_typing *t = typing_new(10000, 50, 0);

	start(t, "t", "ann");
	stop(t, "t", "ann");
	start(t, "t", "ann");
	wait_told(2);
	CU_ASSERT(events[0].started && events[1].started);
	stop(t, "t", "ann");
	wait_told(3);
	CU_ASSERT_FALSE(events[2].started);
	CU_ASSERT_STRING_EQUAL(events[2].data, "stop");
	start(t, "t", "ann");
	CU_ASSERT_EQUAL(count, 3);
	wait_told(4);
	CU_ASSERT(events[3].started);
	/* Of one who has begun and stopped before it could be told: nothing. */
	stop(t, "t", "ann");
	wait_told(5);
	start(t, "t", "ann");
	stop(t, "t", "ann");
	run(120);
	CU_ASSERT_EQUAL(count, 5);
	CU_ASSERT_EQUAL(api_typing_count(t), 0);
	done(t);
}

/* Of three who type two are shown; the third when there is a place and they say
 * it again; and nobody hears of the end of what was not shown. */
static void
test_crowd(void)
{
	struct api_typing *t = typing_new(10000, 20, 0);

	start(t, "t", "ann");
	start(t, "t", "bob");
	start(t, "t", "cid");
	start(t, "u", "cid");
	CU_ASSERT_EQUAL(count, 3);
	CU_ASSERT_STRING_EQUAL(events[2].topic, "u");
	run(60);
	CU_ASSERT_EQUAL(count, 3);
	stop(t, "t", "cid");
	run(60);
	CU_ASSERT_EQUAL(count, 3);
	start(t, "t", "cid");
	stop(t, "t", "ann");
	wait_told(4);
	CU_ASSERT_FALSE(events[3].started);
	start(t, "t", "cid");
	wait_told(5);
	CU_ASSERT(events[4].started);
	/* Who is shown may say it again. */
	run(60);
	start(t, "t", "bob");
	wait_told(6);
	CU_ASSERT(events[5].started);
	done(t);
}

/* Those who were not shown leave nothing behind, by their own end either. */
static void
test_crowd_expires(void)
{
	struct api_typing *t = typing_new(50, 1, 0);

	start(t, "t", "ann");
	start(t, "t", "bob");
	start(t, "t", "cid");
	wait_told(4);
	run(20);
	CU_ASSERT_EQUAL(count, 4);
	CU_ASSERT_EQUAL(api_typing_count(t), 0);
	done(t);
}

TEST_MAIN("api_typing", { "expires", test_expires },
    { "renewed", test_renewed }, { "stopped", test_stopped },
    { "key", test_key }, { "bounded", test_bounded }, { "seldom", test_seldom },
    { "the last word arrives", test_last_word }, { "crowd", test_crowd },
    { "crowd expires", test_crowd_expires })
