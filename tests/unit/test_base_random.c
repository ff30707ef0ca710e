/* SPDX-License-Identifier: ISC */
/* Random numbers are in range and not the same twice. */

#include "base/random.h"
#include "tests/unit/harness.h"

static void
test_bytes(void)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	base_random_bytes(a, sizeof(a));
	base_random_bytes(b, sizeof(b));
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
	base_random_bytes(a, 0);
}

static void
test_below(void)
{
	int seen[7] = { 0 }, missing = 0;

	for (int i = 0; i < 1000; i++)
		seen[base_random_below(7)]++;
	for (int i = 0; i < 7; i++)
		missing += seen[i] == 0;
	CU_ASSERT_EQUAL(missing, 0);
	CU_ASSERT_EQUAL(base_random_below(1), 0);
}

static void
test_base32(void)
{
	char text[101], empty[1] = "";

	base_random_base32(text, 100);
	CU_ASSERT_EQUAL(strlen(text), 100);
	CU_ASSERT_EQUAL(strspn(text, "abcdefghijklmnopqrstuvwxyz234567"), 100);
	base_random_base32(empty, 0);
	CU_ASSERT_STRING_EQUAL(empty, "");
}

TEST_MAIN("base_random", { "bytes", test_bytes }, { "below", test_below },
    { "base32", test_base32 })
