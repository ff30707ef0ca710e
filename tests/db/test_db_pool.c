/* SPDX-License-Identifier: ISC */
/* The pool on a real PostgreSQL: what is answered, and what it means when the
 * server fails in every way that can be made. */

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/pool.h"
#include "db/query.h"
#include "tests/db/cluster.h"
#include "tests/unit/harness.h"

static const char *const one[] = { "a" };
static const char *const two[] = { "a", "b" };

enum {
	ECHO,
	PAIR,
	DIVIDE,
	PUT,
	PUT_SLEEPING,
	READ_SLEEPING,
	SLOW,
	REFUSE,
	RETRY,
	WARN,
	COMMIT_FAILS,
	STAR,
	FORGET,
	LATER,
	SETTINGS,
	BINARY,
};

static const struct db_statement statements[] = {
	[ECHO] = { "t.echo", "select $1::text as value", one, 1, false, true },
	[PAIR] = { "t.pair",
	    "select $1::int as number, $2::text as \"a.b\", true as yes,"
	    " null::uuid as nothing",
	    two, 2, false, true },
	[DIVIDE] = { "t.divide", "select 100 / $1::int", one, 1, false, false },
	[PUT] = { "t.put", "insert into t (v) values ($1::int) returning v",
	    one, 1, false, false },
	[PUT_SLEEPING] = { "t.put_sleeping",
	    "insert into t (v) select $1::int from pg_sleep($2::float8)", two,
	    2, false, false },
	[READ_SLEEPING] = { "t.read_sleeping",
	    "select $1::int from pg_sleep($2::float8)", two, 2, false, true },
	[SLOW] = { "t.slow", "select pg_sleep($1::float8)", one, 1, true,
	    true },
	[REFUSE] = { "t.refuse", "select refuse($1::text)", one, 1, false,
	    false },
	[RETRY] = { "t.retry", "select retry_me()", NULL, 0, false, false },
	[WARN] = { "t.warn", "select warn($1::text)", one, 1, false, false },
	[COMMIT_FAILS] = { "t.commit_fails",
	    "insert into late (v) values ($1::int), ($1::int) returning v", one,
	    1, false, false },
	[STAR] = { "t.star", "select * from star", NULL, 0, false, true },
	[FORGET] = { "t.forget", "deallocate all", NULL, 0, false, false },
	[LATER] = { "t.later", "select v from later", NULL, 0, false, true },
	[SETTINGS] = { "t.settings",
	    "select concat_ws(' ', current_setting('plan_cache_mode'),"
	    " current_setting('statement_timeout'),"
	    " current_setting('TimeZone'),"
	    " current_setting('server_encoding'),"
	    " current_setting('client_encoding'),"
	    " current_setting('application_name'))",
	    NULL, 0, false, true },
	[BINARY] = { .name = "t.binary",
	    .text = "select $1::bigint as number, null::uuid as nothing",
	    .params = one,
	    .nparams = 1,
	    .read = true,
	    .binary = true },
};

static const char schema[] =
    "create table t (v int);"
    "create table late (v int unique deferrable initially deferred);"
    "create table star (a int); insert into star values (1);"
    "create sequence tries;"
    "create function refuse(p text) returns void language plpgsql as $$"
    " begin raise exception using errcode = 'PY000', message = 'not_found',"
    " detail = 'There is none.', column = p; end $$;"
    "create function retry_me() returns void language plpgsql as $$"
    " begin perform nextval('tries');"
    " raise exception using errcode = '40001'; end $$;"
    "create function warn(p text) returns text language plpgsql as $$"
    " begin raise notice 'n %', p; raise warning 'w %', p; return p; end $$;";

static struct cluster *cluster;

/* One query of a test and what came of it. */
struct call {
	struct db_query *query;
	bool done;
	unsigned int order; /* how many were done before */
	enum db_status status;
	int rows;
	size_t length;
	char value[100];
	char sqlstate[6];
	char message[100];
	char detail[100];
	char column[100];
};

static struct base_loop *loop;
static struct db_pool *pool;
static unsigned int done_count;
static bool inside_start;

static void
copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text == NULL ? "-" : text);
}

