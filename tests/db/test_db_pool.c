/* SPDX-License-Identifier: ISC */
/* The pool on a real PostgreSQL: what is answered, in which order, what is not
 * taken, and what is prepared when. */

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "tests/db/pool_fixture.h"

static struct pool_fixture f;

static void
test_connects(void)
{
	struct db_pool_stats stats;
	struct call call;

	pool_open(&f, 3);
	/* The table `later` is missing. */
	CU_ASSERT_FALSE(db_pool_ready(f.pool));
	db_pool_stats(f.pool, &stats);
	CU_ASSERT_EQUAL(stats.connections, 3);
	CU_ASSERT_EQUAL(stats.connects, 3);
	CU_ASSERT_EQUAL(stats.unprepared, 1);
	call = call_run(&f, SETTINGS, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(
	    call.value, "force_generic_plan 5s UTC UTF8 UTF8 pool");
	CU_ASSERT_EQUAL(cluster_number(f.cluster,
			    "select count(*) from pg_stat_activity"
			    " where application_name = 'pool'"),
	    3);
	pool_close(&f);
}

static void
check_pair(const struct db_result *r, void *arg)
{
	bool *done = arg;
	size_t len;

	CU_ASSERT_EQUAL(r->status, DB_OK);
	CU_ASSERT_EQUAL(r->rows, 1);
	CU_ASSERT_EQUAL(r->cols, 4);
	CU_ASSERT_FALSE(r->binary);
	CU_ASSERT_EQUAL(db_result_i64(r, 0, 0), -12);
	CU_ASSERT_STRING_EQUAL(db_result_value(r, 0, 1), "héllo");
	CU_ASSERT_PTR_EQUAL(
	    db_result_bytes(r, 0, 1, &len), db_result_value(r, 0, 1));
	CU_ASSERT_EQUAL(len, 6);
	CU_ASSERT_TRUE(db_result_bool(r, 0, 2));
	CU_ASSERT_PTR_NULL(db_result_value(r, 0, 3));
	CU_ASSERT_PTR_NULL(db_result_bytes(r, 0, 3, &len));
	CU_ASSERT_EQUAL(len, 0);
	CU_ASSERT_EQUAL(db_result_column(r, "a.b"), 1);
	CU_ASSERT_EQUAL(db_result_column(r, "none"), -1);
	CU_ASSERT_STRING_EQUAL(db_result_name(r, 3), "nothing");
	CU_ASSERT_EQUAL(db_result_type(r, 0), DB_TYPE_INT4);
	CU_ASSERT_EQUAL(db_result_type(r, 1), DB_TYPE_TEXT);
	CU_ASSERT_EQUAL(db_result_type(r, 2), DB_TYPE_BOOL);
	CU_ASSERT_EQUAL(db_result_type(r, 3), DB_TYPE_UUID);
	CU_ASSERT_PTR_NULL(r->message);
	*done = true;
}

static void
check_binary(const struct db_result *r, void *arg)
{
	bool *done = arg;
	const char *value;
	size_t len;

	CU_ASSERT_EQUAL(r->status, DB_OK);
	CU_ASSERT_TRUE(r->binary);
	value = db_result_bytes(r, 0, 0, &len);
	CU_ASSERT_EQUAL(len, 8);
	CU_ASSERT_EQUAL(memcmp(value, "\0\0\0\1\0\0\0\2", 8), 0);
	CU_ASSERT_PTR_NULL(db_result_bytes(r, 0, 1, &len));
	*done = true;
}

static void
test_binary(void)
{
	const char *const values[] = { "4294967298" };
	bool done = false;

	pool_open(&f, 1);
	CU_ASSERT_PTR_NOT_NULL(db_query_start(
	    f.pool, pool_statement(BINARY), values, check_binary, &done));
	CU_ASSERT_TRUE(pool_wait(&f, &done, 5000));
	pool_close(&f);
}

static void
test_results(void)
{
	const char *const values[] = { "-12", "héllo" };
	bool done = false;
	struct call call;

	pool_open(&f, 1);
	CU_ASSERT_PTR_NOT_NULL(db_query_start(
	    f.pool, pool_statement(PAIR), values, check_pair, &done));
	CU_ASSERT_TRUE(pool_wait(&f, &done, 5000));
	call = call_run(&f, ECHO, NULL, NULL);
	CU_ASSERT_EQUAL(call.rows, 1);
	CU_ASSERT_STRING_EQUAL(call.value, "-");
	call = call_run(&f, ECHO, "", NULL);
	CU_ASSERT_STRING_EQUAL(call.value, "");
	pool_close(&f);
}

static void
test_order(void)
{
	struct call *calls = base_alloc_array(1000, sizeof(*calls));
	char text[16];
	bool ordered = true;

	pool_open(&f, 1);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		call_start(&f, &calls[i], ECHO, text, NULL);
	}
	CU_ASSERT_TRUE(calls_wait(&f, calls, 1000, 10000));
	for (unsigned int i = 0; i < 1000; i++)
		ordered = ordered && calls[i].order == i &&
		    calls[i].status == DB_OK &&
		    (unsigned int)atoi(calls[i].value) == i;
	CU_ASSERT_TRUE(ordered);
	base_free(calls);
	pool_close(&f);
}

