/* SPDX-License-Identifier: ISC */
/* What pool.c and query.c share. */

#ifndef DB_POOL_PRIVATE_H
#define DB_POOL_PRIVATE_H

#include "db/link.h"
#include "db/pool.h"
#include "db/queue.h"

struct db_pool {
	struct base_loop *loop;		       /* borrowed */
	char *conninfo;			       /* owned */
	char *application_name;		       /* owned */
	const struct db_statement *statements; /* borrowed */
	size_t statement_count;
	struct db_link *links; /* owned; the first is for fast work only */
	unsigned int link_count;
	struct db_queue queue;
	unsigned int queue_limit;
	unsigned int wait_ms;	   /* for fast queries */
	unsigned int slow_wait_ms; /* for slow ones */
	struct base_task dispatch; /* at the end of a turn that lost a link */
	uint64_t down_ms;	   /* since when no link is up; 0 = one is */
	struct base_timer *tick;   /* non-NULL while there is something to
				    * watch over */
	bool *complained; /* owned; of a statement that cannot be prepared */
	char timeout_text[16];
};

/* Sends what can be sent. */
void db_pool_dispatch(struct db_pool *pool);

/* Whether a query need not even wait: no link for too long. */
bool db_pool_is_down(const struct db_pool *pool);

#endif
