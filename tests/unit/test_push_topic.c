/* SPDX-License-Identifier: ISC */
/* Topics and listeners: random joins and leaves against a matrix, and the two
 * arrays that must know each other's places. */

#include <stdlib.h>

#include "push/event.h"
#include "push/topic.h"
#include "tests/unit/harness.h"

enum {
	NAMES = 40,
	WHO = 60
};

static struct push_topics topics;
static struct push_memberships who[WHO];
static bool joined[WHO][NAMES];
static char names[NAMES][16];

static struct push_topic *
topic(int n)
{
	return push_topic_find(&topics, push_topic_hash(names[n]), names[n]);
}

/* Every element points to the one that points back. */
static bool
places_right(int i)
{
	uint32_t n;

	for (n = 0; n < who[i].count; n++) {
		const struct push_membership *m = &who[i].items[n];
		const struct push_listener *l =
		    &push_topic_listeners(m->topic)[m->place];

		if (m->place >= m->topic->count || l->who != &who[i] ||
		    l->place != n)
			return false;
	}
	return true;
}

static void
all_check(void)
{
	uint32_t counts[NAMES] = { 0 }, in_use = 0;
	int i, n;

	for (i = 0; i < WHO; i++) {
		uint32_t mine = 0;

		for (n = 0; n < NAMES; n++) {
			counts[n] += joined[i][n];
			mine += joined[i][n];
			if (joined[i][n] !=
			    (topic(n) != NULL &&
				push_topic_listener(topic(n), &who[i]) != NULL))
				CU_FAIL("a join or leave got lost");
		}
		CU_ASSERT(who[i].count == mine);
		CU_ASSERT(places_right(i));
	}
	for (n = 0; n < NAMES; n++) {
		CU_ASSERT(
		    (topic(n) == NULL ? 0 : topic(n)->count) == counts[n]);
		in_use += counts[n] > 0;
	}
	CU_ASSERT(topics.count == in_use);
}

static void
test_random(void)
{
	int step, i, n;

	srand(3);
	for (n = 0; n < NAMES; n++)
		snprintf(names[n], sizeof(names[n]), "t%d", n);
	for (step = 0; step < 30000; step++) {
		i = rand() % WHO;
		n = rand() % NAMES;
		/* Grows for a while, then shrinks. */
		if (rand() % 100 < (step < 15000 ? 60 : 35)) {
			push_topic_join(&topics, push_topic_hash(names[n]),
			    names[n], &who[i], PUSH_LISTENS);
			joined[i][n] = true;
		} else if (topic(n) != NULL) {
			push_topic_leave(&topics, topic(n), &who[i]);
			joined[i][n] = false;
		}
		if (step % 1000 == 0)
			all_check();
	}
	all_check();
	for (i = 0; i < WHO; i++)
		push_topic_leave_all(&topics, &who[i]);
	CU_ASSERT(topics.count == 0);
	push_topics_fini(&topics);
}

static void
test_silent(void)
{
	struct push_memberships one = { 0 };
	uint64_t hash = push_topic_hash("u");

	push_topic_join(&topics, hash, "u", &one, PUSH_SILENT);
	CU_ASSERT(push_topic_find(&topics, hash, "u")->u.one.silent);
	push_topic_join(&topics, hash, "u", &one, PUSH_LISTENS);
	CU_ASSERT(!push_topic_find(&topics, hash, "u")->u.one.silent);
	push_topic_join(&topics, hash, "u", &one, PUSH_SILENT);
	CU_ASSERT(!push_topic_find(&topics, hash, "u")->u.one.silent);
	CU_ASSERT(one.count == 1);
	push_topic_leave_all(&topics, &one);
	push_topics_fini(&topics);
}

TEST_MAIN("push_topic", { "random", test_random }, { "silent", test_silent })
