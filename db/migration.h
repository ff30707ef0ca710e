/* SPDX-License-Identifier: ISC */
/* The files of a directory of migrations.  For migrate.c. */

#ifndef DB_MIGRATION_H
#define DB_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct db_migration {
	int version;
	char *name; /* owned; without number and .sql */
	char *path; /* owned; as people know it */
	char *text; /* owned; NUL-terminated */
	size_t text_len;
	char checksum[65]; /* SHA-256 in hex; the caller's to fill */
	bool applied;	   /* the caller's */
};

struct db_migration_list {
	struct db_migration *items; /* owned; by rising version */
	size_t count;
};

/* Reads every *.sql of `dir`.  False: something is wrong, and all of it was
 * told to `say`; the list is to be freed all the same. */
MUST_USE bool db_migration_read(struct db_migration_list *list, const char *dir,
    void (*say)(const char *text, void *arg), void *arg);

/* The migration of that number, or NULL. */
struct db_migration *db_migration_find(
    const struct db_migration_list *list, int version);

void db_migration_free(struct db_migration_list *list);

#endif
