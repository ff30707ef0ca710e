/* SPDX-License-Identifier: ISC */
/* Running the named statements one by one. */

#include "tests/db/sql.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/statement.h"
#include "tests/db/cluster.h"
#include "tests/unit/harness.h"

#define WAIT_MS 2000
#define SQL_MEMBERS_MAX 16
#define SQL_PARAMS_MAX 32

struct sql {
	PGconn *pg;
	PGresult *result;		    /* of the last call; owned */
	PGresult *members[SQL_MEMBERS_MAX]; /* the last looked at; owned */
	size_t nmembers;
	PGnotify *notify; /* the last one taken; owned */
	bool may_fail;	  /* the next */
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "\n%s: %s\n", what, why);
	exit(1);
}

struct sql *
sql_open(const struct cluster *c)
{
	struct sql *s = base_alloc(sizeof(*s));

	s->pg = PQconnectdb(cluster_conninfo(c));
	if (PQstatus(s->pg) != CONNECTION_OK)
		die("connect", PQerrorMessage(s->pg));
	PQclear(PQexec(s->pg,
	    "set plan_cache_mode = force_generic_plan; set timezone = UTC;"
	    "set enable_seqscan = off; set enable_hashjoin = off;"
	    "set enable_bitmapscan = off;"
	    "set enable_mergejoin = off; set jit = off"));
	return (s);
}

void
sql_close(struct sql *s)
{
	PQclear(s->result);
	for (size_t i = 0; i < SQL_MEMBERS_MAX; i++)
		PQclear(s->members[i]);
	PQfreemem(s->notify);
	PQfinish(s->pg);
	base_free(s);
}

static void
keep(struct sql *s, const char *what, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	bool may_fail = s->may_fail;

	s->may_fail = false;
	PQclear(s->result);
	s->result = result;
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || may_fail)
		return;
	/* Refusals and ids that are taken are asked about, others are told. */
	if (strcmp(sql_state(s), "PY000") == 0 ||
	    strcmp(sql_state(s), "23505") == 0)
		return;
	fprintf(stderr, "\n%s: %s", what, PQerrorMessage(s->pg));
	CU_FAIL("this cannot be run");
}

void
sql_may_fail(struct sql *s)
{
	s->may_fail = true;
}

void
sql_query(struct sql *s, const char *text, const char *const *values, size_t n)
{
	keep(s, text,
	    PQexecParams(s->pg, text, (int)n, NULL, values, NULL, NULL, 0));
}

/* Prepared at its first call, as on a connection of the pool. */
void
sql_call(struct sql *s, const char *name, const char *const *values, size_t n)
{
	const struct db_statement *statement = db_statement_find(name);
	const char *all[SQL_PARAMS_MAX] = { NULL };
	PGresult *described;

	if (statement == NULL || (size_t)statement->nparams < n ||
	    statement->nparams > SQL_PARAMS_MAX)
		die(name, "no such statement, or fewer parameters");
	for (size_t i = 0; i < n; i++)
		all[i] = values[i];
	described = PQdescribePrepared(s->pg, name);
	if (PQresultStatus(described) != PGRES_COMMAND_OK)
		PQclear(PQprepare(s->pg, name, statement->text, 0, NULL));
	PQclear(described);
	keep(s, name,
	    PQexecPrepared(
		s->pg, name, statement->nparams, all, NULL, NULL, 0));
}

int
sql_rows(const struct sql *s)
{
	return (sql_state(s)[0] != '\0' ? -1 : PQntuples(s->result));
}

static const char *
diagnosis(const struct sql *s, int field)
{
	const char *text = PQresultErrorField(s->result, field);

	return (text != NULL ? text : "");
}

const char *
sql_error(const struct sql *s)
{
	return (diagnosis(s, PG_DIAG_MESSAGE_PRIMARY));
}

const char *
sql_field(const struct sql *s)
{
	return (diagnosis(s, PG_DIAG_COLUMN_NAME));
}

const char *
sql_state(const struct sql *s)
{
	return (diagnosis(s, PG_DIAG_SQLSTATE));
}

static int
column_named(const struct sql *s, const char *column)
{
	for (int i = 0; i < PQnfields(s->result); i++)
		if (strcmp(PQfname(s->result, i), column) == 0)
			return (i);
	return (-1);
}

/* A member of the object in column `_answer`: one row, in `value`, and whether
 * it is `there`. */
static const PGresult *
member_find(struct sql *s, int row, const char *name)
{
	int whole = column_named(s, "_answer");
	const char *values[] = { NULL, name };
	PGresult **kept = &s->members[s->nmembers++ % SQL_MEMBERS_MAX];

	if (whole == -1)
		die("no such column", name);
	values[0] = PQgetvalue(s->result, row, whole);
	PQclear(*kept);
	*kept = PQexecParams(s->pg,
	    "select $1::json ->> $2 as value, $1::jsonb ? $2 as there", 2, NULL,
	    values, NULL, NULL, 0);
	if (PQntuples(*kept) != 1 || *PQgetvalue(*kept, 0, 1) != 't')
		die("no such column or member", name);
	return (*kept);
}

bool
sql_null(struct sql *s, int row, const char *column)
{
	int i = column_named(s, column);

	if (row >= PQntuples(s->result))
		return (true);
	return (i != -1 ? PQgetisnull(s->result, row, i) == 1 :
			  PQgetisnull(member_find(s, row, column), 0, 0) == 1);
}

