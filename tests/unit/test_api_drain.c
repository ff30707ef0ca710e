/* SPDX-License-Identifier: ISC */
/* An instance ends when all its workers are empty, or the time is over. */

#include "api/drain.h"

#include "base/clock.h"
#include "tests/unit/harness.h"

#define WORKERS 2

static struct {
	struct base_loop *loop;
	struct api_drain_shared shared;
	struct worker {
		struct api_drain *drain;
		unsigned begun, ended;
		uint32_t spread_ms;
		bool empty, busy;
	} workers[WORKERS];
} world;

static void
on_begin(void *arg, uint32_t spread_ms)
{
	struct worker *w = arg;

	w->begun++;
	w->spread_ms = spread_ms;
}

static bool
is_empty(void *arg)
{
	const struct worker *w = arg;

	return w->empty;
}

static bool
is_busy(void *arg)
{
	const struct worker *w = arg;

	return w->busy;
}

static void
on_end(void *arg)
{
	struct worker *w = arg;

	w->ended++;
}

static void
worker_start(unsigned int i)
{
	struct api_drain_params p = { .loop = world.loop,
		.shared = &world.shared,
		.worker = i,
		.begin = on_begin,
		.is_empty = is_empty,
		.is_busy = is_busy,
		.end = on_end,
		.arg = &world.workers[i] };

	memset(&world.workers[i], 0, sizeof(world.workers[i]));
	world.workers[i].drain = api_drain_new(&p);
}

static void
up(void)
{
	memset(&world, 0, sizeof(world));
	world.loop = base_loop_poll_new();
	for (unsigned int i = 0; i < WORKERS; i++)
		worker_start(i);
}

static void
down(void)
{
	for (int i = 0; i < WORKERS; i++)
		api_drain_free(world.workers[i].drain);
	base_loop_poll_free(world.loop);
}

static void
turns(uint64_t ms)
{
	uint64_t end = base_clock_ms() + ms;

	while (base_clock_ms() < end)
		base_loop_poll_turn(world.loop, 5);
}

static unsigned
ended(void)
{
	return world.workers[0].ended + world.workers[1].ended;
}

static void
test_ends_when_all_are_empty(void)
{
	up();
	turns(20);
	CU_ASSERT_EQUAL(world.workers[0].begun, 0);
	for (int i = 0; i < WORKERS; i++)
		api_drain_order(world.workers[i].drain, 1000);
	CU_ASSERT_EQUAL(world.workers[1].begun, 1);
	CU_ASSERT_EQUAL(world.workers[1].spread_ms, 1000);
	world.workers[0].empty = true;
	turns(250);
	CU_ASSERT_EQUAL(ended(), 0);
	world.workers[1].empty = true;
	turns(250);
	CU_ASSERT_EQUAL(world.workers[0].ended, 1);
	CU_ASSERT_EQUAL(world.workers[1].ended, 1);
	down();
}

static void
test_ends_when_the_time_is_over(void)
{
	up();
	api_drain_order(world.workers[0].drain, 0);
	atomic_store(&world.shared.until_ms, base_clock_ms() + 150);
	turns(50);
	CU_ASSERT_EQUAL(ended(), 0);
	turns(300);
	CU_ASSERT_EQUAL(world.workers[0].ended, 1);
	down();
}

/* An upload of the other worker is not cut for idle connections of this one. */
static void
test_waits_for_requests(void)
{
	up();
	world.workers[1].busy = true;
	for (int i = 0; i < WORKERS; i++)
		api_drain_order(world.workers[i].drain, 0);
	turns(150);
	atomic_store(&world.shared.until_ms, base_clock_ms());
	turns(300);
	CU_ASSERT_EQUAL(ended(), 0);
	world.workers[1].busy = false;
	turns(300);
	CU_ASSERT_EQUAL(ended(), 2);
	down();

	up();
	world.workers[0].busy = true;
	api_drain_order(world.workers[0].drain, 0);
	atomic_store(&world.shared.until_ms, base_clock_ms() - 60000);
	turns(250);
	CU_ASSERT_EQUAL(world.workers[0].ended, 1);
	down();
}

/* A worker that is killed meanwhile has a successor, which nobody orders. */
static void
test_successor_drains_too(void)
{
	up();
	for (int i = 0; i < WORKERS; i++)
		api_drain_order(world.workers[i].drain, 1000);
	world.workers[1].empty = true;
	turns(150);
	api_drain_free(world.workers[1].drain);
	worker_start(1);
	CU_ASSERT_EQUAL(world.workers[1].begun, 0);
	world.workers[0].empty = true;
	turns(250);
	CU_ASSERT_EQUAL(world.workers[1].begun, 1);
	CU_ASSERT_EQUAL(ended(), 0);
	world.workers[1].empty = true;
	turns(250);
	CU_ASSERT_EQUAL(ended(), 2);
	down();
}

TEST_MAIN("api_drain", { "all-empty", test_ends_when_all_are_empty },
    { "time-over", test_ends_when_the_time_is_over },
    { "requests", test_waits_for_requests },
    { "successor", test_successor_drains_too })
