/* SPDX-License-Identifier: ISC */
#include "api/errors.h"

#include <stdbool.h>

#include "base/buf.h"
#include "tests/unit/harness.h"

static void
test_table(void)
{
	for (size_t i = 0; i < api_error_count(); i++) {
		const struct api_error *e = api_error_at(i);

		CU_ASSERT_TRUE(e->status >= 400 && e->status < 600);
		CU_ASSERT_PTR_EQUAL(api_error_find(e->code), e);
		CU_ASSERT_TRUE(
		    i == 0 || api_error_at(i - 1)->status <= e->status);
	}
	CU_ASSERT_PTR_NULL(api_error_find("no_such_code"));
	CU_ASSERT_STRING_EQUAL(api_error_get("no_such_code")->code, "internal");
}

static void
test_problem(void)
{
	const struct api_field_error fields[] = { { "a[0]", "required",
	    "say \"it\"" } };
	struct api_problem p = { .error = api_error_get("not_found"),
		.request_id = "r1" };
	struct base_buf out = { 0 };

	api_problem_write(&out, &p);
	CU_ASSERT_STRING_EQUAL(out.data,
	    "{\"type\":\"urn:parley:error:not_found\",\"title\":\"Not found\","
	    "\"status\":404,\"detail\":\"Not found\",\"code\":\"not_found\","
	    "\"request_id\":\"r1\"}");
	base_buf_reset(&out);
	p = (struct api_problem){ .error = api_error_get("invalid"),
		.detail = "Look.",
		.request_id = "r2",
		.fields = fields,
		.nfields = 1 };
	api_problem_write(&out, &p);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "\"errors\":[{\"field\":\"a[0]\",\"code\":\"required\","
	    "\"detail\":\"say \\\"it\\\"\"}]}"));
	base_buf_fini(&out);
}

TEST_MAIN("api_errors", { "table", test_table }, { "problem", test_problem })
