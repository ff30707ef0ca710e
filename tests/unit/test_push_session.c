/* SPDX-License-Identifier: ISC */
/* Sessions on socket pairs: what clients see, byte for byte. */

#include <netinet/in.h>

#include <stdlib.h>

#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

static const char *const topics_ab[] = { "user:ann", "conversation:a",
	"conversation:b", NULL };

static struct world w;
static struct door d;

static void
begin(enum push_kind kind)
{
	world_init(&w);
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &d, kind);
}

static void
end(void)
{
	door_fini(&d);
	world_fini(&w);
}

static struct push_stats
stats(void)
{
	struct push_stats s;

	push_hub_stats(w.hub, &s);
	return s;
}

static void
test_sse(void)
{
	begin(PUSH_SSE);
	turns(&w, 2);
	door_read(&d);
	CU_ASSERT(d.got.len == 0);
	door_start(&w, &d, "ann", topics_ab);
	CU_ASSERT(push_session_state(d.s) == PUSH_LIVE);
	turns(&w, 1);
	door_read(&d);
	CU_ASSERT(strncmp(d.got.data, "HEAD\r\n\r\nid: 100\nretry: ", 23) == 0);
	CU_ASSERT(door_count(&d,
		      "\nevent: ready\ndata: {\"event\":\"ready\",\"data\":"
		      "{\"connection\":\"t-1\",\"user\":\"ann\","
		      "\"last_event_id\":100}}\n\n") == 1);
	base_buf_reset(&d.got);
	publish(&w, 101, "conversation:a");
	publish(&w, 102, "conversation:other");
	publish(&w, 0, "conversation:b");
	turns(&w, 1);
	door_read(&d);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.got),
	    "id: 101\nevent: test\ndata: {\"event\":\"test\",\"id\":101,"
	    "\"topic\":\"conversation:a\",\"origin\":null,"
	    "\"data\":{\"n\":101}}\n\n"
	    "event: test\ndata: {\"event\":\"test\","
	    "\"topic\":\"conversation:b\",\"origin\":null,"
	    "\"data\":{\"n\":0}}\n\n");
	CU_ASSERT(stats().delivered == 2 && stats().live == 1);
	end();
}

/* Position of the first byte behind the head. */
static const unsigned char *
frames(void)
{
	return (const unsigned char *)d.got.data + strlen("HEAD\r\n\r\n");
}

static void
test_websocket(void)
{
	const unsigned char *p;

	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	door_read(&d);
	p = frames();
	CU_ASSERT(p[0] == 0x81 && p[1] == d.got.len - 8 - 2);
	CU_ASSERT(memcmp(p + 2, "{\"event\":\"ready\",", 17) == 0);
	base_buf_reset(&d.got);
	publish(&w, 101, "conversation:a");
	push_session_reply(d.s, "{\"reply\":\"7\"}", 13);
	turns(&w, 1);
	door_read(&d);
	CU_ASSERT(d.got.data[0] == '\x81');
	CU_ASSERT(door_count(&d, "{\"event\":\"test\",\"id\":101,") == 1);
	CU_ASSERT(door_count(&d, "\x81\x0d{\"reply\":\"7\"}") == 1);

	door_frame(&d, 0x81, "hello", 5);
	door_frame(&d, 0x01, "wor", 3);
	door_frame(&d, 0x89, "png", 3);
	door_frame(&d, 0x80, "ld", 2);
	turns(&w, 2);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "hello;world;");
	door_read(&d);
	CU_ASSERT(door_count(&d, "\x8a\x03png") == 1);
	end();
}

static void
test_first_bytes(void)
{
	static const char first[] = "\x81\x85\0\0\0\0early\x81\x83\0\0\0\0";
	struct push_session_params p = { .kind = PUSH_WEBSOCKET,
		.connection = "x",
		.first = first,
		.first_len = sizeof(first) - 1,
		.ops = &door_ops,
		.arg = &d };
	int pair[2];

	world_init(&w);
	memset(&d, 0, sizeof(d));
	CU_ASSERT_FATAL(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	p.fd = pair[0];
	d.fd = pair[1];
	d.s = push_session_open(w.hub, &p);
	CU_ASSERT(send(d.fd, "two", 3, 0) == 3);
	turns(&w, 2);
	CU_ASSERT(d.texts.len == 0);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 2);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "early;two;");
	end();
}

