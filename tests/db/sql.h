/* SPDX-License-Identifier: ISC */
/*
 * The named statements, run one by one on a blocking connection that is set up
 * as the pool's are: for tests of what the SQL does.
 *
 *	SQL(s, "users.get", "alice");
 *	CU_ASSERT_STRING_EQUAL(sql_text(s, 0, "name"), "Alice");
 *
 * The last result is kept until the next call.  What cannot be run at all fails
 * the test.
 */

#ifndef TESTS_DB_SQL_H
#define TESTS_DB_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cluster;
struct sql;

struct sql *sql_open(const struct cluster *c);
void sql_close(struct sql *s);

/* Runs statement `name`; parameters beyond the n-th are null. */
void sql_call(
    struct sql *s, const char *name, const char *const *values, size_t n);

#define SQL(s, name, ...)                                           \
	sql_call((s), (name), (const char *const[]){ __VA_ARGS__ }, \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* Any other SQL, with parameters. */
void sql_query(
    struct sql *s, const char *text, const char *const *values, size_t n);

#define QUERY(s, text, ...)                                          \
	sql_query((s), (text), (const char *const[]){ __VA_ARGS__ }, \
	    sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* A statement without parameters, and other SQL without. */
#define SQL0(s, name) sql_call((s), (name), NULL, 0)
#define RUN(s, text) sql_query((s), (text), NULL, 0)

/* The next one may fail with any error: sql_state() tells which.  Otherwise only
 * refusals and ids that are taken do not fail the test. */
void sql_may_fail(struct sql *s);

/* Rows of the last result, or -1 when it was refused. */
int sql_rows(const struct sql *s);

/* The code of a refusal ("not_found"), its field and its SQLSTATE; "" when
 * there was none. */
const char *sql_error(const struct sql *s);
const char *sql_field(const struct sql *s);
const char *sql_state(const struct sql *s);

/* A value by row and column, or by row and member of the object in column
 * `_answer`; "" for a null and for a row that is not there.  One that is not
 * there ends the test. */
const char *sql_text(struct sql *s, int row, const char *column);
int64_t sql_number(struct sql *s, int row, const char *column);
bool sql_null(struct sql *s, int row, const char *column);

/* Would the row of the last result be shown as this JSON object, member for
 * member (`sender.id` is in "sender"; a time in RFC 3339)?  Says what is not
 * the same.  The result is gone afterwards. */
bool sql_shows(struct sql *s, int row, const char *json);

/* The first notification on `channel` since the connection began to LISTEN
 * and not yet taken; waits up to 2 s; NULL: none.  Good until the next. */
const char *sql_notified(struct sql *s, const char *channel);

/* The members who hear events of this type with `text` in their data, sorted,
 * with blanks between; of each event, with commas between.  Until the next
 * call. */
const char *sql_heard(struct sql *s, const char *type, const char *text);

#endif
