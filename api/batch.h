/* SPDX-License-Identifier: ISC */
/* Natural batching: while one batch of an operation is at the database, the
 * calls that arrive are gathered and go as the next; at most 64, one in flight
 * per operation and process.  An idle service sends a batch of one at the end
 * of the loop's turn; one that gets a thousand items a second and more rests
 * 2 ms between the answer of one batch and the next, unless as many wait already
 * as went in the largest of the last tenth of a second.
 *
 * Every parameter of the statement is an array with one element per item, or
 * null where no item has a value: most items have few of many.  Rows come back
 * with `_ord`.  A batch that fails with an SQL error is repeated item by item, so
 * that one bad call cannot fail fifty others; alone, one that fails for a unique
 * key is repeated once. */
#ifndef API_BATCH_H
#define API_BATCH_H

#include <stddef.h>

#include "base/attr.h"

struct api_batch;
struct api_batch_item;
struct base_loop;
struct db_pool;
struct db_result;
struct db_statement;

#define API_BATCH_ITEMS_MAX 64

/* `row` is the item's row in `r`, or -1 when there is none (then either r's
 * status says why, or the statement forgot the item). */
typedef void api_batch_cb(const struct db_result *r, int row, void *arg);

struct api_batch_params {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *statement;
	/* A batch ends before a second item that has the same value of this
	 * parameter; NULL, or no parameter's name: no matter. */
	const char *apart;
	/* Told of each batch sent, for metrics; may be NULL. */
	void (*sent)(size_t items, void *arg);
	void *arg;
};

struct api_batch *api_batch_new(const struct api_batch_params *params);
void api_batch_free(struct api_batch *b);

/* `values`: one per parameter of the statement, NULL = null; copied.  Never
 * calls back from inside. */
struct api_batch_item *api_batch_start(struct api_batch *b,
    const char *const *values, api_batch_cb *cb, void *arg);

/* Forget the answer.  An item not yet sent is not sent; one that was may
 * still happen. */
void api_batch_cancel(struct api_batch_item *item);

/* Items waiting or at the database. */
size_t api_batch_pending(const struct api_batch *b);

#endif