/* The client closes: the same code comes back, then the end. */
static void
test_client_closes(void)
{
	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	door_frame(&d, 0x88, "\x0f\xa0why", 5);
	turns(&w, 3);
	door_read(&d);
	CU_ASSERT(door_count(&d, "\x88\x02\x0f\xa0") == 1);
	CU_ASSERT(d.eof && !d.reset);
	CU_ASSERT(d.closed == 1 && d.code == 4000);
	CU_ASSERT_STRING_EQUAL(d.why, "why");
	CU_ASSERT(stats().closing == 1);
	close(d.fd);
	d.fd = -1;
	turns(&w, 2);
	CU_ASSERT(stats().closing == 0 && stats().topics == 0);
	end();
}

static void
test_client_closes_without_code(void)
{
	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	door_frame(&d, 0x88, "", 0);
	turns(&w, 3);
	door_read(&d);
	CU_ASSERT(memcmp(d.got.data + d.got.len - 2, "\x88\0", 2) == 0);
	CU_ASSERT(d.eof && d.code == PUSH_CLOSE_NO_CODE);
	end();
}

/* We close: queued events and the close frame go out, the client's answer is
 * awaited, its late messages are not delivered. */
static void
test_we_close(void)
{
	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	publish(&w, 101, "conversation:a");
	push_session_close(d.s, PUSH_CLOSE_FORBIDDEN, "kicked");
	push_session_close(d.s, PUSH_CLOSE_NORMAL, NULL);
	publish(&w, 102, "conversation:a");
	turns(&w, 2);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_FORBIDDEN);
	door_read(&d);
	CU_ASSERT_STRING_EQUAL(door_ids(&d), "101");
	CU_ASSERT(door_count(&d, "\x88\x08\x11\x33kicked") == 1);
	CU_ASSERT(!d.eof);
	door_frame(&d, 0x81, "late", 4);
	turns(&w, 2);
	CU_ASSERT(d.texts.len == 0);
	door_frame(&d, 0x88, "\x11\x33", 2);
	turns(&w, 3);
	door_read(&d);
	CU_ASSERT(d.eof && !d.reset && d.closed == 1);
	end();
}

/* A client that never answers the goodbye is dropped after close_ms. */
static void
test_close_times_out(void)
{
	world_init_with(
	    &w, (struct push_hub_params){ .close_ms = 60, .tick_ms = 10 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	push_session_close(d.s, PUSH_CLOSE_NORMAL, NULL);
	turns(&w, 2);
	CU_ASSERT(stats().closing == 1);
	wait_ms(&w, 120);
	CU_ASSERT(stats().closing == 0);
	door_read(&d);
	CU_ASSERT(d.eof);
	end();
}

static void
fail_check(unsigned first, const char *text, size_t len, unsigned code)
{
	char frame[3] = { '\x88' };

	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	base_buf_reset(&d.got);
	door_frame(&d, first, text, len);
	turns(&w, 3);
	door_read(&d);
	CU_ASSERT(door_count(&d, frame) == 1);
	frame[0] = (char)(code >> 8);
	frame[1] = (char)code;
	CU_ASSERT(door_count(&d, frame) == 1);
	CU_ASSERT(d.eof && d.closed == 1 && d.code == code);
	end();
}

static void
test_failures(void)
{
	static char big[70000];

	fail_check(0x81, "\xff", 1, PUSH_CLOSE_BAD_TEXT);
	fail_check(0x83, "x", 1, PUSH_CLOSE_PROTOCOL);
	fail_check(0xc1, "x", 1, PUSH_CLOSE_PROTOCOL);
	fail_check(0x82, "x", 1, PUSH_CLOSE_UNSUPPORTED);
	fail_check(0x88, "\x03\xed", 2, PUSH_CLOSE_PROTOCOL);
	fail_check(0x81, big, sizeof(big), PUSH_CLOSE_TOO_BIG);
}

static void
test_refuse(void)
{
	begin(PUSH_SSE);
	push_session_refuse(d.s, "HTTP/1.1 401 No\r\n\r\n{}", 21);
	turns(&w, 3);
	door_read(&d);
	CU_ASSERT_STRING_EQUAL(
	    base_buf_str(&d.got), "HTTP/1.1 401 No\r\n\r\n{}");
	CU_ASSERT(d.eof && d.closed == 1);
	end();
}

static void
test_gone_before_start(void)
{
	begin(PUSH_SSE);
	close(d.fd);
	d.fd = -1;
	turns(&w, 2);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_ABNORMAL);
	CU_ASSERT(stats().starting == 0 && stats().now[PUSH_SSE] == 0);
	end();
}

static void
test_not_started(void)
{
	world_init_with(
	    &w, (struct push_hub_params){ .start_ms = 40, .tick_ms = 10 });
	door_open(&w, &d, PUSH_SSE);
	wait_ms(&w, 100);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_TRY_LATER);
	door_read(&d);
	CU_ASSERT(d.eof);
	end();
}

