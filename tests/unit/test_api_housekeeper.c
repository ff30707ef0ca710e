/* SPDX-License-Identifier: ISC */
/* A loop and a database of the test's own: it says when time has passed and
 * what was answered. */
#include "api/housekeeper.h"

#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/query.h"
#include "tests/unit/harness.h"
#include "tests/unit/one_timer.h"

static struct {
	const struct db_statement *statement;
	char first[32];
	db_query_cb *cb;
	void *arg;
} server;

static int64_t ids_left;
static bool more;

struct db_query *
db_query_start(struct db_pool *pool, const struct db_statement *statement,
    const char *const *values, db_query_cb *cb, void *arg)
{
	(void)pool;
	server.statement = statement;
	server.cb = cb;
	server.arg = arg;
	snprintf(server.first, sizeof(server.first), "%s", values[0]);
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
	return strcmp(name, "ids_left") == 0 || strcmp(name, "more") == 0 ? 0 :
									    -1;
}

int64_t
db_result_i64(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	(void)col;
	return ids_left;
}

bool
db_result_bool(const struct db_result *r, int row, int col)
{
	(void)r;
	(void)row;
	(void)col;
	return more;
}

static void
answer(const char *statement, enum db_status status, int rows)
{
	struct db_result r = { .status = status, .rows = rows };
	db_query_cb *cb = server.cb;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cb);
	CU_ASSERT_STRING_EQUAL(server.statement->name, statement);
	server.cb = NULL;
	cb(&r, server.arg);
}

static void
test_rounds(void)
{
	struct base_loop loop;
	struct api_housekeeper *h;
	char why[100];

	base_loop_init(&loop, &one_timer_ops);
	h = api_housekeeper_new(&loop, NULL, 72);
	CU_ASSERT_TRUE(timer.ms >= 5000 && timer.ms < 20000);
	time_passes();
	CU_ASSERT_STRING_EQUAL(server.first, "72");
	CU_ASSERT_TRUE(api_housekeeper_ready(h, why, sizeof(why)));
	ids_left = 2000000;
	answer("events.housekeeping", DB_OK, 1);
	more = true;
	answer("tidy.run", DB_OK, 1); /* there is more: soon again */
	CU_ASSERT_EQUAL(timer.ms, 200);
	time_passes();
	answer("events.housekeeping", DB_OK, 0); /* another is at it */
	more = false;
	answer("tidy.run", DB_OK, 1);
	CU_ASSERT_TRUE(timer.ms >= 45000 && timer.ms < 60000);
	for (int i = 0; i < 4; i++) { /* rows only now and then */
		time_passes();
		answer("events.housekeeping", DB_OK, 1);
		CU_ASSERT_PTR_NULL(server.cb);
	}
	time_passes();
	answer("events.housekeeping", DB_UNAVAILABLE, 0);
	time_passes();
	ids_left = 7;
	answer("events.housekeeping", DB_OK, 1);
	CU_ASSERT_FALSE(api_housekeeper_ready(h, why, sizeof(why)));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "no room"));
	answer("tidy.run", DB_ERROR, 0);
	api_housekeeper_free(h);
	CU_ASSERT_PTR_NULL(timer.cb);
	base_loop_fini(&loop);
}

/* Freed with a question at the database. */
static void
test_frees(void)
{
	struct base_loop loop;
	struct api_housekeeper *h;

	base_loop_init(&loop, &one_timer_ops);
	h = api_housekeeper_new(&loop, NULL, 1);
	time_passes();
	api_housekeeper_free(h);
	CU_ASSERT_PTR_NULL(server.cb);
	base_loop_fini(&loop);
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "rounds", test_rounds },
		{ "frees", test_frees } };

	base_log_fd_set(-1);
	return test_main("api_housekeeper", cases, ARRAY_LEN(cases),
	    argc > 1 ? argv[1] : NULL);
}
