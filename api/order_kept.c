/* SPDX-License-Identifier: ISC */
#include "api/order_kept.h"

#include "base/buf.h"
#include "base/mem.h"
#include "db/query.h"
#include "db/result.h"
#include "db/statement.h"

#define RETRY_MS 100

struct api_orders_kept {
	struct api_orders_kept_params p;
	const struct db_statement *mine;
	const struct db_statement *gone;
	struct base_buf done;	  /* "1,2": obeyed, and nothing asked yet */
	struct base_buf sent;	  /* likewise, and that is at the database */
	bool look;		  /* what was missed is to be looked for */
	struct db_query *query;	  /* either this */
	struct base_timer *retry; /* or this may be non-NULL */
};

static void next_start(struct api_orders_kept *k);

struct api_orders_kept *
api_orders_kept_new(const struct api_orders_kept_params *p)
{
	struct api_orders_kept *k = base_alloc(sizeof(*k));

	k->p = *p;
	k->mine = db_statement_find("orders.mine");
	k->gone = db_statement_find("orders.done");
	return k;
}

void
api_orders_kept_free(struct api_orders_kept *k)
{
	if (k == NULL)
		return;
	db_query_cancel(k->query);
	base_timer_cancel(k->retry);
	base_buf_fini(&k->done);
	base_buf_fini(&k->sent);
	base_free(k);
}

static void
retry_now(void *arg)
{
	struct api_orders_kept *k = arg;

	k->retry = NULL;
	next_start(k);
}

static void
retry_start(struct api_orders_kept *k)
{
	k->retry = base_timer_start(k->p.loop, RETRY_MS, retry_now, k);
}

static void
ids_add(struct base_buf *ids, const char *more)
{
	base_buf_printf(ids, "%s%s", ids->len > 0 ? "," : "", more);
}

static void
mine_done(const struct db_result *r, void *arg)
{
	struct api_orders_kept *k = arg;
	int id = db_result_column(r, "id");
	int terms = db_result_column(r, "terms");

	k->query = NULL;
	if (r->status != DB_OK) {
		retry_start(k);
		return;
	}
	k->look = false;
	for (int i = 0; i < r->rows; i++) {
		k->p.obey(k->p.arg, db_result_value(r, i, terms));
		ids_add(&k->done, db_result_value(r, i, id));
	}
	next_start(k);
}

static void
gone_done(const struct db_result *r, void *arg)
{
	struct api_orders_kept *k = arg;

	k->query = NULL;
	if (r->status != DB_OK) {
		ids_add(&k->done, base_buf_str(&k->sent));
		retry_start(k);
		return;
	}
	next_start(k);
}

static void
gone_start(struct api_orders_kept *k)
{
	struct base_buf ids = { 0 };
	const char *values[1];

	base_buf_printf(&ids, "{%s}", base_buf_str(&k->done));
	base_buf_reset(&k->sent);
	base_buf_append_str(&k->sent, base_buf_str(&k->done));
	base_buf_reset(&k->done);
	values[0] = base_buf_str(&ids);
	k->query = db_query_start(k->p.pool, k->gone, values, gone_done, k);
	base_buf_fini(&ids);
}

static void
next_start(struct api_orders_kept *k)
{
	const char *values[] = { k->p.process };

	if (k->query != NULL || k->retry != NULL)
		return;
	if (k->done.len > 0)
		gone_start(k);
	else if (k->look)
		k->query =
		    db_query_start(k->p.pool, k->mine, values, mine_done, k);
}

void
api_orders_kept_done(struct api_orders_kept *k, int64_t id)
{
	base_buf_printf(
	    &k->done, "%s%lld", k->done.len > 0 ? "," : "", (long long)id);
	next_start(k);
}

void
api_orders_kept_look(struct api_orders_kept *k)
{
	k->look = true;
	next_start(k);
}
