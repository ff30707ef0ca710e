/* SPDX-License-Identifier: ISC */
/* upload/mime.c: parameters of header values. */

#include "tests/unit/harness.h"

#include "upload/mime.h"

/* All parameters as "name=value;...", and what ended them. */
static enum upload_mime_result
params(const char *value, struct base_buf *out)
{
	struct base_buf name = { 0 }, text = { 0 };
	enum upload_mime_result result;
	struct upload_mime m;

	base_buf_reset(out);
	CU_ASSERT_FATAL(upload_mime_begin(&m, value, strlen(value), "word"));
	while (
	    (result = upload_mime_next(&m, &name, &text)) == UPLOAD_MIME_PARAM)
		base_buf_printf(
		    out, "%s=%s;", base_buf_str(&name), base_buf_str(&text));
	base_buf_fini(&name);
	base_buf_fini(&text);
	return (result);
}

static void
test_reads_parameters(void)
{
	struct base_buf b = { 0 };

	CU_ASSERT_EQUAL(params("word", &b), UPLOAD_MIME_END);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), "");
	CU_ASSERT_EQUAL(
	    params(" WORD ; a = 1;b=\"2 ; \\\"x\\\\\" ;", &b), UPLOAD_MIME_END);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), "a=1;b=2 ; \"x\\;");
	base_buf_fini(&b);
}

static void
test_refuses_broken_ones(void)
{
	static const char *const bad[] = { "word a=1", "word; a",
		"word; a=", "word; =1", "word; a=\"1", "word; a=\"1\\\"",
		"word; a=1 b", "word;;" };
	struct base_buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_EQUAL(params(bad[i], &b), UPLOAD_MIME_BAD);
	base_buf_fini(&b);
}

static void
test_compares_the_word(void)
{
	struct upload_mime m;

	CU_ASSERT_FALSE(upload_mime_begin(&m, "words", 5, "word"));
	CU_ASSERT_FALSE(upload_mime_begin(&m, "wor", 3, "word"));
	CU_ASSERT_FALSE(upload_mime_begin(&m, "", 0, "word"));
	CU_ASSERT(upload_mime_begin(&m, "words", 4, "word"));
}

TEST_MAIN("upload_mime", { "reads parameters", test_reads_parameters },
    { "refuses broken ones", test_refuses_broken_ones },
    { "compares the word", test_compares_the_word })
