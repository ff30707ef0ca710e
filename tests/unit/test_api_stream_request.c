/* SPDX-License-Identifier: ISC */
/* What a client that opens a stream may ask for, and what it is answered. */

#include "api/stream_request.h"

#include <jansson.h>
#include <stdlib.h>
#include <strings.h>

#include "api/stream_answer.h"
#include "tests/unit/harness.h"

struct header {
	const char *name;
	const char *value;
};

static const char *
header_find(void *arg, const char *name)
{
	const struct header *h;

	for (h = arg; h != NULL && h->name != NULL; h++) {
		if (strcasecmp(h->name, name) == 0)
			return h->value;
	}
	return NULL;
}

static const char *
header_line(void *arg, const char *name, size_t n)
{
	const struct header *h;

	for (h = arg; h != NULL && h->name != NULL; h++) {
		if (strcasecmp(h->name, name) == 0 && n-- == 0)
			return h->value;
	}
	return NULL;
}

static bool deflate; /* is allowed */
static struct api_stream_request request;
static struct api_stream_refusal why;

static bool
parse(enum api_stream_kind kind, const char *method, const char *query,
    struct header *headers)
{
	struct api_stream_params p = { 0 };

	p.fd = -1;
	p.kind = kind;
	p.method = method;
	p.query = query;
	p.header = header_find;
	p.line = header_line;
	p.header_arg = headers;
	p.deflate = deflate;
	p.remote_addr = "192.0.2.1";
	return api_stream_request_parse(&request, &p, &why);
}

static bool
parse_events(const char *query, struct header *headers)
{
	return parse(API_STREAM_EVENTS, "GET", query, headers);
}

static char *
refusal(int *status)
{
	struct base_buf out = { 0 };

	*status = api_stream_answer_refuse(&request, &why, true, &out);
	return base_buf_take(&out);
}

static void
expect_refused(const char *code, const char *field)
{
	CU_ASSERT_PTR_NOT_NULL_FATAL(why.code);
	CU_ASSERT_STRING_EQUAL(why.code, code);
	if (field != NULL) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(why.field);
		CU_ASSERT_STRING_EQUAL(why.field, field);
	}
	api_stream_request_fini(&request);
}

