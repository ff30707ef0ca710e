/* SPDX-License-Identifier: ISC */
/* One session that starts, for the tests of push/resume.c: from the ring
 * (test_push_resume) and from the log (test_push_resume_log). */
#ifndef TESTS_UNIT_PUSH_RESUME_FIXTURE_H
#define TESTS_UNIT_PUSH_RESUME_FIXTURE_H

#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

static const char *const topics_a[] = { "conversation:a" };

static struct world w;
static struct door d;

static inline void
begin(int64_t cursor)
{
	world_init(&w);
	push_hub_cursor_set(w.hub, cursor);
	door_open(&w, &d, PUSH_SSE);
	push_session_identify(d.s, &(struct push_identity){ .user = "ann" });
}

static inline void
end(void)
{
	door_fini(&d);
	world_fini(&w);
}

/* `after` -1: none. */
static inline void
start(int64_t end_id, int64_t floor, int64_t after, const struct push_effect *x,
    size_t n)
{
	struct push_start st = { .topics = topics_a,
		.topic_count = 1,
		.end_id = end_id,
		.floor_id = floor,
		.effects = x,
		.effect_count = n,
		.has_after = after >= 0,
		.after = after,
		.head = "HEAD\r\n\r\n",
		.head_len = 8 };

	push_session_start(d.s, &st);
}

static inline const char *
ids(void)
{
	turns(&w, 1);
	door_read(&d);
	return door_ids(&d);
}

static inline void
publish_from_to(int64_t from, int64_t to)
{
	for (; from <= to; from++)
		publish(&w, from, "conversation:a");
}

#endif
