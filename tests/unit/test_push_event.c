/* SPDX-License-Identifier: ISC */
/* What an event looks like on each wire. */

#include "push/event.h"
#include "push/sse.h"
#include "tests/unit/harness.h"

static char wire_text[131072];

/* The event's bytes from `skip` on. */
static const char *
wire(const struct push_event *e, enum push_kind kind, size_t skip)
{
	struct iovec iov[2];
	unsigned n = push_event_iov(e, kind, skip, iov), i;
	size_t len = 0;

	for (i = 0; i < n; i++) {
		memcpy(wire_text + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	wire_text[len] = '\0';
	CU_ASSERT(len + skip == push_event_size(e, kind));
	return wire_text;
}

static void
test_logged(void)
{
	const struct push_event_fields f = { .id = 1234,
		.topic = "user:a\"b",
		.type = "message.created",
		.origin = "k1-1-xyz",
		.time = "2026-01-31T23:59:59.123456Z",
		.data = "{\"a\":\n 1,\r\n\"b\": \"x\\ny\"}",
		.skip_origin = true };
	struct push_event *e = push_event_new(&f);

	CU_ASSERT_STRING_EQUAL(wire(e, PUSH_SSE, 0),
	    "id: 1234\nevent: message.created\n"
	    "data: {\"event\":\"message.created\",\"id\":1234,"
	    "\"topic\":\"user:a\\\"b\",\"origin\":\"k1-1-xyz\","
	    "\"time\":\"2026-01-31T23:59:59.123456Z\","
	    "\"data\":{\"a\":  1,  \"b\": \"x\\ny\"}}\n\n");
	CU_ASSERT(memcmp(wire(e, PUSH_WEBSOCKET, 0), "\x81\x7e\0", 3) == 0);
	CU_ASSERT((unsigned char)wire_text[3] == e->json_len);
	CU_ASSERT(memcmp(wire_text + 4, e->json, e->json_len) == 0);
	CU_ASSERT(memcmp(wire(e, PUSH_SSE, e->sse_len + 2), e->json + 2,
		      e->json_len) == 0);
	CU_ASSERT(!e->ephemeral && e->skip_origin && e->effect == 0);
	CU_ASSERT(e->topic_hash == push_topic_hash("user:a\"b"));
	push_event_unref(e);
}

static void
test_ephemeral(void)
{
	const struct push_event_fields f = { .topic = "conversation:a",
		.type = "typing.started",
		.data = "{}" };
	struct push_event *e = push_event_new(&f);

	CU_ASSERT_STRING_EQUAL(wire(e, PUSH_SSE, 0),
	    "event: typing.started\ndata: {\"event\":\"typing.started\","
	    "\"topic\":\"conversation:a\",\"origin\":null,\"data\":{}}\n\n");
	CU_ASSERT(e->ephemeral);
	push_event_unref(e);
}

static void
test_private(void)
{
	const struct push_event_fields f = {
		.type = "ready", .has_sse_id = true, .retry_ms = 1500
	};
	struct push_event *e = push_event_new(&f);

	CU_ASSERT_STRING_EQUAL(wire(e, PUSH_SSE, 0),
	    "id: 0\nretry: 1500\nevent: ready\n"
	    "data: {\"event\":\"ready\",\"data\":null}\n\n");
	CU_ASSERT_STRING_EQUAL(
	    wire(e, PUSH_WEBSOCKET, 2), "{\"event\":\"ready\",\"data\":null}");
	CU_ASSERT(!e->ephemeral);
	push_event_unref(e);
}

static void
test_raw_and_text(void)
{
	struct push_event *e = push_event_raw("a\0b", 3);

	CU_ASSERT(push_event_size(e, PUSH_SSE) == 3);
	CU_ASSERT(memcmp(wire(e, PUSH_WEBSOCKET, 1), "\0b", 2) == 0);
	push_event_ref(e);
	push_event_unref(e);
	CU_ASSERT(e->refs == 1);
	push_event_unref(e);
	e = push_event_text("hi", 2, NULL, 0);
	CU_ASSERT_STRING_EQUAL(wire(e, PUSH_WEBSOCKET, 0), "\x81\x02hi");
	push_event_unref(e);
	push_event_unref(NULL);
}

#define LONG                                                                \
	"\"a text that repeats itself, a text that repeats itself, a text " \
	"that repeats itself, and is really long enough to be compressed\""

/* An event is compressed once for all who hold the result, and again when
 * nobody does. */
static void
test_packed(void)
{
	struct push_event_fields f = {
		.topic = "t", .type = "x", .data = LONG
	};
	struct push_deflate *d = push_deflate_new();
	struct push_event *e = push_event_new(&f), *one, *two;
	uint32_t bytes = e->bytes;

	one = push_event_pack(e, d, 15);
	two = push_event_pack(e, d, 9);
	CU_ASSERT(one != e && one == two && one->refs == 2);
	CU_ASSERT((uint8_t)one->json[0] == 0xc1);
	CU_ASSERT(push_event_size(one, PUSH_WEBSOCKET) < e->json_len);
	CU_ASSERT(one->ephemeral && e->refs == 1 && e->bytes == bytes);
	two = push_event_pack(e, d, 0);
	CU_ASSERT(two == e && e->refs == 2);
	push_event_unref(two);
	/* Its text is longer than that window. */
	two = push_event_pack(e, d, 7);
	CU_ASSERT(two == e);
	push_event_unref(two);
	push_event_unref(one);
	push_event_unref(one);
	CU_ASSERT(e->twin == NULL);

	one = push_event_pack(e, d, 15);
	CU_ASSERT(one != e && e->twin == one);
	push_event_unref(e);
	CU_ASSERT(one->twin == NULL && one->refs == 1);
	push_event_unref(one);

	f.data = "\"short\"";
	e = push_event_new(&f);
	one = push_event_pack(e, d, 15);
	CU_ASSERT(one == e && e->plain);
	push_event_unref(one);
	push_event_unref(e);

	e = push_event_text(LONG, sizeof(LONG) - 1, d, 15);
	CU_ASSERT((uint8_t)e->json[0] == 0xc1 && e->json_len < sizeof(LONG));
	push_event_unref(e);
	push_deflate_free(d);
}

static void
test_large(void)
{
	static char data[70003];
	const struct push_event_fields f = {
		.id = 1, .topic = "t", .type = "x", .data = data
	};
	struct push_event *e;

	memset(data, 'x', 70002);
	data[0] = data[70001] = '"';
	e = push_event_new(&f);
	CU_ASSERT(memcmp(wire(e, PUSH_WEBSOCKET, 0), "\x81\x7f\0\0\0\0\0\x01",
		      8) == 0);
	CU_ASSERT(e->ws_header_len == 10);
	push_event_unref(e);
}

static void
test_id_parse(void)
{
	CU_ASSERT(push_sse_id_parse("0") == 0);
	CU_ASSERT(push_sse_id_parse("9223372036854775807") == INT64_MAX);
	CU_ASSERT(push_sse_id_parse("9223372036854775808") == -1);
	CU_ASSERT(push_sse_id_parse("") == -1);
	CU_ASSERT(push_sse_id_parse(NULL) == -1);
	CU_ASSERT(push_sse_id_parse("-1") == -1);
	CU_ASSERT(push_sse_id_parse("+1") == -1);
	CU_ASSERT(push_sse_id_parse("1 ") == -1);
	CU_ASSERT(push_sse_id_parse("0x10") == -1);
}

TEST_MAIN("push_event", { "logged", test_logged },
    { "ephemeral", test_ephemeral }, { "private", test_private },
    { "raw and text", test_raw_and_text }, { "packed", test_packed },
    { "large", test_large }, { "id parse", test_id_parse })
