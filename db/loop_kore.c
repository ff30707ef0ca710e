/* SPDX-License-Identifier: ISC */
/*
 * Our event loop on Kore's: epoll through kore_platform_event_schedule(), timers
 * and the end of the turn through kore_timer_add().
 *
 * Kore runs its timers after all socket handlers of a turn, so a timer of 0 ms
 * is the turn's end.  Armed while timers run it would run again and again until
 * the millisecond is over; and of a longer one Kore counts from the turn's
 * begin how long epoll may wait, so that two milliseconds of work and a timer
 * of one are a pause of three.  The end of the next turn is therefore asked for
 * by a descriptor that is always ready, watched for once: epoll returns at
 * once, with whatever else is ready, and its handle arms the timer.
 */

#include "db/loop_kore.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <assert.h>
#include <kore/kore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/recycle.h"

/* Kore's epoll is given a struct base_watch and takes it for its own. */
static_assert(sizeof(struct base_watch) == sizeof(struct kore_event), "size");
static_assert(
    offsetof(struct base_watch, type) == offsetof(struct kore_event, type),
    "type");
static_assert(
    offsetof(struct base_watch, ready) == offsetof(struct kore_event, flags),
    "ready");
static_assert(
    offsetof(struct base_watch, handle) == offsetof(struct kore_event, handle),
    "handle");
static_assert(
    (int)BASE_READ == KORE_EVENT_READ && (int)BASE_WRITE == KORE_EVENT_WRITE,
    "bits of ready");

struct loop_timer {
	struct base_timer base;	 /* first */
	struct kore_timer *kore; /* Kore's; it frees it when it has run */
	void (*cb)(void *arg);
	void *arg;
	LIST_ENTRY(loop_timer) link;
};

LIST_HEAD(loop_timer_list, loop_timer);

struct wake {
	struct base_watch watch; /* first */
	struct kore_loop *loop;
	int fd; /* owned; a socket that is never connected is writable */
};

struct kore_loop {
	struct base_loop base; /* first */
	struct wake wake;
	struct base_watch **watched; /* owned; borrowed ones, by descriptor */
	size_t watched_len;
	struct loop_timer_list timers; /* owned */
	struct kore_timer *end;	       /* Kore's; non-NULL = the turn's end is
					* under way */
};

static struct kore_loop *
self(struct base_loop *loop)
{
	return (struct kore_loop *)(void *)loop;
}

/* What stands in for the handle of a watch that was ended: events that epoll has
 * returned already still reach it in this turn. */
static void
ignore(void *watch, int hangup)
{
	(void)watch;
	(void)hangup;
}

/* Copies instead of base_realloc(), which would need mremap(2): Kore's seccomp
 * filter kills for it. */
static void
make_room(struct kore_loop *loop, size_t fd)
{
	size_t len = loop->watched_len == 0 ? 64 : loop->watched_len;
	struct base_watch **watched;

	if (fd < loop->watched_len)
		return;
	while (len <= fd)
		len *= 2;
	watched = base_alloc_array(len, sizeof(*watched));
	if (loop->watched_len > 0)
		memcpy(watched, loop->watched,
		    loop->watched_len * sizeof(*watched));
	base_free(loop->watched);
	loop->watched = watched;
	loop->watched_len = len;
}

static int
epoll_bits(int interest)
{
	unsigned int bits = 0;

	if (interest & BASE_READ)
		bits |= EPOLLIN;
	if (interest & BASE_WRITE)
		bits |= EPOLLOUT;
	if (interest & BASE_EDGE)
		bits |= EPOLLET | EPOLLRDHUP;
	return (int)bits;
}

static void
loop_watch(
    struct base_loop *base, int fd, struct base_watch *watch, int interest)
{
	struct kore_loop *loop = self(base);
	struct base_watch *old;

	assert(fd >= 0);
	make_room(loop, (size_t)fd);
	old = loop->watched[fd];
	if (old != NULL && old != watch)
		old->handle = ignore;
	loop->watched[fd] = watch;
	kore_platform_event_schedule(fd, epoll_bits(interest), 0, watch);
}

static void
loop_unwatch(struct base_loop *base, int fd)
{
	struct kore_loop *loop = self(base);

	if (fd < 0 || (size_t)fd >= loop->watched_len ||
	    loop->watched[fd] == NULL)
		return;
	loop->watched[fd]->handle = ignore;
	loop->watched[fd] = NULL;
	kore_platform_disable_read(fd);
}

static void
timer_due(void *arg, u_int64_t now)
{
	struct loop_timer *timer = arg;
	struct loop_timer due = *timer;

	(void)now;
	LIST_REMOVE(timer, link);
	base_recycle_put(timer, sizeof(*timer));
	due.cb(due.arg);
}

static struct base_timer *
loop_timer_start(
    struct base_loop *base, uint64_t ms, void (*cb)(void *arg), void *arg)
{
	struct kore_loop *loop = self(base);
	struct loop_timer *timer = base_recycle_get(sizeof(*timer));

	memset(timer, 0, sizeof(*timer));
	timer->cb = cb;
	timer->arg = arg;
	LIST_INSERT_HEAD(&loop->timers, timer, link);
	timer->kore = kore_timer_add(timer_due, ms, timer, KORE_TIMER_ONESHOT);
	return &timer->base;
}

static void
loop_timer_cancel(struct base_timer *base)
{
	struct loop_timer *timer = (struct loop_timer *)(void *)base;

	kore_timer_remove(timer->kore);
	LIST_REMOVE(timer, link);
	base_recycle_put(timer, sizeof(*timer));
}

static void
turn_end(void *arg, u_int64_t now)
{
	struct kore_loop *loop = arg;

	(void)now;
	loop->end = NULL;
	base_loop_turn_end(&loop->base);
}

static void
turn_end_arm(struct kore_loop *loop)
{
	loop->end = kore_timer_add(turn_end, 0, loop, KORE_TIMER_ONESHOT);
}

static void
on_wake(void *watch, int hangup)
{
	(void)hangup;
	turn_end_arm(((struct wake *)watch)->loop);
}

static void
loop_turn_end_ask(struct base_loop *base, bool next)
{
	struct kore_loop *loop = self(base);

	if (next)
		kore_platform_event_schedule(loop->wake.fd,
		    EPOLLOUT | EPOLLONESHOT, 0, &loop->wake.watch);
	else
		turn_end_arm(loop);
}

static const struct base_loop_ops ops = {
	.watch = loop_watch,
	.unwatch = loop_unwatch,
	.timer_start = loop_timer_start,
	.timer_cancel = loop_timer_cancel,
	.turn_end_ask = loop_turn_end_ask,
};

struct base_loop *
db_loop_kore_new(void)
{
	struct kore_loop *loop = base_alloc(sizeof(*loop));

	base_loop_init(&loop->base, &ops);
	LIST_INIT(&loop->timers);
	loop->wake.watch.handle = on_wake;
	loop->wake.loop = loop;
	loop->wake.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (loop->wake.fd == -1)
		abort(); /* no descriptors left at start: as out of memory */
	return &loop->base;
}

void
db_loop_kore_free(struct base_loop *base)
{
	struct kore_loop *loop = self(base);
	struct loop_timer *timer;

	if (base == NULL)
		return;
	while ((timer = LIST_FIRST(&loop->timers)) != NULL)
		loop_timer_cancel(&timer->base);
	if (loop->end != NULL)
		kore_timer_remove(loop->end);
	close(loop->wake.fd);
	base_loop_fini(base);
	base_free(loop->watched);
	base_free(loop);
}