#define UPGRADE                                                  \
	{ "Upgrade", "websocket" }, { "Connection", "Upgrade" }, \
	{                                                        \
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="  \
	}

static void
test_accept(void)
{
	static const struct {
		const char *accept;
		enum api_stream_want want;
	} cases[] = {
		{ NULL, API_STREAM_WANT_STREAM },
		{ "", API_STREAM_WANT_STREAM },
		{ "*/*", API_STREAM_WANT_STREAM },
		{ "text/event-stream", API_STREAM_WANT_STREAM },
		{ "Text/Event-Stream", API_STREAM_WANT_STREAM },
		{ "text/*", API_STREAM_WANT_STREAM },
		{ "application/json", API_STREAM_WANT_LIST },
		{ "application/json, */*;q=0.1", API_STREAM_WANT_LIST },
		{ "application/json, text/event-stream",
		    API_STREAM_WANT_STREAM },
		{ "text/event-stream;q=0, application/json",
		    API_STREAM_WANT_LIST },
		{ "text/event-stream; Q=0.5 , application/json; q=0.4",
		    API_STREAM_WANT_STREAM },
		{ "text/event-stream;q=0.5, application/json",
		    API_STREAM_WANT_LIST },
		{ "application/json, text/plain, */*", API_STREAM_WANT_LIST },
		{ "text/event-stream;q=0, */*", API_STREAM_WANT_LIST },
		{ "text/event-stream;v=1;q=0.000", API_STREAM_WANT_NEITHER },
		{ "*/*;q=0", API_STREAM_WANT_NEITHER },
		{ "text/html", API_STREAM_WANT_NEITHER },
		{ "text/event-streams", API_STREAM_WANT_NEITHER },
		{ "image/png, text/plain;q=0.5", API_STREAM_WANT_NEITHER },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CU_ASSERT_EQUAL(
		    api_stream_want(cases[i].accept), cases[i].want);
}

static void
test_query(void)
{
	CU_ASSERT_FATAL(parse_events(
	    "after=17&heartbeat=20&topics=public,conversation%3Aabc"
	    "&platform=web&app_version=1.2+beta&&wait=20&ticket=t%2B1",
	    NULL));
	CU_ASSERT(request.has_after);
	CU_ASSERT_EQUAL(request.after, 17);
	CU_ASSERT_EQUAL(request.heartbeat_s, 20);
	CU_ASSERT_EQUAL_FATAL(request.topic_count, 2);
	CU_ASSERT_STRING_EQUAL(request.topics[0], "public");
	CU_ASSERT_STRING_EQUAL(request.topics[1], "conversation:abc");
	CU_ASSERT_STRING_EQUAL(request.platform, "web");
	CU_ASSERT_STRING_EQUAL(request.app_version, "1.2 beta");
	CU_ASSERT_STRING_EQUAL(request.ticket, "t+1");
	CU_ASSERT(!request.event_source);
	api_stream_request_fini(&request);

	CU_ASSERT_FATAL(parse_events("topics=all", NULL));
	CU_ASSERT(request.all);
	CU_ASSERT(!request.has_after);
	CU_ASSERT_PTR_NULL(request.topics);
	api_stream_request_fini(&request);
}

static void
test_query_bad(void)
{
	static const struct {
		const char *query, *code, *field;
	} cases[] = {
		{ "after=", "invalid", "after" },
		{ "after", "invalid", "after" },
		{ "topics=", "invalid", "topics" },
		{ "platform=", "invalid", "platform" },
		{ "after=x", "invalid", "after" },
		{ "after=-1", "invalid", "after" },
		{ "after=99999999999999999999", "invalid", "after" },
		{ "heartbeat=1", "invalid", "heartbeat" },
		{ "heartbeat=9999999999", "invalid", "heartbeat" },
		{ "topics=,", "invalid", "topics" },
		{ "topics=a%0Ab", "invalid", "topics" },
		{ "platform=%01", "invalid", "platform" },
		{ "platform=abcdefghijklmnopqrstuvwxyz0123456789", "invalid",
		    "platform" },
		{ "after=%zz", "invalid", "after" },
		{ "platform=%00", "invalid", "platform" },
		{ "after=1&nosuch=1", "invalid", "nosuch" },
		{ "flag", "invalid", "flag" },
		{ "%zz=1", "invalid", "%zz" },
		{ "a%0Ab=1", "invalid", "a?b" },
		{ "after=1&after=2", "invalid", "after" },
		{ "ticket=a&ticket=b", "invalid", "ticket" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CU_ASSERT(!parse_events(cases[i].query, NULL));
		expect_refused(cases[i].code, cases[i].field);
	}
}

/* What is wrong with the field stands beside it. */
static void
test_query_faults(void)
{
	static const struct {
		const char *query, *fault;
	} cases[] = {
		{ "nosuch=1", "unknown_field" },
		{ "after=1&after=2", "repeated" },
		{ "after=%zz", "bad_encoding" },
	};
	struct header upgrade[] = { UPGRADE, { "Sec-WebSocket-Version", "13" },
		{ 0 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char wanted[64], *text;
		int status;

		CU_ASSERT(
		    !parse(API_STREAM_SOCKET, "GET", cases[i].query, upgrade));
		text = refusal(&status);
		CU_ASSERT_EQUAL(status, 422);
		snprintf(
		    wanted, sizeof(wanted), "\"code\":\"%s\"", cases[i].fault);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, wanted));
		free(text);
		api_stream_request_fini(&request);
	}
	/* Only a list can be waited for. */
	CU_ASSERT(!parse(API_STREAM_SOCKET, "GET", "wait=1", upgrade));
	expect_refused("invalid", "wait");
}

static void
test_last_event_id(void)
{
	struct header good[] = { { "Last-Event-ID", "42" }, { 0 } };
	struct header none[] = { { "Last-Event-ID", "" }, { 0 } };
	struct header odd[] = { { "Last-Event-ID", "abc" }, { 0 } };

	CU_ASSERT_FATAL(parse_events("after=17", good));
	CU_ASSERT_EQUAL(request.after, 42);
	CU_ASSERT_TRUE(request.came_back);
	api_stream_request_fini(&request);
	CU_ASSERT_FATAL(parse_events("after=17", none));
	CU_ASSERT_FALSE(request.came_back);
	CU_ASSERT_EQUAL(request.after, 17);
	api_stream_request_fini(&request);
	CU_ASSERT_FALSE_FATAL(parse_events("after=17", odd));
	CU_ASSERT_STRING_EQUAL(why.code, "invalid");
	CU_ASSERT_STRING_EQUAL(why.field, "Last-Event-ID");
	api_stream_request_fini(&request);
}

static void
test_client(void)
{
	struct header h[] = { { "Parley-Client", "flutter/1.2.0 (x)" }, { 0 } };

	CU_ASSERT_FATAL(parse_events(NULL, h));
	CU_ASSERT_STRING_EQUAL(request.platform, "flutter");
	CU_ASSERT_STRING_EQUAL(request.app_version, "1.2.0");
	api_stream_request_fini(&request);
}

static void
test_handshake(void)
{
	struct header good[] = { UPGRADE, { "Sec-WebSocket-Version", "13" },
		{ "Sec-WebSocket-Protocol", "parley.v1, bearer.x" }, { 0 } };
	struct header old[] = { UPGRADE, { "Sec-WebSocket-Version", "8" },
		{ 0 } };
	struct header key[] = { { "Upgrade", "websocket" },
		{ "Connection", "keep-alive, Upgrade" },
		{ "Sec-WebSocket-Version", "13" },
		{ "Sec-WebSocket-Key", "short" }, { 0 } };
	struct header lines[] = { { "Upgrade", "websocket" },
		{ "Connection", "keep-alive" }, { "Connection", "Upgrade" },
		{ "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==" },
		{ "Sec-WebSocket-Version", "13" },
		{ "Sec-WebSocket-Protocol", "" },
		{ "Sec-WebSocket-Protocol", "parley.v1" },
		{ "Sec-WebSocket-Protocol", "bearer.x" }, { 0 } };
	struct base_buf out = { 0 };

	CU_ASSERT_FATAL(parse(API_STREAM_SOCKET, "GET", NULL, lines));
	CU_ASSERT_STRING_EQUAL(request.subprotocol, ",parley.v1,bearer.x");
	api_stream_request_fini(&request);
	CU_ASSERT_FATAL(parse(API_STREAM_SOCKET, "GET", NULL, good));
	api_stream_answer_accept(&request, false, &out);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "HTTP/1.1 101 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
	CU_ASSERT_PTR_NOT_NULL(
	    strstr(out.data, "Sec-WebSocket-Protocol: parley.v1\r\n"));
	base_buf_fini(&out);
	api_stream_request_fini(&request);

	CU_ASSERT(!parse(API_STREAM_SOCKET, "GET", NULL, NULL));
	expect_refused("upgrade_required", NULL);
	CU_ASSERT(!parse(API_STREAM_SOCKET, "GET", NULL, old));
	expect_refused("upgrade_required", NULL);
	CU_ASSERT(!parse(API_STREAM_SOCKET, "GET", NULL, key));
	expect_refused("bad_request", NULL);
	CU_ASSERT(!parse(API_STREAM_SOCKET, "HEAD", NULL, good));
	expect_refused("method_not_allowed", NULL);
}

static void
test_compression(void)
{
	struct header h[] = { UPGRADE, { "Sec-WebSocket-Version", "13" },
		{ "Sec-WebSocket-Extensions", "x-what" },
		{ "Sec-WebSocket-Extensions",
		    "permessage-deflate; server_max_window_bits=9" },
		{ 0 } };
	struct base_buf out = { 0 };

	CU_ASSERT_FATAL(parse(API_STREAM_SOCKET, "GET", NULL, h));
	CU_ASSERT_EQUAL(request.window_bits, 0);
	api_stream_answer_accept(&request, false, &out);
	CU_ASSERT_PTR_NULL(strstr(out.data, "Sec-WebSocket-Extensions"));
	api_stream_request_fini(&request);

	deflate = true;
	base_buf_reset(&out);
	CU_ASSERT_FATAL(parse(API_STREAM_SOCKET, "GET", NULL, h));
	CU_ASSERT_EQUAL(request.window_bits, 9);
	api_stream_answer_accept(&request, false, &out);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
	    "\r\nSec-WebSocket-Extensions: permessage-deflate; "
	    "server_no_context_takeover; client_no_context_takeover; "
	    "server_max_window_bits=9\r\n"));
	base_buf_fini(&out);
	api_stream_request_fini(&request);

	/* An event stream is no WebSocket. */
	CU_ASSERT_FATAL(parse_events(NULL, h));
	CU_ASSERT_EQUAL(request.window_bits, 0);
	api_stream_request_fini(&request);
	deflate = false;
}

