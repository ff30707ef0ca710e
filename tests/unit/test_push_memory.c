/* SPDX-License-Identifier: ISC */
/*
 * What idle sessions cost: memory of the heap per live session with ten
 * topics, and in a room in which a thousand do not read.  Prints the figures.
 * (Under a sanitizer, whose heap is another, they are 0.)
 */

#include <sys/resource.h>

#include <malloc.h>
#include <stdlib.h>

#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

enum {
	MOST = 10000,
	TOPICS = 9
};

static struct world w;
static struct door *doors;

/* As many sessions as the limit of descriptors allows, two for each. */
static unsigned
sessions_possible(void)
{
	struct rlimit limit;
	unsigned n;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	n = (unsigned)(limit.rlim_cur > 2 * MOST + 100 ?
		MOST :
		(limit.rlim_cur - 100) / 2);
	return n < MOST ? n : MOST;
}

/* Opens session `i` with nine conversations, each shared by `crowd` sessions,
 * besides its own topic. */
static void
session_begin(
    unsigned i, unsigned crowd, enum push_kind kind, unsigned window_bits)
{
	char names[TOPICS][64], user[48];
	const char *topics[TOPICS + 1];
	unsigned t;

	snprintf(user, sizeof(user), "018f2b7c-0000-7000-8000-%012u", i);
	for (t = 0; t < TOPICS; t++) {
		snprintf(names[t], sizeof(names[t]),
		    "conversation:018f2b7c-%04u-7000-8000-%012u", t, i / crowd);
		topics[t] = names[t];
	}
	topics[TOPICS] = NULL;
	door_open(&w, &doors[i], kind);
	doors[i].window_bits = window_bits;
	door_start(&w, &doors[i], user, topics);
}

static void
publish_sized(int64_t id, const char *topic, size_t len)
{
	static char data[4096];
	struct push_event_fields f = { .id = id,
		.topic = topic,
		.type = "message.created",
		.data = data,
		.data_len = len };
	struct push_event *e;

	memset(data, 'x', len);
	data[0] = data[len - 1] = '"';
	e = push_event_new(&f);
	push_hub_publish(w.hub, e);
	push_event_unref(e);
}

/* Bytes of the heap in use; large tables are mapped by themselves. */
static size_t
heap_used(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void
memory_check(unsigned crowd, enum push_kind kind, unsigned window_bits)
{
	unsigned n = sessions_possible(), i;
	size_t before, after;
	char byte[512];
	double each;

	doors = calloc(n, sizeof(*doors));
	world_init(&w);
	push_hub_cursor_set(w.hub, 100);
	session_begin(0, crowd, kind, window_bits); /* what all share */
	turns(&w, 2);
	before = heap_used();
	for (i = 1; i < n; i++) {
		session_begin(i, crowd, kind, window_bits);
		if (i % 50 == 0)
			turns(&w, 1);
	}
	for (i = 0; i < 50; i++)
		turns(&w, 1);
	/* One event for each: queues have worked. */
	for (i = 0; i < n; i++) {
		char topic[64];

		snprintf(topic, sizeof(topic),
		    "user:018f2b7c-0000-7000-8000-%012u", i);
		publish_sized(0, topic, 300);
		if (i % 50 == 0)
			turns(&w, 1);
	}
	for (i = 0; i < 50; i++)
		turns(&w, 1);
	after = heap_used();
	each = (double)(after - before) / (n - 1);
	printf("%u %s%s, 10 topics, rooms of %u: %.0f bytes each ... ", n,
	    kind == PUSH_SSE ? "SSE" : "WebSockets",
	    window_bits != 0 ? " with compression" : "", crowd, each);
	CU_ASSERT(push_hub_listeners(w.hub, "nobody") == 0);
	CU_ASSERT(each <= 2048);
	for (i = 0; i < n; i++) {
		CU_ASSERT_FATAL(recv(doors[i].fd, byte, sizeof(byte), 0) > 0);
		door_fini(&doors[i]);
	}
	world_fini(&w);
	free(doors);
}

static void
test_memory(void)
{
	memory_check(1, PUSH_WEBSOCKET, 0);
	memory_check(1, PUSH_WEBSOCKET, 15);
	memory_check(50, PUSH_SSE, 0);
}

/* A busy room in which most do not read: memory stays near the ring and one
 * queue's worth of events, whoever stalls is cut, and who reads gets all. */
static void
test_stalled(void)
{
	enum {
		STALLED = 1000,
		EVENTS = 4000
	};
	static const char *const room[] = { "conversation:a", NULL };
	struct push_hub_params p = {
		.ring_bytes = 4 << 20, .close_ms = 100, .tick_ms = 10
	};
	struct push_stats stats;
	size_t base, most = 0, now;
	unsigned i, got = 0;
	struct door reader;

	doors = calloc(STALLED, sizeof(*doors));
	world_init_with(&w, p);
	door_open(&w, &reader, PUSH_WEBSOCKET);
	door_start(&w, &reader, "reader", room);
	for (i = 0; i < STALLED; i++) {
		door_open(&w, &doors[i], PUSH_WEBSOCKET);
		door_start(&w, &doors[i], "stalled", room);
	}
	turns(&w, 50);
	base = heap_used();
	for (i = 1; i <= EVENTS; i++) {
		publish_sized(i, room[0], 1000);
		if (i % 16 != 0)
			continue;
		turns(&w, 1);
		door_read(&reader);
		got += door_count(&reader, "\"event\":\"message");
		base_buf_reset(&reader.got);
		now = heap_used() - base;
		most = now > most ? now : most;
	}
	wait_ms(&w, 400);
	door_read(&reader);
	got += door_count(&reader, "\"event\":\"message");
	push_hub_stats(w.hub, &stats);
	printf("1000 stalled: %zu KiB at most ... ", most / 1024);
	CU_ASSERT(got == EVENTS && reader.closed == 0);
	CU_ASSERT(stats.cut == STALLED && stats.closing == 0);
	CU_ASSERT(stats.now[PUSH_WEBSOCKET] == 1 && stats.queue_bytes == 0);
	CU_ASSERT(most < (size_t)32 << 20);
	for (i = 0; i < STALLED; i++)
		door_fini(&doors[i]);
	door_fini(&reader);
	world_fini(&w);
	free(doors);
}

TEST_MAIN("push_memory", { "memory", test_memory }, { "stalled", test_stalled })
