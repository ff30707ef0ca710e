/* SPDX-License-Identifier: ISC */
/* What an event looks like on each wire. */

#include "push/event.h"
#include "push/sse.h"
#include "tests/unit/harness.h"

static char wire_text[131072];

/* The event's bytes from `skip` on. */
static const char *
wire_with(const struct push_event *e, const struct push_wire *w, size_t skip)
{
	struct iovec iov[PUSH_EVENT_IOV];
	unsigned n = push_event_iov(e, w, skip, iov), i;
	size_t len = 0;

	for (i = 0; i < n; i++) {
		memcpy(wire_text + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	wire_text[len] = '\0';
	CU_ASSERT(len + skip == push_event_size(e, w));
	return wire_text;
}

static const char *
wire(const struct push_event *e, enum push_kind kind, size_t skip)
{
	return wire_with(e, &(struct push_wire){ .kind = (uint8_t)kind }, skip);
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

	CU_ASSERT(
	    push_event_size(e, &(struct push_wire){ NULL, PUSH_SSE }) == 3);
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
	CU_ASSERT(
	    push_event_size(one,
		&(struct push_wire){ .kind = PUSH_WEBSOCKET }) < e->json_len);
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

/* The secret stands behind the id and nowhere else, wherever a write stops. */
static void
test_mark(void)
{
	static const char mark[] = ".abcdefghijklmnopqrstuvwxyz";
	const struct push_wire sse = { mark, PUSH_SSE };
	const struct push_wire socket = { mark, PUSH_WEBSOCKET };
	struct push_event_fields f = {
		.id = 1234, .topic = "user:a", .type = "t", .data = "1"
	};
	struct push_event *e = push_event_new(&f);
	char all[256];

	CU_ASSERT(strlen(mark) == PUSH_SSE_MARK_LEN);
	strcpy(all, wire_with(e, &sse, 0));
	CU_ASSERT(
	    strncmp(all, "id: 1234.abcdefghijklmnopqrstuvwxyz\nevent: t\n",
		44) == 0);
	CU_ASSERT(strstr(strchr(all, '{'), "abc") == NULL);
	for (size_t skip = 1; skip < strlen(all); skip++)
		CU_ASSERT_STRING_EQUAL(wire_with(e, &sse, skip), all + skip);
	CU_ASSERT(strstr(wire_with(e, &socket, 0), "abc") == NULL);
	push_event_unref(e);

	f.id = 0;
	e = push_event_new(&f);
	CU_ASSERT(strstr(wire_with(e, &sse, 0), "abc") == NULL);
	push_event_unref(e);

	f.topic = NULL;
	f.has_sse_id = true;
	f.retry_ms = 9;
	e = push_event_new(&f);
	CU_ASSERT(
	    strncmp(wire_with(e, &sse, 0),
		"id: 0.abcdefghijklmnopqrstuvwxyz\nretry: 9\nevent", 47) == 0);
	push_event_unref(e);
}

static void
test_last_id_parse(void)
{
	static const char *const wrong[] = { "", "x", "-1", "1 ",
		"9223372036854775808", "1.", "1.abcdefghijklmnopqrstuvwxy",
		"1.abcdefghijklmnopqrstuvwxyza", "1.abcdefghijklmnopqrstuvwxy1",
		"abcdefghijklmnopqrstuvwxyz", ".",
		"1abcdefghijklmnopqrstuvwxyz" };
	const char *key;
	int64_t id;

	CU_ASSERT(push_sse_last_id_parse("17", &id, &key));
	CU_ASSERT(id == 17 && key == NULL);
	CU_ASSERT(
	    push_sse_last_id_parse("0.abcdefghijklmnopqrstuvwxyz", &id, &key));
	CU_ASSERT(id == 0);
	CU_ASSERT_STRING_EQUAL(key, "abcdefghijklmnopqrstuvwxyz");
	CU_ASSERT(
	    push_sse_last_id_parse(".abcdefghijklmnopqrstuvwxyz", &id, &key));
	CU_ASSERT(id == -1 && key != NULL);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		CU_ASSERT(!push_sse_last_id_parse(wrong[i], &id, &key));
}

TEST_MAIN("push_event", { "logged", test_logged },
    { "ephemeral", test_ephemeral }, { "private", test_private },
    { "raw and text", test_raw_and_text }, { "packed", test_packed },
    { "large", test_large }, { "id parse", test_id_parse },
    { "mark", test_mark }, { "last id parse", test_last_id_parse })
