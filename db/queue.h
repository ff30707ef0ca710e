/* SPDX-License-Identifier: ISC */
/*
 * The queries of a pool that are not on a link: those that wait to be sent, and
 * those whose callback is due.  Also says what a query's end means, and keeps
 * the counts.  For pool.c and query.c.
 */

#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"
#include "db/unit.h"

/* In the caller's storage. */
struct db_queue {
	struct base_loop *loop;	       /* borrowed */
	struct db_query_list waiting;  /* fast ones, oldest first */
	struct db_query_list slow;     /* slow ones, oldest first */
	struct db_query_list finished; /* callbacks that are due */
	struct base_task due;	       /* calls them */
	unsigned int count;	       /* queries under way, anywhere */
	unsigned int waiting_count;    /* in the first two lists */
	struct db_pool_stats stats;    /* the counters only */
};

void db_queue_init(struct db_queue *queue, struct base_loop *loop);

/* Frees the queries; no callback is called. */
void db_queue_fini(struct db_queue *queue);

/* Adds a new query, or one that came back and goes before the others. */
void db_queue_put(struct db_queue *queue, struct db_query *q);
void db_queue_put_back(struct db_queue *queue, struct db_query *q);

/* The oldest that waits, or NULL; it is the caller's. */
struct db_query *db_queue_take(struct db_queue *queue, bool slow);

/* Removes a query that waits or is finished. */
void db_queue_remove(struct db_queue *queue, struct db_query *q);

/* Frees a query that is in no list. */
void db_queue_drop(struct db_queue *queue, struct db_query *q);

/* Its callback comes at the end of this turn, with `status`, and with `message`
 * (static) unless its result has one. */
void db_queue_finish(struct db_queue *queue, struct db_query *q,
    enum db_status status, const char *message);

/* Its result is there: calls the callback and frees the query. */
void db_queue_answer(
    struct db_queue *queue, struct db_query *q, enum db_status status);

/* Finishes as DB_UNAVAILABLE what waits for longer than `fast_ms` or, if it is
 * slow, `slow_ms`. */
void db_queue_expire(
    struct db_queue *queue, unsigned int fast_ms, unsigned int slow_ms);

#endif