const char *
sql_text(struct sql *s, int row, const char *column)
{
	int i = column_named(s, column);

	if (row >= sql_rows(s))
		return ("");
	return (i != -1 ? PQgetvalue(s->result, row, i) :
			  PQgetvalue(member_find(s, row, column), 0, 0));
}

int64_t
sql_number(struct sql *s, int row, const char *column)
{
	return (strtoll(sql_text(s, row, column), NULL, 10));
}

#define JSON_OID 114
#define TIME_OID 1184
#define BOOL_OID 16

/* One column of a row against its place in the object. */
static bool
shows_value(struct sql *s, const PGresult *row_of, int row, int column,
    const char *json)
{
	const char *name = PQfname(row_of, column);
	const char *value = PQgetisnull(row_of, row, column) == 1 ?
	    NULL :
	    PQgetvalue(row_of, row, column);
	Oid type = PQftype(row_of, column);
	bool same;

	QUERY(s,
	    type == JSON_OID ?
		"select coalesce($1::jsonb #> string_to_array($2, '.'),"
		" 'null') = coalesce($3::jsonb, 'null') as same" :
		type == TIME_OID ?
		"select $1::jsonb #>> string_to_array($2, '.')"
		" is not distinct from rfc3339($3::timestamptz)"
		" as same" :
		type == BOOL_OID ?
		"select $1::jsonb #> string_to_array($2, '.')"
		" = to_jsonb($3::boolean) as same" :
		"select $1::jsonb #>> string_to_array($2, '.')"
		" is not distinct from $3::text as same",
	    json, name, value);
	same = strcmp(sql_text(s, 0, "same"), "t") == 0;
	if (!same)
		fprintf(stderr, "\n%s: %s is not in %s\n", name,
		    value != NULL ? value : "null", json);
	return (same);
}

/* The members of the object are the columns, in their order, and those of
 * `_more`. */
static bool
shows_names(struct sql *s, const PGresult *row_of, int row, const char *json)
{
	char names[1000] = "", last[100] = "";
	int more = PQfnumber(row_of, "_more");
	bool same;

	for (int i = 0; i < PQnfields(row_of); i++) {
		const char *name = PQfname(row_of, i);
		int length = (int)strcspn(name, ".");

		if (name[0] == '_' ||
		    (strlen(last) == (size_t)length &&
			strncmp(last, name, (size_t)length) == 0))
			continue;
		(void)snprintf(last, sizeof(last), "%.*s", length, name);
		(void)snprintf(names + strlen(names),
		    sizeof(names) - strlen(names), "%s,", last);
	}
	QUERY(s,
	    "select coalesce(string_agg(k, ',' order by ord) || ',', '')"
	    " as names from json_object_keys(('{' || substr($1, 2) || '}')"
	    "::json) with ordinality k(k, ord)",
	    more != -1 ? PQgetvalue(row_of, row, more) : "");
	(void)snprintf(names + strlen(names), sizeof(names) - strlen(names),
	    "%s", sql_text(s, 0, "names"));
	QUERY(s,
	    "select string_agg(k, ',') || ',' as names"
	    " from json_object_keys($1::json) k",
	    json);
	same = strcmp(sql_text(s, 0, "names"), names) == 0;
	if (!same)
		fprintf(
		    stderr, "\n%s are not the members of %s\n", names, json);
	return (same);
}

bool
sql_shows(struct sql *s, int row, const char *json)
{
	PGresult *row_of = s->result;
	char *copy = base_strdup(json); /* it may be of this result */
	bool same;

	s->result = NULL;
	if (PQfnumber(row_of, "_answer") != -1) {
		QUERY(s, "select $1::jsonb = $2::jsonb as same", copy,
		    PQgetvalue(row_of, row, PQfnumber(row_of, "_answer")));
		same = strcmp(sql_text(s, 0, "same"), "t") == 0;
		PQclear(row_of);
		base_free(copy);
		return (same);
	}
	same = row < PQntuples(row_of) && shows_names(s, row_of, row, copy);
	for (int i = 0; same && i < PQnfields(row_of); i++)
		if (PQfname(row_of, i)[0] != '_')
			same = shows_value(s, row_of, row, i, copy);
	PQclear(row_of);
	base_free(copy);
	return (same);
}

const char *
sql_notified(struct sql *s, const char *channel)
{
	struct pollfd fd = { .fd = PQsocket(s->pg), .events = POLLIN };

	for (;;) {
		PQfreemem(s->notify);
		s->notify = PQnotifies(s->pg);
		if (s->notify == NULL) {
			if (poll(&fd, 1, WAIT_MS) != 1 ||
			    PQconsumeInput(s->pg) != 1)
				return (NULL);
			continue;
		}
		if (strcmp(s->notify->relname, channel) == 0)
			return (s->notify->extra);
	}
}

const char *
sql_heard(struct sql *s, const char *type, const char *text)
{
	QUERY(s,
	    "select string_agg(h.who, ',' order by e.id) as who"
	    " from events e, lateral ("
	    " select string_agg(distinct m.user_id, ' ' order by m.user_id)"
	    "  as who from members m where m.left_at is null and e.topic in"
	    "  ('user:' || m.user_id, 'conversation:' || m.conversation_id)"
	    "  and m.visible_from <= coalesce(e.seq, 9223372036854775807)) h"
	    " where e.type = $1 and strpos(e.data, $2) > 0",
	    type, text);
	return sql_rows(s) == 1 && !sql_null(s, 0, "who") ?
	    sql_text(s, 0, "who") :
	    "";
}
