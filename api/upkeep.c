/* SPDX-License-Identifier: ISC */
/*
 * The upkeep of files.  A round: uploads without a reference go, then pieces of
 * uploads that are over; then comes the list of all files, page by page, against the rows; then the uploads that are
 * known to lack a file.  Each step is some work at the store or a statement,
 * then a rest, in which the process does what it is there for.
 *
 * Files are removed in three steps, so that no row names one that goes: the
 * database gives those that no row names to us alone, the store removes them,
 * the database learns that they are gone.
 */

#include "api/upkeep.h"

#include <stdio.h>
#include <string.h>

#include "api/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "db/query.h"
#include "upload/partial.h"
#include "upload/store.h"

enum {
	BATCH = 50, /* files, or uploads, asked the store for in one step */
	/* Those given to us long ago may be somebody else's by now. */
	DROP_WITHIN_MS = 60 * 1000,
	STORE_MS = 10 * 1000 /* a step waits for the store at most */
};

#define TIDY_LIMIT "500"
#define BATCH_LIMIT "50"
#define FIRST_ID "00000000-0000-0000-0000-000000000000"

struct api_upkeep {
	struct api_upkeep_params params;
	struct base_timer *timer;	    /* either this */
	struct db_query *query;		    /* or this is non-NULL */
	void (*next)(struct api_upkeep *u); /* after the rest */
	struct upload_page page;
	char doomed[UPLOAD_HASH_LEN + 1]; /* the last, of this page */
	char after[BASE_UUID_TEXT];	  /* id, of lost uploads */
	uint64_t asked_ms;	      /* when files to drop were asked for */
	bool more;		      /* the same step once more */
	struct base_buf array, other; /* array literals */
	unsigned removed, missing;    /* in this round */
};

static void uploads_tidy(struct api_upkeep *u);
static void pieces_look(struct api_upkeep *u);
static void doomed_ask_again(struct api_upkeep *u);
static void page_read(struct api_upkeep *u);
static void doomed_ask(struct api_upkeep *u);
static void missing_ask(struct api_upkeep *u);
static void lost_read(struct api_upkeep *u);

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

/* The store, for a step. */
static struct upload_store *
store_get(struct api_upkeep *u)
{
	upload_store_patience(u->params.store, STORE_MS);
	return u->params.store;
}

static void
round_rest(struct api_upkeep *u)
{
	upload_page_fini(&u->page);
	rest(u, u->params.rest_ms, uploads_tidy);
}

/* Without a database or a store the round is over; nothing is half-done by
 * that. */
static bool
came(struct api_upkeep *u, const struct db_result *r)
{
	u->query = NULL;
	if (r->status == DB_OK)
		return true;
	if (r->status == DB_ERROR)
		base_log_error("upkeep of files failed", "sqlstate=%s",
		    r->sqlstate != NULL ? r->sqlstate : "-");
	round_rest(u);
	return false;
}

static void
store_failed(struct api_upkeep *u, enum upload_status status)
{
	base_log_warn(
	    "upkeep of files failed", "code=%s", upload_status_code(status));
	round_rest(u);
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
	round_rest(u);
}

/* The hashes in `hashes`, one after the other, as an array literal. */
static const char *
hashes_array(struct base_buf *array, const struct base_buf *hashes)
{
	char hash[UPLOAD_HASH_LEN + 1] = "";

	base_buf_reset(array);
	api_array_begin(array);
	for (size_t at = 0; at < hashes->len; at += UPLOAD_HASH_LEN) {
		memcpy(hash, hashes->data + at, UPLOAD_HASH_LEN);
		api_array_add(array, hash);
	}
	api_array_end(array);
	return base_buf_str(array);
}

/* --- uploads without a reference --- */

static void
on_tidied(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (!came(u, r))
		return;
	rest(u, u->params.step_ms,
	    r->rows > 0 && db_result_bool(r, 0, db_result_column(r, "more")) ?
		uploads_tidy :
		pieces_look);
}

