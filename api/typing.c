/* SPDX-License-Identifier: ISC */
/*
 * All indicators live equally long, so a queue in the order of their last
 * renewal is sorted by expiry and one timer for its head is enough.
 */

#include "api/typing.h"

#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define EXPIRE_MS 5000
#define COUNT_LIMIT 10000

struct indicator {
	TAILQ_ENTRY(indicator) link;
	uint64_t expires_ms;
	char *data;   /* owned */
	char *origin; /* owned, or NULL */
	size_t key_len;
	char key[]; /* topic, NUL, user; the map borrows it */
};

TAILQ_HEAD(indicators, indicator);

struct api_typing {
	struct base_loop *loop;
	struct base_timer *timer; /* armed while the queue is not empty */
	struct base_map map;
	struct indicators queue; /* next to expire first */
	size_t count;
	size_t limit;
	uint32_t expire_ms;
	void (*on_stop)(void *, const char *, const char *, const char *);
	void *arg;
};

static void expire(void *);

struct api_typing *
api_typing_new(const struct api_typing_params *p)
{
	struct api_typing *t;

	t = base_alloc(sizeof(*t));
	t->loop = p->loop;
	t->expire_ms = p->expire_ms != 0 ? p->expire_ms : EXPIRE_MS;
	t->limit = p->limit != 0 ? p->limit : COUNT_LIMIT;
	t->on_stop = p->on_stop;
	t->arg = p->arg;
	base_map_init(&t->map);
	TAILQ_INIT(&t->queue);
	return t;
}

static void
indicator_free(struct api_typing *t, struct indicator *i)
{
	TAILQ_REMOVE(&t->queue, i, link);
	base_map_remove(&t->map, i->key, i->key_len);
	t->count--;
	base_free(i->data);
	base_free(i->origin);
	base_free(i);
}

void
api_typing_free(struct api_typing *t)
{
	struct indicator *i;

	if (t == NULL)
		return;
	if (t->timer != NULL)
		base_timer_cancel(t->timer);
	while ((i = TAILQ_FIRST(&t->queue)) != NULL)
		indicator_free(t, i);
	base_map_fini(&t->map);
	base_free(t);
}

static void
timer_arm(struct api_typing *t)
{
	struct indicator *i;
	uint64_t now;

	i = TAILQ_FIRST(&t->queue);
	if (t->timer != NULL || i == NULL)
		return;
	now = base_clock_ms();
	t->timer = base_timer_start(
	    t->loop, i->expires_ms > now ? i->expires_ms - now : 1, expire, t);
}

/* The key is the topic, which ends at its NUL, followed by the user. */
static void
stop(struct api_typing *t, struct indicator *i)
{
	char *data, *origin, *topic;

	data = i->data;
	origin = i->origin;
	i->data = i->origin = NULL;
	topic = base_strdup(i->key);
	indicator_free(t, i);
	t->on_stop(t->arg, topic, origin, data);
	base_free(topic);
	base_free(origin);
	base_free(data);
}

static void
expire(void *arg)
{
	struct api_typing *t = arg;
	struct indicator *i;
	uint64_t now;

	t->timer = NULL;
	now = base_clock_ms();
	while ((i = TAILQ_FIRST(&t->queue)) != NULL && i->expires_ms <= now)
		stop(t, i);
	timer_arm(t);
}

static struct indicator *
indicator_new(const char *topic, const char *user)
{
	struct indicator *i;
	size_t topic_len, user_len;

	topic_len = strlen(topic) + 1;
	user_len = strlen(user);
	i = base_alloc(sizeof(*i) + topic_len + user_len + 1);
	memcpy(i->key, topic, topic_len);
	memcpy(i->key + topic_len, user, user_len);
	i->key_len = topic_len + user_len;
	return i;
}

void
api_typing_started(struct api_typing *t, const char *topic, const char *user,
    const char *origin, const char *data)
{
	struct indicator *i, *known;

	i = indicator_new(topic, user);
	known = base_map_get(&t->map, i->key, i->key_len);
	if (known != NULL) {
		base_free(i);
		base_free(known->data);
		base_free(known->origin);
		TAILQ_REMOVE(&t->queue, known, link);
		i = known;
	} else {
		if (t->count == t->limit)
			stop(t, TAILQ_FIRST(&t->queue));
		base_map_put(&t->map, i->key, i->key_len, i);
		t->count++;
	}
	i->data = base_strdup(data);
	i->origin = base_strdup(origin);
	i->expires_ms = base_clock_ms() + t->expire_ms;
	TAILQ_INSERT_TAIL(&t->queue, i, link);
	timer_arm(t);
}

void
api_typing_stopped(struct api_typing *t, const char *topic, const char *user)
{
	struct indicator *key, *known;

	key = indicator_new(topic, user);
	known = base_map_get(&t->map, key->key, key->key_len);
	base_free(key);
	if (known != NULL)
		indicator_free(t, known);
}

size_t
api_typing_count(const struct api_typing *t)
{
	return t->count;
}
