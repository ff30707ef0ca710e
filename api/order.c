/* SPDX-License-Identifier: ISC */
/* An order that a call gives to a stream, wherever that is. */
#include <string.h>

#include "api/engine_private.h"
#include "api/errors.h"
#include "api/order_private.h"
#include "api/render.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/json.h"
#include "db/query.h"
#include "db/result.h"

/* A row is in the table some milliseconds after its stream has begun. */
#define ASK_MAX 4
#define AGAIN_MS 100

/* How long one waits for the holder, and the looks for that. */
#define KEPT_MS 3000
#define LOOK_MS 5
#define LOOK_MAX_MS 250

static void
order_end(void *arg)
{
	struct api_order *o = arg;

	api_topics_cancel(o->naming);
	if (o->identify != NULL)
		api_auth_identify_cancel(o->identify);
	db_query_cancel(o->query);
	base_timer_cancel(o->again);
	api_registry_waiter_cancel(&o->written);
	if (o->ended != NULL)
		o->ended(o);
}

struct api_order *
api_order_new(struct api_call *call)
{
	struct api_order *o;
	const char *connection = api_call_value(call, "connection_id");

	if (connection == NULL)
		connection = api_call_connection(call);
	if (connection == NULL) {
		(void)api_call_refuse(call, "invalid", "connection_id",
		    "A connection must be named.");
		return NULL;
	}
	o = base_arena_alloc(api_call_arena(call), sizeof(*o));
	o->call = call;
	o->engine = api_call_engine(call);
	o->connection = base_arena_strdup(api_call_arena(call), connection);
	o->op = strchr(api_call_operation(call)->name, '.') + 1;
	api_call_at_end(call, order_end, o);
	return o;
}

enum api_role
api_order_role(const struct api_call *call)
{
	const struct api_identity *id = api_call_identity(call);

	/* Who acts for a user has the user's rights. */
	return strcmp(id->user, api_call_user(call)) == 0 ? id->role :
							    API_ROLE_USER;
}

struct api_stream *
api_order_stream(const struct api_order *o)
{
	struct api_streams *all = api_engine_streams(o->engine);
	struct api_stream *s;

	if (all == NULL)
		return NULL;
	s = api_stream_find(all, o->connection);
	if (s == NULL || s->registration == NULL)
		return NULL;
	if (strcmp(s->identity->user, api_call_user(o->call)) != 0 &&
	    api_order_role(o->call) == API_ROLE_USER)
		return NULL;
	return s;
}

/* --- the answer --- */

void
api_order_answer(struct api_order *o, const struct api_stream *s)
{
	struct base_buf body = { 0 };

	api_registry_json(s->registration, &body);
	api_call_body_set(o->call, "application/json", body.data, body.len);
	base_buf_fini(&body);
}

static enum api_hook_next
refuse_query(struct api_order *o, const struct db_result *r)
{
	const struct api_error *error =
	    api_engine_db_error(o->engine, "connections.control", r);
	bool refused = r->status == DB_REFUSED;

	return api_call_refuse(o->call, error->code, refused ? r->column : NULL,
	    refused ? r->detail : NULL);
}

void
api_order_sent(struct api_order *o, const struct db_result *r)
{
	enum api_hook_next next = API_HOOK_GO_ON;

	if (r == NULL)
		api_call_body_set(
		    o->call, "application/json", o->row, strlen(o->row));
	else if (r->status == DB_OK)
		next = api_call_refuse(o->call, "not_found", "connection_id",
		    "The caller has no open connection of this id.");
	else
		next = refuse_query(o, r);
	api_call_resume(o->call, next);
}

/* --- sending --- */

static void
terms_write(struct base_buf *out, const struct api_order_terms *t)
{
	struct base_json j;

	base_json_init(&j, out);
	base_json_object_begin(&j);
	if (t->topic_count > 0) {
		base_json_key(&j, "topics");
		base_json_array_begin(&j);
		for (size_t i = 0; i < t->topic_count; i++)
			base_json_str(&j, t->topics[i]);
		base_json_array_end(&j);
	}
	if (t->from != NULL) {
		base_json_key(&j, "from");
		base_json_array_begin(&j);
		for (size_t i = 0; i < t->topic_count; i++)
			base_json_int(&j, t->from[i]);
		base_json_array_end(&j);
	}
	if (t->from != NULL)
		base_json_put_int(&j, "checked", t->checked);
	if (t->visit_count > 0)
		base_json_put_int(&j, "visits", (int64_t)t->visit_count);
	if (t->platform != NULL)
		base_json_put_str(&j, "platform", t->platform);
	if (t->app_version != NULL)
		base_json_put_str(&j, "app_version", t->app_version);
	if (t->user != NULL) {
		base_json_put_str(&j, "user", t->user);
		base_json_put_str(&j, "holds", t->holds);
		base_json_put_int(&j, "expires_at", t->expires_at);
	}
	base_json_object_end(&j);
}