static void
test_sse_peer_closes(void)
{
	begin(PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	CU_ASSERT(send(d.fd, "garbage", 7, 0) == 7);
	turns(&w, 2);
	CU_ASSERT(d.closed == 0);
	close(d.fd);
	d.fd = -1;
	turns(&w, 2);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_ABNORMAL);
	CU_ASSERT(stats().topics == 0);
	end();
}

/* Messages that were sent before the client closed its side are taken, and it
 * can still be answered for a moment. */
static void
test_half_close(void)
{
	unsigned i;

	world_init_with(
	    &w, (struct push_hub_params){ .tick_ms = 10, .grace_ms = 80 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	push_session_owe(d.s, true);
	for (i = 0; i < 200; i++)
		door_frame(&d, 0x81, "m", 1);
	shutdown(d.fd, SHUT_WR);
	turns(&w, 3);
	CU_ASSERT(d.texts.len == 400);
	CU_ASSERT_FATAL(d.closed == 0);
	push_session_reply(d.s, "answer", 6);
	push_session_owe(d.s, false);
	turns(&w, 2);
	door_read(&d);
	CU_ASSERT(door_count(&d, "answer") == 1);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_ABNORMAL);
	end();
}

/* Turns until the door is told of the end, or for ten seconds. */
static void
wait_closed(void)
{
	uint64_t end = base_clock_ms() + 10000;

	while (d.closed == 0 && base_clock_ms() < end)
		turns(&w, 1);
}

/* Who goes and never gets the reply that is owed is not waited for. */
static void
test_half_close_in_vain(void)
{
	world_init_with(
	    &w, (struct push_hub_params){ .tick_ms = 10, .grace_ms = 20 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	push_session_owe(d.s, true);
	shutdown(d.fd, SHUT_WR);
	wait_closed();
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_ABNORMAL);
	end();
}

/* A close frame, and what breaks the protocol, is answered behind the replies
 * that are owed; what follows it is not read. */
static void
test_replies_before_close(void)
{
	static const struct {
		unsigned first;
		const char *payload, *want;
		unsigned code;
	} rows[] = {
		{ 0x88, "\x0f\xa1", "\x88\x02\x0f\xa1", 4001 },
		{ 0xa1, "bits", "reserved bits", PUSH_CLOSE_PROTOCOL },
		{ 0x82, "binary", "messages are text", PUSH_CLOSE_UNSUPPORTED },
	};
	const char *got;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(PUSH_WEBSOCKET);
		door_start(&w, &d, "ann", topics_ab);
		turns(&w, 1);
		push_session_owe(d.s, true);
		door_frame(&d, 0x81, "ask", 3);
		door_frame(&d, rows[i].first, rows[i].payload,
		    strlen(rows[i].payload));
		door_frame(&d, 0x81, "more", 4);
		turns(&w, 3);
		CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "ask;");
		CU_ASSERT_FATAL(d.closed == 0);
		push_session_reply(d.s, "answer", 6);
		push_session_owe(d.s, false);
		turns(&w, 3);
		CU_ASSERT(d.closed == 1 && d.code == rows[i].code);
		door_read(&d);
		got = memmem(d.got.data, d.got.len, "answer", 6);
		CU_ASSERT_FATAL(got != NULL);
		CU_ASSERT(memmem(got, (size_t)(d.got.data + d.got.len - got),
			      rows[i].want, strlen(rows[i].want)) != NULL);
		CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "ask;");
		end();
	}
}