static void
on_done(const struct db_result *r, void *arg)
{
	struct call *call = arg;

	CU_ASSERT_FALSE(inside_start);
	CU_ASSERT_FALSE(call->done);
	call->query = NULL;
	call->done = true;
	call->order = done_count++;
	call->status = r->status;
	call->rows = r->rows;
	if (r->rows > 0) {
		copy(call->value, sizeof(call->value),
		    db_result_bytes(r, 0, 0, &call->length));
	}
	copy(call->sqlstate, sizeof(call->sqlstate), r->sqlstate);
	copy(call->message, sizeof(call->message), r->message);
	copy(call->detail, sizeof(call->detail), r->detail);
	copy(call->column, sizeof(call->column), r->column);
}

static void
start(struct call *call, int statement, const char *a, const char *b)
{
	const char *const values[] = { a, b };

	memset(call, 0, sizeof(*call));
	inside_start = true;
	call->query =
	    db_query_start(pool, &statements[statement], values, on_done, call);
	inside_start = false;
	CU_ASSERT_PTR_NOT_NULL(call->query);
}

static void
turn_for(uint64_t ms)
{
	uint64_t until = base_clock_ms() + ms;

	while (base_clock_ms() < until)
		base_loop_poll_turn(loop, 5);
}

static bool
wait_for(const bool *flag, uint64_t ms)
{
	uint64_t until = base_clock_ms() + ms;

	while (!*flag && base_clock_ms() < until)
		base_loop_poll_turn(loop, 5);
	return (*flag);
}

/* All of them: after a repeat they may be answered out of order. */
static bool
wait_for_all(const struct call *calls, size_t n, uint64_t ms)
{
	uint64_t until = base_clock_ms() + ms;
	size_t i = 0;

	while (i < n && base_clock_ms() < until) {
		if (calls[i].done)
			i++;
		else
			base_loop_poll_turn(loop, 5);
	}
	return (i == n);
}

static struct call
run(int statement, const char *a, const char *b)
{
	struct call call;

	start(&call, statement, a, b);
	CU_ASSERT_TRUE(wait_for(&call.done, 15000));
	if (!call.done)
		db_query_cancel(call.query);
	return (call);
}

static bool
wait_up(unsigned int up)
{
	uint64_t until = base_clock_ms() + 15000;
	struct db_pool_stats stats;

	do {
		base_loop_poll_turn(loop, 5);
		db_pool_stats(pool, &stats);
	} while (stats.up != up && base_clock_ms() < until);
	return (stats.up == up);
}

static void
open_pool_with(const struct db_pool_params *given)
{
	struct db_pool_params params = *given;

	if (loop == NULL)
		loop = base_loop_poll_new();
	params.loop = loop;
	if (params.conninfo == NULL)
		params.conninfo = cluster_conninfo(cluster);
	params.application_name = "pool";
	params.statements = statements;
	params.statement_count = ARRAY_LEN(statements);
	pool = db_pool_new(&params);
	done_count = 0;
}

/* A pool of `connections`, all of them up, on an empty table t. */
static void
open_pool(unsigned int connections)
{
	const struct db_pool_params params = { .connections = connections };

	cluster_exec(cluster, "truncate t");
	open_pool_with(&params);
	CU_ASSERT_TRUE(wait_up(connections));
}

static void
close_pool(void)
{
	db_pool_free(pool);
	pool = NULL;
	base_loop_poll_turn(loop, 0);
	base_loop_poll_free(loop);
	loop = NULL;
}

static void
test_connects(void)
{
	struct db_pool_stats stats;
	struct call call;

	open_pool(3);
	/* The table `later` is missing. */
	CU_ASSERT_FALSE(db_pool_ready(pool));
	db_pool_stats(pool, &stats);
	CU_ASSERT_EQUAL(stats.connections, 3);
	CU_ASSERT_EQUAL(stats.connects, 3);
	CU_ASSERT_EQUAL(stats.unprepared, 1);
	call = run(SETTINGS, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(
	    call.value, "force_generic_plan 5s UTC UTF8 UTF8 pool");
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from pg_stat_activity"
			    " where application_name = 'pool'"),
	    3);
	close_pool();
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

	open_pool(1);
	CU_ASSERT_PTR_NOT_NULL(db_query_start(
	    pool, &statements[BINARY], values, check_binary, &done));
	CU_ASSERT_TRUE(wait_for(&done, 5000));
	close_pool();
}

