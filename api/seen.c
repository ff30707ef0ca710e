/* SPDX-License-Identifier: ISC */
/* Which identities have been mirrored: a bounded set of their hashes. */
#include "api/seen.h"

#include "api/auth.h"
#include "api/batch.h"
#include "api/engine_private.h"
#include "api/errors.h"
#include "base/mem.h"
#include "db/result.h"

#define SEEN_MAX 100000

struct api_seen_wait {
	struct api_engine *engine;
	struct api_identity *identity; /* owned reference */
	struct api_batch_item *item;   /* non-NULL = in flight */
	api_seen_cb *cb;
	void *arg;
};

bool
api_seen_has(struct api_engine *e, const struct api_identity *id)
{
	return base_hashset_has(&e->seen, id->claims_hash);
}

static void
remember(struct api_engine *e, const struct api_identity *id)
{
	/* Starting over costs a statement per user, once in a long while. */
	if (e->seen.count >= SEEN_MAX)
		base_hashset_fini(&e->seen);
	base_hashset_add(&e->seen, id->claims_hash);
}

static void
wait_free(struct api_seen_wait *w)
{
	api_identity_unref(w->identity);
	base_free(w);
}

static void
seen_done(const struct db_result *r, int row, void *arg)
{
	struct api_seen_wait *w = arg;
	struct api_engine *e = w->engine;
	const struct api_error *error = NULL;

	(void)row;
	w->item = NULL;
	if (r->status == DB_OK)
		remember(e, w->identity);
	else
		error = api_engine_db_error(e, "users.see", r);
	w->cb(error, w->arg);
	wait_free(w);
}

struct api_seen_wait *
api_seen_start(
    struct api_engine *e, struct api_identity *id, api_seen_cb *cb, void *arg)
{
	struct api_seen_wait *w = base_alloc(sizeof(*w));
	const char *values[] = { id->user, id->name, id->picture, id->label };

	w->engine = e;
	w->identity = api_identity_ref(id);
	w->cb = cb;
	w->arg = arg;
	w->item = api_batch_start(e->sightings, values, seen_done, w);
	return w;
}

void
api_seen_cancel(struct api_seen_wait *w)
{
	if (w == NULL)
		return;
	api_batch_cancel(w->item);
	wait_free(w);
}
