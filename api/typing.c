/* SPDX-License-Identifier: ISC */
/*
 * All indicators live equally long, so a queue in the order of their last
 * renewal is sorted by expiry and one timer for its head is enough.  Those that
 * were stopped are remembered a moment longer, on a queue of their own, so that
 * starting and stopping in turns is not told more often either.
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

struct indicator {
	TAILQ_ENTRY(indicator) link; /* on `queue` or `stopped` */
	bool stopped;
	uint64_t told_ms;    /* when the last start was */
	uint64_t expires_ms; /* of `stopped`: forgotten */
	char *data;	     /* owned; NULL when stopped */
	char *origin;	     /* owned, or NULL */
	size_t key_len;
	char key[]; /* topic, NUL, user; the map borrows it */
};

TAILQ_HEAD(indicators, indicator);

struct api_typing {
	struct base_loop *loop;
	struct base_timer *timer; /* armed while the queue is not empty */
	struct base_map map;
	struct indicators queue;   /* next to expire first */
	struct indicators stopped; /* next to be forgotten first */
	size_t count;		   /* of the queue */
	size_t limit;
	uint32_t expire_ms, told_ms;
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
	t->told_ms = p->told_ms != 0 ? p->told_ms : TOLD_MS;
	t->limit = p->limit != 0 ? p->limit : COUNT_LIMIT;
	t->on_stop = p->on_stop;
	t->arg = p->arg;
	base_map_init(&t->map);
	TAILQ_INIT(&t->queue);
	TAILQ_INIT(&t->stopped);
	return t;
}

static void
texts_free(struct indicator *i)
{
	base_free(i->data);
	base_free(i->origin);
	i->data = i->origin = NULL;
}

static void
leave_queue(struct api_typing *t, struct indicator *i)
{
	if (i->stopped) {
		TAILQ_REMOVE(&t->stopped, i, link);
	} else {
		TAILQ_REMOVE(&t->queue, i, link);
		t->count--;
	}
}

static void
indicator_free(struct api_typing *t, struct indicator *i)
{
	leave_queue(t, i);
	base_map_remove(&t->map, i->key, i->key_len);
	texts_free(i);
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
	while ((i = TAILQ_FIRST(&t->stopped)) != NULL)
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

/* The key begins with the topic, which ends at its NUL. */
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

static struct indicator *
find(const struct api_typing *t, const char *topic, const char *user)
{
	struct indicator *key = indicator_new(topic, user), *known;

	known = base_map_get(&t->map, key->key, key->key_len);
	base_free(key);
	return known;
}

static bool
was_told(const struct api_typing *t, const struct indicator *i)
{
	return i != NULL && base_clock_ms() - i->told_ms < t->told_ms;
}

/* On the queue, at its end. */
static void
renew(struct api_typing *t, struct indicator *i)
{
	if (t->count == t->limit)
		stop(t, TAILQ_FIRST(&t->queue));
	i->stopped = false;
	i->expires_ms = base_clock_ms() + t->expire_ms;
	TAILQ_INSERT_TAIL(&t->queue, i, link);
	t->count++;
	timer_arm(t);
}

static void
forget_stopped(struct api_typing *t)
{
	uint64_t now = base_clock_ms();
	struct indicator *i;

	while ((i = TAILQ_FIRST(&t->stopped)) != NULL && i->expires_ms <= now)
		indicator_free(t, i);
}

bool
api_typing_started(struct api_typing *t, const char *topic, const char *user,
    const char *origin, const char *data)
{
	struct indicator *i;
	bool told;

	forget_stopped(t);
	i = find(t, topic, user);
	told = was_told(t, i);
	if (told && i->stopped)
		return false;
	if (i == NULL) {
		i = indicator_new(topic, user);
		base_map_put(&t->map, i->key, i->key_len, i);
	} else {
		leave_queue(t, i);
		texts_free(i);
	}
	i->data = base_strdup(data);
	i->origin = base_strdup(origin);
	if (!told)
		i->told_ms = base_clock_ms();
	renew(t, i);
	return !told;
}

bool
api_typing_stopped(struct api_typing *t, const char *topic, const char *user)
{
	struct indicator *i;

	forget_stopped(t);
	i = find(t, topic, user);
	if (i == NULL || i->stopped)
		return false;
	leave_queue(t, i);
	texts_free(i);
	i->stopped = true;
	i->expires_ms = base_clock_ms() + t->told_ms;
	TAILQ_INSERT_TAIL(&t->stopped, i, link);
	return true;
}

bool
api_typing_is_told(
    const struct api_typing *t, const char *topic, const char *user)
{
	return was_told(t, find(t, topic, user));
}

size_t
api_typing_count(const struct api_typing *t)
{
	return t->count;
}
