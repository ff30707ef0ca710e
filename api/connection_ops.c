/* SPDX-License-Identifier: ISC */
/*
 * Each operation ends in an order: done here when this process holds the
 * connection, else sent out by the statement connections.control, which also
 * checks that the caller may give it.
 */

#include "api/connection_ops.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/activity.h"
#include "api/auth.h"
#include "api/call.h"
#include "api/engine_private.h"
#include "api/errors.h"
#include "api/presence.h"
#include "api/render.h"
#include "api/stream_private.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "db/query.h"

#define TOPICS_MAX 100
#define WATCH_BYTES 6000 /* of topics in one order: it is a notification */

/* One call, in its arena. */
struct order {
	struct api_call *call;
	struct api_engine *engine;
	const char *op; /* "subscribe", …: the operation's last word */
	const char *connection;
	/* Non-NULL = in flight; one at a time. */
	struct api_topics_query *naming;
	struct api_identify *identify;
	struct db_query *query;
	struct api_registry_waiter written;
	const char **watched; /* topics, of which `told` are sent on */
	size_t watched_count, told;
};

/* What an order says; by `op` some of it. */
struct terms {
	const char **topics;
	size_t topic_count;
	const char *platform;
	const char *app_version;
	const char *user; /* whose new token it is, and its role */
	const char *holds;
	int64_t expires_at;
};

/* Doing it. */

static void
stream_describe(struct api_stream *s, const struct terms *t)
{
	api_registry_describe(s->registration, t->platform, t->app_version);
	if (t->platform == NULL)
		return;
	base_free(s->platform);
	s->platform = base_strdup(t->platform);
	if (s->socket != NULL)
		api_socket_identify(s->socket, s->identity, s->platform);
}

static void
stream_renew(struct api_stream *s, const struct terms *t)
{
	struct api_identity renewed, *fresh;

	/* Rights are those that the stream was opened with. */
	if (t->user == NULL || strcmp(t->user, s->identity->user) != 0 ||
	    t->holds == NULL ||
	    strcmp(t->holds, api_role_name(s->identity->role)) != 0)
		return;
	renewed = *s->identity;
	renewed.expires_at = t->expires_at;
	fresh = api_identity_new(&renewed);
	if (s->socket != NULL)
		api_socket_identify(s->socket, fresh, s->platform);
	api_identity_unref(s->identity);
	s->identity = fresh;
	api_stream_ticket_renew(s);
	push_session_expires(s->session, t->expires_at);
}

/* Past the limit the rest is left out: who called it here was refused, who
 * called it elsewhere cannot be told. */
static void
stream_watch(struct api_stream *s, const char *topic)
{
	if (s->watched >= API_STREAM_WATCHED_MAX ||
	    push_session_follows(s->session, topic))
		return;
	push_session_join(s->session, topic);
	s->watched++;
}

static void
stream_unwatch(struct api_stream *s, const char *topic)
{
	if (s->watched == 0 || !push_session_follows(s->session, topic))
		return;
	push_session_leave(s->session, topic);
	s->watched--;
}

static void
stream_topic(struct api_stream *s, const char *op, const char *topic)
{
	if (strcmp(op, "subscribe") == 0)
		push_session_join(s->session, topic);
	else if (strcmp(op, "unsubscribe") == 0)
		push_session_leave(s->session, topic);
	else if (strcmp(op, "watch") == 0)
		stream_watch(s, topic);
	else if (strcmp(op, "unwatch") == 0)
		stream_unwatch(s, topic);
}

static void
stream_obey(struct api_stream *s, const char *op, const struct terms *t)
{
	for (size_t i = 0; i < t->topic_count; i++)
		stream_topic(s, op, t->topics[i]);
	if (strcmp(op, "update") == 0)
		stream_describe(s, t);
	else if (strcmp(op, "touch") == 0)
		push_session_touch(s->session);
	else if (strcmp(op, "renew") == 0)
		stream_renew(s, t);
	else if (strcmp(op, "close") == 0)
		push_session_close(
		    s->session, PUSH_CLOSE_FORBIDDEN, "closed by request");
}

