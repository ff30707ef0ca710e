/* SPDX-License-Identifier: ISC */
/* How a pooled connection's session is set up. */

#ifndef DB_SESSION_H
#define DB_SESSION_H

#include <stdbool.h>

#include "base/attr.h"

struct pg_conn;

/* Enters pipeline mode and asks for the settings and a Sync; the server answers
 * with one result.  `statement_timeout`: milliseconds.  False: the connection is
 * of no use. */
MUST_USE bool db_session_start(
    struct pg_conn *pg, const char *statement_timeout);

#endif
