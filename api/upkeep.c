/* SPDX-License-Identifier: ISC */
/*
 * The upkeep of files.  A round: uploads without a reference go, then come the
 * 256 outer directories of the store, then all rows in order of id.  Each step
 * is a look at the disk or a statement, then a rest, in which the process does
 * what it is there for.
 */

#include "api/upkeep.h"

#include <stdio.h>
#include <string.h>

#include "api/array.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "db/query.h"
#include "upload/store.h"

enum {
	OUTER_DIRECTORIES = 256,
	HASHES_MAX = 2000 /* asked for at once */
};

#define TIDY_LIMIT "500"
#define PAGE_LIMIT "500"
#define FIRST_ID "00000000-0000-0000-0000-000000000000"

struct api_upkeep {
	struct api_upkeep_params params;
	struct base_timer *timer;	    /* either this */
	struct db_query *query;		    /* or this is non-NULL */
	void (*next)(struct api_upkeep *u); /* after the rest */
	unsigned outer;			    /* directory, of files */
	char after[BASE_UUID_TEXT];	    /* id, of rows */
	struct base_buf hashes;	     /* of a directory: one after the other */
	size_t asked;		     /* of them */
	struct base_buf lost, found; /* ids of a page, as array literals */
	unsigned removed, missing;   /* in this round */
};

static void uploads_tidy(struct api_upkeep *u);
static void directory_look(struct api_upkeep *u);
static void page_read(struct api_upkeep *u);

static void
on_timer(void *arg)
{
	struct api_upkeep *u = arg;

	u->timer = NULL;
	u->next(u);
}

static void
rest(struct api_upkeep *u, uint64_t ms, void (*next)(struct api_upkeep *u))
{
	u->next = next;
	u->timer = base_timer_start(u->params.loop, ms, on_timer, u);
}

static void
ask(struct api_upkeep *u, const char *statement, const char *const *values,
    db_query_cb *cb)
{
	u->query = db_query_start(
	    u->params.pool, db_statement_find(statement), values, cb, u);
}

/* Without a database the round is over; nothing is half-done by that. */
static bool
came(struct api_upkeep *u, const struct db_result *r)
{
	u->query = NULL;
	if (r->status == DB_OK)
		return true;
	if (r->status == DB_ERROR)
		base_log_error("upkeep of files failed", "sqlstate=%s",
		    r->sqlstate != NULL ? r->sqlstate : "-");
	rest(u, u->params.rest_ms, uploads_tidy);
	return false;
}

static void
round_end(struct api_upkeep *u)
{
	if (u->removed > 0)
		base_log_info(
		    "files without a row removed", "files=%u", u->removed);
	if (u->missing > 0)
		base_log_error("stored files are missing",
		    "uploads=%u why=\"see uploads.lost_at\"", u->missing);
	if (u->params.on_round != NULL)
		u->params.on_round(u->params.arg, u->removed, u->missing);
	rest(u, u->params.rest_ms, uploads_tidy);
}

/* --- uploads without a reference --- */

static void
on_tidied(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (!came(u, r))
		return;
	u->outer = 0;
	rest(u, u->params.step_ms,
	    r->rows > 0 && db_result_bool(r, 0, db_result_column(r, "more")) ?
		uploads_tidy :
		directory_look);
}

static void
uploads_tidy(struct api_upkeep *u)
{
	const char *values[] = { TIDY_LIMIT };

	u->removed = u->missing = 0;
	ask(u, "uploads.tidy", values, on_tidied);
}

/* --- files without a row --- */

static void
on_hash(void *arg, const char *hash)
{
	struct api_upkeep *u = arg;

	base_buf_append(&u->hashes, hash, UPLOAD_HASH_LEN);
}

static void hashes_ask(struct api_upkeep *u);