static void
test_results(void)
{
	const char *const values[] = { "-12", "héllo" };
	bool done = false;
	struct call call;

	open_pool(1);
	CU_ASSERT_PTR_NOT_NULL(
	    db_query_start(pool, &statements[PAIR], values, check_pair, &done));
	CU_ASSERT_TRUE(wait_for(&done, 5000));
	call = run(ECHO, NULL, NULL);
	CU_ASSERT_EQUAL(call.rows, 1);
	CU_ASSERT_STRING_EQUAL(call.value, "-");
	call = run(ECHO, "", NULL);
	CU_ASSERT_STRING_EQUAL(call.value, "");
	close_pool();
}

static void
test_order(void)
{
	struct call *calls = base_alloc_array(1000, sizeof(*calls));
	char text[16];
	bool ordered = true;

	open_pool(1);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		start(&calls[i], ECHO, text, NULL);
	}
	CU_ASSERT_TRUE(wait_for_all(calls, 1000, 10000));
	for (unsigned int i = 0; i < 1000; i++)
		ordered = ordered && calls[i].order == i &&
		    calls[i].status == DB_OK &&
		    (unsigned int)atoi(calls[i].value) == i;
	CU_ASSERT_TRUE(ordered);
	base_free(calls);
	close_pool();
}

/* An error concerns its own query, also those sent together with it. */
static void
test_errors_in_the_middle(void)
{
	struct call calls[60];
	char text[16];

	open_pool(1);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		if (i % 5 == 0)
			start(&calls[i], DIVIDE, "0", NULL);
		else if (i % 5 == 1)
			start(&calls[i], PUT, "not a number", NULL);
		else
			start(&calls[i], PUT, text, NULL);
	}
	CU_ASSERT_TRUE(wait_for_all(calls, 60, 10000));
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
	CU_ASSERT_EQUAL(cluster_number(cluster, "select count(*) from t"), 36);
	close_pool();
}

static void
test_refusal(void)
{
	struct call call;

	open_pool(1);
	call = run(REFUSE, "text", NULL);
	CU_ASSERT_EQUAL(call.status, DB_REFUSED);
	CU_ASSERT_STRING_EQUAL(call.message, "not_found");
	CU_ASSERT_STRING_EQUAL(call.detail, "There is none.");
	CU_ASSERT_STRING_EQUAL(call.column, "text");
	call = run(REFUSE, "", NULL);
	CU_ASSERT_STRING_EQUAL(call.column, "-");
	close_pool();
}

static void
test_retry(void)
{
	struct call call;

	open_pool(2);
	call = run(RETRY, NULL, NULL);
	CU_ASSERT_EQUAL(call.status, DB_RETRY);
	CU_ASSERT_STRING_EQUAL(call.sqlstate, "40001");
	/* A sequence is not rolled back: it counts the attempts. */
	CU_ASSERT_EQUAL(
	    cluster_number(cluster, "select last_value from tries"), 2);
	close_pool();
}

static void
test_notices(void)
{
	struct call calls[10];
	char text[16];

	open_pool(1);
	base_log_level_set(BASE_LOG_ERROR);
	for (int i = 0; i < 10; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		start(&calls[i], WARN, text, NULL);
	}
	CU_ASSERT_TRUE(wait_for_all(calls, 10, 5000));
	base_log_level_set(BASE_LOG_INFO);
	for (int i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
		CU_ASSERT_EQUAL(atoi(calls[i].value), i);
	}
	close_pool();
}

/* The statement succeeds, its commit does not. */
static void
test_commit_fails(void)
{
	struct call before, fails, after;

	open_pool(1);
	start(&before, ECHO, "before", NULL);
	start(&fails, COMMIT_FAILS, "1", NULL);
	start(&after, ECHO, "after", NULL);
	CU_ASSERT_TRUE(wait_for(&after.done, 5000));
	CU_ASSERT_EQUAL(before.status, DB_OK);
	CU_ASSERT_EQUAL(fails.status, DB_ERROR);
	CU_ASSERT_STRING_EQUAL(fails.sqlstate, "23505");
	CU_ASSERT_EQUAL(fails.rows, 0);
	CU_ASSERT_EQUAL(after.status, DB_OK);
	close_pool();
}

