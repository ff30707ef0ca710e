/* SPDX-License-Identifier: ISC */
/*
 * Everybody types equally long and is told of equally seldom, so each of the
 * two queues is sorted by time when it is filled at its end, and one timer for
 * the earlier of their heads is enough.  An indicator lives as long as it is on
 * one of them.
 */

#include "api/typing.h"

#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define EXPIRE_MS 5000
#define TOLD_MS 1000
#define COUNT_LIMIT 10000
#define CROWD_LIMIT 20

/* Those of a topic of whom others think that they type. */
struct crowd {
	size_t shown;
	char topic[]; /* the map borrows it */
};

struct indicator {
	TAILQ_ENTRY(indicator) typing_link, told_link;
	bool typing;	     /* on `typing`; as was last said */
	bool told;	     /* on `told` */
	bool shown;	     /* typing, as was last told */
	bool waits;	     /* something was said since then */
	uint64_t expires_ms; /* while typing */
	uint64_t free_ms;    /* while told: from then on the next may be told */
	char *root;	     /* owned: of the last word, or NULL */
	char *origin;	     /* likewise */
	char *data;	     /* owned: of the last word */
	const char *conversation, *user; /* in the key */
	size_t key_len;
	char key[]; /* topic, NUL, conversation, NUL, user, NUL; the map
		     * borrows it */
};

TAILQ_HEAD(indicators, indicator);

struct api_typing {
	struct base_loop *loop;
	struct base_timer *timer; /* armed while a queue is not empty */
	uint64_t timer_ms;	  /* then, or earlier than need be */
	struct base_map map;
	struct base_map crowds;
	struct indicators typing; /* next to expire first */
	struct indicators told;	  /* next to be free first */
	size_t count;		  /* of `typing` */
	size_t limit;
	size_t crowd_limit;
	uint32_t expire_ms, told_ms;
	void (*tell)(void *, const struct api_typing_word *);
	void *arg;
};

static void due(void *);

struct api_typing *
api_typing_new(const struct api_typing_params *p)
{
	struct api_typing *t;

	t = base_alloc(sizeof(*t));
	t->loop = p->loop;
	t->expire_ms = p->expire_ms != 0 ? p->expire_ms : EXPIRE_MS;
	t->told_ms = p->told_ms != 0 ? p->told_ms : TOLD_MS;
	t->limit = p->limit != 0 ? p->limit : COUNT_LIMIT;
	t->crowd_limit = p->crowd_limit != 0 ? p->crowd_limit : CROWD_LIMIT;
	t->tell = p->tell;
	t->arg = p->arg;
	base_map_init(&t->map);
	base_map_init(&t->crowds);
	TAILQ_INIT(&t->typing);
	TAILQ_INIT(&t->told);
	return t;
}

static void
typing_end(struct api_typing *t, struct indicator *i)
{
	if (!i->typing)
		return;
	TAILQ_REMOVE(&t->typing, i, typing_link);
	i->typing = false;
	t->count--;
}

static void
told_end(struct api_typing *t, struct indicator *i)
{
	if (i->told)
		TAILQ_REMOVE(&t->told, i, told_link);
	i->told = false;
}

static struct crowd *
crowd_get(const struct api_typing *t, const struct indicator *i)
{
	return base_map_get(&t->crowds, i->key, strlen(i->key));
}

static void
crowd_enter(struct api_typing *t, const struct indicator *i)
{
	size_t len = strlen(i->key);
	struct crowd *c = crowd_get(t, i);

	if (c == NULL) {
		c = base_alloc(sizeof(*c) + len);
		memcpy(c->topic, i->key, len);
		base_map_put(&t->crowds, c->topic, len, c);
	}
	c->shown++;
}

static void
crowd_leave(struct api_typing *t, const struct indicator *i)
{
	struct crowd *c = crowd_get(t, i);

	if (--c->shown > 0)
		return;
	base_map_remove(&t->crowds, c->topic, strlen(i->key));
	base_free(c);
}

static void
shown_set(struct api_typing *t, struct indicator *i, bool shown)
{
	if (shown && !i->shown)
		crowd_enter(t, i);
	else if (!shown && i->shown)
		crowd_leave(t, i);
	i->shown = shown;
}

static bool
is_crowded(const struct api_typing *t, const struct indicator *i)
{
	const struct crowd *c = crowd_get(t, i);

	return c != NULL && c->shown >= t->crowd_limit;
}

static void
indicator_free(struct api_typing *t, struct indicator *i)
{
	typing_end(t, i);
	told_end(t, i);
	shown_set(t, i, false);
	base_map_remove(&t->map, i->key, i->key_len);
	base_free(i->root);
	base_free(i->origin);
	base_free(i->data);
	base_free(i);
}

void
api_typing_free(struct api_typing *t)
{
	struct indicator *i;

	if (t == NULL)
		return;
	base_timer_cancel(t->timer);
	while ((i = TAILQ_FIRST(&t->typing)) != NULL ||
	    (i = TAILQ_FIRST(&t->told)) != NULL)
		indicator_free(t, i);
	base_map_fini(&t->map);
	base_map_fini(&t->crowds);
	base_free(t);
}

