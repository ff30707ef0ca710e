/* SPDX-License-Identifier: ISC */
/* What came of a query: its status, its rows, or PostgreSQL's error. */

#ifndef DB_RESULT_H
#define DB_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct pg_result; /* libpq's PGresult */

enum db_status {
	DB_OK,
	DB_ERROR,   /* the statement failed: our mistake; nothing was done */
	DB_REFUSED, /* our own SQL refused it (SQLSTATE PY000): `message` is
			 * the stable code, `detail` the sentence, `column` the
			 * field or NULL; nothing was done */
	DB_RETRY,   /* deadlock or serialization failure, twice; nothing was
			 * done, the same call may work now */
	DB_TIMEOUT, /* ran into the statement time-out; nothing was done */
	DB_UNAVAILABLE, /* no connection, queue full, or the server ended before
			 * it began; nothing was done */
	DB_UNKNOWN,	/* the link was lost after a write was sent: it may or
			 * may not have happened */
	DB_DISK_FULL,	/* the server has no room left; nothing was done */
};

/* Types of columns that matter to a renderer (pg_type.oid never changes). */
enum db_type {
	DB_TYPE_BOOL = 16,
	DB_TYPE_INT8 = 20,
	DB_TYPE_INT2 = 21,
	DB_TYPE_INT4 = 23,
	DB_TYPE_TEXT = 25,
	DB_TYPE_JSON = 114,
	DB_TYPE_FLOAT4 = 700,
	DB_TYPE_FLOAT8 = 701,
	DB_TYPE_TIMESTAMPTZ = 1184,
	DB_TYPE_UUID = 2950,
	DB_TYPE_JSONB = 3802,
};

/*
 * Borrowed for the callback, with every string that is reached through it.
 * Unless `status` is DB_OK there are no rows and columns.  The texts of an error
 * are NULL when there is none of that kind; `message` is never NULL on an error.
 * They are for the log and for our own codes, never for a client.
 */
struct db_result {
	enum db_status status;
	int rows;
	int cols;
	uint64_t elapsed_us;  /* from db_query_start() to the callback */
	const char *sqlstate; /* five characters, or NULL: not PostgreSQL's */
	const char *message;
	const char *detail;
	const char *column;
	bool binary; /* values are in PostgreSQL's binary format */
	const struct pg_result *pg; /* private; NULL when there are no rows */
};

/* The value in the format of the result, or NULL for an SQL null.  `row` and
 * `col` count from 0 and must be in range. */
const char *db_result_value(const struct db_result *r, int row, int col);

/* The same with its bytes in *len, 0 for a null. */
const char *db_result_bytes(
    const struct db_result *r, int row, int col, size_t *len);

/* The column of that name, or -1. */
int db_result_column(const struct db_result *r, const char *name);

/* The name of a column. */
const char *db_result_name(const struct db_result *r, int col);

/* The type of a column: an oid, perhaps one of enum db_type. */
unsigned int db_result_type(const struct db_result *r, int col);

/* A value as a number (0 for a null or no number) or as a truth value (false
 * for a null); of a result in text format. */
int64_t db_result_i64(const struct db_result *r, int row, int col);
bool db_result_bool(const struct db_result *r, int row, int col);

/* "ok", "error", "refused", …: for the log and metrics. */
const char *db_status_name(enum db_status status);

/* The status that an SQLSTATE (NULL = none) of a failed statement means. */
enum db_status db_status_from_sqlstate(const char *sqlstate);

#endif
