/* SPDX-License-Identifier: ISC */
/*
 * The set of topics along the log.  The property test draws histories of joins
 * and leaves and compares what a reader gets with a model that replays the
 * whole history from the beginning.
 */

#include <stdlib.h>

#include "base/mem.h"
#include "push/follow.h"
#include "tests/unit/harness.h"

static struct push_follow f;

static void
start(const char *const *topics, size_t count, const struct push_effect *x,
    size_t n, int64_t after)
{
	const struct push_following now = { .topics = topics,
		.topic_count = count,
		.effects = x,
		.effect_count = n };

	push_follow_start(&f, &now, after);
}

static bool
offer_fields(const struct push_event_fields *fields)
{
	struct push_event *e = push_event_new(fields);
	bool yes = push_follow_offer(&f, e);

	push_event_unref(e);
	return yes;
}

static bool
offer(int64_t id, const char *topic, int effect, const char *effect_topic)
{
	const struct push_event_fields fields = { .id = id,
		.topic = topic,
		.type = "t",
		.effect = effect,
		.effect_topic = effect_topic };

	return offer_fields(&fields);
}

/* One about the message of this number. */
static bool
offer_about(int64_t id, const char *topic, int64_t seq)
{
	const struct push_event_fields fields = {
		.id = id, .topic = topic, .type = "t", .seq = seq
	};

	return offer_fields(&fields);
}

static void
test_now(void)
{
	const char *const topics[] = { "conversation:a" };

	push_follow_init(&f, "ann");
	start(topics, 1, NULL, 0, 10);
	CU_ASSERT(offer(11, "conversation:a", 0, NULL));
	CU_ASSERT(!offer(11, "conversation:a", 0, NULL));
	CU_ASSERT(!offer(9, "conversation:a", 0, NULL));
	CU_ASSERT(!offer(12, "conversation:b", 0, NULL));
	CU_ASSERT(offer(13, "user:ann", 1, "conversation:b"));
	CU_ASSERT(offer(14, "conversation:b", 0, NULL));
	CU_ASSERT(offer(15, "user:ann", -1, "conversation:a"));
	CU_ASSERT(!offer(16, "conversation:a", 0, NULL));
	CU_ASSERT(!offer(17, "user:bob", -1, "conversation:b"));
	CU_ASSERT(offer(18, "conversation:b", 0, NULL));
	CU_ASSERT(offer(0, "conversation:b", 0, NULL));
	CU_ASSERT(push_follow_has(&f, "conversation:b"));
	CU_ASSERT(!push_follow_has(&f, "conversation:a"));
	push_follow_fini(&f);
}

/* Removed at 500, back with 400: 401 to 500 and nothing after. */
static void
test_removed_since(void)
{
	const struct push_effect x[] = { { 500, -1, "conversation:a", 0 } };

	push_follow_init(&f, "ann");
	start(NULL, 0, x, 1, 400);
	CU_ASSERT(offer(499, "conversation:a", 0, NULL));
	CU_ASSERT(offer(500, "user:ann", -1, "conversation:a"));
	CU_ASSERT(!offer(501, "conversation:a", 0, NULL));
	push_follow_fini(&f);
}

/* Left at 420, rejoined at 460: not 421 to 459. */
static void
test_left_and_rejoined(void)
{
	const char *const topics[] = { "conversation:a" };
	const struct push_effect x[] = { { 420, -1, "conversation:a", 0 },
		{ 460, 1, "conversation:a", 0 } };

	push_follow_init(&f, "ann");
	start(topics, 1, x, 2, 400);
	CU_ASSERT(offer(410, "conversation:a", 0, NULL));
	CU_ASSERT(offer(420, "user:ann", -1, "conversation:a"));
	CU_ASSERT(!offer(430, "conversation:a", 0, NULL));
	CU_ASSERT(offer(460, "user:ann", 1, "conversation:a"));
	CU_ASSERT(offer(461, "conversation:a", 0, NULL));
	push_follow_fini(&f);
}

static void
test_restricted(void)
{
	const char *const now[] = { "conversation:a", "conversation:b" };
	const char *const only[] = { "conversation:a", "conversation:c" };

	push_follow_init(&f, "ann");
	push_follow_restrict(&f, only, 2);
	start(now, 2, NULL, 0, 10);
	CU_ASSERT(offer(11, "conversation:a", 0, NULL));
	CU_ASSERT(!offer(12, "conversation:b", 0, NULL));
	CU_ASSERT(!offer(13, "user:ann", 1, "conversation:d"));
	CU_ASSERT(!offer(14, "conversation:d", 0, NULL));
	CU_ASSERT(!offer(15, "user:ann", 1, "conversation:c"));
	CU_ASSERT(offer(16, "conversation:c", 0, NULL));
	CU_ASSERT(!offer(17, "user:ann", -1, "conversation:a"));
	CU_ASSERT(!offer(18, "conversation:a", 0, NULL));
	push_follow_fini(&f);
}

