/* SPDX-License-Identifier: ISC */
/* The settings of a pooled connection. */

#include "db/session.h"

#include <libpq-fe.h>

/*
 * A session's settings, in a unit of their own so that a statement that cannot
 * be prepared does not roll them back.  Generic plans: array parameters would be
 * planned anew for ever.  Made on the empty tables of a fresh database they would
 * scan and hash whole tables until autovacuum has counted them: every statement
 * has its index, so these ways are closed; so is that of reading all members of a
 * room to find one of them (a bitmap).  No JIT: its compile time is a multiple of
 * our queries'.
 */
static const char settings[] =
    "select set_config(name, value, false) from (values"
    " ('plan_cache_mode', 'force_generic_plan'),"
    " ('enable_seqscan', 'off'),"
    " ('enable_hashjoin', 'off'),"
    " ('enable_mergejoin', 'off'),"
    " ('enable_bitmapscan', 'off'),"
    " ('jit', 'off'),"
    " ('statement_timeout', $1::text),"
    " ('default_transaction_isolation', 'read committed'),"
    " ('standard_conforming_strings', 'on'),"
    " ('TimeZone', 'UTC'),"
    " ('DateStyle', 'ISO, YMD'),"
    " ('IntervalStyle', 'iso_8601'),"
    " ('bytea_output', 'hex')) as setting (name, value)";

bool
db_session_start(struct pg_conn *pg, const char *statement_timeout)
{
	const char *const values[] = { statement_timeout };

	return PQenterPipelineMode(pg) == 1 &&
	    PQsendQueryParams(pg, settings, 1, NULL, values, NULL, NULL, 0) ==
	    1 &&
	    PQpipelineSync(pg) == 1;
}