/* An error concerns its own query, also those sent together with it. */
static void
test_errors_in_the_middle(void)
{
	struct call calls[60];
	char text[16];

	pool_open(&f, 1);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		if (i % 5 == 0)
			call_start(&f, &calls[i], DIVIDE, "0", NULL);
		else if (i % 5 == 1)
			call_start(&f, &calls[i], PUT, "not a number", NULL);
		else
			call_start(&f, &calls[i], PUT, text, NULL);
	}
	CU_ASSERT_TRUE(calls_wait(&f, calls, 60, 10000));
	for (int i = 0; i < 60; i++) {
		CU_ASSERT_TRUE(calls[i].done);
		if (i % 5 == 0) {
			CU_ASSERT_EQUAL(calls[i].status, DB_ERROR);
			CU_ASSERT_STRING_EQUAL(calls[i].sqlstate, "22012");
			CU_ASSERT_STRING_EQUAL(
			    calls[i].message, "division by zero");
		} else if (i % 5 == 1) {
			CU_ASSERT_STRING_EQUAL(calls[i].sqlstate, "22P02");
		} else {
			CU_ASSERT_EQUAL(calls[i].status, DB_OK);
			CU_ASSERT_EQUAL(atoi(calls[i].value), i);
		}
	}
	CU_ASSERT_EQUAL(
	    cluster_number(f.cluster, "select count(*) from t"), 36);
	pool_close(&f);
}

static void
test_refusal(void)
{
	struct call call;

	pool_open(&f, 1);
	call = call_run(&f, REFUSE, "text", NULL);
	CU_ASSERT_EQUAL(call.status, DB_REFUSED);
	CU_ASSERT_STRING_EQUAL(call.message, "not_found");
	CU_ASSERT_STRING_EQUAL(call.detail, "There is none.");
	CU_ASSERT_STRING_EQUAL(call.column, "text");
	call = call_run(&f, REFUSE, "", NULL);
	CU_ASSERT_STRING_EQUAL(call.column, "-");
	pool_close(&f);
}

static void
test_retry(void)
{
	struct call call;

	pool_open(&f, 2);
	call = call_run(&f, RETRY, NULL, NULL);
	CU_ASSERT_EQUAL(call.status, DB_RETRY);
	CU_ASSERT_STRING_EQUAL(call.sqlstate, "40001");
	/* A sequence is not rolled back: it counts the attempts. */
	CU_ASSERT_EQUAL(
	    cluster_number(f.cluster, "select last_value from tries"), 2);
	pool_close(&f);
}

static void
test_notices(void)
{
	struct call calls[10];
	char text[16];

	pool_open(&f, 1);
	base_log_level_set(BASE_LOG_ERROR);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		call_start(&f, &calls[i], WARN, text, NULL);
	}
	CU_ASSERT_TRUE(calls_wait(&f, calls, 10, 5000));
	base_log_level_set(BASE_LOG_INFO);
	for (int i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
		CU_ASSERT_EQUAL(atoi(calls[i].value), i);
	}
	pool_close(&f);
}

