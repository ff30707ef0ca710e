/* SPDX-License-Identifier: ISC */
/*
 * One connection of a pool: connects, sets the session up, prepares, carries
 * queries in a pipeline, and comes back after it was lost.  For pool.c, which
 * gives it queries and hears what became of them through db_link_events.
 *
 * Each query is a unit of its own (query and Sync), so an error stops nothing
 * else, and its answer counts only when the Sync was answered: that is after
 * the commit.
 */

#ifndef DB_LINK_H
#define DB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/connect.h"
#include "db/prepared.h"
#include "db/unit.h"

enum db_link_state {
	DB_LINK_DOWN,	    /* until retry_ms */
	DB_LINK_CONNECTING, /* `connect` */
	DB_LINK_PREPARING,  /* session settings, then statements */
	DB_LINK_UP,
};

/* What became of a query when its link broke. */
enum db_fate {
	DB_FATE_ANSWERED, /* its transaction is over: `result` is an error */
	DB_FATE_NOT_RUN,
	DB_FATE_UNKNOWN,
};

struct db_link;

/* All come from the loop, never from inside a function of this file. */
struct db_link_events {
	/* It was answered (`result` is set) and its transaction is over. */
	void (*answered)(struct db_query *q, struct db_link *link);
	/* The link broke; newest query first. */
	void (*returned)(struct db_query *q, enum db_fate fate);
	/* The link came up, or can take more, or went down. */
	void (*changed)(struct db_link *link);
	/* Statement `i` cannot be prepared. */
	void (*unprepared)(
	    struct db_link *link, size_t i, const struct pg_result *error);
};

struct db_link {
	struct base_watch watch; /* first */
	enum db_link_state state;
	const struct db_link_events *events;
	void *owner;		     /* the events' */
	struct base_loop *loop;	     /* borrowed */
	struct db_connect *connect;  /* non-NULL = CONNECTING */
	struct pg_conn *pg;	     /* owned; PREPARING and UP */
	int fd;			     /* owned, watched; -1 = none */
	int interest;		     /* what `fd` is watched for */
	struct db_query_list sent;   /* oldest first */
	unsigned int in_flight;	     /* length of `sent` */
	unsigned int slow_in_flight; /* slow ones in it */
	struct db_prepared prepared;
	bool settings_done; /* PREPARING: the settings' unit was answered */
	bool ended;	    /* the server said that it closes the connection */
	const char
	    *trouble; /* static; non-NULL = broken, about to be dropped */
	struct base_task broken; /* it broke inside a call: drops it */
	uint64_t progress_ms;	 /* when the server last answered */
	bool overdue;		 /* silent for too long at the last look */
	uint64_t up_ms;		 /* when it came up */
	uint64_t retry_ms;	 /* DOWN: when to connect; UP: when to prepare
				  * again what failed */
	unsigned int failures;	 /* in a row */
	uint64_t connects;	 /* counts for the pool's statistics */
	uint64_t lost;
	const char *conninfo; /* borrowed, as the next three */
	const char *application_name;
	const char *statement_timeout; /* ms, as text */
	unsigned int connect_timeout_ms;
	unsigned int answer_timeout_ms;
};

/* Prepares the fixed part; the caller has set what the comments above call
 * borrowed, `loop`, `events` and the time-outs. */
void db_link_init(
    struct db_link *link, const struct db_statement *statements, size_t count);

/* Closes it; the queries in `sent` are forgotten and freed. */
void db_link_fini(struct db_link *link);

/* Begins to connect, now. */
void db_link_connect(struct db_link *link);

/* Sends `q`; the link is UP.  Should it break now, `returned` comes later. */
void db_link_send(struct db_link *link, struct db_query *q);

/* Whether it takes queries. */
bool db_link_up(const struct db_link *link);

/* About every 100 ms: reconnects, gives up on a silent server, tries again what
 * could not be prepared. */
void db_link_tick(struct db_link *link, uint64_t now_ms);

/* Whether db_link_tick() has something to watch over. */
bool db_link_busy(const struct db_link *link);

#endif
