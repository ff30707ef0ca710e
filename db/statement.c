/* SPDX-License-Identifier: ISC */
/* Finds compiled statements by name. */

#include "db/statement.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db/statement_table.h"

static int
compare(const void *name, const void *row)
{
	const struct db_statement *s = row;

	return strcmp(name, s->name);
}

const struct db_statement *
db_statement_find(const char *name)
{
	size_t len;
	const struct db_statement *table = db_statement_table(&len);

	return bsearch(name, table, len, sizeof(*table), compare);
}

const struct db_statement *
db_statement_all(void)
{
	size_t len;

	return db_statement_table(&len);
}

size_t
db_statement_count(void)
{
	size_t len;

	(void)db_statement_table(&len);
	return len;
}

const struct db_statement *
db_statement_at(size_t i)
{
	size_t len;
	const struct db_statement *table = db_statement_table(&len);

	assert(i < len);
	return &table[i];
}
