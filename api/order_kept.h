/* SPDX-License-Identifier: ISC */
/*
 * Orders to streams of a process are kept in a table until they are obeyed, since
 * whoever gave one in another process waits for that.  This side takes them out,
 * and when the listener was away looks for those that it did not hear.
 */

#ifndef API_ORDER_KEPT_H
#define API_ORDER_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "db/pool.h"

struct api_orders_kept; /* one per process with streams */

struct api_orders_kept_params {
	struct base_loop *loop; /* borrowed for its life, as the rest */
	struct db_pool *pool;
	const char *process;
	/* An order that was not heard, or is about to be heard once more: JSON,
	 * without its id. */
	void (*obey)(void *arg, const char *terms);
	void *arg;
};

MUST_USE struct api_orders_kept *api_orders_kept_new(
    const struct api_orders_kept_params *p);
void api_orders_kept_free(struct api_orders_kept *k);

/* The order was obeyed: has it taken out, again and again until that works. */
void api_orders_kept_done(struct api_orders_kept *k, int64_t id);

/* The listener is up: looks what it missed. */
void api_orders_kept_look(struct api_orders_kept *k);

#endif
