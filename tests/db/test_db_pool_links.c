/* SPDX-License-Identifier: ISC */
/* The pool when its links are not there, or end: what it means for those who ask
 * when the server fails in every way that can be made. */

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/pool_private.h"
#include "tests/db/pool_fixture.h"

static struct pool_fixture f;

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

	pool_open_with(&f, &params);
	call_start(&f, &first, PUT, "1", NULL);
	CU_ASSERT_TRUE(pool_wait(&f, &first.done, 3000));
	CU_ASSERT_EQUAL(first.status, DB_UNAVAILABLE);
	CU_ASSERT_TRUE(base_clock_ms() - begin >= 300);
	call_start(&f, &later, PUT, "1", NULL);
	base_loop_poll_turn(f.loop, 0);
	CU_ASSERT_TRUE(later.done);
	CU_ASSERT_EQUAL(later.status, DB_UNAVAILABLE);
	CU_ASSERT_FALSE(db_pool_ready(f.pool));
	pool_close(&f);
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
	pool_open_with(&f, &params);
	call_start(&f, &call, ECHO, "x", NULL);
	CU_ASSERT_TRUE(pool_wait(&f, &call.done, 3000));
	CU_ASSERT_EQUAL(call.status, DB_UNAVAILABLE);
	pool_close(&f);
}

/* Queries that were asked for before the first connection are not lost. */
static void
test_waits_for_connection(void)
{
	struct call call;

	pool_open_with(&f, &(const struct db_pool_params){ .connections = 1 });
	call_start(&f, &call, ECHO, "early", NULL);
	CU_ASSERT_TRUE(pool_wait(&f, &call.done, 3000));
	CU_ASSERT_EQUAL(call.status, DB_OK);
	pool_close(&f);
}

/* The server says that it ends a session: the query had not happened, and is
 * done again; those behind it as well. */
static void
test_terminated(void)
{
	struct call running, behind[5], twice;
	struct db_pool_stats stats;

	pool_open(&f, 1);
	call_start(&f, &running, PUT_SLEEPING, "1", "0.3");
	for (int i = 0; i < 5; i++)
		call_start(&f, &behind[i], PUT, "2", NULL);
	pool_turn(&f, 100);
	CU_ASSERT_EQUAL(cluster_kill(f.cluster, "pool"), 1);
	CU_ASSERT_TRUE(calls_wait(&f, behind, 5, 5000));
	CU_ASSERT_EQUAL(running.status, DB_OK);
	CU_ASSERT_EQUAL(behind[4].status, DB_OK);
	CU_ASSERT_EQUAL(cluster_number(f.cluster, "select count(*) from t"), 6);
	db_pool_stats(f.pool, &stats);
	CU_ASSERT_EQUAL(stats.lost, 1);
	CU_ASSERT_EQUAL(stats.retried, 6);
	/* Once, not for ever. */
	call_start(&f, &twice, PUT_SLEEPING, "3", "5");
	for (int i = 0; i < 2; i++) {
		pool_turn(&f, 100);
		CU_ASSERT_TRUE(pool_wait_up(&f, 1));
		pool_turn(&f, 200);
		CU_ASSERT_EQUAL(cluster_kill(f.cluster, "pool"), 1);
	}
	CU_ASSERT_TRUE(pool_wait(&f, &twice.done, 5000));
	CU_ASSERT_EQUAL(twice.status, DB_UNAVAILABLE);
	CU_ASSERT_STRING_EQUAL(twice.sqlstate, "57P01");
	CU_ASSERT_EQUAL(
	    cluster_number(f.cluster, "select count(*) from t where v = 3"), 0);
	pool_close(&f);
}

/* A server that went away took all links along, but each is told by itself: what
 * the first gives back is not sent over one that is as dead. */
static void
test_all_gone(void)
{
	struct db_pool_stats stats;
	struct call read;

	pool_open(&f, 3);
	CU_ASSERT_EQUAL(cluster_kill(f.cluster, "pool"), 3);
	while (cluster_number(f.cluster,
		   "select count(*) from pg_stat_activity"
		   " where application_name = 'pool'") > 0)
		usleep(1000);
	read = call_run(&f, ECHO, "1", NULL);
	CU_ASSERT_EQUAL(read.status, DB_OK);
	db_pool_stats(f.pool, &stats);
	CU_ASSERT_EQUAL(stats.lost, 3);
	CU_ASSERT_EQUAL(stats.retried, 1);
	pool_close(&f);
}

static pid_t
backend_of(const char *query)
{
	char sql[200];

	(void)snprintf(sql, sizeof(sql),
	    "select pid from pg_stat_activity where state = 'active'"
	    " and query like '%%%s%%' and application_name = 'pool'",
	    query);
	return ((pid_t)cluster_number(f.cluster, sql));
}

/* The link breaks without a word: a read is done again, of a write nobody
 * knows. */