static void
test_refusals(void)
{
	struct header browser[] = { { "Accept", "text/event-stream" },
		{ "Origin", "https://chat.example" }, { 0 } };
	struct header bound[] = { { "Accept", "text/event-stream" },
		{ "Origin", "https://chat.example" },
		{ "Last-Event-ID", "new" }, { 0 } };
	struct header html[] = { { "Accept", "text/html" }, { 0 } };
	char *text;
	int status;

	/* A browser would never come back after a 503. */
	CU_ASSERT_FATAL(parse_events(NULL, browser));
	CU_ASSERT(request.event_source);
	why.code = "database_unavailable";
	why.retry_s = 2;
	text = refusal(&status);
	CU_ASSERT_EQUAL(status, 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "text/event-stream\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nevent: error\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(
	    text, "Access-Control-Allow-Origin: https://chat.example\r\n"));
	free(text);
	api_stream_request_fini(&request);

	/* Nor after a 429; and it keeps what it needs to come back. */
	CU_ASSERT_FATAL(parse_events("after=7&ticket=x", bound));
	CU_ASSERT_EQUAL(request.after, 7);
	CU_ASSERT_TRUE(request.came_back);
	why.code = "rate_limited";
	text = refusal(&status);
	CU_ASSERT_EQUAL(status, 200);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nid: 7\nretry: "));
	free(text);
	api_stream_request_fini(&request);
	CU_ASSERT_FATAL(parse_events("ticket=x", browser));
	CU_ASSERT_FALSE(request.came_back);
	why.code = "rate_limited";
	text = refusal(&status);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\r\nid: new\nretry: "));
	free(text);
	api_stream_request_fini(&request);

	CU_ASSERT_FATAL(parse_events(NULL, NULL));
	why.code = "database_unavailable";
	why.retry_s = 2;
	text = refusal(&status);
	CU_ASSERT_EQUAL(status, 503);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Retry-After: 2\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "application/problem+json\r\n"));
	free(text);
	api_stream_request_fini(&request);

	CU_ASSERT_FATAL(parse(API_STREAM_EVENTS, "HEAD", NULL, NULL));
	why.code = "unauthorized";
	text = refusal(&status);
	CU_ASSERT_EQUAL(status, 401);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "WWW-Authenticate: Bearer"));
	CU_ASSERT_STRING_EQUAL(text + strlen(text) - 4, "\r\n\r\n");
	free(text);
	api_stream_request_fini(&request);

	CU_ASSERT(!parse_events(NULL, html));
	expect_refused("not_acceptable", NULL);
}

static void
test_problem_is_json(void)
{
	char *text;
	const char *body;
	json_t *problem;
	int status;

	CU_ASSERT_FALSE_FATAL(parse_events("after=x", NULL));
	text = refusal(&status);
	CU_ASSERT_EQUAL(status, 422);
	body = strstr(text, "\r\n\r\n") + 4;
	problem = json_loads(body, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(problem);
	CU_ASSERT_STRING_EQUAL(
	    json_string_value(json_object_get(
		json_array_get(json_object_get(problem, "errors"), 0),
		"field")),
	    "after");
	json_decref(problem);
	free(text);
	api_stream_request_fini(&request);
}

TEST_MAIN("api_stream_request", { "accept", test_accept },
    { "query", test_query }, { "query-bad", test_query_bad },
    { "query-faults", test_query_faults },
    { "last-event-id", test_last_event_id }, { "client", test_client },
    { "handshake", test_handshake }, { "compression", test_compression },
    { "refusals", test_refusals }, { "problem-is-json", test_problem_is_json })
