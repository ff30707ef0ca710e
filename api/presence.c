/* SPDX-License-Identifier: ISC */
/*
 * One statement a second, or the next one soon when there was more to do.  It
 * rests four times as long as it took, so that telling of ten thousand who came
 * at once takes PostgreSQL a fifth of a core and no more.
 */
#include "api/presence.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/query.h"
#include "db/result.h"
#include "db/statement.h"

#define EVERY_MS 1000
#define SOON_MS 50
#define REST 4 /* times what it took */
/* Of one look: users, and deliveries that their changes may cause.  A thousand
 * who come at once are told of as fast as the streams take it beside their other
 * work. */
#define USERS "300"
#define DELIVERIES "200000"

struct api_presence {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *tick;
	char grace_s[12];
	char away_s[12];
	bool idles; /* away_s counts */
	bool hurry;
	uint64_t asked_ms;
	bool failing;
	struct base_timer *timer; /* either this */
	struct db_query *query;	  /* or this is non-NULL */
};

static void look(void *arg);

static void
rest(struct api_presence *p, uint64_t ms)
{
	p->timer = base_timer_start(p->loop, ms, look, p);
}

static void
looked(const struct db_result *r, void *arg)
{
	struct api_presence *p = arg;
	uint64_t took = base_clock_ms() - p->asked_ms;
	uint64_t pause = EVERY_MS;
	bool more = false;

	p->query = NULL;
	if (r->status == DB_OK && r->rows == 1)
		more = db_result_bool(r, 0, db_result_column(r, "more"));
	else if (!p->failing)
		base_log_warn("presence not looked at", "status=%s sqlstate=%s",
		    db_status_name(r->status),
		    r->sqlstate != NULL ? r->sqlstate : "-");
	p->failing = r->status != DB_OK;
	if (more || (p->hurry && !p->failing))
		pause = SOON_MS;
	rest(p, took * REST > pause ? took * REST : pause);
	p->hurry = false;
}

static void
look(void *arg)
{
	struct api_presence *p = arg;
	const char *values[] = { p->grace_s, p->idles ? p->away_s : NULL, USERS,
		DELIVERIES };

	p->timer = NULL;
	p->asked_ms = base_clock_ms();
	p->query = db_query_start(p->pool, p->tick, values, looked, p);
}

struct api_presence *
api_presence_new(const struct api_presence_params *params)
{
	struct api_presence *p = base_alloc(sizeof(*p));

	p->loop = params->loop;
	p->pool = params->pool;
	p->tick = db_statement_find("presence.tick");
	p->idles = params->away_s > 0;
	snprintf(p->grace_s, sizeof(p->grace_s), "%d", params->grace_s);
	snprintf(p->away_s, sizeof(p->away_s), "%d", params->away_s);
	rest(p, EVERY_MS);
	return p;
}

void
api_presence_free(struct api_presence *p)
{
	if (p == NULL)
		return;
	base_timer_cancel(p->timer);
	db_query_cancel(p->query);
	base_free(p);
}

void
api_presence_hurry(struct api_presence *p)
{
	p->hurry = p->query != NULL;
	if (p->timer == NULL)
		return;
	base_timer_cancel(p->timer);
	rest(p, SOON_MS);
}
