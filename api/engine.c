/* SPDX-License-Identifier: ISC */
/* The engine: makes, binds and holds the parts. */
#include "api/engine_private.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/activity.h"
#include "api/batch.h"
#include "api/channels.h"
#include "api/config.h"
#include "api/errors.h"
#include "api/file_link.h"
#include "api/follower.h"
#include "api/housekeeper.h"
#include "api/log_rows.h"
#include "api/metrics.h"
#include "api/operation.h"
#include "api/positions.h"
#include "api/scheduler.h"
#include "api/service_ops.h"
#include "api/suspension.h"
#include "api/token.h"
#include "api/typing_ops.h"
#include "api/upload_edit.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/pool.h"
#include "db/result.h"

#define MEASURE_MS 2000

/* --- binding the table to statements --- */

static struct api_binding
bind_argument(
    const struct api_operation *op, const char *name, enum api_source source)
{
	const struct api_param *p = api_operation_param(op, name);

	if (p == NULL)
		return (struct api_binding){ API_FROM_HOOK, 0 };
	return (struct api_binding){ source, (size_t)(p - op->params) };
}

static struct api_binding
bind_one(const struct api_operation *op, const char *name)
{
	static const struct {
		const char *name;
		enum api_source source;
	} known[] = {
		{ "caller", API_FROM_CALLER },
		{ "caller_role", API_FROM_ROLE },
		{ "origin", API_FROM_ORIGIN },
		{ "platform", API_FROM_PLATFORM },
		{ "instance", API_FROM_INSTANCE },
		{ "request_id", API_FROM_REQUEST_ID },
		{ "via", API_FROM_VIA },
		{ "search_everybody", API_FROM_SEARCH_EVERYBODY },
		{ "edit_seconds", API_FROM_EDIT_SECONDS },
		{ "given", API_FROM_GIVEN },
	};

	if (api_operation_param(op, name) != NULL)
		return bind_argument(op, name, API_FROM_ARGUMENT);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].name, name) == 0)
			return (struct api_binding){ known[i].source, 0 };
	}
	/* SQL takes longer than we do to tell an id from a name. */
	if (strcmp(name, "conversation_uuid") == 0)
		return bind_argument(
		    op, "conversation_id", API_FROM_ARGUMENT_ID);
	if (strcmp(name, "channel_name") == 0)
		return bind_argument(
		    op, "conversation_id", API_FROM_ARGUMENT_NAME);
	/* And far longer to make one. */
	if (strcmp(name, "new_id") == 0)
		return bind_argument(op, "id", API_FROM_ARGUMENT_NEW);
	return (struct api_binding){ API_FROM_HOOK, 0 };
}

static void
count_batch(size_t items, void *arg)
{
	struct api_engine *e = arg;

	api_metrics_count(e->metrics, API_COUNT_BATCHES, 1);
	api_metrics_count(e->metrics, API_COUNT_BATCH_ITEMS, items);
}

/* The tables are ours: what does not fit together is our mistake. */
static const struct db_statement *
need_statement(const char *name)
{
	const struct db_statement *s = db_statement_find(name);

	if (s == NULL) {
		base_log_error("statement missing", "name=%s", name);
		abort();
	}
	return s;
}

static void
way_make(const struct api_operation *op, const char *statement,
    const char *given, struct api_plan *plan)
{
	struct api_way *way = &plan->ways[plan->nways++];

	assert(plan->nways <= API_WAYS_MAX);
	way->statement = need_statement(statement);
	way->bindings = base_alloc_array(
	    (size_t)way->statement->nparams + 1, sizeof(*way->bindings));
	for (int i = 0; i < way->statement->nparams; i++)
		way->bindings[i] = bind_one(op, way->statement->params[i]);
	if (given != NULL)
		way->given =
		    (size_t)(api_operation_param(op, given) - op->params);
}

/* Operations of one statement share a batch: what they say stays in order. */
static struct api_batch *
batch_of(struct api_engine *e, const struct db_statement *statement)
{
	for (size_t i = 0; i < api_operation_count(); i++) {
		const struct api_plan *plan = &e->plans[i];

		if (plan->batch != NULL && plan->ways[0].statement == statement)
			return plan->batch;
	}
	return api_batch_new(&(struct api_batch_params){ .loop = e->loop,
	    .pool = e->pool,
	    .statement = statement,
	    .apart = "new_id",
	    .sent = count_batch,
	    .arg = e });
}

