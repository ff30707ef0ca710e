/* SPDX-License-Identifier: ISC */
/*
 * The set of topics along the log.  Two layers decide for each topic:
 * membership, which joins and leaves met in the stream change at their place,
 * and the hand (subscribe, unsubscribe), which counts from the moment it
 * moved.  A leave takes both away.
 */

#include "push/follow.h"

#include <string.h>

#include "base/mem.h"

void
push_follow_init(struct push_follow *f, const char *user)
{
	size_t len;

	memset(f, 0, sizeof(*f));
	if (user == NULL)
		return;
	len = strlen(user);
	f->user_topic = base_alloc(len + 6);
	memcpy(f->user_topic, "user:", 5);
	memcpy(f->user_topic + 5, user, len + 1);
	f->user_hash = push_topic_hash(f->user_topic);
}

void
push_follow_fini(struct push_follow *f)
{
	push_nameset_fini(&f->topics);
	push_nameset_fini(&f->only);
	base_free(f->user_topic);
	f->user_topic = NULL;
}

void
push_follow_restrict(
    struct push_follow *f, const char *const *topics, size_t count)
{
	size_t i;

	f->restricted = true;
	for (i = 0; i < count; i++)
		push_nameset_put(
		    &f->only, push_topic_hash(topics[i]), topics[i]);
}

void
push_follow_everything(struct push_follow *f)
{
	f->everything = true;
}

static bool
wanted(const struct push_follow *f, uint64_t hash, const char *topic)
{
	return !f->restricted ||
	    push_nameset_find(&f->only, hash, topic) != NULL;
}

/* `from`: see event.h; PUSH_SEQ_NONE: as it was. */
static void
member_set(struct push_follow *f, uint64_t hash, const char *topic, bool on,
    uint32_t from)
{
	struct push_name *name;

	if (!wanted(f, hash, topic)) {
		/* May still be there by hand. */
		name = push_nameset_find(&f->topics, hash, topic);
		if (name == NULL)
			return;
		on = false;
	} else {
		name = push_nameset_put(&f->topics, hash, topic);
	}
	if (on && from != PUSH_SEQ_NONE)
		name->from = from;
	if (on)
		name->flags |= PUSH_NAME_ON;
	else
		name->flags &= (uint8_t)~PUSH_NAME_ON;
}

void
push_follow_start(
    struct push_follow *f, const struct push_following *now, int64_t after)
{
	struct push_name *name;
	uint32_t pos = 0;
	size_t i;

	while ((name = push_nameset_next(&f->topics, &pos)) != NULL)
		name->flags &= (uint8_t)~PUSH_NAME_ON;
	for (i = 0; i < now->topic_count; i++)
		member_set(f, push_topic_hash(now->topics[i]), now->topics[i],
		    true, push_seq_from(now->from != NULL ? now->from[i] : 0));
	if (f->user_topic != NULL)
		member_set(f, f->user_hash, f->user_topic, true, 0);
	for (i = now->effect_count; i > 0; i--) {
		const struct push_effect *x = &now->effects[i - 1];

		if (x->id > after)
			member_set(f, push_topic_hash(x->topic), x->topic,
			    x->effect < 0, push_seq_of(x->seq));
	}
	f->position = after;
}

void
push_follow_add(
    struct push_follow *f, const char *topic, int64_t since, int64_t from)
{
	struct push_name *name =
	    push_nameset_put(&f->topics, push_topic_hash(topic), topic);

	/* Asked for twice, the first time counts. */
	if (!(name->flags & PUSH_NAME_HAND_ON))
		name->since = since;
	name->from = push_seq_from(from);
	name->flags &= (uint8_t) ~(PUSH_NAME_HAND_OFF | PUSH_NAME_VISIT);
	name->flags |= PUSH_NAME_HAND_ON;
}

void
push_follow_visit(struct push_follow *f, const char *topic, int64_t since,
    int64_t from, int64_t checked)
{
	struct push_name *name;

	push_follow_add(f, topic, since, from);
	name = push_nameset_find(&f->topics, push_topic_hash(topic), topic);
	name->flags |= PUSH_NAME_VISIT;
	name->checked = checked;
}

void
push_follow_remove(struct push_follow *f, const char *topic, int64_t since)
{
	struct push_name *name =
	    push_nameset_put(&f->topics, push_topic_hash(topic), topic);

	name->flags &= (uint8_t)~PUSH_NAME_HAND_ON;
	name->flags |= PUSH_NAME_HAND_OFF;
	name->since = since;
}

