/* SPDX-License-Identifier: ISC */
/*
 * The named SQL statements of db/sql/, compiled into the program by
 * db/statements.awk.  A statement is the only SQL that the service runs:
 *
 *	-- name: messages.list
 *	-- params: caller, conversation_id, before, limit
 *	-- class: slow
 *	-- access: read
 *	select ... where m.conversation_id = $2::uuid ...;
 *
 * `params` names $1 to $n in order (it may be empty, and goes on in the next
 * comment line after a comma at its end).  `class` is fast unless said
 * otherwise; slow statements keep off the connection that is reserved for fast
 * ones.  `access` is write unless said otherwise; a read is done again when the
 * link breaks under it, so nothing that writes may say read.  `result` is text
 * unless said otherwise; binary is cheaper on both sides of many rows.
 */

#ifndef DB_STATEMENT_H
#define DB_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* All strings are static. */
struct db_statement {
	const char *name;
	const char *text;
	const char *const *params; /* the names of $1 … $n */
	int nparams;
	bool slow;
	bool read;
	bool binary; /* what db/result.h says of its values */
};

/* The statement of that name, or NULL.  For start-up: O(log n). */
const struct db_statement *db_statement_find(const char *name);

/* All of them: a table in the order of their names. */
const struct db_statement *db_statement_all(void);
size_t db_statement_count(void);
const struct db_statement *db_statement_at(size_t i);

#endif