/* The reply does not come, or the hub closes meanwhile. */
static void
test_close_in_vain(void)
{
	int closes;

	for (closes = 0; closes < 2; closes++) {
		world_init_with(&w,
		    (struct push_hub_params){
			.tick_ms = 10, .grace_ms = closes ? 100000 : 20 });
		door_open(&w, &d, PUSH_WEBSOCKET);
		door_start(&w, &d, "ann", topics_ab);
		turns(&w, 1);
		push_session_owe(d.s, true);
		door_frame(&d, 0x88, "\x0f\xa1", 2);
		turns(&w, 2);
		CU_ASSERT_FATAL(d.closed == 0);
		if (closes)
			push_session_close(d.s, PUSH_CLOSE_FORBIDDEN, "go");
		wait_closed();
		CU_ASSERT(d.code == (closes ? PUSH_CLOSE_FORBIDDEN : 4001));
		/* Nothing more is awaited of the peer but its end. */
		turns(&w, 2);
		door_read(&d);
		CU_ASSERT(d.eof);
		end();
	}
}

/* The peer is gone although we write: no signal, no loop. */
static void
test_broken_pipe(void)
{
	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	close(d.fd);
	d.fd = -1;
	publish(&w, 101, "conversation:a");
	turns(&w, 3);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_ABNORMAL);
	CU_ASSERT(stats().queue_bytes == 0 && stats().closing == 0);
	end();
}

/* A reset on TCP while events wait. */
static void
test_tcp_reset(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger now = { .l_onoff = 1 };
	struct push_session_params p = { .kind = PUSH_WEBSOCKET,
		.connection = "tcp",
		.ops = &door_ops,
		.arg = &d };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	world_init(&w);
	memset(&d, 0, sizeof(d));
	CU_ASSERT_FATAL(bind(listener, (struct sockaddr *)&at, len) == 0 &&
	    listen(listener, 1) == 0 &&
	    getsockname(listener, (struct sockaddr *)&at, &len) == 0);
	d.fd = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_FATAL(connect(d.fd, (struct sockaddr *)&at, len) == 0);
	p.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	d.s = push_session_open(w.hub, &p);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 2);
	setsockopt(d.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(d.fd);
	d.fd = -1;
	publish(&w, 101, "conversation:a");
	turns(&w, 3);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_ABNORMAL);
	CU_ASSERT(stats().closing == 0 && stats().topics == 0);
	close(listener);
	end();
}

static void
publish_big(int64_t id, const char *topic, size_t len)
{
	struct push_event_fields f = { .id = id, .topic = topic, .type = "b" };
	char *data = base_alloc(len + 3);
	struct push_event *e;

	memset(data, 'x', len + 2);
	data[0] = '"';
	data[len + 1] = '"';
	f.data = data;
	e = push_event_new(&f);
	push_hub_publish(w.hub, e);
	push_event_unref(e);
	base_free(data);
}

/* Fills the socket and then `bytes` of the queue. */
static void
stall(size_t bytes)
{
	int64_t id = 1000;

	do {
		publish_big(id++, "conversation:a", 20000);
		turns(&w, 1);
	} while (d.closed == 0 && push_session_queued(d.s) < bytes);
}

/* Who agreed to compression gets the same compressed bytes, and others the
 * text; so does whose window is too small for it. */