static void
timer_arm(struct api_typing *t)
{
	struct indicator *ends = TAILQ_FIRST(&t->typing);
	struct indicator *frees = TAILQ_FIRST(&t->told);
	uint64_t now, at = UINT64_MAX;

	if (ends != NULL)
		at = ends->expires_ms;
	if (frees != NULL && frees->free_ms < at)
		at = frees->free_ms;
	if (at == UINT64_MAX || (t->timer != NULL && t->timer_ms <= at))
		return;
	base_timer_cancel(t->timer);
	now = base_clock_ms();
	t->timer_ms = at;
	t->timer = base_timer_start(t->loop, at > now ? at - now : 1, due, t);
}

/* It is told now what was said last. */
static void
note_told(struct api_typing *t, struct indicator *i)
{
	shown_set(t, i, i->typing);
	i->waits = false;
	i->told = true;
	i->free_ms = base_clock_ms() + t->told_ms;
	TAILQ_INSERT_TAIL(&t->told, i, told_link);
}

/* What was told last is what is so: a start is told again, since others may
 * have taken it for ended by a message.  Who finds no place among those who are
 * shown waits for a later start of theirs. */
static bool
has_news(const struct api_typing *t, const struct indicator *i)
{
	return i->waits && (i->shown || (i->typing && !is_crowded(t, i)));
}

/* Goes on with one that is free to be told of: true when it was told; frees
 * what nothing is left of. */
static bool
settle(struct api_typing *t, struct indicator *i)
{
	if (has_news(t, i)) {
		note_told(t, i);
		return true;
	}
	if (!i->typing)
		indicator_free(t, i);
	return false;
}

static void
settle_aloud(struct api_typing *t, struct indicator *i)
{
	struct api_typing_word w;

	if (!settle(t, i))
		return;
	w = (struct api_typing_word){ .topic = i->key,
		.conversation = i->conversation,
		.user = i->user,
		.root = i->root,
		.origin = i->origin,
		.data = i->data,
		.started = i->shown };
	t->tell(t->arg, &w);
}

static void
expire(struct api_typing *t, struct indicator *i)
{
	typing_end(t, i);
	i->waits = true;
	if (!i->told)
		settle_aloud(t, i);
}

static void
due(void *arg)
{
	struct api_typing *t = arg;
	struct indicator *i;
	uint64_t now;

	t->timer = NULL;
	now = base_clock_ms();
	while ((i = TAILQ_FIRST(&t->typing)) != NULL && i->expires_ms <= now)
		expire(t, i);
	while ((i = TAILQ_FIRST(&t->told)) != NULL && i->free_ms <= now) {
		told_end(t, i);
		settle_aloud(t, i);
	}
	timer_arm(t);
}

static struct indicator *
indicator_new(const char *topic, const char *conversation, const char *user)
{
	size_t topic_len = strlen(topic) + 1;
	size_t conversation_len = strlen(conversation) + 1;
	size_t user_len = strlen(user) + 1;
	struct indicator *i =
	    base_alloc(sizeof(*i) + topic_len + conversation_len + user_len);

	i->conversation = i->key + topic_len;
	i->user = i->conversation + conversation_len;
	i->key_len = topic_len + conversation_len + user_len;
	memcpy(i->key, topic, topic_len);
	memcpy(i->key + topic_len, conversation, conversation_len);
	memcpy(i->key + topic_len + conversation_len, user, user_len);
	return i;
}

static struct indicator *
find(const struct api_typing *t, const char *topic, const char *conversation,
    const char *user)
{
	struct indicator *key = indicator_new(topic, conversation, user);
	struct indicator *known = base_map_get(&t->map, key->key, key->key_len);

	base_free(key);
	return known;
}

static void
texts_take(struct indicator *i, const struct api_typing_word *w)
{
	base_free(i->root);
	base_free(i->origin);
	base_free(i->data);
	i->root = base_strdup(w->root);
	i->origin = base_strdup(w->origin);
	i->data = base_strdup(w->data);
}

static void
typing_begin(struct api_typing *t, struct indicator *i)
{
	typing_end(t, i);
	if (t->count == t->limit)
		expire(t, TAILQ_FIRST(&t->typing));
	i->typing = true;
	i->expires_ms = base_clock_ms() + t->expire_ms;
	TAILQ_INSERT_TAIL(&t->typing, i, typing_link);
	t->count++;
}

bool
api_typing_say(struct api_typing *t, const struct api_typing_word *w)
{
	struct indicator *i = find(t, w->topic, w->conversation, w->user);
	bool now = false;

	if (i == NULL && !w->started)
		return false;
	if (i == NULL) {
		i = indicator_new(w->topic, w->conversation, w->user);
		base_map_put(&t->map, i->key, i->key_len, i);
	}
	texts_take(i, w);
	i->waits = true;
	if (w->started)
		typing_begin(t, i);
	else
		typing_end(t, i);
	if (!i->told)
		now = settle(t, i);
	timer_arm(t);
	return now;
}

size_t
api_typing_count(const struct api_typing *t)
{
	return t->count;
}
