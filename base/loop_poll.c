/* SPDX-License-Identifier: ISC */
/* The loop over epoll: for FastCGI, tools and tests. */

#include <sys/epoll.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/recycle.h"

#define EVENTS_PER_TURN 64

/* What is known of the descriptor that is its index.  The generation travels
 * with each event: one that was ready before a change is not delivered after
 * it, and level- or edge-triggered, epoll tells it anew. */
struct slot {
	struct base_watch *watch; /* borrowed until unwatch; NULL = free */
	uint32_t generation;
};

struct poll_timer {
	struct base_timer base; /* first */
	uint64_t due_us;
	void (*cb)(void *arg);
	void *arg;
	TAILQ_ENTRY(poll_timer) link;
};

TAILQ_HEAD(timer_list, poll_timer);

struct poll_loop {
	struct base_loop base; /* first */
	int epoll_fd;	       /* owned */
	struct slot *slots;    /* owned; indexed by descriptor */
	size_t slots_len;
	struct timer_list timers; /* owned; soonest first */
	bool end_wanted;
};

static struct poll_loop *
self(struct base_loop *loop)
{
	return (struct poll_loop *)(void *)loop;
}

static struct slot *
slot_get(struct poll_loop *loop, int fd)
{
	const size_t need = (size_t)fd + 1;
	size_t len = loop->slots_len > 0 ? loop->slots_len : 64;

	if (need > loop->slots_len) {
		while (len < need)
			len *= 2;
		loop->slots =
		    base_realloc(loop->slots, len * sizeof(*loop->slots));
		memset(loop->slots + loop->slots_len, 0,
		    (len - loop->slots_len) * sizeof(*loop->slots));
		loop->slots_len = len;
	}
	return &loop->slots[fd];
}

static uint32_t
epoll_bits(int interest)
{
	uint32_t bits = 0;

	if (interest & BASE_READ)
		bits |= EPOLLIN;
	if (interest & BASE_WRITE)
		bits |= EPOLLOUT;
	if (interest & BASE_EDGE)
		bits |= EPOLLET | EPOLLRDHUP;
	return bits;
}

static void
poll_watch(
    struct base_loop *base, int fd, struct base_watch *watch, int interest)
{
	struct poll_loop *loop = self(base);
	struct slot *slot = slot_get(loop, fd);
	struct epoll_event event = { .events = epoll_bits(interest) };

	slot->watch = watch;
	slot->generation++;
	event.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)fd;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
		return;
	if (errno != ENOENT ||
	    epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		abort(); /* not a descriptor that can be watched: our bug */
}

static void
poll_unwatch(struct base_loop *base, int fd)
{
	struct poll_loop *loop = self(base);

	if (fd < 0 || (size_t)fd >= loop->slots_len ||
	    loop->slots[fd].watch == NULL)
		return;
	loop->slots[fd].watch = NULL;
	loop->slots[fd].generation++;
	/* Fails when it was closed before: then epoll has forgotten it. */
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static struct base_timer *
poll_timer_start(
    struct base_loop *base, uint64_t ms, void (*cb)(void *arg), void *arg)
{
	struct poll_loop *loop = self(base);
	struct poll_timer *timer = base_recycle_get(sizeof(*timer)), *earlier;

	memset(timer, 0, sizeof(*timer));
	timer->due_us = base_clock_us() + ms * 1000;
	timer->cb = cb;
	timer->arg = arg;
	TAILQ_FOREACH_REVERSE (earlier, &loop->timers, timer_list, link) {
		if (earlier->due_us <= timer->due_us)
			break;
	}
	if (earlier != NULL)
		TAILQ_INSERT_AFTER(&loop->timers, earlier, timer, link);
	else
		TAILQ_INSERT_HEAD(&loop->timers, timer, link);
	return &timer->base;
}

static void
poll_timer_cancel(struct base_timer *base)
{
	struct poll_timer *timer = (struct poll_timer *)(void *)base;

	TAILQ_REMOVE(&self(base->loop)->timers, timer, link);
	base_recycle_put(timer, sizeof(*timer));
}

static void
poll_turn_end_ask(struct base_loop *base, bool next)
{
	(void)next;
	self(base)->end_wanted = true;
}

static const struct base_loop_ops poll_ops = {
	.watch = poll_watch,
	.unwatch = poll_unwatch,
	.timer_start = poll_timer_start,
	.timer_cancel = poll_timer_cancel,
	.turn_end_ask = poll_turn_end_ask,
};

struct base_loop *
base_loop_poll_new(void)
{
	struct poll_loop *loop = base_alloc(sizeof(*loop));

	base_loop_init(&loop->base, &poll_ops);
	TAILQ_INIT(&loop->timers);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		abort(); /* no descriptors left at start: as out of memory */
	return &loop->base;
}

void
base_loop_poll_free(struct base_loop *base)
{
	struct poll_loop *loop = self(base);

	base_loop_fini(base);
	while (!TAILQ_EMPTY(&loop->timers))
		poll_timer_cancel(&TAILQ_FIRST(&loop->timers)->base);
	close(loop->epoll_fd);
	base_free(loop->slots);
	base_free(loop);
}

/* Milliseconds until `due_us`, rounded up so as not to wake before it. */
static int
until(uint64_t due_us, int at_most_ms)
{
	const uint64_t now_us = base_clock_us();
	uint64_t ms;

	if (due_us <= now_us)
		return 0;
	ms = (due_us - now_us + 999) / 1000;
	if (at_most_ms >= 0 && ms > (uint64_t)at_most_ms)
		return at_most_ms;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static void
deliver(struct poll_loop *loop, const struct epoll_event *event)
{
	const size_t fd = event->data.u64 & UINT32_MAX;
	const uint32_t bits = event->events;
	struct base_watch *watch = loop->slots[fd].watch;

	if (watch == NULL ||
	    loop->slots[fd].generation != event->data.u64 >> 32)
		return;
	if (bits & EPOLLIN)
		watch->ready |= BASE_READ;
	if (bits & EPOLLOUT)
		watch->ready |= BASE_WRITE;
	watch->handle(watch, (bits & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0);
}

static void
timers_run(struct poll_loop *loop)
{
	const uint64_t now_us = base_clock_us();
	struct poll_timer *timer, due;

	while ((timer = TAILQ_FIRST(&loop->timers)) != NULL &&
	    timer->due_us <= now_us) {
		due = *timer;
		poll_timer_cancel(&timer->base);
		due.cb(due.arg);
	}
}

int
base_loop_poll_turn(struct base_loop *base, int max_wait_ms)
{
	struct poll_loop *loop = self(base);
	struct epoll_event events[EVENTS_PER_TURN];
	int n;

	if (!TAILQ_EMPTY(&loop->timers))
		max_wait_ms =
		    until(TAILQ_FIRST(&loop->timers)->due_us, max_wait_ms);
	if (loop->end_wanted)
		max_wait_ms = 0;
	n = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, max_wait_ms);
	if (n < 0 && errno != EINTR)
		abort();
	for (int i = 0; i < n; i++)
		deliver(loop, &events[i]);
	timers_run(loop);
	if (loop->end_wanted) {
		loop->end_wanted = false;
		base_loop_turn_end(base);
	}
	return n > 0 ? n : 0;
}
