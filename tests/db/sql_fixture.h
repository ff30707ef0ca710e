/* SPDX-License-Identifier: ISC */
/* A migrated database and a connection to it, for tests of statements: a test has
 * an array `cases`, and ends with
 *
 *	SQL_MAIN("sql_blocks", setup)
 *
 * where setup(), which runs once before them, may be NULL. */
#ifndef TESTS_DB_SQL_FIXTURE_H
#define TESTS_DB_SQL_FIXTURE_H

#include <stddef.h>

#include "base/attr.h"
#include "tests/db/cluster.h"
#include "tests/db/sql.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;
static struct sql *s;

static inline int
sql_main(const char *name, void (*setup)(void), const struct test_case *cases,
    size_t n, const char *only)
{
	int status;

	cluster = cluster_new_migrated();
	s = sql_open(cluster);
	if (setup != NULL)
		setup();
	status = test_main(name, cases, n, only);
	sql_close(s);
	cluster_free(cluster);
	return (status);
}

#define SQL_MAIN(name, setup)                                              \
	int main(int argc, char **argv)                                    \
	{                                                                  \
		return (sql_main((name), (setup), cases, ARRAY_LEN(cases), \
		    argc > 1 ? argv[1] : NULL));                           \
	}

#endif