static void
test_time_out(void)
{
	const struct db_pool_params params = { .connections = 1,
		.statement_timeout_ms = 300 };
	struct call slow, after;

	open_pool_with(&params);
	CU_ASSERT_TRUE(wait_up(1));
	start(&slow, PUT_SLEEPING, "1", "10");
	start(&after, ECHO, "x", NULL);
	CU_ASSERT_TRUE(wait_for(&after.done, 3000));
	CU_ASSERT_EQUAL(slow.status, DB_TIMEOUT);
	CU_ASSERT_EQUAL(after.status, DB_OK);
	close_pool();
}

static void
test_cancel(void)
{
	struct call calls[40];
	struct db_pool_stats stats;

	open_pool(1);
	for (int i = 0; i < 40; i++)
		start(&calls[i], PUT, "1", NULL);
	/* Some are sent, some wait. */
	db_pool_stats(pool, &stats);
	CU_ASSERT_TRUE(stats.in_flight > 0 && stats.waiting > 0);
	for (int i = 0; i < 39; i++)
		db_query_cancel(calls[i].query);
	db_query_cancel(NULL);
	CU_ASSERT_TRUE(wait_for(&calls[39].done, 5000));
	CU_ASSERT_EQUAL(done_count, 1);
	db_pool_stats(pool, &stats);
	CU_ASSERT_EQUAL(stats.in_flight + stats.waiting, 0);
	CU_ASSERT_EQUAL(cluster_number(cluster, "select count(*) from t"), 17);
	close_pool();
}

static void
test_free_in_flight(void)
{
	struct call calls[40];

	open_pool(2);
	for (int i = 0; i < 40; i++)
		start(&calls[i], ECHO, "x", NULL);
	close_pool();
	CU_ASSERT_EQUAL(done_count, 0);
	/* While it connects, too. */
	open_pool_with(&(const struct db_pool_params){ .connections = 2 });
	start(&calls[0], ECHO, "x", NULL);
	base_loop_poll_turn(loop, 5);
	close_pool();
}

static void
test_queue_full(void)
{
	const struct db_pool_params params = { .connections = 1,
		.queue_limit = 20 };
	struct call calls[25];
	struct db_pool_stats stats;

	open_pool_with(&params);
	CU_ASSERT_TRUE(wait_up(1));
	for (int i = 0; i < 25; i++)
		start(&calls[i], READ_SLEEPING, "1", "0.01");
	/* A cancelled one makes no room for those refused, but no harm. */
	db_query_cancel(calls[24].query);
	base_loop_poll_turn(loop, 0);
	for (int i = 20; i < 24; i++) {
		CU_ASSERT_EQUAL(calls[i].status, DB_UNAVAILABLE);
		CU_ASSERT_STRING_EQUAL(
		    calls[i].message, "too many queries are under way");
	}
	CU_ASSERT_TRUE(wait_for_all(calls, 20, 5000));
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
	db_pool_stats(pool, &stats);
	CU_ASSERT_EQUAL(stats.unavailable, 4);
	close_pool();
}

/* No server: short patience at first, none later. */
static void
test_not_connected(void)
{
	const struct db_pool_params params = {
		.connections = 2,
		.conninfo = "host=/nonexistent user=nobody",
		.wait_ms = 400,
	};
	struct call first, later;
	uint64_t begin = base_clock_ms();

	open_pool_with(&params);
	start(&first, PUT, "1", NULL);
	CU_ASSERT_TRUE(wait_for(&first.done, 3000));
	CU_ASSERT_EQUAL(first.status, DB_UNAVAILABLE);
	CU_ASSERT_TRUE(base_clock_ms() - begin >= 300);
	CU_ASSERT_TRUE(base_clock_ms() - begin < 1000);
	begin = base_clock_ms();
	start(&later, PUT, "1", NULL);
	CU_ASSERT_TRUE(wait_for(&later.done, 3000));
	CU_ASSERT_EQUAL(later.status, DB_UNAVAILABLE);
	CU_ASSERT_TRUE(base_clock_ms() - begin < 50);
	CU_ASSERT_FALSE(db_pool_ready(pool));
	close_pool();
}

