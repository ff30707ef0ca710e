/* SPDX-License-Identifier: ISC */
/* How sessions end: from either side, in order or not. */
#include <netinet/in.h>

#include <stdlib.h>

#include "tests/unit/push_session_fixture.h"

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
	CU_ASSERT(world_stats(&w).closing == 1);
	close(d.fd);
	d.fd = -1;
	turns(&w, 2);
	CU_ASSERT(world_stats(&w).closing == 0 && world_stats(&w).topics == 0);
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
	CU_ASSERT(world_stats(&w).closing == 1);
	wait_ms(&w, 120);
	CU_ASSERT(world_stats(&w).closing == 0);
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
	CU_ASSERT(world_stats(&w).topics == 0);
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

/* The same of a client that did all that behind its handshake; one that asked
 * for nothing is gone. */
static void
test_half_close_at_start(void)
{
	begin(PUSH_WEBSOCKET);
	door_frame(&d, 0x81, "m", 1);
	shutdown(d.fd, SHUT_WR);
	turns(&w, 2);
	CU_ASSERT_FATAL(d.closed == 0);
	door_start(&w, &d, "ann", topics_ab);
	push_session_owe(d.s, true);
	turns(&w, 2);
	CU_ASSERT(d.texts.len == 2);
	CU_ASSERT_FATAL(d.closed == 0);
	push_session_reply(d.s, "answer", 6);
	push_session_owe(d.s, false);
	turns(&w, 2);
	door_read(&d);
	CU_ASSERT(door_count(&d, "answer") == 1);
	CU_ASSERT(d.closed == 1 && d.eof);
	end();
	begin(PUSH_WEBSOCKET);
	shutdown(d.fd, SHUT_WR);
	turns(&w, 2);
	CU_ASSERT(d.closed == 1);
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
	CU_ASSERT(
	    world_stats(&w).queue_bytes == 0 && world_stats(&w).closing == 0);
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
	CU_ASSERT(world_stats(&w).closing == 0 && world_stats(&w).topics == 0);
	close(listener);
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
	CU_ASSERT(world_stats(&w).closing == 0 && world_stats(&w).topics == 0);
	door_fini(&other);
	end();
}

TEST_MAIN("push_session_end", { "client closes", test_client_closes },
    { "client closes without code", test_client_closes_without_code },
    { "we close", test_we_close }, { "close times out", test_close_times_out },
    { "failures", test_failures }, { "sse peer closes", test_sse_peer_closes },
    { "half close", test_half_close },
    { "half close at the start", test_half_close_at_start },
    { "half close in vain", test_half_close_in_vain },
    { "replies before close", test_replies_before_close },
    { "close in vain", test_close_in_vain },
    { "broken pipe", test_broken_pipe }, { "tcp reset", test_tcp_reset },
    { "close inside callback", test_close_inside_callback },
    { "drain", test_drain }, { "goodbye", test_goodbye })
