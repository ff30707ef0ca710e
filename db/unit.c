/* SPDX-License-Identifier: ISC */
/* The answers to one query. */

#include "db/unit.h"

#include <libpq-fe.h>
#include <string.h>

#include "base/mem.h"

/* The copies of the values stand behind the pointers to them. */
struct db_query *
db_unit_new(const struct db_statement *statement, size_t index,
    const char *const *values)
{
	size_t n = (size_t)statement->nparams, bytes = 0;
	struct db_query *q;
	const char **copies;
	char *text;

	for (size_t i = 0; i < n; i++)
		if (values[i] != NULL)
			bytes += strlen(values[i]) + 1;
	q = base_alloc(sizeof(*q) + n * sizeof(char *) + bytes);
	copies = q->values;
	text = (char *)(copies + n);
	for (size_t i = 0; i < n; i++) {
		if (values[i] == NULL)
			continue;
		copies[i] = text;
		text = stpcpy(text, values[i]) + 1;
	}
	q->statement = statement;
	q->index = index;
	return q;
}

void
db_unit_free(struct db_query *q)
{
	if (q == NULL)
		return;
	PQclear(q->result);
	base_free(q);
}

bool
db_unit_failed(const struct pg_result *result)
{
	ExecStatusType status = PQresultStatus(result);

	/* libpq calls the NULL that ends an answer an error, too. */
	return result != NULL &&
	    (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE);
}

bool
db_unit_outdated(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message =
	    PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (state == NULL)
		return false;
	return strcmp(state, "26000") == 0 ||
	    (strcmp(state, "0A000") == 0 && message != NULL &&
		strstr(message, "cached plan") != NULL);
}

/* Keeps `result` as the query's, which owns it then. */
static void
keep(struct db_query *q, PGresult *result)
{
	PQclear(q->result);
	q->result = result;
}

bool
db_unit_answer(struct db_query *q, struct pg_result *result)
{
	ExecStatusType status = PQresultStatus(result);
	bool failed = db_unit_failed(result);

	switch (q->step) {
	case DB_QUERY_PREPARE:
		q->step = DB_QUERY_PREPARE_END;
		if (failed)
			keep(q, result);
		else
			PQclear(result);
		return failed || status == PGRES_COMMAND_OK;
	case DB_QUERY_RESULT:
		q->step = DB_QUERY_RESULT_END;
		if (status == PGRES_PIPELINE_ABORTED && q->result != NULL) {
			/* Skipped: it could not be prepared. */
			PQclear(result);
			return true;
		}
		keep(q, result);
		return failed || status == PGRES_TUPLES_OK ||
		    status == PGRES_COMMAND_OK;
	case DB_QUERY_SYNC:
		keep(q, result);
		return failed;
	case DB_QUERY_PREPARE_END:
	case DB_QUERY_RESULT_END:
		break;
	}
	PQclear(result);
	return false;
}

bool
db_unit_end(struct db_query *q)
{
	switch (q->step) {
	case DB_QUERY_PREPARE_END:
		q->step = DB_QUERY_RESULT;
		return true;
	case DB_QUERY_RESULT_END:
		q->step = DB_QUERY_SYNC;
		return true;
	case DB_QUERY_SYNC:
		return true;
	case DB_QUERY_PREPARE:
	case DB_QUERY_RESULT:
		break;
	}
	return false;
}
