/* SPDX-License-Identifier: ISC */
/* The LISTEN connection: simple queries, no pipeline. */

#include "db/listener.h"

#include <libpq-fe.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/connect.h"
#include "db/message.h"

#define BACKOFF_MS 100U
#define BACKOFF_MAX_MS 5000

enum state {
	DOWN,	    /* `timer` will connect */
	CONNECTING, /* `connect` */
	LISTENING,  /* LISTEN was sent; `timer` is its deadline */
	UP,	    /* `timer` will ask whether the server is there */
	ASKING,	    /* up; the question was sent, `timer` is its deadline */
};

struct db_listener {
	struct base_watch watch; /* first */
	struct base_loop *loop;	 /* borrowed */
	enum state state;
	struct db_connect *connect;
	PGconn *pg; /* owned; LISTENING and later */
	int fd;	    /* owned, watched; -1 = none */
	int interest;
	struct base_timer *timer;
	uint64_t heard_ms;     /* when the server last said something */
	unsigned int failures; /* in a row */
	char *conninfo;	       /* owned, as the next two */
	char *application_name;
	struct base_buf command; /* LISTEN "a"; LISTEN "b" */
	unsigned int answer_ms;
	unsigned int probe_ms;
	void (*on_notify)(const char *channel, const char *payload, void *arg);
	void (*on_up)(void *arg);
	void (*on_down)(void *arg);
	void *arg;
};

static void connect_now(struct db_listener *l);

static void
disconnect(struct db_listener *l)
{
	base_timer_cancel(l->timer);
	l->timer = NULL;
	if (l->fd != -1) {
		base_loop_unwatch(l->loop, l->fd);
		close(l->fd);
		l->fd = -1;
	}
	PQfinish(l->pg);
	l->pg = NULL;
}

static void
on_retry(void *arg)
{
	struct db_listener *l = arg;

	l->timer = NULL;
	connect_now(l);
}

/* The connection is lost or could not be made. */
static void
fail(struct db_listener *l, const char *reason)
{
	bool was_up = db_listener_up(l);
	unsigned int ms = BACKOFF_MAX_MS;
	char text[DB_MESSAGE_BYTES];

	if (was_up)
		l->failures = 0;
	if (l->failures < 8 && BACKOFF_MS << l->failures < ms)
		ms = BACKOFF_MS << l->failures;
	l->failures++;
	/* The first, then ever fewer: a long outage must not fill the log. */
	if ((l->failures & (l->failures - 1)) == 0)
		base_log_warn("database listener",
		    "state=down failures=%u reason=%s", l->failures,
		    db_message_quote(text, reason));
	disconnect(l);
	l->state = DOWN;
	l->timer = base_timer_start(
	    l->loop, ms / 2 + base_random_below(ms / 2 + 1), on_retry, l);
	if (was_up)
		l->on_down(l->arg);
}

static void on_ready(void *watch, int hangup);

static void
watch(struct db_listener *l, int interest)
{
	if (interest == l->interest)
		return;
	l->interest = interest;
	l->watch.handle = on_ready;
	base_loop_watch(l->loop, l->fd, &l->watch, interest);
}

/* False: the connection is broken. */
static bool
flush(struct db_listener *l)
{
	int left = PQflush(l->pg);

	watch(l, left == 1 ? BASE_READ | BASE_WRITE : BASE_READ);
	return left != -1;
}

static void
on_deadline(void *arg)
{
	struct db_listener *l = arg;

	l->timer = NULL;
	fail(l, "no answer");
}

static void
send_command(struct db_listener *l, enum state state, const char *command)
{
	base_timer_cancel(l->timer);
	l->timer = base_timer_start(l->loop, l->answer_ms, on_deadline, l);
	l->state = state;
	if (PQsendQuery(l->pg, command) != 1 || !flush(l))
		fail(l, "cannot send");
}

/* Silence is told by the time since the last word, so that a busy listener
 * restarts no timer with each notification. */
static void
on_silence(void *arg)
{
	struct db_listener *l = arg;
	uint64_t silent_ms = base_clock_ms() - l->heard_ms;

	l->timer = NULL;
	if (silent_ms >= l->probe_ms)
		send_command(l, ASKING, "select 1");
	else
		l->timer = base_timer_start(
		    l->loop, l->probe_ms - silent_ms, on_silence, l);
}