/* --- until it is obeyed --- */

static void kept_look(void *arg);

static void
kept_pause(struct api_order *o)
{
	o->again = base_timer_start(
	    api_engine_loop(o->engine), o->look_ms, kept_look, o);
	if (o->look_ms < LOOK_MAX_MS)
		o->look_ms *= 2;
}

static void
withdrawn(const struct db_result *r, void *arg)
{
	struct api_order *o = arg;

	o->query = NULL;
	if (r->status == DB_OK && r->rows == 0)
		o->sent(o, NULL);
	else if (r->status == DB_OK)
		api_call_resume(o->call,
		    api_call_refuse(
			o->call, "connection_unreachable", NULL, NULL));
	else
		api_call_resume(o->call, refuse_query(o, r));
}

static void
kept_looked(const struct db_result *r, void *arg)
{
	struct api_order *o = arg;

	o->query = NULL;
	if (r->status == DB_OK &&
	    !db_result_bool(r, 0, db_result_column(r, "waits")))
		o->sent(o, NULL);
	else
		kept_pause(o);
}

static void
kept_look(void *arg)
{
	struct api_order *o = arg;
	bool over = base_clock_ms() - o->kept_ms >= KEPT_MS;
	const char *values[] = { o->kept };

	o->again = NULL;
	o->query = db_query_start(api_engine_pool(o->engine),
	    db_statement_find(over ? "orders.withdraw" : "orders.waits"),
	    values, over ? withdrawn : kept_looked, o);
}

static void
row_take(struct api_order *o, const struct db_result *r)
{
	struct base_arena *arena = api_call_arena(o->call);
	const char *kept = db_result_value(r, 0, db_result_column(r, "_order"));
	struct base_buf row = { 0 };

	api_render_row(&row, r, 0);
	o->row = base_arena_strdup(arena, base_buf_str(&row));
	base_buf_fini(&row);
	if (kept == NULL) {
		o->sent(o, NULL);
		return;
	}
	o->kept = base_arena_strdup(arena, kept);
	o->kept_ms = base_clock_ms();
	o->look_ms = LOOK_MS;
	kept_pause(o);
}

static void ask(void *arg);

static void
asked(const struct db_result *r, void *arg)
{
	struct api_order *o = arg;

	o->query = NULL;
	if (r->status == DB_OK && r->rows == 1)
		row_take(o, r);
	else if (r->status == DB_OK && o->asked < ASK_MAX)
		o->again = base_timer_start(
		    api_engine_loop(o->engine), AGAIN_MS, ask, o);
	else
		o->sent(o, r);
}

static void
ask(void *arg)
{
	struct api_order *o = arg;
	const char *values[] = { api_call_user(o->call),
		api_role_name(api_order_role(o->call)), o->connection, o->op,
		o->args };

	o->again = NULL;
	o->asked++;
	o->query = db_query_start(api_engine_pool(o->engine),
	    db_statement_find("connections.control"), values, asked, o);
}

void
api_order_send(struct api_order *o, const struct api_order_terms *t,
    void (*sent)(struct api_order *o, const struct db_result *r))
{
	struct base_buf args = { 0 };

	terms_write(&args, t);
	o->args = base_arena_strdup(api_call_arena(o->call), args.data);
	base_buf_fini(&args);
	o->asked = 0;
	o->sent = sent;
	ask(o);
}

bool
api_order_give(struct api_order *o, const struct api_order_terms *t)
{
	struct api_stream *s = api_order_stream(o);

	if (s == NULL) {
		api_order_send(o, t, api_order_sent);
		return false;
	}
	api_order_obey(s, o->op, t);
	api_order_answer(o, s);
	return true;
}
