/* SPDX-License-Identifier: ISC */
/*
 * One look a second, or the next one soon when there is more to do; what it
 * wrote is told by a statement of its own.  It rests four times as long as it
 * took, for each process that looks, whoever is in a hurry, so that telling of
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
#define REST 4		 /* times what it took, for each who looks */
#define REST_MAX_MS 5000 /* a stalled database is no reason to be silent */
/* Of one look: users, and deliveries that their changes may cause.  A thousand
 * who come at once are told of as fast as the streams take it beside their other
 * work. */
#define USERS "300"
#define DELIVERIES "200000"

struct api_presence {
	struct base_loop *loop;
	struct db_pool *pool;
	const struct db_statement *tick, *tell;
	char grace_s[12];
	char away_s[12];
	bool idles; /* away_s counts */
	bool hurry; /* asked for during a query */
	bool more;  /* the look was not the last */
	bool failing;
	uint64_t lookers; /* processes that take turns, this one too */
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
	uint64_t now = base_clock_ms();
	uint64_t rest = (now - p->asked_ms) * REST * p->lookers;

	p->rested_ms = now + (rest < REST_MAX_MS ? rest : REST_MAX_MS);
}

static void
look_over(struct api_presence *p)
{
	rest_begin(p);
	look_in(p, p->more || (p->hurry && !p->failing) ? SOON_MS : EVERY_MS);
	p->hurry = false;
}

static void
failed(struct api_presence *p, const struct db_result *r)
{
	if (!p->failing)
		base_log_warn("presence not looked at", "status=%s sqlstate=%s",
		    db_status_name(r->status),
		    r->sqlstate != NULL ? r->sqlstate : "-");
	p->failing = true;
}

/* What could not be told is told by the next look. */
static void
told(const struct db_result *r, void *arg)
{
	struct api_presence *p = arg;

	p->query = NULL;
	if (r->status != DB_OK)
		failed(p, r);
	look_over(p);
}

static void
looked(const struct db_result *r, void *arg)
{
	struct api_presence *p = arg;

	p->query = NULL;
	p->more = false;
	if (r->status != DB_OK || r->rows != 1) {
		failed(p, r);
		look_over(p);
		return;
	}
	p->failing = false;
	p->more = db_result_bool(r, 0, db_result_column(r, "more"));
	p->lookers =
	    (uint64_t)db_result_i64(r, 0, db_result_column(r, "lookers"));
	if (db_result_i64(r, 0, db_result_column(r, "told")) > 0)
		p->query = db_query_start(p->pool, p->tell, NULL, told, p);
	else
		look_over(p);
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
	p->tell = db_statement_find("presence.tell");
	p->idles = params->away_s > 0;
	p->lookers = 1;
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