static void
on_unnamed(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (!came(u, r))
		return;
	for (int i = 0; i < r->rows; i++)
		if (upload_store_drop(u->params.store, db_result_value(r, i, 0),
			u->params.age_s))
			u->removed++;
	hashes_ask(u);
}

/* The next so many of the directory, or the next directory. */
static void
hashes_ask(struct api_upkeep *u)
{
	struct base_buf array = { 0 };
	char hash[UPLOAD_HASH_LEN + 1] = "";
	const char *values[1];

	if (u->asked == u->hashes.len) {
		strcpy(u->after, FIRST_ID);
		rest(u, u->params.step_ms,
		    ++u->outer < OUTER_DIRECTORIES ? directory_look :
						     page_read);
		return;
	}
	api_array_begin(&array);
	for (int i = 0; i < HASHES_MAX && u->asked < u->hashes.len; i++) {
		memcpy(hash, u->hashes.data + u->asked, UPLOAD_HASH_LEN);
		api_array_add(&array, hash);
		u->asked += UPLOAD_HASH_LEN;
	}
	api_array_end(&array);
	values[0] = base_buf_str(&array);
	ask(u, "uploads.unnamed", values, on_unnamed);
	base_buf_fini(&array);
}

/* Directories that are not there cost no rest. */
static void
directory_look(struct api_upkeep *u)
{
	base_buf_reset(&u->hashes);
	u->asked = 0;
	for (; u->outer < OUTER_DIRECTORIES; u->outer++) {
		upload_store_list(
		    u->params.store, u->outer, u->params.age_s, on_hash, u);
		if (u->hashes.len > 0)
			break;
	}
	hashes_ask(u);
}

/* --- rows without a file --- */

static void
on_marked(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (came(u, r))
		rest(u, u->params.step_ms, page_read);
}

/* A page's rows, several to an upload, in order of id: it is lost when one of
 * its files is. */
static bool
page_sort(struct api_upkeep *u, const struct db_result *r)
{
	bool marks = false, lost, was;
	int i = 0;

	base_buf_reset(&u->lost);
	base_buf_reset(&u->found);
	api_array_begin(&u->lost);
	api_array_begin(&u->found);
	while (i < r->rows) {
		lost = false;
		was = db_result_bool(r, i, 2);
		snprintf(
		    u->after, sizeof(u->after), "%s", db_result_value(r, i, 0));
		for (; i < r->rows &&
		     strcmp(db_result_value(r, i, 0), u->after) == 0;
		     i++)
			lost |= !upload_store_has(
			    u->params.store, db_result_value(r, i, 1));
		u->missing += lost;
		if (lost != was)
			api_array_add(lost ? &u->lost : &u->found, u->after);
		marks |= lost != was;
	}
	api_array_end(&u->lost);
	api_array_end(&u->found);
	return marks;
}

static void
on_page(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;
	const char *values[2];

	if (!came(u, r))
		return;
	if (r->rows == 0) {
		round_end(u);
	} else if (page_sort(u, r)) {
		values[0] = base_buf_str(&u->lost);
		values[1] = base_buf_str(&u->found);
		ask(u, "uploads.mark", values, on_marked);
	} else {
		rest(u, u->params.step_ms, page_read);
	}
}

static void
page_read(struct api_upkeep *u)
{
	const char *values[] = { u->after, PAGE_LIMIT };

	ask(u, "uploads.named", values, on_page);
}

struct api_upkeep *
api_upkeep_new(const struct api_upkeep_params *params)
{
	struct api_upkeep *u = base_alloc(sizeof(*u));

	u->params = *params;
	rest(u, u->params.step_ms, uploads_tidy);
	return u;
}

void
api_upkeep_free(struct api_upkeep *u)
{
	if (u == NULL)
		return;
	base_timer_cancel(u->timer);
	db_query_cancel(u->query);
	base_buf_fini(&u->hashes);
	base_buf_fini(&u->lost);
	base_buf_fini(&u->found);
	base_free(u);
}