/* The statement succeeds, its commit does not. */
static void
test_commit_fails(void)
{
	struct call before, fails, after;

	pool_open(&f, 1);
	call_start(&f, &before, ECHO, "before", NULL);
	call_start(&f, &fails, COMMIT_FAILS, "1", NULL);
	call_start(&f, &after, ECHO, "after", NULL);
	CU_ASSERT_TRUE(pool_wait(&f, &after.done, 5000));
	CU_ASSERT_EQUAL(before.status, DB_OK);
	CU_ASSERT_EQUAL(fails.status, DB_ERROR);
	CU_ASSERT_STRING_EQUAL(fails.sqlstate, "23505");
	CU_ASSERT_EQUAL(fails.rows, 0);
	CU_ASSERT_EQUAL(after.status, DB_OK);
	pool_close(&f);
}

static void
test_time_out(void)
{
	const struct db_pool_params params = { .connections = 1,
		.statement_timeout_ms = 300 };
	struct call slow, after;

	pool_open_with(&f, &params);
	CU_ASSERT_TRUE(pool_wait_up(&f, 1));
	call_start(&f, &slow, PUT_SLEEPING, "1", "10");
	call_start(&f, &after, ECHO, "x", NULL);
	CU_ASSERT_TRUE(pool_wait(&f, &after.done, 3000));
	CU_ASSERT_EQUAL(slow.status, DB_TIMEOUT);
	CU_ASSERT_EQUAL(after.status, DB_OK);
	pool_close(&f);
}

static void
test_cancel(void)
{
	struct call calls[40];
	struct db_pool_stats stats;

	pool_open(&f, 1);
	for (int i = 0; i < 40; i++)
		call_start(&f, &calls[i], PUT, "1", NULL);
	/* Some are sent, some wait. */
	db_pool_stats(f.pool, &stats);
	CU_ASSERT_TRUE(stats.in_flight > 0 && stats.waiting > 0);
	for (int i = 0; i < 39; i++)
		db_query_cancel(calls[i].query);
	db_query_cancel(NULL);
	CU_ASSERT_TRUE(pool_wait(&f, &calls[39].done, 5000));
	CU_ASSERT_EQUAL(f.done, 1);
	db_pool_stats(f.pool, &stats);
	CU_ASSERT_EQUAL(stats.in_flight + stats.waiting, 0);
	CU_ASSERT_EQUAL(
	    cluster_number(f.cluster, "select count(*) from t"), 17);
	pool_close(&f);
}

static void
test_free_in_flight(void)
{
	struct call calls[40];

	pool_open(&f, 2);
	for (int i = 0; i < 40; i++)
		call_start(&f, &calls[i], ECHO, "x", NULL);
	pool_close(&f);
	CU_ASSERT_EQUAL(f.done, 0);
	/* While it connects, too. */
	pool_open_with(&f, &(const struct db_pool_params){ .connections = 2 });
	call_start(&f, &calls[0], ECHO, "x", NULL);
	base_loop_poll_turn(f.loop, 5);
	pool_close(&f);
}

static void
test_queue_full(void)
{
	const struct db_pool_params params = { .connections = 1,
		.queue_limit = 20 };
	struct call calls[25];
	struct db_pool_stats stats;

	pool_open_with(&f, &params);
	CU_ASSERT_TRUE(pool_wait_up(&f, 1));
	for (int i = 0; i < 25; i++)
		call_start(&f, &calls[i], READ_SLEEPING, "1", "0.01");
	/* A cancelled one makes no room for those refused, but no harm. */
	db_query_cancel(calls[24].query);
	base_loop_poll_turn(f.loop, 0);
	for (int i = 20; i < 24; i++) {
		CU_ASSERT_EQUAL(calls[i].status, DB_UNAVAILABLE);
		CU_ASSERT_STRING_EQUAL(
		    calls[i].message, "too many queries are under way");
	}
	CU_ASSERT_TRUE(calls_wait(&f, calls, 20, 5000));
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
	db_pool_stats(f.pool, &stats);
	CU_ASSERT_EQUAL(stats.unavailable, 4);
	pool_close(&f);
}

/* Slow statements leave the fast ones their connection. */
static void
test_slow_class(void)
{
	struct call slow[4], fast;
	uint64_t begin;

	pool_open(&f, 2);
	for (int i = 0; i < 4; i++)
		call_start(&f, &slow[i], SLOW, "0.3", NULL);
	begin = base_clock_ms();
	for (int i = 0; i < 10; i++) {
		fast = call_run(&f, ECHO, "x", NULL);
		CU_ASSERT_EQUAL(fast.status, DB_OK);
	}
	CU_ASSERT_FALSE(slow[3].done);
	CU_ASSERT_TRUE(calls_wait(&f, slow, 4, 5000));
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(slow[i].status, DB_OK);
	CU_ASSERT_TRUE(base_clock_ms() - begin >= 1000);
	pool_close(&f);
}