void
api_connection_ops_obey(struct api_streams *all, const json_t *order)
{
	const char *connection, *op;
	const char *topics[API_STREAM_WATCHED_MAX];
	struct terms t = { .topics = topics };
	struct api_stream *s;
	json_t *list, *item;
	size_t i;

	connection = json_string_value(json_object_get(order, "connection"));
	op = json_string_value(json_object_get(order, "op"));
	s = connection != NULL ? api_stream_find(all, connection) : NULL;
	if (s != NULL && op != NULL && s->registration != NULL) {
		list = json_object_get(order, "topics");
		json_array_foreach (list, i, item) {
			if (json_is_string(item) &&
			    t.topic_count < API_STREAM_WATCHED_MAX)
				topics[t.topic_count++] =
				    json_string_value(item);
		}
		t.platform =
		    json_string_value(json_object_get(order, "platform"));
		t.app_version =
		    json_string_value(json_object_get(order, "app_version"));
		t.user = json_string_value(json_object_get(order, "user"));
		t.holds = json_string_value(json_object_get(order, "holds"));
		t.expires_at =
		    json_integer_value(json_object_get(order, "expires_at"));
		stream_obey(s, op, &t);
	}
}

static void
user_close(struct push_session *s, void *arg)
{
	const char *user = push_session_user(s);

	if (user != NULL && strcmp(user, arg) == 0)
		push_session_close(
		    s, PUSH_CLOSE_FORBIDDEN, "closed by request");
}

void
api_connection_ops_close_all(struct api_streams *all, const json_t *order)
{
	char *user =
	    base_strdup(json_string_value(json_object_get(order, "user")));

	if (user != NULL)
		push_hub_each(all->hub, user_close, user);
	base_free(user);
}

/* Orders of calls. */

static void
order_end(void *arg)
{
	struct order *o = arg;

	api_topics_cancel(o->naming);
	if (o->identify != NULL)
		api_auth_identify_cancel(o->identify);
	db_query_cancel(o->query);
	api_registry_waiter_cancel(&o->written);
}

static enum api_role
role_of(const struct api_call *call)
{
	const struct api_identity *id = api_call_identity(call);

	/* Who acts for a user has the user's rights. */
	return strcmp(id->user, api_call_user(call)) == 0 ? id->role :
							    API_ROLE_USER;
}

/* The stream, if it is here and the caller's to command. */
static struct api_stream *
stream_here(const struct order *o)
{
	struct api_streams *all = api_engine_streams(o->engine);
	struct api_stream *s;

	if (all == NULL)
		return NULL;
	s = api_stream_find(all, o->connection);
	if (s == NULL || s->registration == NULL)
		return NULL;
	if (strcmp(s->identity->user, api_call_user(o->call)) != 0 &&
	    role_of(o->call) == API_ROLE_USER)
		return NULL;
	return s;
}

static void
answer_row(struct order *o, const struct db_result *r)
{
	struct base_buf body = { 0 };

	api_render_row(&body, r, 0);
	api_call_body_set(o->call, "application/json", body.data, body.len);
	base_buf_fini(&body);
}

static void
answer_stream(struct order *o, const struct api_stream *s)
{
	struct base_buf body = { 0 };

	api_registry_json(s->registration, &body);
	api_call_body_set(o->call, "application/json", body.data, body.len);
	base_buf_fini(&body);
}

static enum api_hook_next
refuse_query(struct order *o, const struct db_result *r)
{
	const struct api_error *error =
	    api_engine_db_error(o->engine, "connections.control", r);

	bool refused = r->status == DB_REFUSED;

	return api_call_refuse(o->call, error->code, refused ? r->column : NULL,
	    refused ? r->detail : NULL);
}

static void
control_done(const struct db_result *r, void *arg)
{
	struct order *o = arg;
	enum api_hook_next next = API_HOOK_GO_ON;

	o->query = NULL;
	if (r->status == DB_OK && r->rows == 1)
		answer_row(o, r);
	else if (r->status == DB_OK)
		next = api_call_refuse(o->call, "not_found", NULL, NULL);
	else
		next = refuse_query(o, r);
	api_call_resume(o->call, next);
}

static void
terms_write(struct base_buf *out, const struct terms *t)
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