static void
uploads_tidy(struct api_upkeep *u)
{
	const char *values[] = { TIDY_LIMIT };

	u->removed = u->missing = 0;
	ask(u, "uploads.tidy", values, on_tidied);
}

/* --- pieces of uploads that are over --- */

static void
on_over(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (!came(u, r))
		return;
	for (int i = 0; i < r->rows; i++)
		u->removed +=
		    upload_partial_drop(upload_store_tmp(u->params.store),
			db_result_value(r, i, 0));
	rest(u, u->params.step_ms, doomed_ask_again);
}

static void
on_piece(void *arg, const char *id)
{
	api_array_add(arg, id);
}

static void
pieces_look(struct api_upkeep *u)
{
	struct base_buf array = { 0 };
	const char *values[1];

	api_array_begin(&array);
	upload_partial_list(upload_store_tmp(u->params.store), u->params.age_s,
	    on_piece, &array);
	api_array_end(&array);
	values[0] = base_buf_str(&array);
	ask(u, "tus.over", values, on_over);
	base_buf_fini(&array);
}

/* --- files without a row --- */

static void
on_dropped(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (came(u, r))
		rest(u, u->params.step_ms, u->next);
}

/* Remove what was given to us, then go on with `u->next`.  What the store does
 * not say the end of stays ours until a later round; what comes after it, or
 * too late, was not tried. */
static void
doomed_drop(struct api_upkeep *u, const struct db_result *r)
{
	uint64_t until_ms = u->asked_ms + DROP_WITHIN_MS;
	struct upload_store *store = store_get(u);
	enum upload_drop drop = UPLOAD_DROPPED;
	const char *values[2], *hash;

	base_buf_reset(&u->array);
	base_buf_reset(&u->other);
	api_array_begin(&u->array);
	api_array_begin(&u->other);
	for (int i = 0; i < r->rows; i++) {
		hash = db_result_value(r, i, 0);
		if (strcmp(hash, u->doomed) > 0)
			snprintf(u->doomed, sizeof(u->doomed), "%s", hash);
		if (drop == UPLOAD_UNCERTAIN || base_clock_ms() >= until_ms) {
			api_array_add(&u->other, hash);
			continue;
		}
		drop = upload_store_drop(store, hash, u->params.age_s);
		if (drop == UPLOAD_DROPPED)
			api_array_add(&u->array, hash);
		else if (drop == UPLOAD_STAYED)
			api_array_add(&u->other, hash);
		u->removed += drop == UPLOAD_DROPPED;
	}
	api_array_end(&u->array);
	api_array_end(&u->other);
	values[0] = base_buf_str(&u->array);
	values[1] = base_buf_str(&u->other);
	ask(u, "uploads.dropped", values, on_dropped);
}

static void
doomed_take(struct api_upkeep *u, const struct db_result *r,
    void (*same)(struct api_upkeep *), void (*next)(struct api_upkeep *))
{
	if (!came(u, r))
		return;
	if (r->rows == 0) {
		rest(u, u->params.step_ms, next);
		return;
	}
	doomed_drop(u, r);
	u->next = r->rows == BATCH ? same : next;
}

static void
on_doomed_again(const struct db_result *r, void *arg)
{
	doomed_take(arg, r, doomed_ask_again, page_read);
}

/* What another has begun to remove, long ago. */
static void
doomed_ask_again(struct api_upkeep *u)
{
	const char *values[] = { BATCH_LIMIT };

	u->asked_ms = base_clock_ms();
	ask(u, "uploads.doom_again", values, on_doomed_again);
}

static void
on_doomed(const struct db_result *r, void *arg)
{
	doomed_take(arg, r, doomed_ask, missing_ask);
}

static void
doomed_ask(struct api_upkeep *u)
{
	const char *values[] = { hashes_array(&u->array, &u->page.old),
		u->doomed, BATCH_LIMIT };

	if (u->page.old.len == 0) {
		missing_ask(u);
		return;
	}
	u->asked_ms = base_clock_ms();
	ask(u, "uploads.doom", values, on_doomed);
}

/* --- rows without a file --- */