static void
plan_make(
    struct api_engine *e, const struct api_operation *op, struct api_plan *plan)
{
	if (op->statement == NULL)
		return;
	way_make(op, op->statement, NULL, plan);
	for (size_t i = 0; i < op->nvariants; i++)
		way_make(
		    op, op->variants[i].statement, op->variants[i].given, plan);
	if (op->flags & API_BATCHED)
		plan->batch = batch_of(e, plan->ways[0].statement);
}

/* --- life --- */

static void
tick(void *arg)
{
	struct api_engine *e = arg;

	api_engine_measure(e);
	e->timer = base_timer_start(e->loop, MEASURE_MS, tick, e);
}

struct api_engine *
api_engine_new(
    const struct api_engine_params *params, char *err, size_t err_size)
{
	struct api_tokens *tokens = params->tokens != NULL ?
	    params->tokens :
	    api_tokens_new(params->config, err, err_size);
	const struct api_hook *hooks;
	struct api_engine *e;
	size_t nhooks;

	if (tokens == NULL)
		return NULL;
	e = base_alloc(sizeof(*e));
	e->config = params->config;
	e->loop = params->loop;
	e->pool = params->pool;
	e->limits = params->limits;
	e->metrics = params->metrics;
	e->process = params->process;
	e->tokens = tokens;
	api_log_rows_configure(e->config);
	e->sightings =
	    api_batch_new(&(struct api_batch_params){ .loop = e->loop,
		.pool = e->pool,
		.statement = need_statement("users.see") });
	e->suspensions = api_suspensions_new(e->loop, e->pool);
	e->suspension_checks =
	    api_batch_new(&(struct api_batch_params){ .loop = e->loop,
		.pool = e->pool,
		.statement = need_statement("suspensions.check") });
	e->channels = api_channels_new(e->loop, e->pool);
	e->tickets_redeem = need_statement("tickets.redeem");
	e->tickets_resume = need_statement("tickets.resume");
	e->key_claim = need_statement("idempotency.claim");
	e->key_store = need_statement("idempotency.store");
	e->key_release = need_statement("idempotency.release");
	e->positions = api_positions_new(e->loop, e->pool);
	e->activity = api_activity_new(e->loop, e->pool);
	e->housekeeper = api_housekeeper_new(
	    e->loop, e->pool, e->config->event_retention_hours);
	api_engine_ready_add(
	    e, "event_log", api_housekeeper_ready, e->housekeeper);
	e->followers = api_followers_new(e->loop, e->pool, e->metrics);
	e->scheduler = api_scheduler_new(e->loop, e->pool);
	e->plans = base_alloc_array(api_operation_count(), sizeof(*e->plans));
	for (size_t i = 0; i < api_operation_count(); i++)
		plan_make(e, api_operation_at(i), &e->plans[i]);
	hooks = api_service_hooks(&nhooks);
	api_engine_hooks_add(e, hooks, nhooks);
	hooks = api_typing_hooks(&nhooks);
	api_engine_hooks_add(e, hooks, nhooks);
	api_engine_hooks_add(e, api_file_link_hooks, api_file_link_hook_count);
	api_engine_hooks_add(
	    e, api_upload_edit_hooks, api_upload_edit_hook_count);
	e->timer = base_timer_start(e->loop, MEASURE_MS, tick, e);
	return e;
}

static void
batch_free(struct api_engine *e, struct api_plan *plan)
{
	struct api_batch *batch = plan->batch;

	for (size_t i = 0; i < api_operation_count(); i++) {
		if (e->plans[i].batch == batch)
			e->plans[i].batch = NULL;
	}
	api_batch_free(batch);
}

void
api_engine_free(struct api_engine *e)
{
	if (e == NULL)
		return;
	base_timer_cancel(e->timer);
	api_log_rows_configure(NULL);
	for (size_t i = 0; i < api_operation_count(); i++) {
		batch_free(e, &e->plans[i]);
		for (size_t way = 0; way < e->plans[i].nways; way++)
			base_free(e->plans[i].ways[way].bindings);
	}
	base_free(e->plans);
	api_positions_free(e->positions);
	api_activity_free(e->activity);
	api_batch_free(e->suspension_checks);
	api_channels_free(e->channels);
	api_suspensions_free(e->suspensions);
	api_scheduler_free(e->scheduler);
	api_followers_free(e->followers);
	api_housekeeper_free(e->housekeeper);
	api_batch_free(e->sightings);
	base_hashset_fini(&e->seen);
	api_tokens_free(e->tokens);
	base_free(e->openapi);
	base_free(e);
}

void
api_engine_hooks_add(
    struct api_engine *e, const struct api_hook *hooks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct api_operation *op =
		    api_operation_find(hooks[i].operation);

		if (op == NULL || !(op->flags & API_HOOKED)) {
			base_log_error("hook of no operation", "name=%s",
			    hooks[i].operation);
			abort();
		}
		e->plans[api_operation_index(op)].hook = &hooks[i];
	}
}

