/* SPDX-License-Identifier: ISC */
/*
 * A loop for what has one timer at a time: it rings when the test says.
 *
 *	base_loop_init(&loop, &one_timer_ops);
 *	...
 *	CU_ASSERT_EQUAL(timer.ms, 200);
 *	time_passes();
 */
#ifndef TESTS_UNIT_ONE_TIMER_H
#define TESTS_UNIT_ONE_TIMER_H

#include <stdint.h>

#include "base/loop.h"
#include "tests/unit/harness.h"

static struct one_timer {
	struct base_timer base;
	void (*cb)(void *); /* NULL: it is not set */
	void *arg;
	uint64_t ms;
} timer;

static inline struct base_timer *
timer_start(struct base_loop *loop, uint64_t ms, void (*cb)(void *), void *arg)
{
	CU_ASSERT_PTR_NULL(timer.cb);
	timer = (struct one_timer){ { loop }, cb, arg, ms };
	return &timer.base;
}

static inline void
timer_cancel(struct base_timer *t)
{
	CU_ASSERT_PTR_EQUAL(t, &timer.base);
	timer.cb = NULL;
}

static inline void
time_passes(void)
{
	void (*cb)(void *) = timer.cb;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cb);
	timer.cb = NULL;
	cb(timer.arg);
}

static const struct base_loop_ops one_timer_ops = {
	.timer_start = timer_start,
	.timer_cancel = timer_cancel,
};

#endif
