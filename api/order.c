/* SPDX-License-Identifier: ISC */
/* An order that a call gives to a stream, wherever that is. */
#include <string.h>

#include "api/engine_private.h"
#include "api/errors.h"
#include "api/order_private.h"
#include "api/render.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"
#include "db/query.h"
#include "db/result.h"

/* A row is in the table some milliseconds after its stream has begun. */
#define ASK_MAX 4
#define AGAIN_MS 100

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

static void
answer_row(struct api_order *o, const struct db_result *r)
{
	struct base_buf body = { 0 };

	api_render_row(&body, r, 0);
	api_call_body_set(o->call, "application/json", body.data, body.len);
	base_buf_fini(&body);
}

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

	if (r->status == DB_OK && r->rows == 1)
		answer_row(o, r);
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

static void ask(void *arg);

static void
asked(const struct db_result *r, void *arg)
{
	struct api_order *o = arg;

	o->query = NULL;
	if (r->status == DB_OK && r->rows == 0 && o->asked < ASK_MAX)
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
