/* SPDX-License-Identifier: ISC */
/* HTTP answers as they go out. */

#include "api/http_reply.h"
#include "base/buf.h"
#include "tests/unit/harness.h"

static struct base_buf out;

static bool
has(const char *text)
{
	return strstr(base_buf_str(&out), text) != NULL;
}

static void
write_answer(const struct api_answer *answer, bool close)
{
	base_buf_reset(&out);
	api_http_reply_write(&out, answer, close);
}

static void
test_answer(void)
{
	const struct api_header headers[] = { { "X-A", "b" },
		{ "ETag", "\"c\"" } };
	struct api_answer a = { .status = 201,
		.content_type = "application/json",
		.body = "{}",
		.body_len = 2,
		.headers = headers,
		.nheaders = 2 };

	write_answer(&a, false);
	CU_ASSERT_EQUAL(strncmp(out.data, "HTTP/1.1 201 Created\r\n", 22), 0);
	CU_ASSERT(has("Connection: keep-alive\r\nX-A: b\r\nETag: \"c\"\r\n"
		      "Content-Type: application/json\r\n"
		      "Content-Length: 2\r\n\r\n{}"));
	CU_ASSERT(has("\r\nDate: ") && has(" GMT\r\n"));
	write_answer(&a, true);
	CU_ASSERT(has("Connection: close\r\n"));
	a.omit_body = true;
	write_answer(&a, false);
	CU_ASSERT(has("Content-Length: 2\r\n\r\n") && !has("{}"));
	base_buf_fini(&out);
}

static void
test_no_body(void)
{
	struct api_answer a = { .status = 204 };

	write_answer(&a, false);
	CU_ASSERT(!has("Content-"));
	a.status = 304;
	write_answer(&a, false);
	CU_ASSERT(!has("Content-"));
	a.status = 200;
	write_answer(&a, false);
	CU_ASSERT(has("Content-Length: 0\r\n\r\n"));
	base_buf_fini(&out);
}

static void
test_refusal(void)
{
	struct api_http_refusal refusal = { .code = "payload_too_large",
		.detail = "The limit is 5 bytes.",
		.request_id = "abc",
		.fields = "Retry-After: 1\r\n" };

	CU_ASSERT_EQUAL(api_http_reply_refuse(&out, &refusal), 413);
	CU_ASSERT(has("HTTP/1.1 413 Content Too Large\r\n"));
	CU_ASSERT(has("Connection: close\r\nRetry-After: 1\r\n"));
	CU_ASSERT(has("X-Request-Id: abc\r\n"));
	CU_ASSERT(has("application/problem+json\r\n"));
	CU_ASSERT(has("\"code\":\"payload_too_large\",\"request_id\":\"abc\""));
	base_buf_reset(&out);
	refusal.head_only = true;
	CU_ASSERT_EQUAL(api_http_reply_refuse(&out, &refusal), 413);
	CU_ASSERT(!has("{"));
	base_buf_fini(&out);
}

static void
test_request_id(void)
{
	static const char *const unusable[] = { NULL, "", "a b", "a\r\nb",
		"<x>",
		"0123456789012345678901234567890123456789012345678901234567890"
		"1234" };
	char id[API_HTTP_REQUEST_ID_SIZE];

	CU_ASSERT_STRING_EQUAL(api_http_request_id(id, "A-z_0.9"), "A-z_0.9");
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++)
		CU_ASSERT_EQUAL(
		    strlen(api_http_request_id(id, unusable[i])), 20);
}

TEST_MAIN("api_http_reply", { "answer", test_answer },
    { "no body", test_no_body }, { "refusal", test_refusal },
    { "request id", test_request_id })
