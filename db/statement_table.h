/* SPDX-License-Identifier: ISC */
/* The compiled statements; db/statements.awk makes the .c of this header. */

#ifndef DB_STATEMENT_TABLE_H
#define DB_STATEMENT_TABLE_H

#include <stddef.h>

#include "db/statement.h"

/* All statements in the order of their names (strcmp), *len of them. */
const struct db_statement *db_statement_table(size_t *len);

#endif
