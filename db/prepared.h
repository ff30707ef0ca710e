/* SPDX-License-Identifier: ISC */
/*
 * Which statements one connection has prepared, and under what names.  All of
 * them are prepared in rounds of one Sync: an error makes the server skip the
 * rest of a round, which then goes into the next one.  For link.c.
 */

#ifndef DB_PREPARED_H
#define DB_PREPARED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "db/statement.h"

struct pg_conn;
struct pg_result;

/* In the caller's storage. */
struct db_prepared {
	const struct db_statement *statements; /* borrowed */
	size_t count;
	struct db_prepared_state *states; /* owned */
	size_t cursor;	     /* the next answer is to this one or later */
	unsigned int failed; /* states that are FAILED; readable */
};

void db_prepared_init(
    struct db_prepared *p, const struct db_statement *statements, size_t count);
void db_prepared_fini(struct db_prepared *p);

/* A new connection: nothing is prepared. */
void db_prepared_reset(struct db_prepared *p);

/* Asks for everything that has not been tried, then a Sync.  False: libpq
 * refused, the link is broken. */
MUST_USE bool db_prepared_round(struct db_prepared *p, struct pg_conn *pg);

/* The answer to the next statement of the round.  False: it answers nothing. */
MUST_USE bool db_prepared_answer(
    struct db_prepared *p, const struct pg_result *result);

/* After the round's Sync: whether the server skipped some. */
bool db_prepared_more(const struct db_prepared *p);

/* Those that failed are to be tried again in the next round. */
void db_prepared_forgive(struct db_prepared *p);

/* Whether statement `i` must be prepared by whoever uses it: nothing for it is
 * prepared or under way. */
bool db_prepared_wants(const struct db_prepared *p, size_t i);

/* Asks for statement `i` alone, in the unit of the query that needs it. */
MUST_USE bool db_prepared_ask(
    struct db_prepared *p, struct pg_conn *pg, size_t i);

/* What came of db_prepared_ask(). */
void db_prepared_asked(
    struct db_prepared *p, size_t i, const struct pg_result *result);

/* How often statement `i` was outdated: to compare before and after. */
unsigned int db_prepared_generation(const struct db_prepared *p, size_t i);

/* The server does not know it any more, or its plan became impossible: prepare
 * it anew under another name. */
void db_prepared_outdate(struct db_prepared *p, size_t i);

/* Sends a query of statement `i`. */
MUST_USE bool db_prepared_send(struct db_prepared *p, struct pg_conn *pg,
    size_t i, const char *const *values);

#endif
