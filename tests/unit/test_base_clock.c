/* SPDX-License-Identifier: ISC */
/* Time is shown as RFC 3339 says, and the monotonic clock ascends. */

#include <stdlib.h>
#include <time.h>

#include "base/attr.h"
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

static int
number(const char *digits, int n)
{
	int value = 0;

	while (n-- > 0)
		value = value * 10 + (*digits++ - '0');
	return value;
}

/* Every day that can be shown, against the C library. */
static void
test_every_day(void)
{
	size_t wrong = 0;

	for (int64_t day = -719528; day <= 2932896; day++) {
		char text[BASE_CLOCK_TEXT];
		time_t t = (time_t)(day * 86400);
		struct tm tm;

		base_clock_rfc3339(day * INT64_C(86400000000), text);
		gmtime_r(&t, &tm);
		wrong += number(text, 4) != tm.tm_year + 1900 ||
		    number(text + 5, 2) != tm.tm_mon + 1 ||
		    number(text + 8, 2) != tm.tm_mday;
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
check_parse(const char *text, int64_t expected)
{
	int64_t us = 0;

	CU_ASSERT_TRUE(base_clock_parse(text, &us));
	CU_ASSERT_EQUAL(us, expected);
}

static void
test_parse(void)
{
	static const char *const wrong[] = { "", "2024", "2024-02-29",
		"2024-02-29T12:34", "2024-02-29T12:34:56",
		"2024-02-29T12:34:56.Z", "2024-02-29T12:34:56Zx",
		"2023-02-29T12:34:56Z", "2024-13-01T00:00:00Z",
		"2024-00-10T00:00:00Z", "2024-04-31T00:00:00Z",
		"2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
		"2024-01-01T00:00:61Z", "2024-01-01T00:00:00+24:00",
		"2024-01-01T00:00:00+0100", "24-01-01T00:00:00Z",
		"9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01",
		" 2024-01-01T00:00:00Z", "tomorrow", "infinity" };
	int64_t us;

	setenv("TZ", "Asia/Kolkata", 1);
	check_parse("1970-01-01T00:00:00Z", 0);
	check_parse("1969-12-31T23:59:59.999999Z", -1);
	check_parse("2024-02-29T12:34:56.123456Z", INT64_C(1709210096123456));
	check_parse("2024-02-29t12:34:56.1234567z", INT64_C(1709210096123456));
	check_parse("2024-02-29 18:04:56+05:30", INT64_C(1709210096000000));
	check_parse("2024-02-29T07:34:56.5-05:00", INT64_C(1709210096500000));
	check_parse("2000-02-29T00:00:00Z", INT64_C(951782400000000));
	check_parse("2016-12-31T23:59:60Z", INT64_C(1483228800000000));
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		CU_ASSERT_FALSE(base_clock_parse(wrong[i], &us));
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
    { "knows every day", test_every_day }, { "reading RFC 3339", test_parse },
    { "the clocks go", test_clocks })
