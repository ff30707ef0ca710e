/* SPDX-License-Identifier: ISC */
/* Typing indicators end by themselves, once, and not when they were stopped. */

#include "api/typing.h"

#include "base/clock.h"
#include "tests/unit/harness.h"

static unsigned stops;
static char last_topic[64];
static char last_data[64];

static void
on_stop(void *arg, const char *topic, const char *origin, const char *data)
{
	(void)arg;
	CU_ASSERT_STRING_EQUAL(origin, "o");
	stops++;
	snprintf(last_topic, sizeof(last_topic), "%s", topic);
	snprintf(last_data, sizeof(last_data), "%s", data);
}

static struct base_loop *loop;

static bool
started(
    struct api_typing *t, const char *topic, const char *user, const char *data)
{
	return api_typing_started(t, topic, user, "o", data);
}

static struct api_typing *
typing_new(uint32_t expire_ms, size_t limit)
{
	struct api_typing_params p = { 0 };

	loop = base_loop_poll_new();
	p.loop = loop;
	p.expire_ms = expire_ms;
	p.limit = limit;
	p.on_stop = on_stop;
	stops = 0;
	return api_typing_new(&p);
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
	struct api_typing *t = typing_new(20, 0);

	CU_ASSERT_TRUE(started(t, "conversation:1", "ann", "{\"a\":1}"));
	CU_ASSERT_EQUAL(api_typing_count(t), 1);
	run(60);
	CU_ASSERT_EQUAL(stops, 1);
	CU_ASSERT_STRING_EQUAL(last_topic, "conversation:1");
	CU_ASSERT_STRING_EQUAL(last_data, "{\"a\":1}");
	CU_ASSERT_EQUAL(api_typing_count(t), 0);
	run(40);
	CU_ASSERT_EQUAL(stops, 1);
	done(t);
}

static void
test_renewed(void)
{
	struct api_typing *t = typing_new(60, 0);

	CU_ASSERT_TRUE(started(t, "conversation:1", "ann", "1"));
	run(40);
	CU_ASSERT_FALSE(started(t, "conversation:1", "ann", "2"));
	CU_ASSERT_EQUAL(api_typing_count(t), 1);
	run(40);
	CU_ASSERT_EQUAL(stops, 0);
	run(60);
	CU_ASSERT_EQUAL(stops, 1);
	CU_ASSERT_STRING_EQUAL(last_data, "2");
	done(t);
}

static void
test_stopped(void)
{
	struct api_typing *t = typing_new(20, 0);

	CU_ASSERT_TRUE(started(t, "conversation:1", "ann", "1"));
	CU_ASSERT_TRUE(started(t, "conversation:1", "bob", "1"));
	CU_ASSERT_TRUE(started(t, "conversation:2", "ann", "1"));
	CU_ASSERT_TRUE(api_typing_stopped(t, "conversation:1", "ann"));
	CU_ASSERT_FALSE(api_typing_stopped(t, "conversation:9", "ann"));
	CU_ASSERT_EQUAL(api_typing_count(t), 2);
	run(60);
	CU_ASSERT_EQUAL(stops, 2);
	done(t);
}

/* "a" in topic "xb" is not "ba" in topic "x". */
static void
test_key(void)
{
	struct api_typing *t = typing_new(1000, 0);

	CU_ASSERT_TRUE(started(t, "xb", "a", "1"));
	CU_ASSERT_FALSE(api_typing_stopped(t, "x", "ba"));
	CU_ASSERT_EQUAL(api_typing_count(t), 1);
	done(t);
}

static void
test_bounded(void)
{
	struct api_typing *t = typing_new(1000, 2);

	CU_ASSERT_TRUE(started(t, "t1", "ann", "1"));
	CU_ASSERT_TRUE(started(t, "t2", "ann", "1"));
	CU_ASSERT_TRUE(started(t, "t3", "ann", "1"));
	CU_ASSERT_EQUAL(api_typing_count(t), 2);
	CU_ASSERT_EQUAL(stops, 1);
	CU_ASSERT_STRING_EQUAL(last_topic, "t1");
	done(t);
}

/* However often, and whatever stops come between: once in a while. */
static void
test_told_once(void)
{
	struct api_typing_params p = { .told_ms = 500, .on_stop = on_stop };
	struct api_typing *t;
	uint64_t began;
	int told = 0, ended = 0;

	loop = p.loop = base_loop_poll_new();
	t = api_typing_new(&p);
	CU_ASSERT_FALSE(api_typing_is_told(t, "t", "ann"));
	began = base_clock_ms();
	for (int i = 0; i < 50; i++) {
		told += started(t, "t", "ann", "1");
		CU_ASSERT_TRUE(api_typing_is_told(t, "t", "ann"));
		ended += api_typing_stopped(t, "t", "ann");
		told += started(t, "t", "ann", "1");
	}
	if (base_clock_ms() - began < p.told_ms) {
		CU_ASSERT_EQUAL(told, 1);
		CU_ASSERT_EQUAL(ended, 1);
		CU_ASSERT_EQUAL(api_typing_count(t), 0);
	}
	while (api_typing_is_told(t, "t", "ann"))
		run(5);
	CU_ASSERT_TRUE(started(t, "t", "ann", "1"));
	CU_ASSERT_EQUAL(api_typing_count(t), 1);
	CU_ASSERT_TRUE(api_typing_stopped(t, "t", "ann"));
	done(t);
}

TEST_MAIN("api_typing", { "expires", test_expires },
    { "renewed", test_renewed }, { "stopped", test_stopped },
    { "key", test_key }, { "bounded", test_bounded },
    { "told once", test_told_once })
