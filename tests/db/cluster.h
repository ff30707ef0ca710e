/* SPDX-License-Identifier: ISC */
/*
 * A PostgreSQL of a test's own: a cluster in a temporary directory, copied from
 * the one that template.sh made, on a unix socket only, stopped and removed when the test ends, also when it
 * crashes (another process waits for that).  Started as root, it runs as the
 * user `postgres`.
 *
 * Blocking.  What goes wrong ends the test with a message; without a PostgreSQL
 * to start, the test is skipped (exit status 77).
 */

#ifndef TESTS_DB_CLUSTER_H
#define TESTS_DB_CLUSTER_H

#include <stdint.h>

#include "base/attr.h"

struct cluster;

/* Starts one; its database is empty, or the tree's migrations have been run. */
MUST_USE struct cluster *cluster_new(void);
MUST_USE struct cluster *cluster_new_migrated(void);

/* Stops it and removes its files; NULL is fine. */
void cluster_free(struct cluster *c);

/* How to connect, as the superuser. */
const char *cluster_conninfo(const struct cluster *c);

/* The directory of its socket and log; a place for the test's own files too. */
const char *cluster_dir(const struct cluster *c);

/* Fast shutdown, and start again; both wait until it is done. */
void cluster_stop(struct cluster *c);
void cluster_start(struct cluster *c);

/* Shutdown without a checkpoint, as in a crash. */
void cluster_crash(struct cluster *c);

/* Runs SQL (several statements are fine). */
void cluster_exec(struct cluster *c, const char *sql);

/* The first value of the first row as a number; 0 for a null. */
int64_t cluster_number(struct cluster *c, const char *sql);

/* Ends the backends whose application_name is like `pattern`; how many. */
int64_t cluster_kill(struct cluster *c, const char *pattern);

#endif
