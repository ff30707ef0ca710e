/* SPDX-License-Identifier: ISC */
/* Every statement of db/sql/ is prepared against the migrated schema, and the
 * server sees as many parameters as the statement names. */

#include <libpq-fe.h>
#include <stdio.h>

#include "api/render.h"
#include "base/attr.h"
#include "db/statement.h"
#include "tests/db/cluster.h"
#include "tests/unit/harness.h"

static struct cluster *cluster;

/* A binary result has only columns that the renderer knows so, or those of an
 * enumerated type. */
static bool
has_binary_form(PGconn *pg, Oid type)
{
	char text[80];
	PGresult *result;
	bool is_enum;

	if (api_render_binary_type(type))
		return true;
	(void)snprintf(text, sizeof(text),
	    "select from pg_type where oid = %u and typtype = 'e'", type);
	result = PQexec(pg, text);
	is_enum = PQntuples(result) == 1;
	PQclear(result);
	return is_enum;
}

static void
check_binary(PGconn *pg, const struct db_statement *s, const PGresult *result)
{
	for (int col = 0; s->binary && col < PQnfields(result); col++) {
		if (has_binary_form(pg, PQftype(result, col)))
			continue;
		fprintf(stderr, "\n%s: %s", s->name, PQfname(result, col));
		CU_FAIL("has no binary form");
	}
}

static void
check_one(PGconn *pg, const struct db_statement *s)
{
	PGresult *result = PQprepare(pg, s->name, s->text, 0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		fprintf(stderr, "\n%s: %s", s->name, PQerrorMessage(pg));
		CU_FAIL("cannot be prepared");
		PQclear(result);
		return;
	}
	PQclear(result);
	result = PQdescribePrepared(pg, s->name);
	CU_ASSERT_EQUAL(PQnparams(result), s->nparams);
	if (PQnparams(result) != s->nparams)
		fprintf(stderr, "\n%s: %d params, %d named\n", s->name,
		    PQnparams(result), s->nparams);
	check_binary(pg, s, result);
	PQclear(result);
}

static void
test_prepares(void)
{
	PGconn *pg = PQconnectdb(cluster_conninfo(cluster));

	CU_ASSERT_EQUAL(PQstatus(pg), CONNECTION_OK);
	CU_ASSERT_TRUE(db_statement_count() > 0);
	for (size_t i = 0; i < db_statement_count(); i++)
		check_one(pg, db_statement_at(i));
	PQfinish(pg);
}

static void
test_finds(void)
{
	for (size_t i = 0; i < db_statement_count(); i++) {
		const struct db_statement *s = db_statement_at(i);

		CU_ASSERT_PTR_EQUAL(db_statement_find(s->name), s);
		CU_ASSERT_TRUE(i == 0 ||
		    strcmp(db_statement_at(i - 1)->name, s->name) < 0);
	}
	CU_ASSERT_PTR_NULL(db_statement_find("no.such_statement"));
	CU_ASSERT_PTR_NULL(db_statement_find(""));
}

/* What says that it only reads is run where writing is an error, when it can be
 * run without sense: with nulls. */
static void
test_reads_read(void)
{
	static const char *const nulls[64];
	PGconn *pg = PQconnectdb(cluster_conninfo(cluster));

	for (size_t i = 0; i < db_statement_count(); i++) {
		const struct db_statement *s = db_statement_at(i);
		const char *state;
		PGresult *result;

		if (!s->read || (size_t)s->nparams > ARRAY_LEN(nulls))
			continue;
		PQclear(PQexec(pg, "begin read only"));
		result = PQexecParams(
		    pg, s->text, s->nparams, NULL, nulls, NULL, NULL, 0);
		state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
		if (state != NULL && strcmp(state, "25006") == 0) {
			fprintf(
			    stderr, "\n%s: %s", s->name, PQerrorMessage(pg));
			CU_FAIL("says that it reads, and writes");
		}
		PQclear(result);
		PQclear(PQexec(pg, "rollback"));
	}
	PQfinish(pg);
}

static const struct test_case cases[] = {
	{ "prepares every statement", test_prepares },
	{ "finds every statement", test_finds },
	{ "reads where it says so", test_reads_read },
};

int
main(int argc, char **argv)
{
	int status;

	cluster = cluster_new_migrated();
	status = test_main("db_statements", cases, ARRAY_LEN(cases),
	    argc > 1 ? argv[1] : NULL);
	cluster_free(cluster);
	return (status);
}
