/* SPDX-License-Identifier: ISC */
/* The LISTEN connection on a real PostgreSQL that comes and goes. */

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "db/listener.h"
#include "tests/db/cluster.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;
static struct base_loop *loop;
static struct db_listener *listener;
static unsigned int ups, downs, notifications;
static char last[100];

static void
on_notify(const char *channel, const char *payload, void *arg)
{
	CU_ASSERT_PTR_EQUAL(arg, &cluster);
	CU_ASSERT_TRUE(db_listener_up(listener));
	notifications++;
	(void)snprintf(last, sizeof(last), "%s=%s", channel, payload);
}

static void
on_up(void *arg)
{
	(void)arg;
	ups++;
}

static void
on_down(void *arg)
{
	(void)arg;
	downs++;
	CU_ASSERT_EQUAL(ups, downs);
}

static void
open_listener(const char *conninfo, unsigned int probe_ms)
{
	static const char *const channels[] = { "bell", "Other" };
	struct db_listener_params params = {
		.conninfo = conninfo,
		.channels = channels,
		.channel_count = ARRAY_LEN(channels),
		.connect_timeout_ms = 1000,
		.probe_ms = probe_ms,
		.on_notify = on_notify,
		.on_up = on_up,
		.on_down = on_down,
		.arg = &cluster,
	};

	params.loop = loop = base_loop_poll_new();
	ups = downs = notifications = 0;
	listener = db_listener_new(&params);
	CU_ASSERT_EQUAL(ups, 0);
}

static void
close_listener(void)
{
	db_listener_free(listener);
	base_loop_poll_turn(loop, 0);
	base_loop_poll_free(loop);
}

static bool
wait_count(const unsigned int *count, unsigned int wanted)
{
	uint64_t until = base_clock_ms() + 15000;

	while (*count < wanted && base_clock_ms() < until)
		base_loop_poll_turn(loop, 5);
	return (*count == wanted);
}

static void
turn_for(uint64_t ms)
{
	uint64_t until = base_clock_ms() + ms;

	while (base_clock_ms() < until)
		base_loop_poll_turn(loop, 5);
}

static void
test_hears(void)
{
	open_listener(cluster_conninfo(cluster), 0);
	CU_ASSERT_FALSE(db_listener_up(listener));
	CU_ASSERT_TRUE(wait_count(&ups, 1));
	CU_ASSERT_TRUE(db_listener_up(listener));
	cluster_exec(cluster, "notify bell, '17'");
	CU_ASSERT_TRUE(wait_count(&notifications, 1));
	CU_ASSERT_STRING_EQUAL(last, "bell=17");
	cluster_exec(cluster, "notify \"Other\", 'x'; notify nobody");
	CU_ASSERT_TRUE(wait_count(&notifications, 2));
	CU_ASSERT_STRING_EQUAL(last, "Other=x");
	cluster_exec(cluster, "notify bell");
	CU_ASSERT_TRUE(wait_count(&notifications, 3));
	CU_ASSERT_STRING_EQUAL(last, "bell=");
	close_listener();
	CU_ASSERT_EQUAL(downs, 0);
}

static void
test_many(void)
{
	open_listener(cluster_conninfo(cluster), 0);
	CU_ASSERT_TRUE(wait_count(&ups, 1));
	cluster_exec(cluster,
	    "select pg_notify('bell', i || repeat('x', 5000))"
	    " from generate_series(1, 2000) i");
	CU_ASSERT_TRUE(wait_count(&notifications, 2000));
	close_listener();
}

static void
test_restart(void)
{
	open_listener(cluster_conninfo(cluster), 0);
	CU_ASSERT_TRUE(wait_count(&ups, 1));
	cluster_stop(cluster);
	CU_ASSERT_TRUE(wait_count(&downs, 1));
	CU_ASSERT_FALSE(db_listener_up(listener));
	turn_for(300);
	cluster_start(cluster);
	CU_ASSERT_TRUE(wait_count(&ups, 2));
	cluster_exec(cluster, "notify bell, 'again'");
	CU_ASSERT_TRUE(wait_count(&notifications, 1));
	CU_ASSERT_EQUAL(cluster_kill(cluster, "parley-listen"), 1);
	CU_ASSERT_TRUE(wait_count(&downs, 2));
	CU_ASSERT_TRUE(wait_count(&ups, 3));
	cluster_exec(cluster, "notify bell, 'and again'");
	CU_ASSERT_TRUE(wait_count(&notifications, 2));
	CU_ASSERT_STRING_EQUAL(last, "bell=and again");
	close_listener();
}

/* It asks when nobody speaks, and keeps hearing. */
static void
test_asks(void)
{
	open_listener(cluster_conninfo(cluster), 50);
	CU_ASSERT_TRUE(wait_count(&ups, 1));
	turn_for(400);
	CU_ASSERT_EQUAL(cluster_number(cluster,
			    "select count(*) from pg_stat_activity where"
			    " application_name = 'parley-listen'"
			    " and query = 'select 1'"),
	    1);
	for (unsigned int i = 1; i <= 20; i++) {
		cluster_exec(cluster, "notify bell");
		CU_ASSERT_TRUE(wait_count(&notifications, i));
	}
	CU_ASSERT_EQUAL(ups, 1);
	CU_ASSERT_EQUAL(downs, 0);
	close_listener();
}

static void
test_frozen(void)
{
	pid_t pid;

	open_listener(cluster_conninfo(cluster), 100);
	CU_ASSERT_TRUE(wait_count(&ups, 1));
	pid = (pid_t)cluster_number(cluster,
	    "select pid from pg_stat_activity"
	    " where application_name = 'parley-listen'");
	CU_ASSERT_EQUAL(kill(pid, SIGSTOP), 0);
	CU_ASSERT_TRUE(wait_count(&downs, 1));
	CU_ASSERT_TRUE(wait_count(&ups, 2));
	(void)kill(pid, SIGCONT);
	cluster_exec(cluster, "notify bell");
	CU_ASSERT_TRUE(wait_count(&notifications, 1));
	close_listener();
}

static void
test_never_there(void)
{
	open_listener("host=/nonexistent", 0);
	turn_for(300);
	CU_ASSERT_EQUAL(ups + downs, 0);
	close_listener();
	open_listener(cluster_conninfo(cluster), 0);
	base_loop_poll_turn(loop, 5);
	close_listener();
}

static const struct test_case cases[] = {
	{ "hears its channels", test_hears },
	{ "hears many at once", test_many },
	{ "comes back after restarts", test_restart },
	{ "asks in silence", test_asks },
	{ "leaves a frozen server", test_frozen },
	{ "can be freed before it is up", test_never_there },
};

int
main(int argc, char **argv)
{
	int status;

	/* Of the log only what is asked for: the failures are made. */
	if (argc == 1)
		base_log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
	cluster = cluster_new();
	status = test_main(
	    "db_listener", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	cluster_free(cluster);
	return (status);
}