static void
test_everything(void)
{
	push_follow_init(&f, NULL);
	push_follow_everything(&f);
	start(NULL, 0, NULL, 0, 10);
	CU_ASSERT(offer(11, "user:bob", 1, "conversation:x"));
	CU_ASSERT(!offer(11, "conversation:x", 0, NULL));
	CU_ASSERT(push_follow_maybe(&f, 123));
	push_follow_fini(&f);
}

/* Subscribed by hand at 50 while the reader is at 10: nothing of before; what
 * happened before does not undo it, a later removal does. */
static void
test_by_hand(void)
{
	const char *const topics[] = { "conversation:a" };

	push_follow_init(&f, "ann");
	start(topics, 1, NULL, 0, 10);
	push_follow_add(&f, "conversation:c", 50, 0);
	push_follow_add(&f, "conversation:a", 50, 0);
	push_follow_remove(&f, "conversation:x", 50);
	CU_ASSERT(offer(11, "conversation:a", 0, NULL));
	CU_ASSERT(!offer(12, "conversation:c", 0, NULL));
	CU_ASSERT(offer(13, "user:ann", -1, "conversation:c"));
	CU_ASSERT(offer(14, "user:ann", -1, "conversation:a"));
	CU_ASSERT(!offer(15, "conversation:a", 0, NULL));
	CU_ASSERT(offer(51, "conversation:c", 0, NULL));
	CU_ASSERT(offer(52, "conversation:a", 0, NULL));
	CU_ASSERT(offer(53, "user:ann", -1, "conversation:c"));
	CU_ASSERT(!offer(54, "conversation:c", 0, NULL));

	/* A new start keeps the hand's work and forgets the rest. */
	start(NULL, 0, NULL, 0, 60);
	CU_ASSERT(offer(61, "conversation:a", 0, NULL));
	push_follow_remove(&f, "conversation:a", 70);
	CU_ASSERT(offer(69, "conversation:a", 0, NULL) == false);
	start(topics, 1, NULL, 0, 60);
	CU_ASSERT(offer(69, "conversation:a", 0, NULL));
	CU_ASSERT(!offer(71, "conversation:a", 0, NULL));
	CU_ASSERT(offer(72, "user:ann", 1, "conversation:a"));
	CU_ASSERT(offer(73, "conversation:a", 0, NULL));
	push_follow_fini(&f);
}

static void
test_topics_to_ask(void)
{
	const char *const topics[] = { "conversation:a" };
	const struct push_effect x[] = { { 5, -1, "conversation:b", 0 },
		{ 6, 1, "conversation:c", 0 } };
	const char **names;
	size_t n, i;
	unsigned seen = 0;

	push_follow_init(&f, "ann");
	start(topics, 1, x, 2, 4);
	names = push_follow_topics(&f, &n);
	for (i = 0; i < n; i++) {
		const char *last = names[i] + strlen(names[i]) - 1;

		seen += strcmp(names[i], "user:ann") == 0 ? 1000 :
		    *last == 'a'			  ? 1 :
		    *last == 'b'			  ? 10 :
		    *last == 'c'			  ? 100 :
							    5000;
	}
	CU_ASSERT(seen == 1111);
	base_free(names);
	push_follow_fini(&f);
}

/* What tells of a message that the reader does not see is not heard; an old
 * join that does not say from where changes nothing of what is known. */
static void
test_seen(void)
{
	const char *const topics[] = { "conversation:a", "conversation:b" };
	const int64_t from[] = { 7, 1 };
	const struct push_effect x[] = { { 20, -1, "conversation:a", 3 },
		{ 30, 1, "conversation:a", 7 },
		{ 40, 1, "conversation:b", 0 } };
	const struct push_following now = { topics, from, 2, x, 3 };

	push_follow_init(&f, "ann");
	push_follow_start(&f, &now, 10);
	CU_ASSERT(!offer_about(11, "conversation:a", 2));
	CU_ASSERT(offer_about(12, "conversation:a", 3));
	CU_ASSERT(offer(20, "user:ann", -1, "conversation:a"));
	CU_ASSERT(!offer_about(21, "conversation:a", 9));
	CU_ASSERT(offer_about(30, "user:ann", 9));
	push_follow_fini(&f);

	push_follow_init(&f, "ann");
	push_follow_start(&f, &now, 30);
	CU_ASSERT(!offer_about(31, "conversation:a", 6));
	CU_ASSERT(offer_about(32, "conversation:a", 7));
	CU_ASSERT(offer(33, "conversation:a", 0, NULL));
	CU_ASSERT(offer(40, "user:ann", 1, "conversation:b"));
	CU_ASSERT(offer_about(41, "conversation:b", 1));
	push_follow_add(&f, "conversation:c", 41, 5);
	CU_ASSERT(!offer_about(42, "conversation:c", 4));
	CU_ASSERT(offer_about(43, "conversation:c", 5));
	push_follow_fini(&f);
}

/*
 * The property: 2,000 random histories.
 */

#define TOPICS 6
#define STEPS 120

static const char *const names[TOPICS] = { "conversation:0", "conversation:1",
	"conversation:2", "conversation:3", "conversation:4",
	"conversation:5" };

struct step {
	int topic;
	int effect;  /* 0: a message */
	int64_t seq; /* which one, 0: any; of a join or leave: seen from here */
};

