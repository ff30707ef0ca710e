/* SPDX-License-Identifier: ISC */
/* One session on a socket pair, for the tests of sessions: of what they are
 * (test_push_session), how they end (test_push_session_end) and what keeps them
 * in step with time and slow readers (test_push_session_pace). */
#ifndef TESTS_UNIT_PUSH_SESSION_FIXTURE_H
#define TESTS_UNIT_PUSH_SESSION_FIXTURE_H

#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

static const char *const topics_ab[] = { "user:ann", "conversation:a",
	"conversation:b", NULL };

static struct world w;
static struct door d;

static inline void
begin(enum push_kind kind)
{
	world_init(&w);
	push_hub_cursor_set(w.hub, 100);
	door_open(&w, &d, kind);
}

static inline void
end(void)
{
	door_fini(&d);
	world_fini(&w);
}

/* Position of the first byte behind the head. */
static inline const unsigned char *
frames(void)
{
	return (const unsigned char *)d.got.data + strlen("HEAD\r\n\r\n");
}

static inline void
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
static inline void
stall(size_t bytes)
{
	int64_t id = 1000;

	do {
		publish_big(id++, "conversation:a", 20000);
		turns(&w, 1);
	} while (d.closed == 0 && push_session_queued(d.s) < bytes);
}

#endif