static void
test_compressed(void)
{
	static const unsigned bits[] = { 15, 15, 0, 8 };
	struct door doors[4];
	unsigned i;

	world_init(&w);
	for (i = 0; i < 4; i++) {
		door_open(&w, &doors[i], PUSH_WEBSOCKET);
		doors[i].window_bits = bits[i];
		door_start(&w, &doors[i], "ann", topics_ab);
		turns(&w, 1);
		door_read(&doors[i]);
		CU_ASSERT(door_count(&doors[i], "\"event\":\"ready\"") == 1);
		base_buf_reset(&doors[i].got);
	}
	publish_big(101, "conversation:a", 1000);
	push_session_reply(doors[0].s, "short", 5);
	turns(&w, 2);
	for (i = 0; i < 4; i++)
		door_read(&doors[i]);
	CU_ASSERT((uint8_t)doors[0].got.data[0] == 0xc1);
	CU_ASSERT(doors[0].got.len < 200);
	CU_ASSERT(door_count(&doors[0], "\x81\x05short") == 1);
	CU_ASSERT(doors[1].got.len + 7 == doors[0].got.len);
	CU_ASSERT(memcmp(doors[0].got.data, doors[1].got.data,
		      doors[1].got.len) == 0);
	CU_ASSERT(doors[2].got.len > 1000 && door_count(&doors[2], "xxxx") > 0);
	CU_ASSERT(doors[3].got.len == doors[2].got.len);
	CU_ASSERT(stats().delivered == 4 && stats().queue_bytes == 0);

	/* And what they send may be compressed. */
	door_frame(&doors[1], 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	door_frame(&doors[1], 0x81, "plain", 5);
	door_frame(&doors[2], 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	turns(&w, 2);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&doors[1].texts), "Hello;plain;");
	CU_ASSERT(doors[2].closed == 1 && doors[2].code == PUSH_CLOSE_PROTOCOL);
	world_fini(&w);
	for (i = 0; i < 4; i++)
		door_fini(&doors[i]);
}

static void
test_ephemerals_go_first(void)
{
	begin(PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	stall(300000);
	publish(&w, 0, "conversation:a");
	CU_ASSERT(stats().dropped == 0);
	stall(600000);
	CU_ASSERT(stats().dropped == 1);
	publish(&w, 0, "conversation:a");
	publish(&w, 0, "conversation:a");
	CU_ASSERT(stats().dropped == 3);
	CU_ASSERT(d.closed == 0);
	do {
		base_buf_reset(&d.got);
		door_read(&d);
		CU_ASSERT(door_count(&d, "event: test\n") == 0);
		turns(&w, 1);
	} while (push_session_queued(d.s) > 0);
	publish(&w, 0, "conversation:a");
	turns(&w, 1);
	door_read(&d);
	CU_ASSERT(door_count(&d, "event: test\n") == 1);
	CU_ASSERT(stats().dropped == 3 && stats().queue_bytes == 0);
	end();
}

/* More in one turn than the queue holds, less than it and the socket do. */
static void
test_burst(void)
{
	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	for (int i = 0; i < 56; i++)
		publish_big(1000 + i, "conversation:a", 20000);
	CU_ASSERT(stats().cut == 0);
	do {
		door_read(&d);
		turns(&w, 1);
	} while (d.closed == 0 && push_session_queued(d.s) > 0);
	CU_ASSERT(d.closed == 0 && stats().cut == 0);
	end();
}

static void
test_slow_reader_sse(void)
{
	begin(PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	stall(1 << 20);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_TOO_SLOW);
	CU_ASSERT(stats().cut == 1 && stats().queue_bytes < 30000);
	do {
		door_read(&d);
		turns(&w, 1);
	} while (!d.eof);
	CU_ASSERT(door_count(&d, "\n\nevent: error\ndata: ") == 1);
	CU_ASSERT(door_count(&d, "\"code\":\"too_slow\",\"close\":4408") == 1);
	end();
}

static void
test_slow_reader_websocket(void)
{
	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	stall(1 << 20);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_TOO_SLOW);
	do {
		door_read(&d);
		turns(&w, 1);
	} while (!d.eof);
	CU_ASSERT(door_count(&d, "\x11\x38too slow") == 1);
	end();
}

