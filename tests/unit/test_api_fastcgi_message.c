/* SPDX-License-Identifier: ISC */
/* CGI answers as HTTP ones: whole, in pieces, cut short. */

#include "api/fastcgi_message.h"
#include "tests/unit/harness.h"

/* Feeds `text` in steps; the client's bytes are in `out`.  Whether the answer
 * was whole. */
static bool
turn(struct base_buf *out, const char *request, const char *text, size_t step,
    bool ended)
{
	struct api_http_head head;
	struct api_fastcgi_answer a;
	bool whole;

	CU_ASSERT_EQUAL_FATAL(
	    api_http_head_parse(&head, request, strlen(request)),
	    API_HTTP_HEAD_OK);
	api_fastcgi_answer_init(&a, &head);
	base_buf_reset(out);
	for (size_t i = 0; i < strlen(text); i += step) {
		size_t len = strlen(text + i);

		api_fastcgi_answer_feed(
		    &a, text + i, len < step ? len : step, out);
	}
	whole = api_fastcgi_answer_end(&a, ended, out);
	api_fastcgi_answer_fini(&a);
	return whole;
}

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static bool
has(const struct base_buf *out, const char *text)
{
	return strstr(base_buf_str(out), text) != NULL;
}

static void
test_length(void)
{
	static const char text[] =
	    "Status: 201 Created\r\nContent-Length: 5\r\n"
	    "Connection: keep-alive\r\nX-A: b\r\n\r\n"
	    "hello";
	struct base_buf out;

	base_buf_init(&out);
	for (size_t step = 1; step < sizeof(text); step++) {
		CU_ASSERT(turn(&out, GET, text, step, true));
		CU_ASSERT_EQUAL(
		    strncmp(out.data, "HTTP/1.1 201 Created\r\n", 22), 0);
		CU_ASSERT(
		    has(&out, "Content-Length: 5\r\nX-A: b\r\n\r\nhello"));
		CU_ASSERT(has(&out, "Connection: close\r\n"));
		CU_ASSERT(!has(&out, "keep-alive") && !has(&out, "Status"));
	}
	CU_ASSERT(turn(&out, GET, text, 100, false)); /* the length was met */
	CU_ASSERT(!turn(&out, GET, "Content-Length: 9\n\nhello", 100, true));
	CU_ASSERT(turn(&out, GET, "Content-Length: 2\n\nhello", 100, true));
	CU_ASSERT(has(&out, "\r\n\r\nhe") && !has(&out, "hel"));
	base_buf_fini(&out);
}

static void
test_chunks(void)
{
	static const char text[] = "Content-Type: text/plain\n\nhello";
	struct base_buf out;

	base_buf_init(&out);
	CU_ASSERT(turn(&out, GET, text, 100, true));
	CU_ASSERT(has(&out, "HTTP/1.1 200 OK\r\n"));
	CU_ASSERT(has(&out, "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
	CU_ASSERT(!turn(&out, GET, text, 100, false));
	CU_ASSERT(!has(&out, "\r\n0\r\n"));
	CU_ASSERT(turn(&out, "GET / HTTP/1.0\r\n\r\n", text, 100, true));
	CU_ASSERT(has(&out, "\r\n\r\nhello") && !has(&out, "chunked"));
	base_buf_fini(&out);
}

static void
test_no_body(void)
{
	struct base_buf out;

	base_buf_init(&out);
	CU_ASSERT(turn(&out, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
	    "Content-Length: 5\n\n", 100, true));
	CU_ASSERT(has(&out, "Content-Length: 5\r\n\r\n"));
	CU_ASSERT(turn(&out, GET, "Status: 304\n\n", 100, true));
	CU_ASSERT(has(&out, "HTTP/1.1 304 Not Modified\r\n"));
	CU_ASSERT(!has(&out, "chunked"));
	base_buf_fini(&out);
}

static void
test_broken(void)
{
	static const char *const texts[] = { "", "\n", "Status: 99\n\n",
		"Status: abc\n\n", "no colon\n\n", "A: b\rC: d\n\n",
		"Content-Length: -1\n\n", "A: b\n" };
	struct base_buf out;

	base_buf_init(&out);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		bool whole = turn(&out, GET, texts[i], 100, true);

		/* An empty head is an empty answer: 200. */
		CU_ASSERT_EQUAL(whole, i == 1);
	}
	base_buf_fini(&out);
}

static void
test_request(void)
{
	static const char text[] =
	    "POST /v1/uploads?filename=a HTTP/1.1\r\nHost: h\r\n"
	    "Content-Length: 7\r\nContent-Type: image/png\r\nProxy: evil\r\n"
	    "X-Real-IP: 6.6.6.6\r\nAuthorization: Bearer t\r\n\r\n";
	struct api_http_head head;
	struct base_buf out;

	base_buf_init(&out);
	CU_ASSERT_EQUAL_FATAL(
	    api_http_head_parse(&head, text, strlen(text)), API_HTTP_HEAD_OK);
	api_fastcgi_message_begin(&out, &head, "1.2.3.4", "rid");
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == '\0')
			out.data[i] = '.';
	}
	CU_ASSERT(has(&out, "REQUEST_URI/v1/uploads?filename=a"));
	CU_ASSERT(has(&out, "QUERY_STRINGfilename=a"));
	CU_ASSERT(has(&out, "CONTENT_LENGTH7"));
	CU_ASSERT(has(&out, "CONTENT_TYPEimage/png"));
	CU_ASSERT(has(&out, "REMOTE_ADDR1.2.3.4"));
	CU_ASSERT(has(&out, "HTTP_AUTHORIZATIONBearer t"));
	CU_ASSERT(has(&out, "HTTP_X_REQUEST_IDrid"));
	CU_ASSERT(!has(&out, "evil") && !has(&out, "6.6.6.6"));
	base_buf_fini(&out);
}

TEST_MAIN("api_fastcgi_message", { "length", test_length },
    { "chunks", test_chunks }, { "no body", test_no_body },
    { "broken", test_broken }, { "request", test_request })