static void
test_crashed(void)
{
	struct call write, read, behind;

	pool_open(&f, 2);
	call_start(&f, &write, PUT_SLEEPING, "1", "3");
	call_start(&f, &read, READ_SLEEPING, "2", "0.5");
	call_start(&f, &behind, PUT, "3", NULL);
	pool_turn(&f, 100);
	CU_ASSERT_EQUAL(kill(backend_of("insert into t"), SIGKILL), 0);
	CU_ASSERT_TRUE(pool_wait(&f, &write.done, 5000));
	CU_ASSERT_EQUAL(write.status, DB_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(write.sqlstate, "-");
	CU_ASSERT_TRUE(pool_wait(&f, &behind.done, 5000));
	CU_ASSERT_EQUAL(behind.status, DB_UNKNOWN);
	CU_ASSERT_TRUE(pool_wait(&f, &read.done, 10000));
	/* The server recovers within the patience of a query, or not. */
	CU_ASSERT_TRUE(read.status == DB_OK || read.status == DB_UNAVAILABLE);
	CU_ASSERT_TRUE(pool_wait_up(&f, 2));
	pool_close(&f);
}

/* A server that is there but says nothing. */
static void
test_frozen(void)
{
	const struct db_pool_params params = { .connections = 1,
		.statement_timeout_ms = 500 };
	struct call call, later;
	pid_t pid;

	pool_open_with(&f, &params);
	CU_ASSERT_TRUE(pool_wait_up(&f, 1));
	call_start(&f, &call, PUT_SLEEPING, "1", "0.3");
	pool_turn(&f, 50);
	pid = backend_of("insert into t");
	CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
	CU_ASSERT_TRUE(pool_wait(&f, &call.done, 4000));
	CU_ASSERT_EQUAL(call.status, DB_UNKNOWN);
	later = call_run(&f, ECHO, "again", NULL);
	CU_ASSERT_EQUAL(later.status, DB_OK);
	(void)kill(pid, SIGCONT);
	pool_close(&f);
}

/* The server has answered; it is the process that was away, and its loop looks at
 * timers before sockets. */
static void
test_held_up(void)
{
	const struct db_pool_params params = { .connections = 1 };
	struct db_link *link;
	struct db_pool_stats stats;
	struct call call;

	pool_open_with(&f, &params);
	CU_ASSERT_TRUE(pool_wait_up(&f, 1));
	link = &f.pool->links[0];
	call_start(&f, &call, PUT, "1", NULL);
	db_link_tick(link, base_clock_ms() + link->answer_timeout_ms + 1);
	CU_ASSERT_TRUE(pool_wait(&f, &call.done, 4000));
	CU_ASSERT_EQUAL(call.status, DB_OK);
	db_pool_stats(f.pool, &stats);
	CU_ASSERT_EQUAL(stats.lost, 0);
	pool_close(&f);
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
	int under_way = started - (int)f.done;

	while (started < WRITES && under_way < at_once) {
		(void)snprintf(text, sizeof(text), "%d", started);
		call_start(&f, &writes[started], PUT, text, NULL);
		started++;
		under_way++;
	}
}

static void
write_until(int count)
{
	uint64_t until = base_clock_ms() + 20000;

	while ((int)f.done < count && base_clock_ms() < until) {
		keep_writing(20);
		base_loop_poll_turn(f.loop, 5);
	}
	CU_ASSERT_TRUE((int)f.done >= count);
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
	pool_open(&f, 3);
	write_until(200);
	keep_writing(20);
	cluster_stop(f.cluster);
	cluster_start(f.cluster);
	CU_ASSERT_TRUE(pool_wait_up(&f, 3));
	write_until(1000);
	keep_writing(20);
	cluster_crash(f.cluster);
	pool_turn(&f, 200);
	keep_writing(20);
	cluster_start(f.cluster);
	CU_ASSERT_TRUE(pool_wait_up(&f, 3));
	write_until(2000);
	keep_writing(20);
	(void)cluster_kill(f.cluster, "pool");
	write_until(WRITES);
	for (int i = 0; i < WRITES; i += 7) {
		(void)snprintf(
		    sql, sizeof(sql), "select count(*) from t where v = %d", i);
		check_write(i, cluster_number(f.cluster, sql));
	}
	for (int i = 0; i < WRITES; i++)
		ok += writes[i].status == DB_OK ? 1 : 0;
	CU_ASSERT_TRUE(ok > WRITES / 2);
	CU_ASSERT_EQUAL(cluster_number(f.cluster,
			    "select count(*) - count(distinct v) from t"),
	    0);
	CU_ASSERT_TRUE(
	    cluster_number(f.cluster, "select count(*) from t") >= ok);
	pool_close(&f);
	base_free(writes);
}

static const struct test_case cases[] = {
	{ "refuses without a connection", test_not_connected },
	{ "survives a conninfo that is none", test_bad_conninfo },
	{ "waits for the first connection", test_waits_for_connection },
	{ "repeats what a terminated server had not done", test_terminated },
	{ "repeats a read when all links are gone", test_all_gone },
	{ "says that it does not know", test_crashed },
	{ "gives up a frozen server", test_frozen },
	{ "takes the answer after being held up", test_held_up },
	{ "loses nothing over restarts", test_restarts },
};

int
main(int argc, char **argv)
{
	return (pool_main(&f, "db_pool_links", cases, ARRAY_LEN(cases),
	    argc > 1 ? argv[1] : NULL));
}
