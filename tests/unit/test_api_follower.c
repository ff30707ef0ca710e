/* SPDX-License-Identifier: ISC */
/* A loop, a clock and a database of the test's own: when the first of the
 * followers, that of the search, asks, and for what. */
#include "api/follower.h"

#include <stdbool.h>
#include <stdint.h>

#include "api/metrics.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/query.h"
#include "tests/unit/harness.h"

#define SOON 700

static struct timer {
	struct base_timer base;
	void (*cb)(void *);
	void *arg;
	uint64_t ms;
} timer;

static struct base_timer
    others; /* of the other followers: they wait for ever */
static void *first;

static struct {
	db_query_cb *cb;
	void *arg;
	char most[16], seen[24], wait[16];
} server;

/* What it answers, by column. */
static struct {
	bool turn, more;
	int64_t upto_id, events, behind;
} step;

static const char *const columns[] = { "turn", "more", "upto_id", "events",
	"behind" };
static uint64_t now_ms = 1000;
static int64_t behind;

/* In the place of base_clock_ms(), see tests/room.am. */
uint64_t __wrap_base_clock_ms(void);
uint64_t
__wrap_base_clock_ms(void)
{
	return now_ms;
}

static struct base_timer *
timer_start(struct base_loop *loop, uint64_t ms, void (*cb)(void *), void *arg)
{
	if (first == NULL)
		first = arg;
	if (arg != first) {
		others.loop = loop;
		return &others;
	}
	CU_ASSERT_PTR_NULL(timer.cb);
	timer = (struct timer){ { loop }, cb, arg, ms };
	return &timer.base;
}

static void
timer_cancel(struct base_timer *t)
{
	if (t == &others)
		return;
	CU_ASSERT_PTR_EQUAL(t, &timer.base);
	timer.cb = NULL;
}

static const struct base_loop_ops ops = { .timer_start = timer_start,
	.timer_cancel = timer_cancel };

struct db_query *
db_query_start(struct db_pool *pool, const struct db_statement *statement,
    const char *const *values, db_query_cb *cb, void *arg)
{
	(void)pool;
	CU_ASSERT_PTR_NOT_NULL(statement);
	CU_ASSERT_PTR_NULL(server.cb);
	server.cb = cb;
	server.arg = arg;
	snprintf(server.most, sizeof(server.most), "%s", values[0]);
	snprintf(server.seen, sizeof(server.seen), "%s", values[1]);
	snprintf(server.wait, sizeof(server.wait), "%s", values[2]);
	return (struct db_query *)(void *)&server;
}

void
db_query_cancel(struct db_query *query)
{
	if (query != NULL)
		server.cb = NULL;
}

int
db_result_column(const struct db_result *r, const char *name)
{
	(void)r;
	for (int i = 0; i < 5; i++) {
		if (strcmp(columns[i], name) == 0)
			return i;
	}
	return -1;
}

const char *
db_result_value(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	return col == 2 && step.upto_id == 0 ? NULL : "";
}

int64_t
db_result_i64(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	return col == 2 ? step.upto_id : col == 3 ? step.events : step.behind;
}

bool
db_result_bool(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	return col == 0 ? step.turn : step.more;
}

const char *
db_status_name(enum db_status status)
{
	(void)status;
	return "";
}

void
api_metrics_gauge_set(struct api_metrics *m, enum api_gauge g, int64_t v)
{
	(void)m;
	(void)g;
	behind = v;
}

static void
asked(const char *seen, const char *wait)
{
	void (*cb)(void *) = timer.cb;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cb);
	timer.cb = NULL;
	now_ms += timer.ms;
	cb(timer.arg);
	CU_ASSERT_STRING_EQUAL(server.seen, seen);
	CU_ASSERT_STRING_EQUAL(server.wait, wait);
}

static void
answer(enum db_status status, uint64_t took_ms)
{
	struct db_result r = { .status = status, .rows = status == DB_OK };
	db_query_cb *cb = server.cb;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cb);
	server.cb = NULL;
	now_ms += took_ms;
	cb(&r, server.arg);
}

static void
set_step(bool turn, bool more, int64_t upto_id, int64_t events, int64_t lag)
{
	step.turn = turn;
	step.more = more;
	step.upto_id = upto_id;
	step.events = events;
	step.behind = lag;
}

static struct base_loop loop;

static struct api_followers *
begin(void)
{
	base_loop_init(&loop, &ops);
	first = NULL;
	return api_followers_new(&loop, NULL, NULL);
}

static void
end(struct api_followers *f)
{
	api_followers_free(f);
	CU_ASSERT_PTR_NULL(timer.cb);
	CU_ASSERT_PTR_NULL(server.cb);
	base_loop_fini(&loop);
}

/* Learns where the follower is, steps in when nobody else does, and from then
 * on is eager. */
