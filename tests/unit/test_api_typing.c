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

	api_typing_started(t, "conversation:1", "ann", "o", "{\"a\":1}");
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

	api_typing_started(t, "conversation:1", "ann", "o", "1");
	run(40);
	api_typing_started(t, "conversation:1", "ann", "o", "2");
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

	api_typing_started(t, "conversation:1", "ann", "o", "1");
	api_typing_started(t, "conversation:1", "bob", "o", "1");
	api_typing_started(t, "conversation:2", "ann", "o", "1");
	api_typing_stopped(t, "conversation:1", "ann");
	api_typing_stopped(t, "conversation:9", "ann");
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

	api_typing_started(t, "xb", "a", "o", "1");
	api_typing_stopped(t, "x", "ba");
	CU_ASSERT_EQUAL(api_typing_count(t), 1);
	done(t);
}

static void
test_bounded(void)
{
	struct api_typing *t = typing_new(1000, 2);

	api_typing_started(t, "t1", "ann", "o", "1");
	api_typing_started(t, "t2", "ann", "o", "1");
	api_typing_started(t, "t3", "ann", "o", "1");
	CU_ASSERT_EQUAL(api_typing_count(t), 2);
	CU_ASSERT_EQUAL(stops, 1);
	CU_ASSERT_STRING_EQUAL(last_topic, "t1");
	done(t);
}

TEST_MAIN("api_typing", { "expires", test_expires },
    { "renewed", test_renewed }, { "stopped", test_stopped },
    { "key", test_key }, { "bounded", test_bounded })