static void
test_bad_conninfo(void)
{
	const struct db_pool_params params = {
		.connections = 1, .conninfo = "nonsense", .wait_ms = 50
	};
	struct call call;

	CU_ASSERT_FALSE(db_pool_conninfo_valid("nonsense"));
	CU_ASSERT_TRUE(db_pool_conninfo_valid("postgres://u:p@[::1]:5/db"));
	open_pool_with(&params);
	start(&call, ECHO, "x", NULL);
	CU_ASSERT_TRUE(wait_for(&call.done, 3000));
	CU_ASSERT_EQUAL(call.status, DB_UNAVAILABLE);
	close_pool();
}

/* Queries that were asked for before the first connection are not lost. */
static void
test_waits_for_connection(void)
{
	struct call call;

	open_pool_with(&(const struct db_pool_params){ .connections = 1 });
	start(&call, ECHO, "early", NULL);
	CU_ASSERT_TRUE(wait_for(&call.done, 3000));
	CU_ASSERT_EQUAL(call.status, DB_OK);
	close_pool();
}

/* Slow statements leave the fast ones their connection. */
static void
test_slow_class(void)
{
	struct call slow[4], fast;
	uint64_t begin;

	open_pool(2);
	for (int i = 0; i < 4; i++)
		start(&slow[i], SLOW, "0.3", NULL);
	begin = base_clock_ms();
	for (int i = 0; i < 10; i++) {
		fast = run(ECHO, "x", NULL);
		CU_ASSERT_EQUAL(fast.status, DB_OK);
	}
	CU_ASSERT_TRUE(base_clock_ms() - begin < 200);
	CU_ASSERT_FALSE(slow[0].done);
	CU_ASSERT_TRUE(wait_for_all(slow, 4, 5000));
	for (int i = 0; i < 4; i++)
		CU_ASSERT_EQUAL(slow[i].status, DB_OK);
	CU_ASSERT_TRUE(base_clock_ms() - begin >= 1000);
	close_pool();
}

/* Both buffers of the socket are full in both directions. */
static void
test_big(void)
{
	size_t size = 4 * 1024 * 1024;
	char *text = base_alloc(size + 1);
	struct call calls[10];

	open_pool(1);
	memset(text, 'x', size);
	for (int i = 0; i < 10; i++)
		start(&calls[i], ECHO, text, NULL);
	CU_ASSERT_TRUE(wait_for_all(calls, 10, 30000));
	for (int i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
		CU_ASSERT_EQUAL(calls[i].length, size);
	}
	base_free(text);
	close_pool();
}

