/* SPDX-License-Identifier: ISC */
/* Sessions on socket pairs: what clients see, byte for byte. */
#include "tests/unit/push_session_fixture.h"

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
	CU_ASSERT(world_stats(&w).delivered == 2 && world_stats(&w).live == 1);
	end();
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
	CU_ASSERT(world_stats(&w).starting == 0 &&
	    world_stats(&w).now[PUSH_SSE] == 0);
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
	CU_ASSERT(
	    world_stats(&w).delivered == 4 && world_stats(&w).queue_bytes == 0);

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
    { "first bytes", test_first_bytes }, { "refuse", test_refuse },
    { "gone before start", test_gone_before_start },
    { "not started", test_not_started }, { "compressed", test_compressed },
    { "sink", test_sink }, { "private event", test_private_event },
    { "free with sessions", test_free_with_sessions })