/* --- figures --- */

static void
count_since(
    struct api_engine *e, enum api_counter c, uint64_t *known, uint64_t now)
{
	api_metrics_count(e->metrics, c, now - *known);
	*known = now;
}

void
api_engine_measure(struct api_engine *e)
{
	struct db_pool_stats s;

	db_pool_stats(e->pool, &s);
	count_since(e, API_COUNT_DB_ROUND_TRIPS, &e->round_trips, s.done);
	count_since(e, API_COUNT_DB_ERRORS, &e->db_errors,
	    s.failed + s.unavailable + s.unknown);
	count_since(e, API_COUNT_DB_RECONNECTS, &e->connects, s.connects);
	api_metrics_gauge_set(
	    e->metrics, API_GAUGE_DB_QUEUE, (int64_t)s.waiting + s.in_flight);
	api_metrics_gauge_set(e->metrics, API_GAUGE_DB_CONNECTIONS, s.up);
}

/* --- errors of the database --- */

static void
log_failure(const char *what, const struct db_result *r)
{
	char message[400];

	base_log_error("statement failed", "statement=%s sqlstate=%s text=%s",
	    what, r->sqlstate != NULL ? r->sqlstate : "-",
	    base_log_quote(message, sizeof(message), r->message));
}

const struct api_error *
api_engine_db_error(
    struct api_engine *e, const char *what, const struct db_result *r)
{
	const struct api_error *error = NULL;

	(void)e;
	switch (r->status) {
	case DB_REFUSED:
		error = api_error_find(r->message);
		if (error != NULL)
			return error;
		break;
	case DB_UNAVAILABLE:
	case DB_DISK_FULL:
		return api_error_get("database_unavailable");
	case DB_UNKNOWN:
		return api_error_get("outcome_unknown");
	case DB_TIMEOUT:
		return api_error_get("timeout");
	case DB_RETRY:
		return api_error_get("overloaded");
	case DB_OK:
	case DB_ERROR:
		break;
	}
	log_failure(what, r);
	return api_error_get("internal");
}

/* --- the rest is given out --- */

void
api_engine_streams_set(struct api_engine *e, struct api_streams *s)
{
	e->streams = s;
}

struct api_streams *
api_engine_streams(const struct api_engine *e)
{
	return e->streams;
}

void
api_engine_uploads_set(struct api_engine *e, struct api_uploads *u)
{
	e->uploads = u;
}

struct api_uploads *
api_engine_uploads(const struct api_engine *e)
{
	return e->uploads;
}

void
api_engine_ready_add(
    struct api_engine *e, const char *name, api_ready_fn *ok, void *arg)
{
	assert(e->nchecks < API_READY_CHECKS_MAX);
	e->checks[e->nchecks++] = (struct api_ready_check){ name, ok, arg };
}

void
api_engine_drain(struct api_engine *e)
{
	e->draining = true;
	api_positions_hurry(e->positions);
}

size_t
api_engine_pending(const struct api_engine *e)
{
	return api_positions_pending(e->positions);
}

const struct api_config *
api_engine_config(const struct api_engine *e)
{
	return e->config;
}

struct base_loop *
api_engine_loop(const struct api_engine *e)
{
	return e->loop;
}

struct db_pool *
api_engine_pool(const struct api_engine *e)
{
	return e->pool;
}

struct api_suspensions *
api_engine_suspensions(const struct api_engine *e)
{
	return e->suspensions;
}

struct api_batch *
api_engine_suspension_checks(const struct api_engine *e)
{
	return e->suspension_checks;
}

struct api_limits *
api_engine_limits(const struct api_engine *e)
{
	return e->limits;
}

struct api_followers *
api_engine_followers(const struct api_engine *e)
{
	return e->followers;
}

struct api_metrics *
api_engine_metrics(const struct api_engine *e)
{
	return e->metrics;
}

static bool
is_own_origin(const char *public_url, const char *origin)
{
	size_t len = strlen(origin);

	/* "https://chat.example" of "https://chat.example/path" */
	return strncmp(public_url, origin, len) == 0 &&
	    (public_url[len] == '\0' || public_url[len] == '/');
}

bool
api_engine_origin_allowed(const struct api_engine *e, const char *origin)
{
	if (*origin == '\0' || strcmp(origin, "null") == 0)
		return false;
	for (char **o = e->config->origins; *o != NULL; o++) {
		if (strcmp(*o, "*") == 0 || strcmp(*o, origin) == 0)
			return true;
	}
	return is_own_origin(e->config->public_url, origin);
}
