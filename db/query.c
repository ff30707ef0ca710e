/* SPDX-License-Identifier: ISC */
/* The way of a query into the pool, and out of it by cancelling. */

#include "db/query.h"

#include <assert.h>

#include "base/clock.h"
#include "db/pool_private.h"

struct db_query *
db_query_start(struct db_pool *pool, const struct db_statement *statement,
    const char *const *values, db_query_cb *cb, void *arg)
{
	size_t index = (size_t)(statement - pool->statements);
	struct db_query *q;

	assert(index < pool->statement_count);
	q = db_unit_new(statement, index, values);
	q->pool = pool;
	q->cb = cb;
	q->arg = arg;
	q->start_us = base_clock_us();
	db_queue_put(&pool->queue, q);
	if (db_pool_is_down(pool)) {
		db_queue_remove(&pool->queue, q);
		db_queue_finish(&pool->queue, q, DB_UNAVAILABLE,
		    "no connection to the database");
	} else if (pool->queue.count > pool->queue_limit) {
		db_queue_remove(&pool->queue, q);
		db_queue_finish(&pool->queue, q, DB_UNAVAILABLE,
		    "too many queries are under way");
	} else {
		db_pool_dispatch(pool);
	}
	return q;
}

void
db_query_cancel(struct db_query *q)
{
	struct db_queue *queue;

	if (q == NULL)
		return;
	queue = &q->pool->queue;
	/* What was sent stays in the link's list, to take its answer. */
	q->cb = NULL;
	if (q->place == DB_QUERY_SENT)
		return;
	db_queue_remove(queue, q);
	db_queue_drop(queue, q);
}