/* One that never reads again is dropped without its last words. */
static void
test_slow_reader_stays_stuck(void)
{
	world_init_with(
	    &w, (struct push_hub_params){ .close_ms = 50, .tick_ms = 10 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	stall(1 << 20);
	CU_ASSERT(d.closed == 1 && stats().closing == 1);
	wait_ms(&w, 120);
	CU_ASSERT(stats().closing == 0 && stats().queue_bytes == 0);
	end();
}

/* A client that sends requests and reads no replies is not read from. */
static void
test_throttle(void)
{
	static char reply[30000];

	begin(PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	memset(reply, 'r', sizeof(reply));
	do {
		push_session_reply(d.s, reply, sizeof(reply));
		turns(&w, 1);
	} while (push_session_queued(d.s) < 560000);
	door_frame(&d, 0x81, "x", 1);
	turns(&w, 3);
	CU_ASSERT(d.texts.len == 0);
	do {
		door_read(&d);
		turns(&w, 1);
	} while (push_session_queued(d.s) > 0);
	turns(&w, 1);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "x;");
	end();
}

static void
hold_on_text(struct door *door, const char *text, size_t len)
{
	(void)text;
	(void)len;
	push_session_hold(door->s, true);
}

static void
test_hold(void)
{
	begin(PUSH_WEBSOCKET);
	d.on_text = hold_on_text;
	door_start(&w, &d, "ann", topics_ab);
	door_frame(&d, 0x81, "a", 1);
	door_frame(&d, 0x81, "b", 1);
	door_frame(&d, 0x81, "c", 1);
	turns(&w, 3);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "a;");
	push_session_hold(d.s, false);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "a;");
	turns(&w, 3);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "a;b;");
	d.on_text = NULL;
	push_session_hold(d.s, false);
	turns(&w, 3);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "a;b;c;");
	end();
}

static void
close_on_text(struct door *door, const char *text, size_t len)
{
	(void)text;
	(void)len;
	push_session_close(door->s, PUSH_CLOSE_POLICY, "enough");
}

static void
test_close_inside_callback(void)
{
	begin(PUSH_WEBSOCKET);
	d.on_text = close_on_text;
	door_start(&w, &d, "ann", topics_ab);
	door_frame(&d, 0x81, "a", 1);
	door_frame(&d, 0x81, "b", 1);
	turns(&w, 3);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&d.texts), "a;");
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_POLICY);
	end();
}

