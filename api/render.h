/* SPDX-License-Identifier: ISC */
/* Result rows → JSON, by the names and types of their columns alone:
 *
 *   a.b, a.c      adjacent columns nest: "a": {"b": …, "c": …}
 *   _anything     is for the engine, not shown
 *   bool, int, float, json  bare;  timestamptz  RFC 3339 UTC;  else a string
 *   SQL null      null
 *   _more         more members of the object, each with a comma before it
 *   _answer       the object as the statement wrote it, in place of all that */
#ifndef API_RENDER_H
#define API_RENDER_H

#include <stdbool.h>
#include <stddef.h>

struct base_buf;
struct db_result;

/* Append one row as an object. */
void api_render_row(struct base_buf *out, const struct db_result *r, int row);

/* Append {"data": [...], "next": ...} of the first `limit` rows; `next`, empty
 * before, gets the cursor of the last one when there are more rows than that:
 * its column `_cursor`, or `seq` where there is none.  In a binary result that is
 * an integer. */
void api_render_list(struct base_buf *out, const struct db_result *r, int limit,
    struct base_buf *next);

/* Can columns of that type be in a binary result?  Enumerated types, whose
 * numbers are the database's own, can too. */
bool api_render_binary_type(unsigned int type);

/* Append the timestamptz text of PostgreSQL (ISO, UTC) as RFC 3339, without
 * quotes; anything else as it is. */
void api_render_time(struct base_buf *out, const char *text);

#endif
