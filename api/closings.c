/* SPDX-License-Identifier: ISC */
#include "api/closings.h"

#include "base/mem.h"
#include "db/query.h"
#include "db/result.h"
#include "db/statement.h"

#define RETRY_MS 500

struct api_closings {
	struct api_closings_params p;
	const struct db_statement *mine;
	struct db_query *query;	  /* either this */
	struct base_timer *retry; /* or this may be non-NULL */
};

static void read_start(struct api_closings *c);

struct api_closings *
api_closings_new(const struct api_closings_params *p)
{
	struct api_closings *c = base_alloc(sizeof(*c));

	c->p = *p;
	c->mine = db_statement_find("closings.mine");
	return c;
}

static void
read_stop(struct api_closings *c)
{
	db_query_cancel(c->query);
	c->query = NULL;
	base_timer_cancel(c->retry);
	c->retry = NULL;
}

void
api_closings_free(struct api_closings *c)
{
	if (c == NULL)
		return;
	read_stop(c);
	base_free(c);
}

static void
retry_now(void *arg)
{
	struct api_closings *c = arg;

	c->retry = NULL;
	read_start(c);
}

static void
read_done(const struct db_result *r, void *arg)
{
	struct api_closings *c = arg;
	int connection = db_result_column(r, "connection");

	c->query = NULL;
	if (r->status != DB_OK) {
		c->retry = base_timer_start(c->p.loop, RETRY_MS, retry_now, c);
		return;
	}
	for (int i = 0; i < r->rows; i++)
		c->p.close(c->p.arg, db_result_value(r, i, connection));
}

static void
read_start(struct api_closings *c)
{
	const char *values[] = { c->p.process };

	c->query = db_query_start(c->p.pool, c->mine, values, read_done, c);
}

void
api_closings_listening(struct api_closings *c, bool up)
{
	read_stop(c);
	if (up)
		read_start(c);
}
