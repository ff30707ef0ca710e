/* SPDX-License-Identifier: ISC */
/* The loop on Kore's, with stand-ins for the five functions of Kore that it
 * calls; timers as in Kore's timer.c. */

#include <sys/epoll.h>

#include <stdbool.h>
#include <stdlib.h>

#include <kore/kore.h>

#include "base/attr.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/loop_kore.h"
#include "tests/unit/harness.h"

static TAILQ_HEAD(, kore_timer)
timers = TAILQ_HEAD_INITIALIZER(timers);
static u_int64_t now_ms;

static struct {
	int type;
	void *data;
} scheduled[200];

void
kore_platform_event_schedule(int fd, int type, int flags, void *data)
{
	CU_ASSERT_EQUAL(flags, 0);
	scheduled[fd].type = type;
	scheduled[fd].data = data;
}

void
kore_platform_disable_read(int fd)
{
	/* Kore ends the process otherwise. */
	CU_ASSERT_PTR_NOT_NULL(scheduled[fd].data);
	scheduled[fd].data = NULL;
}

struct kore_timer *
kore_timer_add(
    void (*cb)(void *, u_int64_t), u_int64_t interval, void *arg, int flags)
{
	struct kore_timer *timer = base_alloc(sizeof(*timer)), *later;

	timer->cb = cb;
	timer->arg = arg;
	timer->flags = flags;
	timer->nextrun = now_ms + interval;
	TAILQ_FOREACH (later, &timers, list) {
		if (later->nextrun > timer->nextrun) {
			TAILQ_INSERT_BEFORE(later, timer, list);
			return (timer);
		}
	}
	TAILQ_INSERT_TAIL(&timers, timer, list);
	return (timer);
}

void
kore_timer_remove(struct kore_timer *timer)
{
	TAILQ_REMOVE(&timers, timer, list);
	base_free(timer);
}

/* kore_timer_run() for one-shot timers. */
static void
timers_run(void)
{
	struct kore_timer *timer;

	while ((timer = TAILQ_FIRST(&timers)) != NULL &&
	    timer->nextrun <= now_ms) {
		TAILQ_REMOVE(&timers, timer, list);
		CU_ASSERT_EQUAL(timer->flags, KORE_TIMER_ONESHOT);
		timer->cb(timer->arg, now_ms);
		base_free(timer);
	}
}

/* What Kore's epoll loop does with an event. */
static void
event(void *data, int flags, int error)
{
	struct kore_event *evt = data;

	evt->flags |= flags;
	evt->handle(evt, error);
}

struct thing {
	struct base_watch watch; /* first */
	int calls;
	int hangups;
};

static void
on_thing(void *watch, int hangup)
{
	struct thing *thing = watch;

	thing->calls++;
	thing->hangups += hangup;
}

static void
test_watch(void)
{
	struct base_loop *loop = db_loop_kore_new();
	struct thing thing = { .watch.handle = on_thing };

	base_loop_watch(loop, 150, &thing.watch, BASE_READ);
	CU_ASSERT_EQUAL(scheduled[150].type, EPOLLIN);
	CU_ASSERT_PTR_EQUAL(scheduled[150].data, &thing);
	event(&thing, KORE_EVENT_READ, 0);
	CU_ASSERT_EQUAL(thing.watch.ready, BASE_READ);
	event(&thing, KORE_EVENT_WRITE, 1);
	CU_ASSERT_EQUAL(thing.watch.ready, BASE_READ | BASE_WRITE);
	CU_ASSERT_EQUAL(thing.calls, 2);
	CU_ASSERT_EQUAL(thing.hangups, 1);
	base_loop_watch(
	    loop, 150, &thing.watch, BASE_READ | BASE_WRITE | BASE_EDGE);
	CU_ASSERT_EQUAL((unsigned int)scheduled[150].type,
	    EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP);
	base_loop_unwatch(loop, 150);
	CU_ASSERT_PTR_NULL(scheduled[150].data);
	/* epoll had this one already. */
	event(&thing, KORE_EVENT_READ, 0);
	CU_ASSERT_EQUAL(thing.calls, 2);
	base_loop_unwatch(loop, 150);
	base_loop_unwatch(loop, 7);
	base_loop_unwatch(loop, 1000);
	base_loop_unwatch(loop, -1);
	db_loop_kore_free(loop);
}

static int counter;

static void
count(void *arg)
{
	(void)arg;
	counter++;
}

static void
test_timers(void)
{
	struct base_loop *loop = db_loop_kore_new();
	struct base_timer *a, *b;

	counter = 0;
	a = base_timer_start(loop, 10, count, NULL);
	b = base_timer_start(loop, 20, count, NULL);
	(void)a;
	now_ms += 10;
	timers_run();
	CU_ASSERT_EQUAL(counter, 1);
	base_timer_cancel(b);
	base_timer_cancel(NULL);
	now_ms += 100;
	timers_run();
	CU_ASSERT_EQUAL(counter, 1);
	b = base_timer_start(loop, 5, count, NULL);
	db_loop_kore_free(loop);
	CU_ASSERT_TRUE(TAILQ_EMPTY(&timers));
}

static struct base_loop *again_loop;
static struct base_task again_task;
static int again_calls;

static void
again(void *arg)
{
	(void)arg;
	again_calls++;
	base_loop_defer(again_loop, &again_task);
}

/* What epoll returns when it is asked next, without waiting: whatever is
 * scheduled for once. */
static void
epoll_returns(void)
{
	const int once = EPOLLOUT | EPOLLONESHOT;

	for (size_t fd = 0; fd < ARRAY_LEN(scheduled); fd++) {
		if (scheduled[fd].data == NULL || scheduled[fd].type != once)
			continue;
		scheduled[fd].type = 0;
		event(scheduled[fd].data, KORE_EVENT_WRITE, 0);
	}
}

/* The end of a turn comes in the same turn, but not twice in it; the next turn
 * waits neither for a millisecond nor for a timer. */
static void
test_turn_end(void)
{
	struct base_loop *loop = again_loop = db_loop_kore_new();
	struct base_task task = { .cb = count };

	counter = 0;
	base_loop_defer(loop, &task);
	base_loop_free(loop, base_alloc(10));
	CU_ASSERT_EQUAL(counter, 0);
	timers_run();
	CU_ASSERT_EQUAL(counter, 1);
	CU_ASSERT_TRUE(TAILQ_EMPTY(&timers));

	again_task.cb = again;
	base_loop_defer(loop, &again_task);
	timers_run();
	CU_ASSERT_EQUAL(again_calls, 1);
	CU_ASSERT_TRUE(TAILQ_EMPTY(&timers));
	for (int turn = 2; turn < 5; turn++) {
		epoll_returns();
		timers_run();
		CU_ASSERT_EQUAL(again_calls, turn);
	}
	base_loop_free(loop, base_alloc(10));
	db_loop_kore_free(loop);
	CU_ASSERT_TRUE(TAILQ_EMPTY(&timers));
	db_loop_kore_free(NULL);
}

TEST_MAIN("db_loop_kore", { "watches as Kore does", test_watch },
    { "has timers", test_timers }, { "ends its turns", test_turn_end })
