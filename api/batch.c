/* SPDX-License-Identifier: ISC */
/* Natural batching of one statement. */
#include "api/batch.h"

#include <sys/queue.h>

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "api/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/recycle.h"
#include "db/query.h"
#include "db/result.h"
#include "db/statement.h"

#define SLOW_SINGLES_MAX 2

/* A batch costs the database many times what an item in it does.  Where many items
 * come, a batch therefore goes not sooner than so long after the last one's answer,
 * on which those who were answered ask again; but one as large as any of late need
 * not wait for more: all are back then. */
#define PACE_MS 2
#define WINDOW_MS 64
#define WINDOW_ITEMS 64 /* "many": a thousand a second */

enum state {
	ITEM_WAITING, /* on `waiting` */
	ITEM_SENT,    /* on `sent`: at the database */
	ITEM_SINGLE   /* on `singles`: to be asked again alone */
};

/* An item whose caller went away while it was at the database stays, without a
 * callback, to keep its place. */
struct api_batch_item {
	struct api_batch *batch;
	enum state state;
	bool again;	     /* asked alone for the second time */
	size_t bytes;	     /* of this allocation */
	const char **values; /* in it; NULL = null */
	api_batch_cb *cb;    /* NULL = cancelled */
	void *arg;
	TAILQ_ENTRY(api_batch_item) link;
};

TAILQ_HEAD(item_list, api_batch_item);

struct api_batch {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *statement;
	int apart; /* parameter that no two items of a batch share; or -1 */
	void (*told)(size_t items, void *arg);
	void *arg;
	struct item_list waiting;
	struct item_list sent; /* in the order of their `_ord` */
	struct item_list singles;
	unsigned slow_singles; /* that ran into the time-out, in a row */
	size_t pending;
	struct db_query *query;	 /* non-NULL = one batch is at the database */
	struct base_task turn;	 /* end of the turn: send what waits */
	struct base_timer *pace; /* non-NULL: then, instead */
	uint64_t answered_ms;	 /* the last one; 0: none was */
	uint64_t window_ms;	 /* when the window began */
	size_t window_items;	 /* that came in it */
	size_t largest;		 /* batch sent in it */
	size_t largest_before;
	bool busy; /* many came in the one before */
};

static void send_next(struct api_batch *b);

static int
param_index(const struct db_statement *statement, const char *name)
{
	int i = name != NULL ? statement->nparams - 1 : -1;

	while (i >= 0 && strcmp(statement->params[i], name) != 0)
		i--;
	return i;
}

static void
pace_ends(void *arg)
{
	struct api_batch *b = arg;

	b->pace = NULL;
	send_next(b);
}

/* A large batch need not wait, nor what is asked again. */
static bool
may_wait(const struct api_batch *b)
{
	return b->pending > 0 && TAILQ_EMPTY(&b->singles) &&
	    b->pending < API_BATCH_ITEMS_MAX &&
	    (b->pending < b->largest || b->pending < b->largest_before);
}

static void
send_soon(struct api_batch *b)
{
	uint64_t waited = base_clock_ms() - b->answered_ms;

	if (b->query != NULL)
		return;
	if (b->pace != NULL) {
		if (may_wait(b))
			return;
		base_timer_cancel(b->pace);
		b->pace = NULL;
	}
	if (b->busy && waited < PACE_MS && may_wait(b))
		b->pace =
		    base_timer_start(b->loop, PACE_MS - waited, pace_ends, b);
	else
		send_next(b);
}

static void
turn_ends(void *arg)
{
	send_soon(arg);
}

static void
window_count(struct api_batch *b)
{
	uint64_t now = base_clock_ms();

	if (now - b->window_ms >= WINDOW_MS) {
		b->busy = b->window_items >= WINDOW_ITEMS &&
		    now - b->window_ms < 2 * WINDOW_MS;
		b->window_ms = now;
		b->window_items = 0;
		b->largest_before = b->largest;
		b->largest = 0;
	}
	b->window_items++;
}

struct api_batch *
api_batch_new(const struct api_batch_params *params)
{
	struct api_batch *b = base_alloc(sizeof(*b));

	b->loop = params->loop;
	b->pool = params->pool;
	b->statement = params->statement;
	b->apart = param_index(params->statement, params->apart);
	b->told = params->sent;
	b->arg = params->arg;
	TAILQ_INIT(&b->waiting);
	TAILQ_INIT(&b->sent);
	TAILQ_INIT(&b->singles);
	b->turn = (struct base_task){ .cb = turn_ends, .arg = b };
	return b;
}

