/* SPDX-License-Identifier: ISC */
#include "api/pace.h"

#include "api/body.h"
#include "tests/unit/harness.h"

static bool others_wait;

static bool
contended(void *arg)
{
	(void)arg;
	return others_wait;
}

static const struct api_body body = { .contended = contended };

/* One that began `ms` ago, with so many bytes, the last of them now. */
static void
begin(struct api_pace *p, uint64_t ms, size_t bytes)
{
	api_pace_begin(p, &body);
	p->began_ms -= ms;
	p->heard_ms -= ms;
	api_pace_heard(p, bytes);
}

static void
test_nobody_is_slow_alone(void)
{
	struct api_pace p;

	others_wait = false;
	begin(&p, 200000, 1);
	CU_ASSERT_FALSE(api_pace_is_slow(&p));
	CU_ASSERT_FALSE(api_pace_had_turn(&p));
}

static void
test_silence_has_an_end(void)
{
	struct api_pace p;

	others_wait = false;
	begin(&p, 0, 1 << 20);
	p.heard_ms -= API_PACE_IDLE_MS;
	CU_ASSERT_TRUE(api_pace_is_idle(&p));
	CU_ASSERT_TRUE(api_pace_is_slow(&p));
	api_pace_heard(&p, 1);
	CU_ASSERT_FALSE(api_pace_is_idle(&p));
}

static void
test_who_is_slow_gives_way(void)
{
	static const uint64_t ms = 2 * API_PACE_TURN_MS;
	const size_t least = ms / 1000 * API_PACE_LEAST_BYTES_S;
	const struct api_body alone = { .contended = NULL };
	struct api_pace p;

	others_wait = true;
	begin(&p, ms, least / 2);
	CU_ASSERT_TRUE(api_pace_had_turn(&p));
	CU_ASSERT_TRUE(api_pace_is_slow(&p));
	begin(&p, ms, 2 * least);
	CU_ASSERT_TRUE(api_pace_had_turn(&p));
	CU_ASSERT_FALSE(api_pace_is_slow(&p));
	begin(&p, 0, 0); /* it has just begun */
	CU_ASSERT_FALSE(api_pace_is_slow(&p));
	begin(&p, ms, 0); /* a door where nobody can wait */
	p.body = &alone;
	CU_ASSERT_FALSE(api_pace_is_slow(&p));
}

TEST_MAIN("api_pace", { "nobody is slow alone", test_nobody_is_slow_alone },
    { "silence has an end", test_silence_has_an_end },
    { "who is slow gives way", test_who_is_slow_gives_way })
