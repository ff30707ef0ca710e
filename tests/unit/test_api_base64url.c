/* SPDX-License-Identifier: ISC */
#include "api/base64url.h"

#include "tests/unit/harness.h"

static bool
decodes(const char *in, const char *wanted)
{
	char out[64];
	size_t n = 99;

	return api_base64url_decode(in, strlen(in), out, &n) &&
	    n == strlen(wanted) && memcmp(out, wanted, n) == 0;
}

static bool
refuses(const char *in)
{
	char out[64];
	size_t n;

	return !api_base64url_decode(in, strlen(in), out, &n);
}

static void
test_decodes(void)
{
	CU_ASSERT_TRUE(decodes("", ""));
	CU_ASSERT_TRUE(decodes("Zg", "f"));
	CU_ASSERT_TRUE(decodes("Zm8", "fo"));
	CU_ASSERT_TRUE(decodes("Zm9v", "foo"));
	CU_ASSERT_TRUE(decodes("Zm9vYg", "foob"));
	CU_ASSERT_TRUE(decodes("-_-_", "\xfb\xff\xbf"));
}

static void
test_refuses(void)
{
	CU_ASSERT_TRUE(refuses("Z"));
	CU_ASSERT_TRUE(refuses("Zm9vY"));
	CU_ASSERT_TRUE(refuses("Zg=="));
	CU_ASSERT_TRUE(refuses("Zm9+"));
	CU_ASSERT_TRUE(refuses("Zm9/"));
	CU_ASSERT_TRUE(refuses("Zm 8"));
	CU_ASSERT_TRUE(refuses("Zh")); /* bits left over */
}

TEST_MAIN(
    "api_base64url", { "decodes", test_decodes }, { "refuses", test_refuses })