static struct item_list *
list_of(struct api_batch *b, enum state state)
{
	switch (state) {
	case ITEM_SENT:
		return &b->sent;
	case ITEM_SINGLE:
		return &b->singles;
	case ITEM_WAITING:
		break;
	}
	return &b->waiting;
}

static void
move(struct api_batch_item *item, enum state to)
{
	struct api_batch *b = item->batch;

	TAILQ_REMOVE(list_of(b, item->state), item, link);
	item->state = to;
	TAILQ_INSERT_TAIL(list_of(b, to), item, link);
}

static void
item_free(struct api_batch_item *item)
{
	struct api_batch *b = item->batch;

	TAILQ_REMOVE(list_of(b, item->state), item, link);
	b->pending--;
	base_recycle_put(item, item->bytes);
}

void
api_batch_free(struct api_batch *b)
{
	if (b == NULL)
		return;
	base_task_cancel(&b->turn);
	base_timer_cancel(b->pace);
	db_query_cancel(b->query);
	while (!TAILQ_EMPTY(&b->waiting))
		item_free(TAILQ_FIRST(&b->waiting));
	while (!TAILQ_EMPTY(&b->sent))
		item_free(TAILQ_FIRST(&b->sent));
	while (!TAILQ_EMPTY(&b->singles))
		item_free(TAILQ_FIRST(&b->singles));
	base_free(b);
}

/* --- answers --- */

static void
answer(struct api_batch_item *item, const struct db_result *r, int row)
{
	api_batch_cb *cb = item->cb;
	void *arg = item->arg;

	item_free(item);
	if (cb != NULL)
		cb(r, row, arg);
}

/* Which row is of which item: rows may come in any order. */
static void
find_rows(const struct db_result *r, int rows[API_BATCH_ITEMS_MAX])
{
	int col = db_result_column(r, "_ord");

	for (int i = 0; i < API_BATCH_ITEMS_MAX; i++)
		rows[i] = -1;
	for (int row = 0; row < r->rows && col != -1; row++) {
		int64_t ord = db_result_i64(r, row, col);

		if (ord >= 1 && ord <= API_BATCH_ITEMS_MAX)
			rows[ord - 1] = row;
	}
}

static void
answer_all(struct api_batch *b, const struct db_result *r)
{
	struct api_batch_item *item;
	int rows[API_BATCH_ITEMS_MAX];

	find_rows(r, rows);
	for (int i = 0; (item = TAILQ_FIRST(&b->sent)) != NULL; i++)
		answer(item, r, r->status == DB_OK ? rows[i] : -1);
}

/* Worth asking again one by one: the statement was rolled back, and perhaps
 * one item was the cause. */
static bool
is_fault_of_one(enum db_status status)
{
	return status == DB_ERROR || status == DB_REFUSED ||
	    status == DB_TIMEOUT || status == DB_RETRY;
}

/* Another process has just stored the key that this one looked for in vain: asked
 * again, the statement sees it and says what that means. */
static bool
is_overtaken(const struct db_result *r, const struct api_batch_item *item)
{
	return r->status == DB_ERROR && !item->again && r->sqlstate != NULL &&
	    strcmp(r->sqlstate, "23505") == 0;
}

/* When one item after the other runs into the time-out, the rest would too, and
 * their callers have waited long enough.  Nothing of theirs was done. */
static void
give_up_singles(struct api_batch *b, const struct db_result *r)
{
	struct api_batch_item *item;

	b->slow_singles = r->status == DB_TIMEOUT ? b->slow_singles + 1 : 0;
	if (b->slow_singles < SLOW_SINGLES_MAX)
		return;
	while ((item = TAILQ_FIRST(&b->singles)) != NULL)
		answer(item, r, -1);
}

static void
sent_done(const struct db_result *r, void *arg)
{
	struct api_batch *b = arg;
	struct api_batch_item *item = TAILQ_FIRST(&b->sent);

	b->query = NULL;
	b->answered_ms = base_clock_ms();
	if (is_fault_of_one(r->status) && TAILQ_NEXT(item, link) != NULL) {
		b->slow_singles = 0;
		while ((item = TAILQ_FIRST(&b->sent)) != NULL)
			move(item, ITEM_SINGLE);
	} else if (is_overtaken(r, item)) {
		item->again = true;
		move(item, ITEM_SINGLE);
	} else {
		answer_all(b, r);
		give_up_singles(b, r);
	}
	/* The callbacks may have begun more. */
	send_soon(b);
}

