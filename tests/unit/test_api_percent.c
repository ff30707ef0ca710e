/* SPDX-License-Identifier: ISC */
#include "api/percent.h"

#include "base/buf.h"
#include "tests/unit/harness.h"

static bool
decodes(const char *in, bool plus, const char *wanted)
{
	char out[32];

	return api_percent_decode(out, in, sizeof(out), plus) &&
	    strcmp(out, wanted) == 0;
}

static void
test_decodes(void)
{
	char small[4];

	CU_ASSERT_TRUE(decodes("", false, ""));
	CU_ASSERT_TRUE(decodes("a%20b", false, "a b"));
	CU_ASSERT_TRUE(decodes("a+b", false, "a+b"));
	CU_ASSERT_TRUE(decodes("a+b%2B", true, "a b+"));
	CU_ASSERT_TRUE(decodes("%c3%A9", false, "\xc3\xa9"));
	CU_ASSERT_FALSE(decodes("%00", false, ""));
	CU_ASSERT_FALSE(decodes("%", false, ""));
	CU_ASSERT_FALSE(decodes("%a", false, ""));
	CU_ASSERT_FALSE(decodes("%g1", false, ""));
	CU_ASSERT_TRUE(api_percent_decode(small, "abc", 4, false));
	CU_ASSERT_FALSE(api_percent_decode(small, "abcd", 4, false));
	/* An escape must not read behind the given length. */
	CU_ASSERT_FALSE(api_percent_decode_n(small, 4, "%41", 2, false));
	CU_ASSERT_TRUE(api_percent_decode_n(small, 4, "%41", 3, false));
}

static void
test_encodes(void)
{
	struct base_buf out = { 0 };

	api_percent_encode(&out, "a-Z_0.~ /?&\xc3\xa9%");
	CU_ASSERT_STRING_EQUAL(out.data, "a-Z_0.~%20%2F%3F%26%C3%A9%25");
	base_buf_fini(&out);
}

TEST_MAIN(
    "api_percent", { "decodes", test_decodes }, { "encodes", test_encodes })
