/* SPDX-License-Identifier: ISC */
#include "api/gcra.h"

#include "tests/unit/harness.h"

#define S UINT64_C(1000000)

static struct api_gcra_bucket buckets[16];
static const struct api_gcra_table table = { buckets, 16 };
static const struct api_rate_spec slow = { 20, 20, 20 }; /* as sends */
static const struct api_rate_spec burst = { 60, 60, 3 };

static bool
ask(uint64_t tag, const struct api_rate_spec *rate, uint64_t now)
{
	return api_gcra_ask(&table, tag, rate, now, true).allowed;
}

static void
test_burst_then_rate(void)
{
	struct api_gcra_outcome out;
	uint64_t now = 1000 * S;

	memset(buckets, 0, sizeof(buckets));
	for (unsigned i = 0; i < 20; i++) {
		out = api_gcra_ask(&table, 7, &slow, now, true);
		CU_ASSERT_TRUE(out.allowed);
		CU_ASSERT_EQUAL(out.left, 19 - i);
	}
	CU_ASSERT_EQUAL(out.full_us, 20 * S);
	out = api_gcra_ask(&table, 7, &slow, now, true);
	CU_ASSERT_FALSE(out.allowed);
	CU_ASSERT_EQUAL(out.retry_us, 1 * S);
	CU_ASSERT_EQUAL(out.left, 0);
	/* A refusal costs nothing. */
	CU_ASSERT_FALSE(ask(7, &slow, now + S - 1));
	CU_ASSERT_TRUE(ask(7, &slow, now + S));
	CU_ASSERT_FALSE(ask(7, &slow, now + S));
	CU_ASSERT_TRUE(ask(7, &slow, now + 2 * S));
	/* Others are not concerned. */
	CU_ASSERT_TRUE(ask(8, &slow, now));
	/* After a pause all of it is there again, and no more. */
	for (unsigned i = 0; i < 20; i++)
		CU_ASSERT_TRUE(ask(7, &slow, now + 500 * S));
	CU_ASSERT_FALSE(ask(7, &slow, now + 500 * S));
}

static void
test_small_burst(void)
{
	uint64_t now = 2000 * S;

	memset(buckets, 0, sizeof(buckets));
	CU_ASSERT_TRUE(ask(1, &burst, now));
	CU_ASSERT_TRUE(ask(1, &burst, now));
	CU_ASSERT_TRUE(ask(1, &burst, now));
	CU_ASSERT_FALSE(ask(1, &burst, now));
}

static void
test_looks(void)
{
	struct api_rate_spec one = { 1, 10, 1 };
	uint64_t now = 3000 * S;

	memset(buckets, 0, sizeof(buckets));
	for (int i = 0; i < 5; i++)
		CU_ASSERT_TRUE(
		    api_gcra_ask(&table, 1, &one, now, false).allowed);
	CU_ASSERT_TRUE(ask(1, &one, now));
	CU_ASSERT_FALSE(api_gcra_ask(&table, 1, &one, now, false).allowed);
}

/* After a reboot the monotonic clock begins anew, the file may not. */
static void
test_clock_back(void)
{
	memset(buckets, 0, sizeof(buckets));
	for (int i = 0; i < 20; i++)
		CU_ASSERT_TRUE(ask(1, &slow, 900000 * S));
	CU_ASSERT_TRUE(ask(1, &slow, 5 * S));
}

/* More callers than buckets: the longest unused goes. */
static void
test_full_table(void)
{
	struct api_rate_spec one = { 1, 1000, 1 };
	uint64_t now = 4000 * S;

	memset(buckets, 0, sizeof(buckets));
	for (uint64_t tag = 1; tag <= 8; tag++)
		CU_ASSERT_TRUE(ask(tag * 2, &one, now + tag));
	CU_ASSERT_FALSE(ask(16, &one, now + 10));
	CU_ASSERT_TRUE(ask(18, &one, now + 10)); /* takes the place of 2 */
	CU_ASSERT_FALSE(ask(16, &one, now + 10));
	CU_ASSERT_TRUE(ask(2, &one, now + 11));
	CU_ASSERT_TRUE(ask(0, &one, now)); /* a tag like any other */
	CU_ASSERT_FALSE(ask(0, &one, now));
}

static void
test_give_back(void)
{
	struct api_rate_spec two = { 2, 10, 2 };
	uint64_t now = 5000 * S;

	memset(buckets, 0, sizeof(buckets));
	api_gcra_give_back(&table, 3, &two); /* nothing was taken */
	CU_ASSERT_TRUE(ask(3, &two, now));
	CU_ASSERT_TRUE(ask(3, &two, now));
	CU_ASSERT_FALSE(ask(3, &two, now));
	api_gcra_give_back(&table, 3, &two);
	CU_ASSERT_TRUE(ask(3, &two, now));
	CU_ASSERT_FALSE(ask(3, &two, now));
	/* Never more than the bucket holds. */
	for (int i = 0; i < 5; i++)
		api_gcra_give_back(&table, 3, &two);
	CU_ASSERT_TRUE(ask(3, &two, now));
	CU_ASSERT_TRUE(ask(3, &two, now));
	CU_ASSERT_FALSE(ask(3, &two, now));
}

TEST_MAIN("api_gcra", { "burst then rate", test_burst_then_rate },
    { "small burst", test_small_burst }, { "looks", test_looks },
    { "clock back", test_clock_back }, { "full table", test_full_table },
    { "give back", test_give_back })
