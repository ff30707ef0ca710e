/* SPDX-License-Identifier: ISC */
/* Followers of the event log: each event once, by one process at a time,
 * whoever is killed when. */

#include <sys/wait.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"
#include "tests/db/sql_fixture.h"

#define EVENTS 300
#define CLIENTS 4

/* A follower that writes down what it worked off. */
static const char setup[] =
    "create table worked (id bigint, by integer);"
    "create function worked_off(p_step log_step, p_by integer) returns integer"
    " language plpgsql as $$ begin"
    " insert into worked select e.id, p_by from events e"
    " where e.id > p_step.after_id and e.id <= p_step.upto_id;"
    " return p_by; end $$;"
    "select log_follower_add('test')";

#define STEP                                                                 \
	"select x.turn, x.events, x.more, x.behind, x.missed, x.upto_id"     \
	" from log_follow('test', $1::integer, $2::bigint, $3::interval) x," \
	" worked_off(x, 1)"

#define VALUE(column, value) \
	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, (column)), (value))
#define NUMBER(column, value) \
	CU_ASSERT_EQUAL(sql_number(s, 0, (column)), (value))

static void
emit(int n)
{
	for (int i = 0; i < n; i++)
		RUN(s, "select emit('{t}', '{x}', '{\"{}\"}') as id");
}

static int64_t
position(void)
{
	return (cluster_number(
	    cluster, "select after_id from log_followers where name = 'test'"));
}

/* Each event of the log once, in order. */
static void
check_worked(void)
{
	CU_ASSERT_EQUAL(
	    cluster_number(cluster,
		"select count(*) from events e full join worked w"
		" on w.id = e.id where e.id is null or w.id is null"),
	    0);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) - count(distinct id) from worked"),
	    0);
}

static void
test_steps(void)
{
	QUERY(s, STEP, "10", NULL, "0");
	VALUE("turn", "t");
	NUMBER("events", 0);
	VALUE("more", "f");
	emit(25);
	QUERY(s, STEP, "10", NULL, "0");
	NUMBER("events", 10);
	VALUE("more", "t");
	NUMBER("behind", 15);
	QUERY(s, STEP, "100", NULL, "0");
	NUMBER("events", 15);
	VALUE("more", "f");
	NUMBER("behind", 0);
	check_worked();
}

/* Who has not seen the last step leaves the next one to who did it, and young
 * events to who is eager. */
static void
test_turns(void)
{
	char seen[24];

	(void)snprintf(seen, sizeof(seen), "%lld", (long long)position());
	emit(1);
	QUERY(s, STEP, "10", "-1", "0");
	VALUE("turn", "f");
	VALUE("upto_id", seen);
	NUMBER("events", 0);
	QUERY(s, STEP, "10", seen, "1 hour");
	VALUE("turn", "t");
	NUMBER("events", 0);
	QUERY(s, STEP, "10", seen, "0");
	NUMBER("events", 1);
	CU_ASSERT_EQUAL(sql_number(s, 0, "upto_id"), position());
	check_worked();
}

/* A second process comes while a step is at work, and is not kept waiting; the
 * first dies before its end. */
static void
test_killed(void)
{
	struct sql *other = sql_open(cluster);
	int64_t before = position();

	emit(5);
	RUN(other, "set application_name = 'victim'");
	RUN(other, "begin");
	sql_query(other, STEP, (const char *const[]){ "10", NULL, "0" }, 3);
	CU_ASSERT_EQUAL(sql_number(other, 0, "events"), 5);
	QUERY(s, STEP, "10", NULL, "0");
	VALUE("turn", "f");
	CU_ASSERT_TRUE(sql_null(s, 0, "upto_id"));
	CU_ASSERT_EQUAL(cluster_kill(cluster, "victim"), 1);
	CU_ASSERT_EQUAL(position(), before);
	do
		QUERY(s, STEP, "10", NULL, "0");
	while (strcmp(sql_text(s, 0, "turn"), "f") == 0);
	NUMBER("events", 5);
	check_worked();
	sql_close(other);
}

static void
follow(int number)
{
	struct sql *own = sql_open(cluster);
	char by[12];

	(void)snprintf(by, sizeof(by), "%d", number);
	do
		sql_query(own,
		    "select x.turn and x.events = 0 as over from"
		    " log_follow('test', 7, null, '0') x,"
		    " worked_off(x, $1::integer)",
		    (const char *const[]){ by }, 1);
	while (strcmp(sql_text(own, 0, "over"), "t") != 0);
	sql_close(own);
	_exit(0);
}

static void
test_many(void)
{
	pid_t pids[CLIENTS];
	int status;

	emit(EVENTS);
	for (int i = 0; i < CLIENTS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			follow(i);
	}
	for (int i = 0; i < CLIENTS; i++) {
		(void)waitpid(pids[i], &status, 0);
		CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	check_worked();
}

/* Partitions were dropped, or a backup was restored and its log begins above
 * what it has. */
static void
test_missed(void)
{
	emit(3);
	cluster_exec(cluster,
	    "select setval('events_id_seq', 2000000);"
	    " update event_log set floor_id = 2000000");
	emit(2);
	QUERY(s, STEP, "10", NULL, "0");
	VALUE("missed", "t");
	NUMBER("events", 2);
	QUERY(s, STEP, "10", NULL, "0");
	VALUE("missed", "f");
	CU_ASSERT_TRUE(position() > 2000000);
	cluster_exec(cluster,
	    "select setval('events_id_seq', 2100000);"
	    " update event_log set floor_id = 2100000");
	QUERY(s, STEP, "10", NULL, "0");
	VALUE("missed", "t");
	NUMBER("events", 0);
	CU_ASSERT_EQUAL(position(), 2100000);
}

static void
fill(void)
{
	cluster_exec(cluster, setup);
}

static const struct test_case cases[] = {
	{ "works off the log step by step", test_steps },
	{ "takes turns", test_turns },
	{ "is killed in the middle", test_killed },
	{ "by many at once", test_many },
	{ "the log lost events", test_missed },
};

SQL_MAIN("sql_follower", fill)
