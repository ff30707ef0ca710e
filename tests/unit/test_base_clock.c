/* SPDX-License-Identifier: ISC */
/* Time is shown as RFC 3339 says, and the monotonic clock ascends. */

#include <stdlib.h>

#include "base/clock.h"
#include "tests/unit/harness.h"

static void
check(int64_t wall_us, const char *expected)
{
	char text[BASE_CLOCK_TEXT];

	base_clock_rfc3339(wall_us, text);
	CU_ASSERT_STRING_EQUAL(text, expected);
}

static void
test_rfc3339(void)
{
	/* Whatever the zone of the process, the text is UTC. */
	setenv("TZ", "Asia/Kolkata", 1);
	check(0, "1970-01-01T00:00:00.000000Z");
	check(-1, "1969-12-31T23:59:59.999999Z");
	check(INT64_C(1709210096123456), "2024-02-29T12:34:56.123456Z");
	check(INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z");
	check(INT64_MAX, "9999-12-31T23:59:59.775807Z");
	check(INT64_MIN, "0000-01-01T00:00:00.224192Z");
}

static void
test_clocks(void)
{
	const uint64_t ms = base_clock_ms(), us = base_clock_us();

	CU_ASSERT_TRUE(us / 1000 >= ms && us / 1000 < ms + 5000);
	CU_ASSERT_TRUE(base_clock_us() >= us);
	/* This was written in 2026. */
	CU_ASSERT_TRUE(base_clock_wall_us() > INT64_C(1767225600000000));
}

TEST_MAIN("base_clock", { "RFC 3339", test_rfc3339 },
    { "the clocks go", test_clocks })
