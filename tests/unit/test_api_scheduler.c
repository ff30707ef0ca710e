/* SPDX-License-Identifier: ISC */
/* When the scheduler looks again, on a loop and a database of the test's own. */
#include "api/scheduler.h"

#include <stdint.h>

#include "base/attr.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/query.h"
#include "tests/unit/harness.h"
#include "tests/unit/one_timer.h"

static struct {
	const struct db_statement *statement;
	db_query_cb *cb;
	void *arg;
} server;

static const int64_t *next_ms; /* NULL: nothing is scheduled */
enum {
	NEXT,
	MUTES,
	QUOTES,
	MORE,
};

static bool said[MORE + 1];

struct db_query *
db_query_start(struct db_pool *pool, const struct db_statement *statement,
    const char *const *values, db_query_cb *cb, void *arg)
{
	(void)pool;
	if (values != NULL)
		CU_ASSERT_STRING_EQUAL(values[0], API_SCHEDULER_MOST);
	server.statement = statement;
	server.cb = cb;
	server.arg = arg;
	return (struct db_query *)(void *)&server;
}

void
db_query_cancel(struct db_query *query)
{
	if (query != NULL)
		server.cb = NULL;
}

const char *
db_status_name(enum db_status status)
{
	return status == DB_OK ? "ok" : "failed";
}

int
db_result_column(const struct db_result *r, const char *name)
{
	(void)r;
	return strcmp(name, "next_ms") == 0 ? 0 :
	    strcmp(name, "quotes") == 0	    ? QUOTES :
	    strcmp(name, "more") == 0	    ? MORE :
					      MUTES;
}

const char *
db_result_value(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	(void)col;
	return next_ms != NULL ? "" : NULL;
}

int64_t
db_result_i64(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	return col == 0 && next_ms != NULL ? *next_ms : 0;
}

bool
db_result_bool(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	(void)col;
	return said[col];
}

/* It looks, and is answered; it looks again after `ms`, and a little more. */
static void
looks(enum db_status status, const int64_t *next, uint64_t ms)
{
	struct db_result r = { .status = status, .rows = status == DB_OK };
	db_query_cb *cb;

	time_passes();
	cb = server.cb;
	CU_ASSERT_PTR_NOT_NULL_FATAL(cb);
	CU_ASSERT_STRING_EQUAL(server.statement->name, "schedule.run");
	server.cb = NULL;
	next_ms = next;
	cb(&r, server.arg);
	CU_ASSERT_TRUE(timer.ms >= ms && timer.ms < ms + 100);
}

static void
test_looks(void)
{
	static const int64_t soon = 250, later = 86400000, due = -3;
	struct base_loop loop;
	struct api_scheduler *s;

	base_loop_init(&loop, &one_timer_ops);
	s = api_scheduler_new(&loop, NULL);
	looks(DB_OK, NULL, 1000);
	looks(DB_OK, &soon, 250);
	looks(DB_OK, &later, 1000);
	looks(DB_OK, &due, 50);
	looks(DB_UNAVAILABLE, NULL, 1000);
	looks(DB_ERROR, NULL, 5000);
	looks(DB_OK, &soon, 250);
	api_scheduler_free(s);
	CU_ASSERT_PTR_NULL(timer.cb);
	base_loop_fini(&loop);
}

/* What has to be told of mutes and quotes is told between two looks. */
static void
test_between(void)
{
	struct db_result r = { .status = DB_OK, .rows = 1 };
	struct base_loop loop;
	struct api_scheduler *s;

	base_loop_init(&loop, &one_timer_ops);
	s = api_scheduler_new(&loop, NULL);
	time_passes();
	said[MUTES] = said[QUOTES] = said[MORE] = true;
	next_ms = NULL;
	server.cb(&r, server.arg);
	CU_ASSERT_PTR_NULL(timer.cb);
	CU_ASSERT_STRING_EQUAL(server.statement->name, "mutes.end");
	server.cb(&r, server.arg);
	CU_ASSERT_PTR_NULL(timer.cb);
	CU_ASSERT_STRING_EQUAL(server.statement->name, "quotes.renew");
	server.cb(&r, server.arg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(timer.cb);
	CU_ASSERT_TRUE(timer.ms >= 50 && timer.ms < 150);
	time_passes();
	said[MUTES] = said[MORE] = false;
	server.cb(&r, server.arg);
	CU_ASSERT_STRING_EQUAL(server.statement->name, "quotes.renew");
	server.cb(&r, server.arg);
	CU_ASSERT_TRUE(timer.ms >= 1000 && timer.ms < 1100);
	said[QUOTES] = false;
	looks(DB_OK, NULL, 1000);
	api_scheduler_free(s);
	base_loop_fini(&loop);
}

/* Freed with a question at the database. */
static void
test_frees(void)
{
	struct base_loop loop;
	struct api_scheduler *s;

	base_loop_init(&loop, &one_timer_ops);
	s = api_scheduler_new(&loop, NULL);
	time_passes();
	api_scheduler_free(s);
	CU_ASSERT_PTR_NULL(server.cb);
	base_loop_fini(&loop);
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		{ "looks again when the next is due", test_looks },
		{ "ends mutes", test_between },
		{ "frees", test_frees },
	};

	base_log_fd_set(-1);
	return test_main("api_scheduler", cases, ARRAY_LEN(cases),
	    argc > 1 ? argv[1] : NULL);
}
