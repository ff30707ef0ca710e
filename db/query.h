/* SPDX-License-Identifier: ISC */
/* One query: a named statement with its values, sent through a pool. */

#ifndef DB_QUERY_H
#define DB_QUERY_H

#include "base/attr.h"
#include "db/pool.h"
#include "db/result.h"
#include "db/statement.h"

struct db_query;

/* Called once, never from inside db_query_start(); the handle is gone when it
 * begins.  `result` is borrowed for the call. */
typedef void db_query_cb(const struct db_result *result, void *arg);

/*
 * Starts `statement` (one that the pool prepares) with `statement->nparams`
 * values in text format, NULL = SQL null; they are copied (`values` may be NULL
 * when there are none).  Non-NULL: the query is in flight until `cb` begins or
 * it is cancelled; when it cannot be sent, `cb` says so (DB_UNAVAILABLE).
 *
 * The pool itself tries once more what surely was not done: a read whose link
 * broke, a deadlock, a statement to be prepared again, a query that the server
 * had not begun when it ended.
 */
MUST_USE struct db_query *db_query_start(struct db_pool *pool,
    const struct db_statement *statement, const char *const *values,
    db_query_cb *cb, void *arg);

/* Forgets the query: `cb` is not called.  What was not sent is not sent; what
 * was sent is done by the server all the same.  NULL is fine. */
void db_query_cancel(struct db_query *query);

#endif
