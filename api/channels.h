/* SPDX-License-Identifier: ISC */
/* Which conversation a path means, and what it is called if it is a channel:
 * kept for a minute, so that a limit by conversation costs its senders a
 * look-up now and then. */
#ifndef API_CHANNELS_H
#define API_CHANNELS_H

#include "base/attr.h"

struct api_batch_item;
struct api_channels;
struct base_loop;
struct db_pool;
struct db_result;

/* Borrowed until the next call. */
struct api_channel {
	const char *id;
	const char *name; /* NULL: a conversation of another kind */
};

/* `pool` may be NULL for a process that never asks. */
struct api_channels *api_channels_new(
    struct base_loop *loop, struct db_pool *pool);
void api_channels_free(struct api_channels *all); /* NULL is fine */

/* What is known of `wanted`, an id or a name; NULL: ask.  Also while others
 * ask, so that one connection's calls keep their order. */
const struct api_channel *api_channels_find(
    struct api_channels *all, const char *wanted);

/* Ask the database.  What comes is to be given to api_channels_note(); the item
 * is api/batch.h's. */
struct api_batch_item *api_channels_ask(struct api_channels *all,
    const char *wanted, void (*cb)(const struct db_result *, int, void *),
    void *arg);

/* Remembers an answer of DB_OK; NULL: there is no such conversation. */
const struct api_channel *api_channels_note(struct api_channels *all,
    const char *wanted, const struct db_result *r, int row);

#endif
