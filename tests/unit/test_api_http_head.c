/* SPDX-License-Identifier: ISC */
/* Heads of HTTP requests: what is taken, what is refused and as what. */

#include "api/errors.h"
#include "api/http_head.h"
#include "tests/unit/harness.h"

static struct api_http_head head;

static enum api_http_head_status
parse(const char *text)
{
	return api_http_head_parse(&head, text, strlen(text));
}

static bool
is(const char *slice, size_t len, const char *want)
{
	return len == strlen(want) && memcmp(slice, want, len) == 0;
}

static void
test_takes_apart(void)
{
	char text[] =
	    "POST /v1/x?limit=5&a=b HTTP/1.1\r\nHost: h\r\n"
	    "content-length:  2 \r\nX-Empty:\r\nX-Tab: a\tb\r\n\r\n{}";
	const struct api_http_field *f;

	CU_ASSERT_EQUAL(parse(text), API_HTTP_HEAD_OK);
	CU_ASSERT_EQUAL(head.len, strlen(text) - 2);
	CU_ASSERT_STRING_EQUAL(head.method, "POST");
	CU_ASSERT(is(head.path, head.path_len, "/v1/x"));
	CU_ASSERT(is(head.query, head.query_len, "limit=5&a=b"));
	CU_ASSERT_EQUAL(head.body_len, 2);
	CU_ASSERT(head.has_body && !head.close && !head.http_1_0);
	CU_ASSERT_EQUAL(head.nfields, 4);
	f = api_http_head_field(&head, "x-tab");
	CU_ASSERT(f != NULL && is(f->value, f->value_len, "a\tb"));
	api_http_head_terminate(&head, text);
	CU_ASSERT_STRING_EQUAL(head.path, "/v1/x");
	CU_ASSERT_STRING_EQUAL(head.query, "limit=5&a=b");
	CU_ASSERT_STRING_EQUAL(
	    api_http_head_value(&head, "Content-Length"), "2");
	CU_ASSERT_STRING_EQUAL(api_http_head_value(&head, "X-EMPTY"), "");
	CU_ASSERT_PTR_NULL(api_http_head_value(&head, "X-Absent"));
}

static void
test_lines(void)
{
	char text[] = "GET / HTTP/1.1\r\nHost: h\r\nConnection: a\r\n"
		      "Upgrade: x\r\nCONNECTION: b, c\r\n\r\n";

	CU_ASSERT_EQUAL(parse(text), API_HTTP_HEAD_OK);
	api_http_head_terminate(&head, text);
	CU_ASSERT_STRING_EQUAL(api_http_head_line(&head, "connection", 0), "a");
	CU_ASSERT_STRING_EQUAL(
	    api_http_head_line(&head, "connection", 1), "b, c");
	CU_ASSERT_PTR_NULL(api_http_head_line(&head, "connection", 2));
	CU_ASSERT_PTR_NULL(api_http_head_line(&head, "x-absent", 0));
}

static void
test_every_prefix_wants_more(void)
{
	static const char text[] =
	    "PUT /v1/users/1 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		CU_ASSERT_EQUAL(
		    api_http_head_parse(&head, text, i), API_HTTP_HEAD_MORE);
	CU_ASSERT_EQUAL(parse(text), API_HTTP_HEAD_OK);
}

