/* SPDX-License-Identifier: ISC */
/*
 * A process's connections to PostgreSQL: non-blocking, pipelined, every
 * statement prepared on each of them, reconnecting by themselves with back-off.
 * Queries go in through db/query.h.
 *
 * A fast statement goes to the connection with the least in flight; the first
 * connection never runs slow ones, the others one at a time (with a single
 * connection it does everything).  Each query is a transaction of its own, and
 * its callback comes after the commit.
 *
 * What cannot be sent waits, in two bounds: `queue_limit` queries are under way
 * at most (the next is DB_UNAVAILABLE at once), and none waits to be sent for
 * longer than `wait_ms` or, if it is slow, the statement time-out.  When no
 * connection has been there for `wait_ms`, a query is DB_UNAVAILABLE at once.
 */

#ifndef DB_POOL_H
#define DB_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/statement.h"

struct db_pool;

/* Zero means the default.  All is borrowed for the call only, except `loop` and
 * `statements`: for the pool's life. */
struct db_pool_params {
	struct base_loop *loop;
	/* A libpq URL or key=value string.  The host should be a socket
	 * directory or an address: libpq blocks while it looks up a name. */
	const char *conninfo;
	const char *application_name;	   /* "parley" */
	unsigned int connections;	   /* 3 */
	unsigned int queue_limit;	   /* 2000 queries */
	unsigned int statement_timeout_ms; /* 5000; at the server, and 2 s later
					    * the connection is given up */
	unsigned int connect_timeout_ms;   /* 5000 */
	unsigned int wait_ms;		   /* 1000 */
	/* What to prepare: a table; NULL = all of db/sql/. */
	const struct db_statement *statements;
	size_t statement_count;
};

struct db_pool_stats {
	unsigned int connections;
	unsigned int up;	 /* of them in service */
	unsigned int waiting;	 /* queries not sent yet */
	unsigned int in_flight;	 /* queries sent, not answered */
	unsigned int unprepared; /* statements that some connection could not
				  * prepare: the schema does not fit */
	uint64_t done;		 /* queries answered by the server */
	uint64_t failed;	 /* of them with an error (not DB_REFUSED) */
	uint64_t unavailable;	 /* not run: DB_UNAVAILABLE */
	uint64_t unknown;	 /* DB_UNKNOWN */
	uint64_t retried;	 /* sent a second time by the pool itself */
	uint64_t connects;	 /* connections made since the start */
	uint64_t lost;		 /* connections lost since the start */
	uint64_t busy_us;	 /* sum of elapsed_us of what is done */
};

/* Starts connecting and returns at once.  Owned by the caller. */
MUST_USE struct db_pool *db_pool_new(const struct db_pool_params *params);

/* Closes the connections and forgets all queries: their callbacks are not
 * called, their handles are gone.  Not from inside a query's callback. */
void db_pool_free(struct db_pool *pool);

/* Whether a connection is in service and has prepared every statement. */
bool db_pool_ready(const struct db_pool *pool);

void db_pool_stats(const struct db_pool *pool, struct db_pool_stats *out);

/* Whether libpq understands `conninfo`; for the check of the settings.  Its own
 * complaint is not shown, since it may quote the password. */
MUST_USE bool db_pool_conninfo_valid(const char *conninfo);

#endif
