/* SPDX-License-Identifier: ISC */
/*
 * The migration runner: brings a database to the schema of migrations/.
 * Blocking; for parleyctl and tests, not for a process that serves.
 *
 * A migration is a file NNNN_name.sql, forward only, run in one transaction
 * that also records it, with its SHA-256, in schema_migrations.  So a file is
 * done wholly or not at all.  An advisory lock makes a second runner wait, and
 * then find nothing to do.
 */

#ifndef DB_MIGRATE_H
#define DB_MIGRATE_H

#include <stdbool.h>

#include "base/attr.h"

enum db_migrate_status {
	DB_MIGRATE_OK,	    /* the database is at the newest migration */
	DB_MIGRATE_PENDING, /* check_only: some are to be done */
	DB_MIGRATE_FILES,   /* the directory: unreadable, two files of one
			     * number, a name that is none */
	DB_MIGRATE_CHANGED, /* an applied file was changed or is missing, or a
			     * new one comes before an applied one; nothing
			     * was done */
	DB_MIGRATE_FAILED,  /* a migration failed and was rolled back; those
			     * before it stand */
	DB_MIGRATE_LINK,    /* no connection, or it was lost */
};

struct db_migrate_params {
	const char *conninfo;
	const char *dir;
	bool check_only; /* say what would be done */
	/* What is being done or went wrong, line by line without a newline;
	 * `line` is borrowed for the call.  May be NULL. */
	void (*say)(const char *line, void *arg);
	void *arg;
};

/* Runs what is to be done, oldest first.  What went wrong was said. */
MUST_USE enum db_migrate_status db_migrate_run(
    const struct db_migrate_params *params);

#endif