static void
test_eager(void)
{
	struct api_followers *f = begin();

	asked("-1", "4000");
	set_step(false, true, 65, 0, 0); /* is somebody else at it? */
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(timer.ms >= 1000 && timer.ms < 1250);
	asked("65", "4000");
	set_step(false, false, 70, 0, 0);
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(timer.ms >= 4000 && timer.ms < 5000);
	api_followers_news(f); /* somebody else's */
	CU_ASSERT_TRUE(timer.ms >= 1000 && timer.ms < 1250);
	asked("70", "1000");
	set_step(true, false, 75, 5, 0);
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(timer.ms >= 4000 && timer.ms < 5000);
	api_followers_news(f);
	CU_ASSERT_EQUAL(timer.ms, SOON);
	asked("75", "0");
	api_followers_news(f); /* during the query */
	set_step(true, false, 80, 5, 0);
	answer(DB_OK, 1);
	CU_ASSERT_EQUAL(timer.ms, SOON);
	asked("80", "0");
	set_step(true, false, 80, 0, 0); /* nothing for long */
	answer(DB_OK, 1);
	api_followers_news(f);
	CU_ASSERT_EQUAL(timer.ms, SOON);
	asked("80", "0");
	set_step(false, false, 90, 0, 0); /* somebody else was at it */
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(timer.ms >= 4000);
	api_followers_news(f);
	CU_ASSERT_TRUE(timer.ms >= 1000 && timer.ms < 1250);
	asked("90", "1000");
	set_step(false, false, 0, 0, 0); /* and is at this moment */
	answer(DB_OK, 1);
	asked("90", "1000");
	end(f);
}

static void
test_rests(void)
{
	struct api_followers *f = begin();

	api_followers_news(f);
	asked("-1", "1000");
	CU_ASSERT_STRING_EQUAL(server.most, "200");
	set_step(true, true, 10, 200, 1834);
	answer(DB_OK, 5);
	CU_ASSERT_EQUAL(behind, 1834);
	CU_ASSERT_EQUAL(timer.ms, 5); /* nobody writes */
	asked("10", "0");
	CU_ASSERT_STRING_EQUAL(server.most, "400");
	api_followers_news(f);
	step.behind -= 200;
	answer(DB_OK, 20);
	CU_ASSERT_EQUAL(timer.ms, 180); /* somebody does */
	asked("10", "0");
	CU_ASSERT_STRING_EQUAL(server.most, "400");
	for (int i = 0; i < 6; i++) {
		step.behind -= 200;
		answer(DB_OK, 3000);
		CU_ASSERT_EQUAL(timer.ms, 3000);
		asked("10", "0");
	}
	CU_ASSERT_STRING_EQUAL(server.most, "25");
	api_followers_news(f);
	step.behind -= 200;
	answer(DB_OK, 4000);
	CU_ASSERT_EQUAL(timer.ms, 5000);
	asked("10", "0");
	set_step(true, false, 11, 1, 0);
	answer(DB_OK, 1);
	CU_ASSERT_EQUAL(behind, 0);
	end(f);
}

/* What cannot be kept up with in a tenth of the time is left for later. */
static void
test_gives_way(void)
{
	struct api_followers *f = begin();

	api_followers_news(f);
	asked("-1", "1000");
	set_step(true, true, 10, 200, 1000);
	answer(DB_OK, 20);
	asked("10", "0");
	api_followers_news(f);
	step.behind += 2000 - 200; /* within 40 ms */
	answer(DB_OK, 20);
	CU_ASSERT_EQUAL(timer.ms, 780);
	asked("10", "0");
	api_followers_news(f);
	step.behind += 900 - 200; /* within 800 */
	answer(DB_OK, 20);
	CU_ASSERT_EQUAL(timer.ms, 780);
	asked("10", "0");
	api_followers_news(f);
	step.behind += 700 - 200;
	answer(DB_OK, 20);
	CU_ASSERT_EQUAL(timer.ms, 180);
	asked("10", "0");
	end(f);
}

/* The database is away, or a step cannot be done. */
static void
test_fails(void)
{
	struct api_followers *f = begin();

	asked("-1", "4000");
	set_step(true, true, 10, 200, 0);
	answer(DB_OK, 1);
	asked("10", "0");
	answer(DB_ERROR, 1);
	CU_ASSERT_EQUAL(timer.ms, 5000);
	api_followers_news(f);
	CU_ASSERT_EQUAL(timer.ms, 5000);
	asked("10", "1000");
	CU_ASSERT_STRING_EQUAL(server.most, "25");
	answer(DB_UNAVAILABLE, 1);
	CU_ASSERT_EQUAL(timer.ms, 5000);
	asked("10", "1000");
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(timer.ms < 10);
	end(f);
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "is eager after a step",
						      test_eager },
		{ "rests as long as it took, and longer", test_rests },
		{ "gives way where it falls behind anyway", test_gives_way },
		{ "fails and goes on", test_fails } };

	base_log_fd_set(-1);
	return test_main(
	    "api_follower", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
}