static void
page_end(struct api_upkeep *u)
{
	strcpy(u->after, FIRST_ID);
	rest(u, u->params.step_ms, u->page.is_last ? lost_read : page_read);
}

static void
on_lost(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (!came(u, r))
		return;
	if (u->more)
		rest(u, u->params.step_ms, missing_ask);
	else
		page_end(u);
}

/* A file may have come after the page was read. */
static void
on_missing(const struct db_result *r, void *arg)
{
	enum upload_status status;
	struct upload_store *store;
	struct api_upkeep *u = arg;
	const char *values[1];
	int lost = 0;

	if (!came(u, r))
		return;
	store = store_get(u);
	base_buf_reset(&u->array);
	api_array_begin(&u->array);
	for (int i = 0; i < r->rows; i++) {
		status = upload_store_has(store, db_result_value(r, i, 0));
		if (status != UPLOAD_OK && status != UPLOAD_MISSING) {
			store_failed(u, status);
			return;
		}
		if (status == UPLOAD_OK)
			continue;
		api_array_add(&u->array, db_result_value(r, i, 0));
		lost++;
	}
	api_array_end(&u->array);
	u->more = lost == BATCH;
	values[0] = base_buf_str(&u->array);
	if (lost == 0)
		page_end(u);
	else
		ask(u, "uploads.lose", values, on_lost);
}

static void
missing_ask(struct api_upkeep *u)
{
	const char *values[] = { u->page.from, u->page.to,
		hashes_array(&u->array, &u->page.all), BATCH_LIMIT };

	ask(u, "uploads.missing", values, on_missing);
}

static void
page_read(struct api_upkeep *u)
{
	enum upload_status status;

	status = upload_store_list(store_get(u), &u->page, u->params.age_s);
	if (status != UPLOAD_OK)
		store_failed(u, status);
	u->doomed[0] = '\0';
	if (status == UPLOAD_OK)
		doomed_ask(u);
}

/* --- uploads that lack a file --- */

static void
on_found(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;

	if (came(u, r))
		rest(u, u->params.step_ms, lost_read);
}

/* A page's rows, several to an upload, in order of id: those that have all
 * their files again, into u->array.  How many, or -1 when the store fails. */
static int
lost_sort(struct api_upkeep *u, const struct db_result *r)
{
	struct upload_store *store = store_get(u);
	enum upload_status status;
	bool is_lost;
	int found = 0, i = 0;

	base_buf_reset(&u->array);
	api_array_begin(&u->array);
	while (i < r->rows) {
		is_lost = false;
		snprintf(
		    u->after, sizeof(u->after), "%s", db_result_value(r, i, 0));
		for (; i < r->rows &&
		     strcmp(db_result_value(r, i, 0), u->after) == 0;
		     i++) {
			status =
			    upload_store_has(store, db_result_value(r, i, 1));
			if (status != UPLOAD_OK && status != UPLOAD_MISSING) {
				store_failed(u, status);
				return -1;
			}
			is_lost |= status == UPLOAD_MISSING;
		}
		if (!is_lost)
			api_array_add(&u->array, u->after);
		found += !is_lost;
		u->missing += is_lost;
	}
	api_array_end(&u->array);
	return found;
}

static void
on_lost_page(const struct db_result *r, void *arg)
{
	struct api_upkeep *u = arg;
	const char *values[1];
	int found;

	if (!came(u, r))
		return;
	if (r->rows == 0) {
		round_end(u);
		return;
	}
	found = lost_sort(u, r);
	values[0] = base_buf_str(&u->array);
	if (found > 0)
		ask(u, "uploads.found", values, on_found);
	else if (found == 0)
		rest(u, u->params.step_ms, lost_read);
}

static void
lost_read(struct api_upkeep *u)
{
	const char *values[] = { u->after, BATCH_LIMIT };

	ask(u, "uploads.lost", values, on_lost_page);
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
	upload_page_fini(&u->page);
	base_buf_fini(&u->array);
	base_buf_fini(&u->other);
	base_free(u);
}