static void
test_targets(void)
{
	CU_ASSERT_EQUAL(
	    parse("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), API_HTTP_HEAD_OK);
	CU_ASSERT_EQUAL(
	    parse("GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n"),
	    API_HTTP_HEAD_OK);
	CU_ASSERT(is(head.path, head.path_len, "/a"));
	CU_ASSERT(is(head.query, head.query_len, "b"));
	CU_ASSERT_EQUAL(
	    parse("GET /? HTTP/1.1\r\nHost: h\r\n\r\n"), API_HTTP_HEAD_OK);
	CU_ASSERT(head.query != NULL && head.query_len == 0);
}

static void
test_connection(void)
{
	static const struct {
		const char *text;
		bool close;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: h\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
		    true },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n",
		    true },
		{ "GET / HTTP/1.1\r\nHost: h\r\nConnection: closer\r\n\r\n",
		    false },
		{ "GET / HTTP/1.0\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT_EQUAL(parse(cases[i].text), API_HTTP_HEAD_OK);
		CU_ASSERT_EQUAL(head.close, cases[i].close);
	}
}

#define G "GET / HTTP/1.1\r\nHost: h\r\n"
#define P "POST / HTTP/1.1\r\nHost: h\r\n"

static void
test_refusals(void)
{
	static const struct {
		const char *text;
		enum api_http_head_status status;
	} cases[] = {
		{ "\x16\x03\x01\x02", API_HTTP_HEAD_MALFORMED },
		{ "get / HTTP/1.1\r\nHost: h\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ "G\x01", API_HTTP_HEAD_MALFORMED },
		{ "GET / HTTP/1.1\nHost: h\n\n", API_HTTP_HEAD_MALFORMED },
		{ G "A: b\nC: d\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ "GET /\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ "GET x HTTP/1.1\r\nHost: h\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ "GET / HTTP/1.x\r\nHost: h\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ "GET / HTTP/2.0\r\nHost: h\r\n\r\n", API_HTTP_HEAD_VERSION },
		{ "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", API_HTTP_HEAD_METHOD },
		{ "GET / HTTP/1.1\r\nHosting: h\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ G "Host: i\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G " folded\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G "A : b\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G "no colon\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G ": empty\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G "A: b\x01\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G "A: b\rC: d\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G "Authorization: a\r\nAuthorization: b\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ G "Content-Length: 1\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ G "Transfer-Encoding: chunked\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ P "Transfer-Encoding: chunked\r\n\r\n",
		    API_HTTP_HEAD_LENGTH },
		{ P "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: +1\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: -1\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: 1, 1\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: 0x1\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length:\r\n\r\n", API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: 99999999999999999999\r\n\r\n",
		    API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: 1\r\n\r\nab", API_HTTP_HEAD_MALFORMED },
		{ P "\r\nab", API_HTTP_HEAD_MALFORMED },
		{ P "Content-Length: 1\r\nExpect: other\r\n\r\n",
		    API_HTTP_HEAD_EXPECTATION },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum api_http_head_status status = parse(cases[i].text);

		if (status != cases[i].status)
			printf("case %zu: %d\n", i, (int)status);
		CU_ASSERT_EQUAL(status, cases[i].status);
		CU_ASSERT_PTR_NOT_NULL(head.wrong);
		CU_ASSERT_PTR_NOT_NULL(
		    api_error_find(api_http_head_code(status)));
	}
}

static void
test_bodies_that_are_fine(void)
{
	CU_ASSERT_EQUAL(parse(P "\r\n"), API_HTTP_HEAD_OK);
	CU_ASSERT_EQUAL(head.body_len, 0);
	CU_ASSERT_EQUAL(parse("DELETE / HTTP/1.1\r\nHost: h\r\n"
			      "Content-Length: 0\r\n\r\n"),
	    API_HTTP_HEAD_OK);
	CU_ASSERT_EQUAL(parse(P "Content-Length: 3\r\n"
				"Expect: 100-Continue\r\n\r\nab"),
	    API_HTTP_HEAD_OK);
	CU_ASSERT(head.expects_continue);
	/* What follows a request without a body is the door's to judge. */
	CU_ASSERT_EQUAL(parse(G "\r\nGET "), API_HTTP_HEAD_OK);
}

static void
test_limits(void)
{
	static char text[16000];
	char *at = text;

	at += sprintf(at, "GET /%0*d HTTP/1.1\r\nHost: h\r\n\r\n",
	    API_HTTP_TARGET_MAX, 0);
	CU_ASSERT_EQUAL(parse(text), API_HTTP_HEAD_TARGET);
	at = text + sprintf(text, G);
	for (int i = 0; i < API_HTTP_FIELDS_MAX - 1; i++)
		at += sprintf(at, "A%d: b\r\n", i);
	strcpy(at, "\r\n");
	CU_ASSERT_EQUAL(parse(text), API_HTTP_HEAD_OK);
	strcpy(at, "A: b\r\n\r\n");
	CU_ASSERT_EQUAL(parse(text), API_HTTP_HEAD_TOO_LARGE);
	sprintf(text, G "A: %0*d", API_HTTP_HEAD_BYTES, 0);
	CU_ASSERT_EQUAL(
	    api_http_head_parse(&head, text, API_HTTP_HEAD_BYTES - 1),
	    API_HTTP_HEAD_MORE);
	CU_ASSERT_EQUAL(api_http_head_parse(&head, text, API_HTTP_HEAD_BYTES),
	    API_HTTP_HEAD_TOO_LARGE);
}

TEST_MAIN("api_http_head", { "takes apart", test_takes_apart },
    { "lines", test_lines },
    { "every prefix wants more", test_every_prefix_wants_more },
    { "targets", test_targets }, { "connection", test_connection },
    { "refusals", test_refusals },
    { "bodies that are fine", test_bodies_that_are_fine },
    { "limits", test_limits })
