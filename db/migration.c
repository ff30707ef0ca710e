/* SPDX-License-Identifier: ISC */
/* Reads migration files. */

#include "db/migration.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define DIGITS 4
#define MAX_BYTES (16 * 1024 * 1024)

struct reading {
	struct db_migration_list *list;
	const char *dir;
	void (*say)(const char *text, void *arg);
	void *arg;
	bool ok;
};

static void
complain(struct reading *r, const char *path, const char *what)
{
	struct base_buf text;

	base_buf_init(&text);
	base_buf_printf(&text, "%s: %s", path, what);
	r->say(base_buf_str(&text), r->arg);
	base_buf_fini(&text);
	r->ok = false;
}

/* 0001_tables.sql; anything else that ends in .sql is a mistake. */
static bool
name_valid(const char *file)
{
	size_t len = strlen(file);

	for (int i = 0; i < DIGITS; i++)
		if (!isdigit((unsigned char)file[i]))
			return false;
	if (file[DIGITS] != '_' || len < DIGITS + sizeof("_x.sql") - 1)
		return false;
	for (size_t i = DIGITS + 1; i < len - 4; i++)
		if (!islower((unsigned char)file[i]) &&
		    !isdigit((unsigned char)file[i]) && file[i] != '_')
			return false;
	return true;
}

static bool
read_text(struct reading *r, struct db_migration *m)
{
	struct base_buf text;
	FILE *file = fopen(m->path, "re");
	char chunk[8192];
	size_t n;
	bool ok;

	if (file == NULL) {
		complain(r, m->path, strerror(errno));
		return false;
	}
	base_buf_init(&text);
	base_buf_reserve(&text, sizeof(chunk));
	while (text.len <= MAX_BYTES &&
	    (n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		base_buf_append(&text, chunk, n);
	ok = !ferror(file) && text.len <= MAX_BYTES;
	(void)fclose(file);
	m->text_len = text.len;
	m->text = base_buf_take(&text);
	if (!ok)
		complain(r, m->path, "cannot be read");
	else if (strlen(m->text) != m->text_len)
		complain(r, m->path, "has a NUL character in it");
	return r->ok;
}

static void
add(struct reading *r, const char *file)
{
	struct db_migration_list *list = r->list;
	struct db_migration *m;
	struct base_buf path;

	base_buf_init(&path);
	base_buf_printf(&path, "%s/%s", r->dir, file);
	if (!name_valid(file)) {
		complain(r, base_buf_str(&path),
		    "a migration is named NNNN_lower_case.sql");
		base_buf_fini(&path);
		return;
	}
	list->items =
	    base_realloc(list->items, (list->count + 1) * sizeof(*list->items));
	m = &list->items[list->count++];
	memset(m, 0, sizeof(*m));
	m->version = atoi(file);
	m->name =
	    base_strndup(file + DIGITS + 1, strlen(file) - DIGITS - 1 - 4);
	m->path = base_buf_take(&path);
	(void)read_text(r, m);
}

static int
by_version(const void *a, const void *b)
{
	const struct db_migration *x = a, *y = b;

	return x->version - y->version;
}

static void
check_numbers(struct reading *r)
{
	const struct db_migration_list *list = r->list;

	for (size_t i = 1; i < list->count; i++)
		if (list->items[i].version == list->items[i - 1].version)
			complain(r, list->items[i].path,
			    "another migration has this number");
}

bool
db_migration_read(struct db_migration_list *list, const char *dir,
    void (*say)(const char *text, void *arg), void *arg)
{
	struct reading r = {
		.list = list, .dir = dir, .say = say, .arg = arg, .ok = true
	};
	DIR *handle = opendir(dir);
	const struct dirent *entry;

	memset(list, 0, sizeof(*list));
	if (handle == NULL) {
		complain(&r, dir, strerror(errno));
		return false;
	}
	while ((entry = readdir(handle)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		/* Editors leave .0001_x.sql.swp and the like. */
		if (entry->d_name[0] != '.' && dot != NULL &&
		    strcmp(dot, ".sql") == 0)
			add(&r, entry->d_name);
	}
	closedir(handle);
	if (list->count > 1)
		qsort(
		    list->items, list->count, sizeof(*list->items), by_version);
	check_numbers(&r);
	if (list->count == 0 && r.ok)
		complain(&r, dir, "no migrations there");
	return r.ok;
}

struct db_migration *
db_migration_find(const struct db_migration_list *list, int version)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].version == version)
			return &list->items[i];
	return NULL;
}

void
db_migration_free(struct db_migration_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		base_free(list->items[i].name);
		base_free(list->items[i].path);
		base_free(list->items[i].text);
	}
	base_free(list->items);
	memset(list, 0, sizeof(*list));
}
