/* SPDX-License-Identifier: ISC */
/* Topics and their listeners. */

#include "push/topic.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define CHAINS_MIN 64
#define LISTENERS_MIN 2
#define MEMBERSHIPS_MIN 4
#define PLACE_MASK 0x3fffffffU

void
push_topics_fini(struct push_topics *topics)
{
	assert(topics->count == 0);
	base_free(topics->chains);
	memset(topics, 0, sizeof(*topics));
}

static struct push_topic_chain *
chain_of(const struct push_topics *topics, uint64_t hash)
{
	return &topics->chains[hash & (topics->chain_count - 1)];
}

struct push_topic *
push_topic_find(
    const struct push_topics *topics, uint64_t hash, const char *name)
{
	struct push_topic *t;

	if (topics->chain_count == 0)
		return NULL;
	SLIST_FOREACH (t, chain_of(topics, hash), chain)
		if (t->hash == hash && strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

static void
table_grow(struct push_topics *topics)
{
	struct push_topics old = *topics;
	struct push_topic *t;
	size_t i;

	topics->chain_count =
	    old.chain_count == 0 ? CHAINS_MIN : old.chain_count * 2;
	topics->chains =
	    base_alloc(topics->chain_count * sizeof(*topics->chains));
	for (i = 0; i < old.chain_count; i++)
		while ((t = SLIST_FIRST(&old.chains[i])) != NULL) {
			SLIST_REMOVE_HEAD(&old.chains[i], chain);
			SLIST_INSERT_HEAD(chain_of(topics, t->hash), t, chain);
		}
	base_free(old.chains);
}

static struct push_topic *
topic_new(struct push_topics *topics, uint64_t hash, const char *name)
{
	size_t len = strlen(name);
	struct push_topic *t = base_alloc(sizeof(*t) + len + 1);

	if (topics->count >= topics->chain_count)
		table_grow(topics);
	t->hash = hash;
	memcpy(t->name, name, len + 1);
	SLIST_INSERT_HEAD(chain_of(topics, hash), t, chain);
	topics->count++;
	return t;
}

static void
topic_free(struct push_topics *topics, struct push_topic *t)
{
	SLIST_REMOVE(chain_of(topics, t->hash), t, push_topic, chain);
	topics->count--;
	if (t->cap > 0)
		base_free(t->u.many);
	base_free(t);
}

struct push_listener *
push_topic_listeners(struct push_topic *t)
{
	return t->cap == 0 ? &t->u.one : t->u.many;
}

/* Gives the topic an array for `cap` listeners. */
static void
listeners_resize(struct push_topic *t, uint32_t cap)
{
	struct push_listener *many = base_alloc(cap * sizeof(*many));

	memcpy(many, push_topic_listeners(t), t->count * sizeof(*many));
	if (t->cap > 0)
		base_free(t->u.many);
	t->u.many = many;
	t->cap = cap;
}

/* Gives memory back when a crowd has gone. */
static void
listeners_shrink(struct push_topic *t)
{
	struct push_listener *many = t->u.many;

	if (t->cap == 0)
		return;
	if (t->count == 1) {
		t->u.one = many[0];
		t->cap = 0;
		base_free(many);
	} else if (t->count < t->cap / 4) {
		listeners_resize(t, t->cap / 2);
	}
}

void
push_topic_reserve(struct push_memberships *who, size_t n)
{
	if (who->count + n <= who->cap)
		return;
	who->cap = who->count + (uint32_t)n;
	who->items = base_realloc(who->items, who->cap * sizeof(*who->items));
}

struct push_listener *
push_topic_listener(struct push_topic *t, const struct push_memberships *who)
{
	struct push_listener *listeners = push_topic_listeners(t);
	uint32_t i;

	if (t->count < who->count) {
		for (i = 0; i < t->count; i++)
			if (listeners[i].who == who)
				return &listeners[i];
		return NULL;
	}
	for (i = 0; i < who->count; i++)
		if (who->items[i].topic == t)
			return &listeners[who->items[i].place];
	return NULL;
}

struct push_listener *
push_topic_join(struct push_topics *topics, uint64_t hash, const char *name,
    struct push_memberships *who, enum push_listening how)
{
	struct push_topic *t = push_topic_find(topics, hash, name);
	struct push_listener *l;

	if (t == NULL) {
		t = topic_new(topics, hash, name);
	} else if ((l = push_topic_listener(t, who)) != NULL) {
		if (how != PUSH_SILENT)
			l->silent = false;
		if (how == PUSH_LISTENS)
			l->visits = false;
		return l;
	}
	if (t->count > 0 && t->count >= t->cap)
		listeners_resize(
		    t, t->cap == 0 ? LISTENERS_MIN : t->cap + t->cap / 2 + 1);
	if (who->count == who->cap)
		push_topic_reserve(who, MEMBERSHIPS_MIN + who->cap / 2);
	l = &push_topic_listeners(t)[t->count];
	l->who = who;
	l->place = who->count & PLACE_MASK;
	l->silent = how == PUSH_SILENT;
	l->visits = how == PUSH_VISITS;
	l->from = 0;
	who->items[who->count].topic = t;
	who->items[who->count].place = t->count;
	who->count++;
	t->count++;
	return l;
}

/* Both arrays close the hole with their last element, and tell the other side
 * its new place. */
static void
take_off(struct push_topics *topics, struct push_topic *t,
    struct push_listener *hole)
{
	struct push_listener *listeners = push_topic_listeners(t), *last;
	struct push_memberships *who = hole->who;
	uint32_t place = hole->place, at = (uint32_t)(hole - listeners);
	struct push_membership *moved;

	last = &listeners[--t->count];
	if (last != hole) {
		*hole = *last;
		hole->who->items[hole->place].place = at;
	}
	moved = &who->items[--who->count];
	if (place != who->count) {
		who->items[place] = *moved;
		push_topic_listeners(moved->topic)[moved->place].place =
		    place & PLACE_MASK;
	}
	if (t->count == 0)
		topic_free(topics, t);
	else
		listeners_shrink(t);
}

void
push_topic_leave(struct push_topics *topics, struct push_topic *t,
    struct push_memberships *who)
{
	struct push_listener *l = push_topic_listener(t, who);

	if (l != NULL)
		take_off(topics, t, l);
}

void
push_topic_leave_all(struct push_topics *topics, struct push_memberships *who)
{
	while (who->count > 0) {
		struct push_membership *m = &who->items[who->count - 1];

		take_off(topics, m->topic,
		    &push_topic_listeners(m->topic)[m->place]);
	}
	base_free(who->items);
	memset(who, 0, sizeof(*who));
}
