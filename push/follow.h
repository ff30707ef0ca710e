/* SPDX-License-Identifier: ISC */
/*
 * What a reader may see of the log while it moves along it: a set of topics
 * that changes at the place in the stream where the reader joined or left.
 * Sessions use it until they are live; polling without a hub uses it alone.
 *
 *	push_follow_init(&f, "ann");
 *	push_follow_start(&f, topics now, effects since `after`, after, H);
 *	for each event in id order, beginning behind `after`:
 *		if (push_follow_offer(&f, event)) deliver it
 */

#ifndef PUSH_FOLLOW_H
#define PUSH_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "push/event.h"
#include "push/nameset.h"

/* A join (+1) or leave (-1) of the user, as stored on `user:<id>`. */
struct push_effect {
	int64_t id;
	int effect;
	const char *topic;
	int64_t seq; /* the first message that the user sees of the topic, or
		      * saw; 0: not said */
};

/* What a user follows as of one moment, and the joins and leaves that led to
 * it, ascending. */
struct push_following {
	const char *const *topics;
	const int64_t *from; /* of each the first message that the user sees;
			      * NULL: they see all */
	size_t topic_count;
	const struct push_effect *effects;
	size_t effect_count;
};

/* In the caller's storage.  The fields are follow.c's. */
struct push_follow {
	struct push_nameset topics; /* every topic met, on or off */
	struct push_nameset only;   /* the wanted ones, if restricted */
	bool restricted;
	bool everything;  /* all topics, no questions */
	char *user_topic; /* owned; "user:<id>", NULL without a user */
	uint64_t user_hash;
	int64_t position; /* events up to here were offered */
	int64_t left_id;  /* the newest leave that was met */
};

/* A set that follows nothing.  `user` NULL: nobody joins or leaves. */
void push_follow_init(struct push_follow *f, const char *user);
void push_follow_fini(struct push_follow *f);

/* Only these topics are ever followed, whatever start and joins say; before
 * start.  Leaves always count. */
void push_follow_restrict(
    struct push_follow *f, const char *const *topics, size_t count);

/* Follows every topic; before start. */
void push_follow_everything(struct push_follow *f);

/*
 * Puts the set where it was at `after`.  `now`: as of `end`, the snapshot's last
 * id, with the effects after < id <= end.  The user's own topic is followed without being named, unless
 * the set is restricted and it is not among the wanted.  What was added or
 * removed by hand before (push_follow_add, _remove) stays as it was.
 * `after` >= `end` is fine: then the set is the one of `end`.
 */
void push_follow_start(
    struct push_follow *f, const struct push_following *now, int64_t after);

/* Adds a topic by hand: events with id > `since` are delivered, besides what
 * membership gives anyway.  `from`: the first message that the reader sees. */
void push_follow_add(
    struct push_follow *f, const char *topic, int64_t since, int64_t from);

/* The same for one who may read it without belonging to it: when its door shuts
 * (push_event_shuts) behind `checked`, the event at which the right was looked
 * at, they get that event and follow the topic no longer. */
void push_follow_visit(struct push_follow *f, const char *topic, int64_t since,
    int64_t from, int64_t checked);

/* Removes a topic by hand: nothing with id > `since` is delivered. */
void push_follow_remove(
    struct push_follow *f, const char *topic, int64_t since);

/* Whether the reader gets this event; then moves behind it and applies its
 * effect.  An event at or below the position is refused (no duplicates). */
MUST_USE bool push_follow_offer(
    struct push_follow *f, const struct push_event *e);

/* Moves behind the event and applies its effect without asking for delivery. */
void push_follow_apply(struct push_follow *f, const struct push_event *e);

/* False if no event of a topic with this hash concerns the reader: neither
 * delivery nor effect.  For scans that know the hash and not yet the event. */
bool push_follow_maybe(const struct push_follow *f, uint64_t topic_hash);

/* The topics followed now, one by one: start with *pos = 0, NULL ends it. */
const struct push_name *push_follow_next(
    const struct push_follow *f, uint32_t *pos);

/* Whether it is followed as a visit. */
bool push_follow_visits(const struct push_name *name);

bool push_follow_has(const struct push_follow *f, const char *topic);

/* Every topic of which something between `after` and `end` of start could be
 * delivered, and the user's own (its effects are needed): what to ask the log
 * for.  The array is the caller's (base_free), the names are borrowed until
 * the next change. */
MUST_USE const char **push_follow_topics(
    const struct push_follow *f, size_t *count);

#endif