static struct step history[STEPS + 1];	  /* ids 1 to STEPS */
static int64_t member[STEPS + 1][TOPICS]; /* after the id: sees from; 0: not */

static void
history_draw(void)
{
	int id, t;

	memset(member, 0, sizeof(member));
	for (id = 1; id <= STEPS; id++) {
		t = rand() % TOPICS;
		memcpy(member[id], member[id - 1], sizeof(member[id]));
		history[id] = (struct step){ t, 0, rand() % 10 };
		if (rand() % 3 == 0) {
			history[id].effect = member[id][t] ? -1 : 1;
			history[id].seq =
			    member[id][t] ? member[id][t] : 1 + rand() % 9;
			member[id][t] = member[id][t] ? 0 : history[id].seq;
		}
	}
}

/* What a reader that was there all the time would get. */
static bool
model_gets(int id)
{
	int64_t from = member[id - 1][history[id].topic];

	return history[id].effect != 0 ||
	    (from > 0 && (history[id].seq == 0 || from <= history[id].seq));
}

static bool
step_offer(int id)
{
	const struct step *s = &history[id];
	const char *topic = names[s->topic];
	const struct push_event_fields fields = { .id = id,
		.topic = s->effect == 0 ? topic : "user:ann",
		.type = "t",
		.effect = s->effect,
		.effect_topic = s->effect == 0 ? NULL : topic,
		.seq = s->seq };

	return offer_fields(&fields);
}

static void
history_check(int after, int end)
{
	struct push_effect effects[STEPS];
	const char *topics[TOPICS];
	int64_t from[TOPICS];
	struct push_following now = {
		.topics = topics, .from = from, .effects = effects
	};
	size_t n = 0;
	int id, t;

	for (t = 0; t < TOPICS; t++)
		if (member[end][t]) {
			from[now.topic_count] = member[end][t];
			topics[now.topic_count++] = names[t];
		}
	for (id = after + 1; id <= end; id++)
		if (history[id].effect != 0)
			effects[n++] =
			    (struct push_effect){ id, history[id].effect,
				    names[history[id].topic], history[id].seq };
	now.effect_count = n;
	push_follow_init(&f, "ann");
	push_follow_start(&f, &now, after);
	for (id = after + 1; id <= STEPS; id++) {
		if (step_offer(id) != model_gets(id)) {
			printf("\n  after %d, end %d, id %d ", after, end, id);
			CU_FAIL("not as the model");
		}
	}
	push_follow_fini(&f);
}

static void
test_property(void)
{
	int i, after;

	srand(7);
	for (i = 0; i < 2000; i++) {
		history_draw();
		after = rand() % STEPS;
		history_check(after, after + rand() % (STEPS - after));
	}
	CU_PASS("all");
}

/* Who only visits a topic goes when its door is shut, unless they have joined or
 * were let in since. */
static void
test_visits(void)
{
	const char *const topics[] = { "conversation:a" };

	push_follow_init(&f, "ann");
	push_follow_visit(&f, "conversation:b", 10, 0, 20);
	push_follow_visit(&f, "conversation:c", 10, 0, 20);
	push_follow_visit(&f, "conversation:d", 10, 0, 40);
	start(topics, 1, NULL, 0, 10);
	CU_ASSERT(offer(11, "conversation:b", 0, NULL));
	/* Before the right was looked at. */
	CU_ASSERT(!offer(12, "conversation:b", -1, "conversation:b"));
	CU_ASSERT(offer(13, "conversation:b", 0, NULL));
	CU_ASSERT(!offer(29, "conversation:a", -1, "conversation:a"));
	CU_ASSERT(offer(30, "conversation:b", -1, "conversation:b"));
	CU_ASSERT(!offer(31, "conversation:b", 0, NULL));
	CU_ASSERT(!offer(32, "conversation:b", -1, "conversation:b"));
	CU_ASSERT(offer(33, "user:ann", 1, "conversation:c"));
	CU_ASSERT(!offer(34, "conversation:c", -1, "conversation:c"));
	CU_ASSERT(offer(35, "conversation:c", 0, NULL));
	CU_ASSERT(!offer(36, "conversation:d", -1, "conversation:d"));
	CU_ASSERT(offer(37, "conversation:d", 0, NULL));
	CU_ASSERT(offer(38, "conversation:a", 0, NULL));
	/* A start anew does not bring it back; being let in does. */
	start(topics, 1, NULL, 0, 38);
	CU_ASSERT(!offer(39, "conversation:b", 0, NULL));
	push_follow_visit(&f, "conversation:b", 39, 0, 39);
	CU_ASSERT(offer(40, "conversation:b", 0, NULL));
	push_follow_fini(&f);
}

TEST_MAIN("push_follow", { "now", test_now },
    { "removed since", test_removed_since },
    { "left and rejoined", test_left_and_rejoined },
    { "restricted", test_restricted }, { "everything", test_everything },
    { "what is seen", test_seen }, { "by hand", test_by_hand },
    { "topics to ask", test_topics_to_ask }, { "visits", test_visits },
    { "property", test_property })
