/* SPDX-License-Identifier: ISC */
/* Makes one connection without blocking.  For link.c and listener.c. */

#ifndef DB_CONNECT_H
#define DB_CONNECT_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/loop.h"

struct pg_conn; /* libpq's PGconn */
struct db_connect;

/* Borrowed for the call, except `loop` and `arg`. */
struct db_connect_params {
	struct base_loop *loop;
	const char *conninfo;
	const char *application_name; /* unless `conninfo` has one */
	unsigned int timeout_ms;      /* for all of it */
	/* The end of it; the handle is gone.  `pg` is non-blocking and the
	 * callee's, not watched; or NULL, and `error` says why. */
	void (*cb)(struct pg_conn *pg, const char *error, void *arg);
	void *arg;
};

/* Starts; `cb` comes from the loop, never from inside.  Blocks only if the host
 * is a name that must be looked up. */
MUST_USE struct db_connect *db_connect_start(
    const struct db_connect_params *params);

/* Gives up; `cb` is not called.  NULL is fine. */
void db_connect_cancel(struct db_connect *c);

/* Whether libpq can read `conninfo`. */
MUST_USE bool db_connect_understands(const char *conninfo);

/* A descriptor of our own for the connection's socket, to be watched and then
 * closed by the caller: libpq closes its own when it likes, and a loop must
 * hear of that before.  -1 when there is none. */
MUST_USE int db_connect_socket(struct pg_conn *pg);

#endif