/* Whether an event with this id (INT64_MAX: now) is followed by `name`. */
static bool
name_counts(const struct push_name *name, int64_t id)
{
	if ((name->flags & PUSH_NAME_HAND_OFF) && id > name->since)
		return false;
	if (name->flags & PUSH_NAME_ON)
		return true;
	return (name->flags & PUSH_NAME_HAND_ON) && id > name->since;
}

/* Whether an event on this topic is heard; `id` and `seq` are as in the event,
 * INT64_MAX and PUSH_SEQ_NONE those of one that happens now. */
static bool
follows(const struct push_follow *f, uint64_t hash, const char *topic,
    int64_t id, uint32_t seq)
{
	const struct push_name *name;

	if (f->everything)
		return true;
	name = push_nameset_find(&f->topics, hash, topic);
	return name != NULL && name->from <= seq && name_counts(name, id);
}

static bool
is_own_topic(const struct push_follow *f, const struct push_event *e)
{
	return f->user_topic != NULL && e->topic_hash == f->user_hash &&
	    strcmp(e->topic, f->user_topic) == 0;
}

void
push_follow_apply(struct push_follow *f, const struct push_event *e)
{
	int64_t id = e->id > 0 ? e->id : INT64_MAX;
	struct push_name *name;

	if (e->id > f->position)
		f->position = e->id;
	if (e->effect == 0 || !is_own_topic(f, e))
		return;
	if (e->effect < 0 && e->id > f->left_id)
		f->left_id = e->id;
	member_set(f, e->effect_hash, e->effect_topic, e->effect > 0, e->seq);
	name = push_nameset_find(&f->topics, e->effect_hash, e->effect_topic);
	/* What happened before the hand moved does not undo it. */
	if (name == NULL || id <= name->since)
		return;
	if (e->effect < 0)
		name->flags = 0;
	else
		name->flags &= (uint8_t)~PUSH_NAME_HAND_OFF;
}

bool
push_follow_visits(const struct push_name *name)
{
	return (name->flags & PUSH_NAME_VISIT) &&
	    (name->flags & PUSH_NAME_HAND_ON) && !(name->flags & PUSH_NAME_ON);
}

/* Only who has to go hears of it. */
static bool
shut(struct push_follow *f, const struct push_event *e)
{
	struct push_name *name;

	f->position = e->id;
	if (f->everything)
		return true;
	name = push_nameset_find(&f->topics, e->topic_hash, e->topic);
	if (name == NULL || !push_follow_visits(name) || e->id <= name->checked)
		return false;
	name->flags = 0;
	return true;
}

bool
push_follow_offer(struct push_follow *f, const struct push_event *e)
{
	bool deliver;

	if (e->topic == NULL || (e->id > 0 && e->id <= f->position))
		return false;
	if (push_event_shuts(e))
		return shut(f, e);
	deliver = follows(
	    f, e->topic_hash, e->topic, e->id > 0 ? e->id : INT64_MAX, e->seq);
	push_follow_apply(f, e);
	return deliver;
}

bool
push_follow_maybe(const struct push_follow *f, uint64_t topic_hash)
{
	return f->everything ||
	    (f->user_topic != NULL && topic_hash == f->user_hash) ||
	    push_nameset_maybe(&f->topics, topic_hash);
}

const struct push_name *
push_follow_next(const struct push_follow *f, uint32_t *pos)
{
	const struct push_name *name;

	while ((name = push_nameset_next(&f->topics, pos)) != NULL)
		if (name_counts(name, INT64_MAX))
			return name;
	return NULL;
}

bool
push_follow_has(const struct push_follow *f, const char *topic)
{
	return follows(
	    f, push_topic_hash(topic), topic, INT64_MAX, PUSH_SEQ_NONE);
}

const char **
push_follow_topics(const struct push_follow *f, size_t *count)
{
	const char **topics;
	const struct push_name *name;
	uint32_t pos = 0;
	size_t n = 0;

	topics = base_alloc((f->topics.count + 1) * sizeof(*topics));
	while ((name = push_nameset_next(&f->topics, &pos)) != NULL)
		topics[n++] = name->name;
	if (f->user_topic != NULL &&
	    push_nameset_find(&f->topics, f->user_hash, f->user_topic) == NULL)
		topics[n++] = f->user_topic;
	*count = n;
	return topics;
}