/* Both buffers of the socket are full in both directions. */
static void
test_big(void)
{
	size_t size = 4 * 1024 * 1024;
	char *text = base_alloc(size + 1);
	struct call calls[10];

	pool_open(&f, 1);
	memset(text, 'x', size);
	for (int i = 0; i < 10; i++)
		call_start(&f, &calls[i], ECHO, text, NULL);
	CU_ASSERT_TRUE(calls_wait(&f, calls, 10, 30000));
	for (int i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
		CU_ASSERT_EQUAL(calls[i].length, size);
	}
	base_free(text);
	pool_close(&f);
}

/* The columns of a cached plan changed. */
static void
test_plan_outdated(void)
{
	struct call call, pair[2];

	pool_open(&f, 1);
	call = call_run(&f, STAR, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(call.value, "1");
	cluster_exec(
	    f.cluster, "alter table star alter a type text using 'now ' || a");
	call_start(&f, &pair[0], STAR, NULL, NULL);
	call_start(&f, &pair[1], STAR, NULL, NULL);
	CU_ASSERT_TRUE(calls_wait(&f, pair, 2, 5000));
	CU_ASSERT_STRING_EQUAL(pair[0].value, "now 1");
	CU_ASSERT_STRING_EQUAL(pair[1].value, "now 1");
	cluster_exec(f.cluster, "alter table star alter a type int using 1");
	call = call_run(&f, STAR, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(call.value, "1");
	pool_close(&f);
}

/* The server forgot every prepared statement. */
static void
test_statements_forgotten(void)
{
	struct call calls[20];

	pool_open(&f, 1);
	(void)call_run(&f, FORGET, NULL, NULL);
	for (int i = 0; i < 20; i++)
		call_start(&f, &calls[i], PUT, "1", NULL);
	CU_ASSERT_TRUE(calls_wait(&f, calls, 20, 5000));
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
	CU_ASSERT_EQUAL(
	    cluster_number(f.cluster, "select count(*) from t"), 20);
	pool_close(&f);
}

/* A statement whose table comes later is prepared when it is used. */
static void
test_schema_comes_later(void)
{
	struct call call;

	pool_open(&f, 1);
	call = call_run(&f, LATER, NULL, NULL);
	CU_ASSERT_EQUAL(call.status, DB_ERROR);
	CU_ASSERT_STRING_EQUAL(call.sqlstate, "42P01");
	CU_ASSERT_FALSE(db_pool_ready(f.pool));
	cluster_exec(f.cluster,
	    "create table later (v int); insert into later values (7)");
	call = call_run(&f, LATER, NULL, NULL);
	CU_ASSERT_EQUAL(call.status, DB_OK);
	CU_ASSERT_STRING_EQUAL(call.value, "7");
	CU_ASSERT_TRUE(db_pool_ready(f.pool));
	cluster_exec(f.cluster, "drop table later");
	pool_close(&f);
}

static const struct test_case cases[] = {
	{ "connects and sets the session up", test_connects },
	{ "gives results", test_results },
	{ "gives binary results", test_binary },
	{ "answers 1,000 queries in order", test_order },
	{ "keeps errors in the middle apart", test_errors_in_the_middle },
	{ "tells our own refusals", test_refusal },
	{ "tries a serialization failure once more", test_retry },
	{ "is not confused by notices", test_notices },
	{ "answers after the commit", test_commit_fails },
	{ "times a statement out", test_time_out },
	{ "cancels", test_cancel },
	{ "can be freed with queries in flight", test_free_in_flight },
	{ "refuses when its queue is full", test_queue_full },
	{ "keeps slow statements apart", test_slow_class },
	{ "moves big values both ways", test_big },
	{ "prepares outdated plans anew", test_plan_outdated },
	{ "prepares forgotten statements anew", test_statements_forgotten },
	{ "prepares what could not be prepared", test_schema_comes_later },
};

int
main(int argc, char **argv)
{
	return (pool_main(
	    &f, "db_pool", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL));
}
