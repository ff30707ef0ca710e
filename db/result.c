/* SPDX-License-Identifier: ISC */
/* Access to a result's rows, and what an SQLSTATE means. */

#include "db/result.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

static const char *const status_names[] = {
	[DB_OK] = "ok",
	[DB_ERROR] = "error",
	[DB_REFUSED] = "refused",
	[DB_RETRY] = "retry",
	[DB_TIMEOUT] = "timeout",
	[DB_UNAVAILABLE] = "unavailable",
	[DB_UNKNOWN] = "unknown",
	[DB_DISK_FULL] = "disk_full",
};

/* An entry of two characters stands for its whole class. */
static const struct {
	const char *sqlstate;
	enum db_status status;
} sqlstates[] = {
	{ "PY000", DB_REFUSED },
	{ "40001", DB_RETRY },	     /* serialization_failure */
	{ "40P01", DB_RETRY },	     /* deadlock_detected */
	{ "55P03", DB_RETRY },	     /* lock_not_available */
	{ "57014", DB_TIMEOUT },     /* query_canceled */
	{ "57P01", DB_UNAVAILABLE }, /* admin_shutdown */
	{ "57P02", DB_UNAVAILABLE }, /* crash_shutdown */
	{ "57P03", DB_UNAVAILABLE }, /* cannot_connect_now */
	{ "57P05", DB_UNAVAILABLE }, /* idle_session_timeout */
	{ "25P03", DB_UNAVAILABLE }, /* idle_in_transaction_session_timeout */
	{ "25006",
	    DB_UNAVAILABLE }, /* read only: a standby, not promoted yet */
	{ "53300", DB_UNAVAILABLE }, /* too_many_connections */
	{ "53200", DB_UNAVAILABLE }, /* out_of_memory */
	{ "08", DB_UNAVAILABLE },    /* connection_exception */
	{ "53100", DB_DISK_FULL },   /* disk_full */
};

const char *
db_result_value(const struct db_result *r, int row, int col)
{
	assert(row >= 0 && row < r->rows && col >= 0 && col < r->cols);
	if (PQgetisnull(r->pg, row, col))
		return NULL;
	return PQgetvalue(r->pg, row, col);
}

const char *
db_result_bytes(const struct db_result *r, int row, int col, size_t *len)
{
	assert(row >= 0 && row < r->rows && col >= 0 && col < r->cols);
	*len = (size_t)PQgetlength(r->pg, row, col);
	if (*len == 0 && PQgetisnull(r->pg, row, col))
		return NULL;
	return PQgetvalue(r->pg, row, col);
}

/* Not PQfnumber(), which folds case and copies the name. */
int
db_result_column(const struct db_result *r, const char *name)
{
	for (int col = 0; col < r->cols; col++)
		if (strcmp(PQfname(r->pg, col), name) == 0)
			return col;
	return -1;
}

const char *
db_result_name(const struct db_result *r, int col)
{
	assert(col >= 0 && col < r->cols);
	return PQfname(r->pg, col);
}

unsigned int
db_result_type(const struct db_result *r, int col)
{
	assert(col >= 0 && col < r->cols);
	return PQftype(r->pg, col);
}

int64_t
db_result_i64(const struct db_result *r, int row, int col)
{
	const char *value = db_result_value(r, row, col);

	assert(!r->binary);
	return value == NULL ? 0 : strtoll(value, NULL, 10);
}

bool
db_result_bool(const struct db_result *r, int row, int col)
{
	const char *value = db_result_value(r, row, col);

	assert(!r->binary);
	return value != NULL && value[0] == 't';
}

const char *
db_status_name(enum db_status status)
{
	assert((size_t)status < ARRAY_LEN(status_names));
	return status_names[status];
}

enum db_status
db_status_from_sqlstate(const char *sqlstate)
{
	if (sqlstate == NULL)
		return DB_ERROR;
	for (size_t i = 0; i < ARRAY_LEN(sqlstates); i++)
		if (strncmp(sqlstate, sqlstates[i].sqlstate,
			strlen(sqlstates[i].sqlstate)) == 0)
			return sqlstates[i].status;
	return DB_ERROR;
}
