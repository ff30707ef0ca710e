/* SPDX-License-Identifier: ISC */
/*
 * One statement a second, or the next one soon when there is more to do.  It
 * rests four times as long as it took, whoever is in a hurry, so that telling of
 * ten thousand who came at once takes PostgreSQL a fifth of a core and no more.
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
#define REST 4		 /* times what it took */
#define REST_MAX_MS 5000 /* a stalled database is no reason to be silent */
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
	bool hurry; /* asked for during the query */
	bool failing;
	uint64_t asked_ms;
	uint64_t rested_ms;	  /* when the rest is over */
	uint64_t look_ms;	  /* when `timer` is due */
	struct base_timer *timer; /* either this */
	struct db_query *query;	  /* or this is non-NULL */
};

static void look(void *arg);

/* In so many ms, when the rest is over by then; or when it is meant anyway, if
 * that is sooner: who is in a hurry all the time must not put it off. */
static void
look_in(struct api_presence *p, uint64_t ms)
{
	uint64_t now = base_clock_ms(), at = now + ms;

	if (at < p->rested_ms)
		at = p->rested_ms;
	if (p->timer != NULL && p->look_ms <= at)
		return;
	base_timer_cancel(p->timer);
	p->look_ms = at;
	p->timer = base_timer_start(p->loop, at - now, look, p);
}

static void
rest_begin(struct api_presence *p)
{
	uint64_t now = base_clock_ms(), rest = (now - p->asked_ms) * REST;

	p->rested_ms = now + (rest < REST_MAX_MS ? rest : REST_MAX_MS);
}

static void
looked(const struct db_result *r, void *arg)
{
	struct api_presence *p = arg;
	bool more = false;

	p->query = NULL;
	if (r->status == DB_OK && r->rows == 1)
		more = db_result_bool(r, 0, db_result_column(r, "more"));
	else if (!p->failing)
		base_log_warn("presence not looked at", "status=%s sqlstate=%s",
		    db_status_name(r->status),
		    r->sqlstate != NULL ? r->sqlstate : "-");
	p->failing = r->status != DB_OK;
	rest_begin(p);
	look_in(p, more || (p->hurry && !p->failing) ? SOON_MS : EVERY_MS);
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
	look_in(p, EVERY_MS);
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
	if (!p->hurry)
		look_in(p, SOON_MS);
}
