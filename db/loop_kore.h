/* SPDX-License-Identifier: ISC */
/* The event loop of base/loop.h on the one that a Kore worker runs.  Only
 * parley.so has this file. */

#ifndef DB_LOOP_KORE_H
#define DB_LOOP_KORE_H

#include "base/attr.h"
#include "base/loop.h"

/* The worker's loop; from kore_worker_configure() on, once in a process.
 * Owned by the caller. */
MUST_USE struct base_loop *db_loop_kore_new(void);

/* Ends it: timers and deferred tasks are forgotten.  For
 * kore_worker_teardown(), after everything that used it. */
void db_loop_kore_free(struct base_loop *loop);

#endif