static void
test_sse_comment(void)
{
	world_init_with(&w,
	    (struct push_hub_params){ .sse_comment_ms = 50, .tick_ms = 10 });
	door_open(&w, &d, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	wait_ms(&w, 280);
	door_read(&d);
	CU_ASSERT(door_count(&d, "\n\n:\n\n") >= 1);
	CU_ASSERT(door_count(&d, ":\n\n") >= 2 && door_count(&d, ":\n\n") <= 6);
	end();
}

static void
test_visible_heartbeat(void)
{
	struct push_identity who = { .user = "ann", .heartbeat_s = 1 };
	struct push_start st = { .head = "HEAD", .head_len = 4 };

	world_init_with(&w, (struct push_hub_params){ .tick_ms = 10 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	push_session_identify(d.s, &who);
	push_session_start(d.s, &st);
	wait_ms(&w, 1150);
	door_read(&d);
	CU_ASSERT(
	    door_count(&d, "{\"event\":\"heartbeat\",\"time\":\"20") >= 1);
	end();
}

static void
test_ping_and_silence(void)
{
	world_init_with(&w,
	    (struct push_hub_params){

		.ws_ping_ms = 100, .dead_ms = 400, .tick_ms = 10 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	wait_ms(&w, 180);
	door_read(&d);
	CU_ASSERT(memcmp(d.got.data + d.got.len - 2, "\x89\0", 2) == 0);
	door_frame(&d, 0x8a, "", 0);
	wait_ms(&w, 250);
	CU_ASSERT(d.closed == 0);
	wait_ms(&w, 250);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_ABNORMAL);
	CU_ASSERT(stats().dead == 1);
	end();
}

/* A touched SSE session lives as long as it is touched again; one that never
 * was lives. */
static void
test_touch(void)
{
	struct door other;

	world_init_with(
	    &w, (struct push_hub_params){ .dead_ms = 300, .tick_ms = 10 });
	door_open(&w, &d, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	door_open(&w, &other, PUSH_SSE);
	door_start(&w, &other, "bob", topics_ab);
	push_session_touch(d.s);
	for (int i = 0; i < 5; i++) {
		wait_ms(&w, 100);
		if (d.s != NULL)
			push_session_touch(d.s);
	}
	CU_ASSERT_EQUAL(d.closed, 0);
	wait_ms(&w, 500);
	CU_ASSERT_EQUAL(d.closed, 1);
	CU_ASSERT_EQUAL(d.code, PUSH_CLOSE_ABNORMAL);
	CU_ASSERT_EQUAL(other.closed, 0);
	door_fini(&other);
	end();
}

static void
test_takes_nothing(void)
{
	world_init_with(
	    &w, (struct push_hub_params){ .dead_ms = 80, .tick_ms = 10 });
	door_open(&w, &d, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	stall(50000);
	wait_ms(&w, 160);
	CU_ASSERT(d.closed == 1 && stats().dead == 1);
	end();
}

static int64_t
wall_s(void)
{
	return base_clock_wall_us() / 1000000;
}

static void
test_expiry(void)
{
	struct push_identity who = { .user = "ann" };
	struct push_start st = { .head = "HEAD", .head_len = 4 };

	world_init_with(&w, (struct push_hub_params){ .tick_ms = 10 });
	door_open(&w, &d, PUSH_SSE);
	who.expires_at = wall_s() + 2;
	push_session_identify(d.s, &who);
	push_session_start(d.s, &st);
	wait_ms(&w, 50);
	door_read(&d);
	CU_ASSERT(door_count(&d, "event: token.expiring\n") == 1);
	CU_ASSERT(door_count(&d, "{\"expires_in\":") == 1);
	wait_ms(&w, 2000);
	door_read(&d);
	CU_ASSERT(door_count(&d, "event: token.expiring\n") == 1);
	CU_ASSERT(door_count(&d, "\"code\":\"token_expired\"") == 1);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_EXPIRED);
	end();
}

static void
test_renewal(void)
{
	struct push_identity who = { .user = "ann" };
	struct push_start st = { .head = "HEAD", .head_len = 4 };

	world_init_with(&w, (struct push_hub_params){ .tick_ms = 10 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	who.expires_at = wall_s() + 2;
	push_session_identify(d.s, &who);
	push_session_start(d.s, &st);
	wait_ms(&w, 30);
	push_session_expires(d.s, wall_s() + 3600);
	wait_ms(&w, 2100);
	CU_ASSERT(d.closed == 0);
	door_read(&d);
	CU_ASSERT(door_count(&d, "token.expiring") == 1);
	push_session_expires(d.s, wall_s() - 5);
	wait_ms(&w, 40);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_EXPIRED);
	end();
}

static void
test_drain(void)
{
	struct door more[8];
	unsigned i, early = 0, late = 0;

	world_init_with(&w, (struct push_hub_params){ .tick_ms = 10 });
	for (i = 0; i < 8; i++) {
		door_open(&w, &more[i], i % 2 ? PUSH_SSE : PUSH_WEBSOCKET);
		door_start(&w, &more[i], "ann", topics_ab);
	}
	push_hub_drain(w.hub, 400);
	wait_ms(&w, 30);
	for (i = 0; i < 8; i++)
		early += more[i].closed;
	wait_ms(&w, 450);
	for (i = 0; i < 8; i++) {
		late += more[i].closed;
		door_read(&more[i]);
		CU_ASSERT(
		    door_count(&more[i], "{\"event\":\"reconnect\"") == 1);
		CU_ASSERT(more[i].code == PUSH_CLOSE_RESTART);
		CU_ASSERT(more[i].eof == (i % 2 == 1));
		CU_ASSERT(door_count(&more[i], "\x88\x17\x03\xf4") == !(i % 2));
	}
	CU_ASSERT(early < 8 && late == 8);
	/* A newcomer is told as well. */
	door_open(&w, &d, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	wait_ms(&w, 450);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_RESTART);
	for (i = 0; i < 8; i++)
		door_fini(&more[i]);
	end();
}

static void
test_goodbye(void)
{
	struct door other;

	begin(PUSH_WEBSOCKET);
	door_open(&w, &other, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	door_start(&w, &other, "ann", topics_ab);
	publish(&w, 101, "conversation:a");
	push_hub_goodbye(w.hub, 5000);
	door_read(&d);
	door_read(&other);
	CU_ASSERT_STRING_EQUAL(door_ids(&d), "101");
	CU_ASSERT_STRING_EQUAL(door_ids(&other), "101");
	CU_ASSERT(door_count(&d, "\x03\xf4the server restarts") == 1);
	CU_ASSERT(door_count(&other, "\nevent: reconnect\n") == 1);
	CU_ASSERT(door_count(&other, "\n\nretry: ") == 1);
	CU_ASSERT(d.eof && other.eof && d.closed == 0);
	CU_ASSERT(stats().closing == 0 && stats().topics == 0);
	door_fini(&other);
	end();
}

static void
test_sink(void)
{
	begin(PUSH_SINK);
	door_start(&w, &d, "ann", topics_ab);
	publish(&w, 101, "conversation:a");
	publish(&w, 102, "conversation:b");
	CU_ASSERT(d.events.len == 0);
	turns(&w, 1);
	CU_ASSERT_STRING_EQUAL(
	    base_buf_str(&d.events), "raw/0;ready/0;test/101;test/102;");
	push_session_close(d.s, PUSH_CLOSE_NORMAL, NULL);
	turns(&w, 1);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_NORMAL);
	end();
}

static void
test_private_event(void)
{
	begin(PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	push_session_event(d.s, "reconnect", "{\"after_ms\":5}");
	turns(&w, 1);
	door_read(&d);
	CU_ASSERT(door_count(&d,
		      "event: reconnect\ndata: {\"event\":\"reconnect\","
		      "\"data\":{\"after_ms\":5}}\n\n") == 1);
	end();
}

/* Everything in every state at once, freed with the hub. */
static void
test_free_with_sessions(void)
{
	struct door more[4];
	unsigned i;

	world_init(&w);
	for (i = 0; i < 4; i++)
		door_open(&w, &more[i], i % 2 ? PUSH_SSE : PUSH_WEBSOCKET);
	door_start(&w, &more[1], "ann", topics_ab);
	door_start(&w, &more[2], "ann", topics_ab);
	door_frame(&more[2], 0x01, "half", 4);
	turns(&w, 1);
	push_session_close(more[1].s, PUSH_CLOSE_NORMAL, NULL);
	publish(&w, 5, "conversation:a");
	push_hub_free(w.hub);
	base_loop_poll_free(w.loop);
	for (i = 0; i < 4; i++)
		door_fini(&more[i]);
	CU_PASS("no leak");
}

TEST_MAIN("push_session", { "sse", test_sse }, { "websocket", test_websocket },
    { "first bytes", test_first_bytes },
    { "client closes", test_client_closes },
    { "client closes without code", test_client_closes_without_code },
    { "we close", test_we_close }, { "close times out", test_close_times_out },
    { "failures", test_failures }, { "refuse", test_refuse },
    { "gone before start", test_gone_before_start },
    { "not started", test_not_started },
    { "sse peer closes", test_sse_peer_closes },
    { "half close", test_half_close },
    { "half close in vain", test_half_close_in_vain },
    { "replies before close", test_replies_before_close },
    { "close in vain", test_close_in_vain },
    { "broken pipe", test_broken_pipe }, { "tcp reset", test_tcp_reset },
    { "compressed", test_compressed },
    { "ephemerals go first", test_ephemerals_go_first },
    { "burst", test_burst }, { "slow reader sse", test_slow_reader_sse },
    { "slow reader websocket", test_slow_reader_websocket },
    { "slow reader stays stuck", test_slow_reader_stays_stuck },
    { "throttle", test_throttle }, { "hold", test_hold },
    { "close inside callback", test_close_inside_callback },
    { "sse comment", test_sse_comment },
    { "visible heartbeat", test_visible_heartbeat },
    { "ping and silence", test_ping_and_silence }, { "touch", test_touch },
    { "takes nothing", test_takes_nothing }, { "expiry", test_expiry },
    { "renewal", test_renewal }, { "drain", test_drain },
    { "goodbye", test_goodbye }, { "sink", test_sink },
    { "private event", test_private_event },
    { "free with sessions", test_free_with_sessions })