static void
drain_notifications(struct db_listener *l)
{
	PGnotify *n;

	while ((n = PQnotifies(l->pg)) != NULL) {
		/* Before LISTEN was answered the owner does not trust it. */
		if (db_listener_up(l))
			l->on_notify(n->relname, n->extra, l->arg);
		PQfreemem(n);
	}
}

/* The command is answered to its end. */
static void
answered(struct db_listener *l)
{
	bool came_up = l->state == LISTENING;

	base_timer_cancel(l->timer);
	l->timer = base_timer_start(l->loop, l->probe_ms, on_silence, l);
	l->state = UP;
	if (!came_up)
		return;
	if (l->failures > 0)
		base_log_info(
		    "database listener", "state=up failures=%u", l->failures);
	l->on_up(l->arg);
}

/* NULL, or why the connection is of no use. */
static const char *
take_results(struct db_listener *l)
{
	PGresult *result;
	bool failed;

	while (
	    (l->state == LISTENING || l->state == ASKING) && !PQisBusy(l->pg)) {
		result = PQgetResult(l->pg);
		if (result == NULL) {
			answered(l);
			break;
		}
		failed = PQresultStatus(result) != PGRES_COMMAND_OK &&
		    PQresultStatus(result) != PGRES_TUPLES_OK;
		PQclear(result);
		if (failed)
			return PQerrorMessage(l->pg);
	}
	return NULL;
}

static void
on_ready(void *watched, int hangup)
{
	struct db_listener *l = watched;
	const char *trouble = NULL;

	(void)hangup;
	if (l->pg == NULL)
		return;
	l->watch.ready = 0;
	l->heard_ms = base_clock_ms();
	if (PQconsumeInput(l->pg) != 1)
		trouble = PQerrorMessage(l->pg);
	/* What came before the end is still good. */
	drain_notifications(l);
	if (trouble == NULL)
		trouble = take_results(l);
	drain_notifications(l);
	if (trouble == NULL && !flush(l))
		trouble = PQerrorMessage(l->pg);
	if (trouble != NULL)
		fail(l, trouble);
}

static void
connected(struct pg_conn *pg, const char *error, void *arg)
{
	struct db_listener *l = arg;

	l->connect = NULL;
	if (pg == NULL) {
		fail(l, error);
		return;
	}
	l->pg = pg;
	l->fd = db_connect_socket(pg);
	l->interest = 0;
	if (l->fd == -1) {
		fail(l, "no socket");
		return;
	}
	l->heard_ms = base_clock_ms();
	send_command(l, LISTENING, l->command.data);
}

static void
connect_now(struct db_listener *l)
{
	const struct db_connect_params params = {
		.loop = l->loop,
		.conninfo = l->conninfo,
		.application_name = l->application_name,
		.timeout_ms = l->answer_ms,
		.cb = connected,
		.arg = l,
	};

	l->state = CONNECTING;
	l->connect = db_connect_start(&params);
}

struct db_listener *
db_listener_new(const struct db_listener_params *params)
{
	struct db_listener *l = base_alloc(sizeof(*l));

	l->loop = params->loop;
	l->fd = -1;
	l->conninfo = base_strdup(params->conninfo);
	l->application_name = base_strdup(params->application_name == NULL ?
		"parley-listen" :
		params->application_name);
	l->answer_ms =
	    params->connect_timeout_ms == 0 ? 5000 : params->connect_timeout_ms;
	l->probe_ms = params->probe_ms == 0 ? 30000 : params->probe_ms;
	l->on_notify = params->on_notify;
	l->on_up = params->on_up;
	l->on_down = params->on_down;
	l->arg = params->arg;
	base_buf_init(&l->command);
	/* An idle session that a server's setting ends would lose its bell. */
	base_buf_append_str(&l->command, "set idle_session_timeout = 0");
	for (size_t i = 0; i < params->channel_count; i++)
		base_buf_printf(
		    &l->command, "; listen \"%s\"", params->channels[i]);
	connect_now(l);
	return l;
}

void
db_listener_free(struct db_listener *l)
{
	if (l == NULL)
		return;
	db_connect_cancel(l->connect);
	disconnect(l);
	base_buf_fini(&l->command);
	base_free(l->application_name);
	base_free(l->conninfo);
	base_loop_free(l->loop, l);
}

bool
db_listener_up(const struct db_listener *l)
{
	return l->state == UP || l->state == ASKING;
}
