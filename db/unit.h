/* SPDX-License-Identifier: ISC */
/*
 * A query on its way, and the answers that its unit in the pipeline gets:
 *
 *	[prepared, NULL,] result, NULL, Sync
 *
 * An error may also come in place of the Sync, when the commit fails.  For
 * link.c, which owns a query while it is sent, and pool.c, which owns it else.
 */

#ifndef DB_UNIT_H
#define DB_UNIT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "db/query.h"

/* Who has a query. */
enum db_query_place {
	DB_QUERY_WAITING,  /* a waiting list of the pool */
	DB_QUERY_SENT,	   /* a link's list */
	DB_QUERY_FINISHED, /* the pool's list of callbacks that are due */
};

/* Which answer of its unit a sent query waits for. */
enum db_query_step {
	DB_QUERY_PREPARE,
	DB_QUERY_PREPARE_END,
	DB_QUERY_RESULT,
	DB_QUERY_RESULT_END,
	DB_QUERY_SYNC,
};

/* One allocation holds it and its values. */
struct db_query {
	TAILQ_ENTRY(db_query) link; /* in the list of its place */
	enum db_query_place place;
	enum db_query_step step;
	struct db_pool *pool; /* borrowed */
	const struct db_statement *statement;
	size_t index;	 /* of the statement in the pool's table */
	db_query_cb *cb; /* NULL = cancelled */
	void *arg;
	uint64_t start_us;
	uint64_t queued_ms;	  /* when it began to wait */
	unsigned int generation;  /* of its prepared statement */
	bool synced;		  /* all of it was given to libpq */
	bool repeated;		  /* it is sent for the second time */
	enum db_status status;	  /* FINISHED: what to say */
	const char *message;	  /* static; with an error without result */
	struct pg_result *result; /* owned */
	const char *values[];	  /* nparams, then their text */
};

TAILQ_HEAD(db_query_list, db_query);

/* A query that waits, with its values copied; `index` is that of `statement`. */
MUST_USE struct db_query *db_unit_new(const struct db_statement *statement,
    size_t index, const char *const *values);

/* Frees the query with its result; NULL is fine. */
void db_unit_free(struct db_query *q);

/* Whether `result` is an error of the server's or libpq's. */
bool db_unit_failed(const struct pg_result *result);

/* Whether it says that the prepared statement is of no use any more: the server
 * forgot it, or its plan gives other columns now. */
bool db_unit_outdated(const struct pg_result *result);

/* Takes `result` (owned), the next answer but the Sync's.  False: it does not
 * belong there. */
MUST_USE bool db_unit_answer(struct db_query *q, struct pg_result *result);

/* NULL came, which ends the answers to one message.  False as above. */
MUST_USE bool db_unit_end(struct db_query *q);

#endif