/* The columns of a cached plan changed. */
static void
test_plan_outdated(void)
{
	struct call call, pair[2];

	open_pool(1);
	call = run(STAR, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(call.value, "1");
	cluster_exec(
	    cluster, "alter table star alter a type text using 'now ' || a");
	start(&pair[0], STAR, NULL, NULL);
	start(&pair[1], STAR, NULL, NULL);
	CU_ASSERT_TRUE(wait_for_all(pair, 2, 5000));
	CU_ASSERT_STRING_EQUAL(pair[0].value, "now 1");
	CU_ASSERT_STRING_EQUAL(pair[1].value, "now 1");
	cluster_exec(cluster, "alter table star alter a type int using 1");
	call = run(STAR, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(call.value, "1");
	close_pool();
}

/* The server forgot every prepared statement. */
static void
test_statements_forgotten(void)
{
	struct call calls[20];

	open_pool(1);
	(void)run(FORGET, NULL, NULL);
	for (int i = 0; i < 20; i++)
		start(&calls[i], PUT, "1", NULL);
	CU_ASSERT_TRUE(wait_for_all(calls, 20, 5000));
	for (int i = 0; i < 20; i++)
		CU_ASSERT_EQUAL(calls[i].status, DB_OK);
	CU_ASSERT_EQUAL(cluster_number(cluster, "select count(*) from t"), 20);
	close_pool();
}

/* A statement whose table comes later is prepared when it is used. */
static void
test_schema_comes_later(void)
{
	struct call call;

	open_pool(1);
	call = run(LATER, NULL, NULL);
	CU_ASSERT_EQUAL(call.status, DB_ERROR);
	CU_ASSERT_STRING_EQUAL(call.sqlstate, "42P01");
	CU_ASSERT_FALSE(db_pool_ready(pool));
	cluster_exec(cluster,
	    "create table later (v int); insert into later values (7)");
	call = run(LATER, NULL, NULL);
	CU_ASSERT_EQUAL(call.status, DB_OK);
	CU_ASSERT_STRING_EQUAL(call.value, "7");
	CU_ASSERT_TRUE(db_pool_ready(pool));
	cluster_exec(cluster, "drop table later");
	close_pool();
}

/* The server says that it ends a session: the query had not happened, and is
 * done again; those behind it as well. */
static void
test_terminated(void)
{
	struct call running, behind[5], twice;
	struct db_pool_stats stats;

	open_pool(1);
	start(&running, PUT_SLEEPING, "1", "0.3");
	for (int i = 0; i < 5; i++)
		start(&behind[i], PUT, "2", NULL);
	turn_for(100);
	CU_ASSERT_EQUAL(cluster_kill(cluster, "pool"), 1);
	CU_ASSERT_TRUE(wait_for_all(behind, 5, 5000));
	CU_ASSERT_EQUAL(running.status, DB_OK);
	CU_ASSERT_EQUAL(behind[4].status, DB_OK);
	CU_ASSERT_EQUAL(cluster_number(cluster, "select count(*) from t"), 6);
	db_pool_stats(pool, &stats);
	CU_ASSERT_EQUAL(stats.lost, 1);
	CU_ASSERT_EQUAL(stats.retried, 6);
	/* Once, not for ever. */
	start(&twice, PUT_SLEEPING, "3", "5");
	for (int i = 0; i < 2; i++) {
		turn_for(100);
		CU_ASSERT_TRUE(wait_up(1));
		turn_for(200);
		CU_ASSERT_EQUAL(cluster_kill(cluster, "pool"), 1);
	}
	CU_ASSERT_TRUE(wait_for(&twice.done, 5000));
	CU_ASSERT_EQUAL(twice.status, DB_UNAVAILABLE);
	CU_ASSERT_STRING_EQUAL(twice.sqlstate, "57P01");
	CU_ASSERT_EQUAL(
	    cluster_number(cluster, "select count(*) from t where v = 3"), 0);
	close_pool();
}

/* A server that went away took all links along, but each is told by itself: what
 * the first gives back is not sent over one that is as dead. */
static void
test_all_gone(void)
{
	struct db_pool_stats stats;
	struct call read;

	open_pool(3);
	CU_ASSERT_EQUAL(cluster_kill(cluster, "pool"), 3);
	while (cluster_number(cluster,
		   "select count(*) from pg_stat_activity"
		   " where application_name = 'pool'") > 0)
		usleep(1000);
	read = run(ECHO, "1", NULL);
	CU_ASSERT_EQUAL(read.status, DB_OK);
	db_pool_stats(pool, &stats);
	CU_ASSERT_EQUAL(stats.lost, 3);
	CU_ASSERT_EQUAL(stats.retried, 1);
	close_pool();
}

static pid_t
backend_of(const char *query)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
	    "select pid from pg_stat_activity where state = 'active'"
	    " and query like '%%%s%%' and application_name = 'pool'",
	    query);
	return ((pid_t)cluster_number(cluster, sql));
}

/* The link breaks without a word: a read is done again, of a write nobody
 * knows. */
