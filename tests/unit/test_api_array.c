/* SPDX-License-Identifier: ISC */
#include "api/array.h"

#include "base/buf.h"
#include "tests/unit/harness.h"

static void
test_literals(void)
{
	struct base_buf out = { 0 };

	api_array_begin(&out);
	api_array_end(&out);
	CU_ASSERT_STRING_EQUAL(out.data, "{}");
	base_buf_reset(&out);
	api_array_begin(&out);
	api_array_add(&out, "plain");
	api_array_add(&out, NULL);
	api_array_add(&out, "NULL");
	api_array_add(&out, "");
	api_array_add(&out, "a \"b\" \\ {c},d");
	api_array_add(&out, "{");
	api_array_add(&out, "é");
	api_array_end(&out);
	CU_ASSERT_STRING_EQUAL(out.data,
	    "{\"plain\",NULL,\"NULL\",\"\",\"a \\\"b\\\" \\\\ {c},d\","
	    "\"{\",\"é\"}");
	base_buf_fini(&out);
}

TEST_MAIN("api_array", { "literals", test_literals })
