/* SPDX-License-Identifier: ISC */
/* Slow readers, silence and time: what a session does about them. */
#include "tests/unit/push_session_fixture.h"

static void
test_ephemerals_go_first(void)
{
	begin(PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	stall(300000);
	publish(&w, 0, "conversation:a");
	CU_ASSERT(world_stats(&w).dropped == 0);
	stall(600000);
	CU_ASSERT(world_stats(&w).dropped == 1);
	publish(&w, 0, "conversation:a");
	publish(&w, 0, "conversation:a");
	CU_ASSERT(world_stats(&w).dropped == 3);
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
	CU_ASSERT(
	    world_stats(&w).dropped == 3 && world_stats(&w).queue_bytes == 0);
	end();
}

static unsigned
read_all(const char *what)
{
	unsigned n = 0;

	do {
		base_buf_reset(&d.got);
		door_read(&d);
		n += door_count(&d, what);
		turns(&w, 1);
	} while (push_session_queued(d.s) > 0);
	base_buf_reset(&d.got);
	door_read(&d);
	return n + door_count(&d, what);
}

/* Who lost ephemeral events is told, once it has read what there was. */
static void
test_missed_is_told(void)
{
	const char *hint = "event: presence.missed\n";

	begin(PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	stall(600000);
	CU_ASSERT(read_all(hint) == 0);
	stall(600000);
	publish(&w, 0, "conversation:a");
	publish(&w, 0, "conversation:a");
	CU_ASSERT(world_stats(&w).dropped == 2);
	CU_ASSERT(read_all(hint) == 1);
	publish(&w, 0, "conversation:a");
	turns(&w, 3);
	CU_ASSERT(read_all(hint) == 0);
	/* Those in the queue already, too. */
	stall(400000);
	publish(&w, 0, "conversation:a");
	stall(600000);
	CU_ASSERT(world_stats(&w).dropped == 3);
	CU_ASSERT(read_all(hint) == 1);
	end();
}

/* The process itself did not hear of any for a while. */
static void
test_missed_by_the_process(void)
{
	struct door later, sink;

	world_init_with(&w, (struct push_hub_params){ .tick_ms = 10 });
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &d, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	door_open(&w, &sink, PUSH_SINK);
	door_start(&w, &sink, "ann", topics_ab);
	door_open(&w, &later, PUSH_SSE);
	push_hub_missed(w.hub, 20);
	push_hub_missed(w.hub, 20);
	do {
		turns(&w, 1);
		door_read(&d);
	} while (door_count(&d, "event: presence.missed\n") == 0);
	door_start(&w, &later, "ann", topics_ab);
	wait_ms(&w, 60);
	door_read(&d);
	door_read(&later);
	CU_ASSERT(door_count(&d, "event: presence.missed\n") == 1);
	CU_ASSERT(door_count(&later, "event: presence.missed\n") == 0);
	CU_ASSERT_PTR_NULL(strstr(base_buf_str(&sink.events), "missed"));
	door_fini(&later);
	door_fini(&sink);
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
	CU_ASSERT(world_stats(&w).cut == 0);
	do {
		door_read(&d);
		turns(&w, 1);
	} while (d.closed == 0 && push_session_queued(d.s) > 0);
	CU_ASSERT(d.closed == 0 && world_stats(&w).cut == 0);
	end();
}

static void
test_slow_reader_sse(void)
{
	begin(PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	stall(1 << 20);
	CU_ASSERT(d.closed == 1 && d.code == PUSH_CLOSE_TOO_SLOW);
	CU_ASSERT(
	    world_stats(&w).cut == 1 && world_stats(&w).queue_bytes < 30000);
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
	CU_ASSERT(d.closed == 1 && world_stats(&w).closing == 1);
	wait_ms(&w, 120);
	CU_ASSERT(
	    world_stats(&w).closing == 0 && world_stats(&w).queue_bytes == 0);
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

/* One that had something on its way when it was looked at is looked at again. */
static void
test_sse_comment_behind(void)
{
	world_init_with(&w,
	    (struct push_hub_params){ .sse_comment_ms = 50, .tick_ms = 10 });
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &d, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	/* The tick is due in the turn that the event leaves in. */
	(void)usleep(80000);
	publish(&w, 101, "conversation:a");
	CU_ASSERT(push_session_queued(d.s) > 0);
	turns(&w, 1);
	door_read(&d);
	CU_ASSERT(door_count(&d, "event: test\n") == 1);
	base_buf_reset(&d.got);
	wait_ms(&w, 280);
	door_read(&d);
	CU_ASSERT(door_count(&d, ":\n\n") >= 1);
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
	CU_ASSERT(world_stats(&w).dead == 1);
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
	CU_ASSERT(d.closed == 1 && world_stats(&w).dead == 1);
	end();
}

/* Nothing was taken and nothing was said: one look finds out both. */
static void
test_dead_once(void)
{
	world_init_with(
	    &w, (struct push_hub_params){ .dead_ms = 80, .tick_ms = 10 });
	door_open(&w, &d, PUSH_WEBSOCKET);
	door_start(&w, &d, "ann", topics_ab);
	stall(50000);
	CU_ASSERT_EQUAL_FATAL(d.closed, 0);
	usleep(160 * 1000);
	turns(&w, 3);
	CU_ASSERT_EQUAL(d.closed, 1);
	CU_ASSERT_EQUAL(world_stats(&w).dead, 1);
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

/* While touches are not heard nobody is given up for want of them; behind that
 * the time begins anew. */
static void
test_touch_unheard(void)
{
	world_init_with(
	    &w, (struct push_hub_params){ .dead_ms = 60, .tick_ms = 10 });
	door_open(&w, &d, PUSH_SSE);
	door_start(&w, &d, "ann", topics_ab);
	turns(&w, 1);
	push_session_touch(d.s);
	push_hub_deaf(w.hub, true);
	wait_ms(&w, 200);
	CU_ASSERT_FATAL(d.closed == 0);
	push_hub_deaf(w.hub, false);
	wait_ms(&w, 200);
	CU_ASSERT(d.closed == 1);
	end();
}

TEST_MAIN("push_session_pace",
    { "ephemerals go first", test_ephemerals_go_first },
    { "missed is told", test_missed_is_told },
    { "missed by the process", test_missed_by_the_process },
    { "burst", test_burst }, { "slow reader sse", test_slow_reader_sse },
    { "slow reader websocket", test_slow_reader_websocket },
    { "slow reader stays stuck", test_slow_reader_stays_stuck },
    { "throttle", test_throttle }, { "hold", test_hold },
    { "sse comment", test_sse_comment },
    { "sse comment behind events", test_sse_comment_behind },
    { "visible heartbeat", test_visible_heartbeat },
    { "ping and silence", test_ping_and_silence }, { "touch", test_touch },
    { "touch unheard", test_touch_unheard },
    { "takes nothing", test_takes_nothing }, { "dead once", test_dead_once },
    { "expiry", test_expiry }, { "renewal", test_renewal })