static void
test_crashed(void)
{
	struct call write, read, behind;

	open_pool(2);
	start(&write, PUT_SLEEPING, "1", "3");
	start(&read, READ_SLEEPING, "2", "0.5");
	start(&behind, PUT, "3", NULL);
	turn_for(100);
	CU_ASSERT_EQUAL(kill(backend_of("insert into t"), SIGKILL), 0);
	CU_ASSERT_TRUE(wait_for(&write.done, 5000));
	CU_ASSERT_EQUAL(write.status, DB_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(write.sqlstate, "-");
	CU_ASSERT_TRUE(wait_for(&behind.done, 5000));
	CU_ASSERT_EQUAL(behind.status, DB_UNKNOWN);
	CU_ASSERT_TRUE(wait_for(&read.done, 10000));
	/* The server recovers within the patience of a query, or not. */
	CU_ASSERT_TRUE(read.status == DB_OK || read.status == DB_UNAVAILABLE);
	CU_ASSERT_TRUE(wait_up(2));
	close_pool();
}

/* A server that is there but says nothing. */
static void
test_frozen(void)
{
	const struct db_pool_params params = { .connections = 1,
		.statement_timeout_ms = 500 };
	struct call call, later;
	pid_t pid;

	open_pool_with(&params);
	CU_ASSERT_TRUE(wait_up(1));
	start(&call, PUT_SLEEPING, "1", "0.3");
	turn_for(50);
	pid = backend_of("insert into t");
	CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
	CU_ASSERT_TRUE(wait_for(&call.done, 4000));
	CU_ASSERT_EQUAL(call.status, DB_UNKNOWN);
	later = run(ECHO, "again", NULL);
	CU_ASSERT_EQUAL(later.status, DB_OK);
	(void)kill(pid, SIGCONT);
	close_pool();
}

/* Writers while the server is restarted and crashes: what was answered is
 * there once, what was refused is not. */
#define WRITES 3000

static struct call *writes;
static int started;

static void
keep_writing(int at_once)
{
	char text[16];
	int under_way = started - (int)done_count;

	while (started < WRITES && under_way < at_once) {
		(void)snprintf(text, sizeof(text), "%d", started);
		start(&writes[started], PUT, text, NULL);
		started++;
		under_way++;
	}
}

static void
write_until(int count)
{
	uint64_t until = base_clock_ms() + 20000;

	while ((int)done_count < count && base_clock_ms() < until) {
		keep_writing(20);
		base_loop_poll_turn(loop, 5);
	}
	CU_ASSERT_TRUE((int)done_count >= count);
}

static void
check_write(int i, int64_t there)
{
	switch (writes[i].status) {
	case DB_OK:
		CU_ASSERT_EQUAL(there, 1);
		break;
	case DB_UNKNOWN:
		CU_ASSERT_TRUE(there <= 1);
		break;
	case DB_UNAVAILABLE:
		CU_ASSERT_EQUAL(there, 0);
		break;
	case DB_ERROR:
	case DB_REFUSED:
	case DB_RETRY:
	case DB_TIMEOUT:
	case DB_DISK_FULL:
		CU_FAIL("another status");
	}
}

static void
test_restarts(void)
{
	unsigned int ok = 0;
	char sql[100];

	writes = base_alloc_array(WRITES, sizeof(*writes));
	started = 0;
	open_pool(3);
	write_until(200);
	keep_writing(20);
	cluster_stop(cluster);
	cluster_start(cluster);
	CU_ASSERT_TRUE(wait_up(3));
	write_until(1000);
	keep_writing(20);
	cluster_crash(cluster);
	turn_for(200);
	keep_writing(20);
	cluster_start(cluster);
	CU_ASSERT_TRUE(wait_up(3));
	write_until(2000);
	keep_writing(20);
	(void)cluster_kill(cluster, "pool");
	write_until(WRITES);
	for (int i = 0; i < WRITES; i += 7) {
		(void)snprintf(
		    sql, sizeof(sql), "select count(*) from t where v = %d", i);
		check_write(i, cluster_number(cluster, sql));
	}
	for (int i = 0; i < WRITES; i++)
		ok += writes[i].status == DB_OK ? 1 : 0;
	CU_ASSERT_TRUE(ok > WRITES / 2);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) - count(distinct v) from t"),
	    0);
	CU_ASSERT_TRUE(cluster_number(cluster, "select count(*) from t") >= ok);
	close_pool();
	base_free(writes);
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
	{ "refuses without a connection", test_not_connected },
	{ "survives a conninfo that is none", test_bad_conninfo },
	{ "waits for the first connection", test_waits_for_connection },
	{ "keeps slow statements apart", test_slow_class },
	{ "moves big values both ways", test_big },
	{ "prepares outdated plans anew", test_plan_outdated },
	{ "prepares forgotten statements anew", test_statements_forgotten },
	{ "prepares what could not be prepared", test_schema_comes_later },
	{ "repeats what a terminated server had not done", test_terminated },
	{ "repeats a read when all links are gone", test_all_gone },
	{ "says that it does not know", test_crashed },
	{ "gives up a frozen server", test_frozen },
	{ "loses nothing over restarts", test_restarts },
};

int
main(int argc, char **argv)
{
	int status;

	/* Of the log only what is asked for: the failures are made. */
	if (argc == 1)
		base_log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
	cluster = cluster_new();
	cluster_exec(cluster, schema);
	status = test_main(
	    "db_pool", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	cluster_free(cluster);
	return (status);
}
