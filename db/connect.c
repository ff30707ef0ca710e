/* SPDX-License-Identifier: ISC */
/* PQconnectStart() and PQconnectPoll() on the event loop. */

#include "db/connect.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "base/mem.h"
#include "db/message.h"

struct db_connect {
	struct base_watch watch; /* first */
	struct base_loop *loop;	 /* borrowed */
	PGconn *pg;		 /* owned until it is handed over */
	int fd;			 /* owned, watched; -1 = none */
	struct base_timer *deadline;
	struct base_task failed; /* it failed inside db_connect_start() */
	bool understood;	 /* libpq could read the conninfo */
	void (*cb)(struct pg_conn *pg, const char *error, void *arg);
	void *arg;
};

static void
socket_drop(struct db_connect *c)
{
	if (c->fd == -1)
		return;
	base_loop_unwatch(c->loop, c->fd);
	close(c->fd);
	c->fd = -1;
}

/* Everything but the connection, which is the callee's or finished. */
static void
release(struct db_connect *c)
{
	socket_drop(c);
	base_timer_cancel(c->deadline);
	base_task_cancel(&c->failed);
	base_loop_free(c->loop, c);
}

static void
fail(struct db_connect *c, const char *error)
{
	PGconn *pg = c->pg;

	release(c);
	c->cb(NULL, error, c->arg);
	PQfinish(pg);
}

static void
failed(void *arg)
{
	struct db_connect *c = arg;

	/* libpq's own words may quote the password. */
	fail(c,
	    c->understood ? PQerrorMessage(c->pg) :
			    "the connection string is not understood");
}

static void
timed_out(void *arg)
{
	struct db_connect *c = arg;

	c->deadline = NULL;
	fail(c, "timed out");
}

static void on_ready(void *watch, int hangup);

/* The socket may be another one after each step, perhaps of the same number. */
static void
socket_watch(struct db_connect *c, int interest)
{
	c->fd = db_connect_socket(c->pg);
	if (c->fd == -1) {
		fail(c, "no socket");
		return;
	}
	c->watch.ready = 0;
	c->watch.handle = on_ready;
	base_loop_watch(c->loop, c->fd, &c->watch, interest);
}

static void
step(struct db_connect *c)
{
	PGconn *pg = c->pg;

	switch (PQconnectPoll(pg)) {
	case PGRES_POLLING_READING:
		socket_watch(c, BASE_READ);
		break;
	case PGRES_POLLING_WRITING:
		socket_watch(c, BASE_WRITE);
		break;
	case PGRES_POLLING_OK:
		if (PQsetnonblocking(pg, 1) != 0) {
			failed(c);
			break;
		}
		release(c);
		c->cb(pg, NULL, c->arg);
		break;
	case PGRES_POLLING_FAILED:
	case PGRES_POLLING_ACTIVE:
		failed(c);
		break;
	}
}

static void
on_ready(void *watch, int hangup)
{
	struct db_connect *c = watch;

	(void)hangup;
	if (c->fd == -1)
		return;
	/* Before the step: it may close the socket. */
	socket_drop(c);
	step(c);
}

bool
db_connect_understands(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);

	PQconninfoFree(options);
	return options != NULL;
}

struct db_connect *
db_connect_start(const struct db_connect_params *params)
{
	/* What stands before dbname is overruled by the conninfo, what stands
	 * behind it overrules. */
	const char *const keys[] = { "fallback_application_name", "gssencmode",
		"keepalives_idle", "keepalives_interval", "tcp_user_timeout",
		"dbname", "client_encoding", NULL };
	const char *const values[] = { params->application_name, "disable",
		"30", "10", "20000", params->conninfo, "UTF8", NULL };
	struct db_connect *c = base_alloc(sizeof(*c));

	c->loop = params->loop;
	c->cb = params->cb;
	c->arg = params->arg;
	c->fd = -1;
	c->failed.cb = failed;
	c->failed.arg = c;
	c->understood = db_connect_understands(params->conninfo);
	if (c->understood)
		c->pg = PQconnectStartParams(keys, values, 1);
	if (c->pg != NULL && PQstatus(c->pg) != CONNECTION_BAD)
		c->fd = db_connect_socket(c->pg);
	if (c->fd == -1) {
		base_loop_defer(c->loop, &c->failed);
		return c;
	}
	(void)PQsetNoticeReceiver(c->pg, db_message_on_notice, NULL);
	c->watch.handle = on_ready;
	base_loop_watch(c->loop, c->fd, &c->watch, BASE_WRITE);
	c->deadline =
	    base_timer_start(c->loop, params->timeout_ms, timed_out, c);
	return c;
}

void
db_connect_cancel(struct db_connect *c)
{
	if (c == NULL)
		return;
	release(c);
	PQfinish(c->pg);
}

int
db_connect_socket(struct pg_conn *pg)
{
	int fd = PQsocket(pg);

	return fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}