static struct db_query *
control_query(
    struct order *o, const struct terms *t, db_query_cb *cb, void *arg)
{
	struct base_buf args = { 0 };
	const char *values[5];
	struct db_query *query;

	terms_write(&args, t);
	values[0] = api_call_user(o->call);
	values[1] = api_role_name(role_of(o->call));
	values[2] = o->connection;
	values[3] = o->op;
	values[4] = args.data;
	query = db_query_start(api_engine_pool(o->engine),
	    db_statement_find("connections.control"), values, cb, arg);
	base_buf_fini(&args);
	return query;
}

static void
control_start(struct order *o, const struct terms *t)
{
	o->query = control_query(o, t, control_done, o);
}

static void
told(const struct db_result *r, void *arg)
{
	(void)r;
	(void)arg;
}

/* Sends the order on and forgets it. */
static void
terms_tell(struct order *o, const struct terms *t)
{
	(void)control_query(o, t, told, NULL);
}

/* Carries the order out or sends it on; true: it is done, the answer set. */
static bool
order_give(struct order *o, const struct terms *t)
{
	struct api_stream *s = stream_here(o);

	if (s == NULL) {
		control_start(o, t);
		return false;
	}
	stream_obey(s, o->op, t);
	answer_stream(o, s);
	return true;
}

/* Hooks. */

/* The order of this call; NULL when it names no connection and comes through
 * none: refused. */
static struct order *
order_new(struct api_call *call)
{
	struct order *o;
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
	return o;
}

static bool
is_listed(const char *topic, const char *const *topics, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(topics[i], topic) == 0)
			return true;
	}
	return false;
}

/* Conversations that are gone for the caller can still be left. */
static size_t
missing_add(
    const struct order *o, const struct api_topics *found, const char **topics)
{
	struct base_arena *arena = api_call_arena(o->call);
	const char *names[TOPICS_MAX], *topic;
	char id[BASE_UUID_TEXT];
	size_t count, n = 0;

	for (size_t i = 0; i < found->count; i++)
		topics[n++] = found->names[i];
	if (strcmp(o->op, "unsubscribe") != 0)
		return n;
	count = api_topics_split(
	    arena, api_call_value(o->call, "conversations"), names, TOPICS_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!base_uuid_normalize(names[i], id))
			continue;
		topic = base_arena_printf(arena, "conversation:%s", id);
		if (!is_listed(topic, topics, n))
			topics[n++] = topic;
	}
	return n;
}

static void
topics_found(const struct api_topics_found *found, void *arg)
{
	struct order *o = arg;
	const char *topics[2 * TOPICS_MAX];
	struct terms t = { .topics = topics };

	o->naming = NULL;
	if (found->error != NULL) {
		api_call_resume(o->call,
		    api_call_refuse(o->call, found->error->code, NULL, NULL));
		return;
	}
	if (found->missing != NULL && strcmp(o->op, "subscribe") == 0) {
		struct base_arena *arena = api_call_arena(o->call);

		api_call_resume(o->call,
		    api_call_refuse(o->call, "not_found",
			base_arena_printf(
			    arena, "conversations[%zu]", found->missing_at),
			base_arena_printf(arena,
			    "There is no conversation %s for this caller.",
			    found->missing)));
		return;
	}
	t.topic_count = missing_add(o, found->topics, topics);
	if (order_give(o, &t))
		api_call_resume(o->call, API_HOOK_GO_ON);
}

static enum api_hook_next
subscribe(struct api_call *call)
{
	const char *names[TOPICS_MAX];
	struct order *o = order_new(call);
	size_t count;

	if (o == NULL)
		return API_HOOK_REFUSED;
	count = api_topics_split(api_call_arena(call),
	    api_call_value(call, "conversations"), names, TOPICS_MAX);
	api_call_at_end(call, order_end, o);
	o->naming = api_topics_ask(o->engine, api_call_user(call),
	    role_of(call), names, count, topics_found, o);
	return API_HOOK_PENDING;
}

