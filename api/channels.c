/* SPDX-License-Identifier: ISC */
/* Names and ids of conversations that were written to. */
#include "api/channels.h"

#include <stdint.h>
#include <string.h>

#include "api/batch.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "db/result.h"
#include "db/statement.h"

#define KNOWN_MAX 20000
#define KNOWN_MS 60000

/* One allocation with its texts; the map borrows `wanted`. */
struct known {
	struct api_channel channel;
	uint64_t asked_ms;
	char id[BASE_UUID_TEXT];
	char *name; /* owned, or NULL */
	char wanted[];
};

struct api_channels {
	struct api_batch *batch; /* owned */
	struct base_map known;	 /* owned entries */
};

struct api_channels *
api_channels_new(struct base_loop *loop, struct db_pool *pool)
{
	struct api_channels *all = base_alloc(sizeof(*all));

	all->batch = api_batch_new(&(struct api_batch_params){ .loop = loop,
	    .pool = pool,
	    .statement = db_statement_find("channels.find") });
	return all;
}

static void
known_free(struct known *k)
{
	if (k == NULL)
		return;
	base_free(k->name);
	base_free(k);
}

static void
clear(struct api_channels *all)
{
	struct known *k;
	size_t pos = 0;

	while ((k = base_map_next(&all->known, &pos)) != NULL)
		known_free(k);
	base_map_fini(&all->known);
}

void
api_channels_free(struct api_channels *all)
{
	if (all == NULL)
		return;
	api_batch_free(all->batch);
	clear(all);
	base_free(all);
}

const struct api_channel *
api_channels_find(struct api_channels *all, const char *wanted)
{
	const struct known *k =
	    base_map_get(&all->known, wanted, strlen(wanted));

	if (k == NULL || base_clock_ms() - k->asked_ms >= KNOWN_MS ||
	    api_batch_pending(all->batch) > 0)
		return NULL;
	return &k->channel;
}

struct api_batch_item *
api_channels_ask(struct api_channels *all, const char *wanted,
    void (*cb)(const struct db_result *, int, void *), void *arg)
{
	return api_batch_start(all->batch, &wanted, cb, arg);
}

const struct api_channel *
api_channels_note(struct api_channels *all, const char *wanted,
    const struct db_result *r, int row)
{
	const char *id, *name;
	size_t len = strlen(wanted);
	struct known *k;

	id =
	    row < 0 ? NULL : db_result_value(r, row, db_result_column(r, "id"));
	if (id == NULL || strlen(id) >= sizeof(k->id))
		return NULL;
	name = db_result_value(r, row, db_result_column(r, "name"));
	/* Starting over costs a look-up each, once in a long while. */
	if (all->known.count >= KNOWN_MAX)
		clear(all);
	k = base_alloc(sizeof(*k) + len + 1);
	memcpy(k->wanted, wanted, len + 1);
	memcpy(k->id, id, strlen(id) + 1);
	k->name = base_strdup(name);
	k->channel = (struct api_channel){ k->id, k->name };
	k->asked_ms = base_clock_ms();
	known_free(base_map_put(&all->known, k->wanted, len, k));
	return &k->channel;
}
