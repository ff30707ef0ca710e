/* SPDX-License-Identifier: ISC */
/* api/conditional.c: ranges and validators as clients and attackers send. */

#include "tests/unit/harness.h"

#include "api/conditional.h"

#define ETAG "\"abc\""

static void
test_none_match(void)
{
	CU_ASSERT_FALSE(api_conditional_none_match(NULL, ETAG));
	CU_ASSERT_FALSE(api_conditional_none_match("", ETAG));
	CU_ASSERT_FALSE(api_conditional_none_match("abc", ETAG));
	CU_ASSERT_FALSE(api_conditional_none_match("\"abc", ETAG));
	CU_ASSERT_FALSE(api_conditional_none_match("\"ab\", \"bc\"", ETAG));
	CU_ASSERT(api_conditional_none_match(ETAG, ETAG));
	CU_ASSERT(api_conditional_none_match("W/" ETAG, ETAG));
	CU_ASSERT(api_conditional_none_match("\"x\",W/\"y\" , " ETAG, ETAG));
	CU_ASSERT(api_conditional_none_match("*", ETAG));
}

static void
test_match(void)
{
	CU_ASSERT(api_conditional_match(NULL, ETAG));
	CU_ASSERT(api_conditional_match("*", ETAG));
	CU_ASSERT(api_conditional_match("\"x\", " ETAG, ETAG));
	CU_ASSERT_FALSE(api_conditional_match("\"x\"", ETAG));
	CU_ASSERT_FALSE(api_conditional_match("W/" ETAG, ETAG));
	CU_ASSERT(api_conditional_match("W/" ETAG "," ETAG, ETAG));
}

static void
expect(const char *range, const char *if_range, enum api_range result,
    uint64_t offset, uint64_t length)
{
	uint64_t o, n;

	CU_ASSERT_EQUAL(
	    api_conditional_range(range, if_range, ETAG, 100, &o, &n), result);
	if (result != API_RANGE_NONE) {
		CU_ASSERT_EQUAL(o, offset);
		CU_ASSERT_EQUAL(n, length);
	}
}

static void
test_ranges(void)
{
	expect("bytes=0-0", NULL, API_RANGE_PART, 0, 1);
	expect("bytes=10-19", NULL, API_RANGE_PART, 10, 10);
	expect("Bytes=90-", NULL, API_RANGE_PART, 90, 10);
	expect("bytes=90-1000", NULL, API_RANGE_PART, 90, 10);
	expect("bytes=-5", NULL, API_RANGE_PART, 95, 5);
	expect("bytes=-500", NULL, API_RANGE_PART, 0, 100);
	expect(
	    "bytes=0-99999999999999999999999999", NULL, API_RANGE_PART, 0, 100);
}

static void
test_ranges_outside(void)
{
	uint64_t o, n;

	expect("bytes=100-", NULL, API_RANGE_NONE, 0, 0);
	expect("bytes=-0", NULL, API_RANGE_NONE, 0, 0);
	expect("bytes=18446744073709551616-", NULL, API_RANGE_NONE, 0, 0);
	CU_ASSERT_EQUAL(
	    api_conditional_range("bytes=0-", NULL, ETAG, 0, &o, &n),
	    API_RANGE_NONE);
	CU_ASSERT_EQUAL(
	    api_conditional_range("bytes=-1", NULL, ETAG, 0, &o, &n),
	    API_RANGE_NONE);
}

static void
test_what_is_not_heeded(void)
{
	static const char *const odd[] = { "", "bytes", "bytes=", "bytes=-",
		"bytes=x-1", "bytes=1-x", "bytes=5-4", "bytes=0-1,3-4",
		"bytes=1", "lines=1-2", "bytes=--1", "bytes= 1-2" };

	expect(NULL, NULL, API_RANGE_WHOLE, 0, 100);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		expect(odd[i], NULL, API_RANGE_WHOLE, 0, 100);
	expect("bytes=0-1", "\"old\"", API_RANGE_WHOLE, 0, 100);
	expect("bytes=0-1", "W/" ETAG, API_RANGE_WHOLE, 0, 100);
	expect("bytes=0-1", "Wed, 21 Oct 2015 07:28:00 GMT", API_RANGE_WHOLE, 0,
	    100);
	expect("bytes=0-1", ETAG, API_RANGE_PART, 0, 2);
}

TEST_MAIN("api_conditional", { "If-None-Match", test_none_match },
    { "If-Match", test_match }, { "ranges", test_ranges },
    { "ranges outside", test_ranges_outside },
    { "what is not heeded", test_what_is_not_heeded })