/* --- sending --- */

/* The values of parameter `i`, owned; NULL when no item has one. */
static char *
make_array(const struct api_batch *b, int i)
{
	const struct api_batch_item *item;
	struct base_buf text = { 0 };
	bool any = false;

	TAILQ_FOREACH (item, &b->sent, link)
		any = any || item->values[i] != NULL;
	if (!any)
		return NULL;
	api_array_begin(&text);
	TAILQ_FOREACH (item, &b->sent, link)
		api_array_add(&text, item->values[i]);
	api_array_end(&text);
	return base_buf_take(&text);
}

static char **
make_arrays(const struct api_batch *b)
{
	int n = b->statement->nparams;
	char **arrays = base_alloc((size_t)n * sizeof(*arrays) + 1);

	for (int i = 0; i < n; i++)
		arrays[i] = make_array(b, i);
	return arrays;
}

static void
send_sent(struct api_batch *b, size_t items)
{
	char **arrays = make_arrays(b);

	b->query = db_query_start(
	    b->pool, b->statement, (const char *const *)arrays, sent_done, b);
	for (int i = 0; i < b->statement->nparams; i++)
		base_free(arrays[i]);
	base_free(arrays);
	if (b->told != NULL)
		b->told(items, b->arg);
}

/* Sixty-four at most: a table would take longer to make. */
static bool
must_wait(const struct api_batch *b, const struct api_batch_item *item)
{
	const char *value = b->apart != -1 ? item->values[b->apart] : NULL;
	const struct api_batch_item *other;

	if (value == NULL)
		return false;
	TAILQ_FOREACH (other, &b->sent, link) {
		if (other->values[b->apart] != NULL &&
		    strcmp(other->values[b->apart], value) == 0)
			return true;
	}
	return false;
}

/* Those of a failed batch go first, one at a time. */
static void
send_next(struct api_batch *b)
{
	struct api_batch_item *item = TAILQ_FIRST(&b->singles);
	size_t n = 0;

	assert(b->query == NULL && TAILQ_EMPTY(&b->sent));
	if (item != NULL) {
		move(item, ITEM_SENT);
		send_sent(b, 1);
		return;
	}
	while (n < API_BATCH_ITEMS_MAX &&
	    (item = TAILQ_FIRST(&b->waiting)) != NULL && !must_wait(b, item)) {
		move(item, ITEM_SENT);
		n++;
	}
	if (n > b->largest)
		b->largest = n;
	if (n > 0)
		send_sent(b, n);
}

/* --- the caller's side --- */

static struct api_batch_item *
item_new(struct api_batch *b, const char *const *values)
{
	size_t n = (size_t)b->statement->nparams;
	size_t size = sizeof(struct api_batch_item) + n * sizeof(char *);
	struct api_batch_item *item;
	char *at;

	for (size_t i = 0; i < n; i++)
		size += values[i] != NULL ? strlen(values[i]) + 1 : 0;
	item = base_recycle_get(size);
	memset(item, 0, sizeof(*item) + n * sizeof(char *));
	item->bytes = size;
	item->values = (const char **)(item + 1);
	at = (char *)(item->values + n);
	for (size_t i = 0; i < n; i++) {
		size_t len = values[i] != NULL ? strlen(values[i]) + 1 : 0;

		if (len == 0)
			continue;
		memcpy(at, values[i], len);
		item->values[i] = at;
		at += len;
	}
	return item;
}

struct api_batch_item *
api_batch_start(
    struct api_batch *b, const char *const *values, api_batch_cb *cb, void *arg)
{
	struct api_batch_item *item = item_new(b, values);

	item->batch = b;
	item->state = ITEM_WAITING;
	item->cb = cb;
	item->arg = arg;
	TAILQ_INSERT_TAIL(&b->waiting, item, link);
	b->pending++;
	window_count(b);
	if (b->query == NULL && (b->pace == NULL || !may_wait(b)))
		base_loop_defer(b->loop, &b->turn);
	return item;
}

void
api_batch_cancel(struct api_batch_item *item)
{
	if (item == NULL)
		return;
	if (item->state == ITEM_SENT)
		item->cb = NULL;
	else
		item_free(item);
}

size_t
api_batch_pending(const struct api_batch *b)
{
	return b->pending;
}