static void
renew_identified(const struct api_identified *found, void *arg)
{
	struct api_identity *id = found->identity;
	struct order *o = arg;
	enum api_hook_next next = API_HOOK_GO_ON;
	struct api_stream *s = stream_here(o);
	const char *user;
	struct terms t = { 0 };
	bool over = true;

	o->identify = NULL;
	/* Of a stream that is elsewhere only back ends do not know whose it is:
	 * connections_control compares. */
	if (s != NULL)
		user = s->identity->user;
	else if (role_of(o->call) == API_ROLE_USER)
		user = api_call_user(o->call);
	else
		user = id != NULL ? id->user : NULL;
	if (id == NULL && found->error->status >= 500)
		next = api_call_refuse(o->call, found->error->code, NULL, NULL);
	else if (id == NULL)
		next = api_call_refuse(
		    o->call, "invalid", "token", "The token is not valid.");
	else if (strcmp(id->user, user) != 0)
		next = api_call_refuse(o->call, "invalid", "token",
		    "The token is another user's.");
	else if (s != NULL && id->role != s->identity->role)
		next = api_call_refuse(o->call, "invalid", "token",
		    "The token has another role than the stream's.");
	else {
		t.user = id->user;
		t.holds = api_role_name(id->role);
		t.expires_at = id->expires_at;
		over = order_give(o, &t);
	}
	api_identity_unref(id);
	if (over)
		api_call_resume(o->call, next);
}

static enum api_hook_next
renew(struct api_call *call)
{
	struct api_credentials c = { 0 };
	struct order *o = order_new(call);

	if (o == NULL)
		return API_HOOK_REFUSED;
	c.authorization = base_arena_printf(
	    api_call_arena(call), "Bearer %s", api_call_value(call, "token"));
	c.remote_addr = api_call_remote_addr(call);
	api_call_at_end(call, order_end, o);
	o->identify = api_auth_identify(o->engine, &c, renew_identified, o);
	return API_HOOK_PENDING;
}

/* Over a socket the reply to closing itself goes out before the close. */
static void
close_own(void *arg)
{
	struct order *o = arg;
	struct api_stream *s = stream_here(o);
	struct terms t = { 0 };

	if (s != NULL)
		stream_obey(s, o->op, &t);
}

static enum api_hook_next
close_hook(struct api_call *call)
{
	struct order *o = order_new(call);
	struct api_stream *s;
	struct terms t = { 0 };

	if (o == NULL)
		return API_HOOK_REFUSED;
	s = stream_here(o);
	if (s != NULL) {
		api_call_at_end(call, close_own, o);
		answer_stream(o, s);
		return API_HOOK_GO_ON;
	}
	api_call_at_end(call, order_end, o);
	control_start(o, &t);
	return API_HOOK_PENDING;
}

static void
update_written(void *arg)
{
	struct order *o = arg;

	api_call_resume(o->call, API_HOOK_GO_ON);
}

/* A stream that has just been opened here need not be in the table yet. */
static enum api_hook_next
update_before(struct api_call *call)
{
	struct order *o = order_new(call);
	struct api_stream *s;

	if (o == NULL)
		return API_HOOK_REFUSED;
	api_call_at_end(call, order_end, o);
	api_call_value_set(call, "connection_id", o->connection);
	s = stream_here(o);
	o->written.cb = update_written;
	o->written.arg = o;
	if (s != NULL && !api_registry_written(s->registration, &o->written))
		return API_HOOK_PENDING;
	return API_HOOK_GO_ON;
}

/* The table has it; now whoever holds the stream.  Elsewhere the holder learns
 * of it when it can: nobody waits for that. */
static enum api_hook_next
update_after(struct api_call *call, const struct db_result *r)
{
	struct order *o = order_new(call);
	struct api_stream *s = stream_here(o);
	struct terms t = { 0 };

	(void)r;
	t.platform = api_call_value(call, "platform");
	t.app_version = api_call_value(call, "app_version");
	if (s != NULL)
		stream_describe(s, &t);
	else
		terms_tell(o, &t);
	return API_HOOK_GO_ON;
}

static enum api_hook_next
touch(struct api_call *call)
{
	struct order *o = order_new(call);
	const char *active = api_call_value(call, "active");
	struct terms t = { 0 };

	if (o == NULL)
		return API_HOOK_REFUSED;
	if (strcmp(active, "true") == 0)
		api_activity_note(o->engine->activity, api_call_user(call));
	api_call_at_end(call, order_end, o);
	return order_give(o, &t) ? API_HOOK_GO_ON : API_HOOK_PENDING;
}

/* Watching. */

static void watch_tell(struct order *o);

static void
watch_told(const struct db_result *r, void *arg)
{
	struct order *o = arg;

	o->query = NULL;
	if (r->status == DB_OK && r->rows == 1 && o->told < o->watched_count) {
		watch_tell(o);
		return;
	}
	/* The answer of presence.watch is its statement's, asked from now. */
	if (r->status == DB_OK && r->rows == 1 &&
	    api_call_operation(o->call)->statement != NULL)
		api_call_resume(o->call, API_HOOK_GO_ON);
	else
		control_done(r, o);
}

/* What it takes in the order: in quotes, escaped, with a comma and a blank. */
static size_t
listed_bytes(const char *topic)
{
	size_t n = strlen(topic) + 4;

	for (; *topic != '\0'; topic++)
		n += *topic == '"' || *topic == '\\';
	return n;
}

static void
watch_tell(struct order *o)
{
	struct terms t = { .topics = o->watched + o->told };
	size_t bytes = 0;

	while (o->told < o->watched_count && bytes < WATCH_BYTES) {
		bytes += listed_bytes(o->watched[o->told++]);
		t.topic_count++;
	}
	o->query = control_query(o, &t, watch_told, o);
}

static void
watched_read(struct order *o)
{
	struct base_arena *arena = api_call_arena(o->call);
	const char **topics =
	    base_arena_alloc(arena, API_STREAM_WATCHED_MAX * sizeof(*topics));

	o->watched_count =
	    api_topics_split(arena, api_call_value(o->call, "user_ids"), topics,
		API_STREAM_WATCHED_MAX);
	for (size_t i = 0; i < o->watched_count; i++)
		topics[i] = base_arena_printf(arena, "presence:%s", topics[i]);
	o->watched = topics;
}

static bool
too_many(const struct order *o, const struct api_stream *s)
{
	size_t count = s->watched;

	for (size_t i = 0; i < o->watched_count; i++)
		count += !push_session_follows(s->session, o->watched[i]);
	return strcmp(o->op, "watch") == 0 && count > API_STREAM_WATCHED_MAX;
}

/* Before presence.watch reads how they are: a change behind that is heard. */
static enum api_hook_next
watch(struct api_call *call)
{
	struct order *o = order_new(call);
	struct api_stream *s;
	struct terms t = { 0 };

	if (o == NULL)
		return API_HOOK_REFUSED;
	api_call_at_end(call, order_end, o);
	watched_read(o);
	s = stream_here(o);
	if (s == NULL) {
		watch_tell(o);
		return API_HOOK_PENDING;
	}
	if (too_many(o, s))
		return api_call_refuse(call, "too_many", "user_ids",
		    "A stream watches 500 users at most.");
	t.topics = o->watched;
	t.topic_count = o->watched_count;
	stream_obey(s, o->op, &t);
	if (api_call_operation(call)->statement == NULL)
		answer_stream(o, s);
	return API_HOOK_GO_ON;
}

/* In this process the change need not wait for the next second. */
static enum api_hook_next
chosen(struct api_call *call, const struct db_result *r)
{
	struct api_streams *all = api_engine_streams(api_call_engine(call));

	(void)r;
	if (all != NULL)
		api_presence_hurry(all->presence);
	return API_HOOK_GO_ON;
}

const struct api_hook api_connection_hooks[] = {
	{ .operation = "connections.touch", .perform = touch },
	{ .operation = "presence.set", .after = chosen },
	{ .operation = "presence.watch", .before = watch },
	{ .operation = "presence.unwatch", .perform = watch },
	{ .operation = "connections.subscribe", .perform = subscribe },
	{ .operation = "connections.unsubscribe", .perform = subscribe },
	{ .operation = "connections.update",
	    .before = update_before,
	    .after = update_after },
	{ .operation = "connections.renew", .perform = renew },
	{ .operation = "connections.close", .perform = close_hook },
};

const size_t api_connection_hook_count = ARRAY_LEN(api_connection_hooks);
