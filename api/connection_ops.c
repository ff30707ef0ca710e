/* SPDX-License-Identifier: ISC */
/* Operations on a live connection: each ends in an order to its stream. */
#include "api/connection_ops.h"

#include <string.h>

#include "api/activity.h"
#include "api/engine_private.h"
#include "api/errors.h"
#include "api/order_private.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/uuid.h"
#include "db/result.h"

#define TOPICS_MAX 100

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
missing_add(const struct api_order *o, const struct api_topics *found,
    const char **topics)
{
	static const char prefix[] = "conversation:";
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
		bool is_topic = strncmp(names[i], prefix, strlen(prefix)) == 0;

		if (!base_uuid_normalize(
			names[i] + (is_topic ? strlen(prefix) : 0), id))
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
	struct api_order *o = arg;
	const char *topics[2 * TOPICS_MAX];
	struct api_order_terms t = { .topics = topics };

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
	if (strcmp(o->op, "subscribe") == 0)
		t.from = found->topics->from;
	t.visit_count = api_topics_visits(found->topics);
	t.checked = found->topics->checked;
	if (api_order_give(o, &t))
		api_call_resume(o->call, API_HOOK_GO_ON);
}

static enum api_hook_next
subscribe(struct api_call *call)
{
	const char *names[TOPICS_MAX];
	struct api_order *o = api_order_new(call);
	size_t count;

	if (o == NULL)
		return API_HOOK_REFUSED;
	count = api_topics_split(api_call_arena(call),
	    api_call_value(call, "conversations"), names, TOPICS_MAX);
	o->naming = api_topics_ask(o->engine, api_call_user(call),
	    api_order_role(call), names, count, topics_found, o);
	return API_HOOK_PENDING;
}

static void
renew_identified(const struct api_identified *found, void *arg)
{
	struct api_identity *id = found->identity;
	struct api_order *o = arg;
	enum api_hook_next next = API_HOOK_GO_ON;
	struct api_stream *s = api_order_stream(o);
	const char *user;
	struct api_order_terms t = { 0 };
	bool over = true;

	o->identify = NULL;
	/* Of a stream that is elsewhere only back ends do not know whose it is:
	 * connections_control compares. */
	if (s != NULL)
		user = s->identity->user;
	else if (api_order_role(o->call) == API_ROLE_USER)
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
		over = api_order_give(o, &t);
	}
	api_identity_unref(id);
	if (over)
		api_call_resume(o->call, next);
}

static enum api_hook_next
renew(struct api_call *call)
{
	struct api_credentials c = { 0 };
	struct api_order *o = api_order_new(call);

	if (o == NULL)
		return API_HOOK_REFUSED;
	c.authorization = base_arena_printf(
	    api_call_arena(call), "Bearer %s", api_call_value(call, "token"));
	c.remote_addr = api_call_remote_addr(call);
	o->identify = api_auth_identify(o->engine, &c, renew_identified, o);
	return API_HOOK_PENDING;
}

/* Over a socket the reply to closing itself goes out before the close. */
static void
close_own(struct api_order *o)
{
	struct api_stream *s = api_order_stream(o);
	struct api_order_terms t = { 0 };

	if (s != NULL)
		api_order_obey(s, o->op, &t);
}

static enum api_hook_next
close_hook(struct api_call *call)
{
	struct api_order *o = api_order_new(call);
	struct api_stream *s;
	struct api_order_terms t = { 0 };

	if (o == NULL)
		return API_HOOK_REFUSED;
	s = api_order_stream(o);
	if (s != NULL) {
		o->ended = close_own;
		api_order_answer(o, s);
		return API_HOOK_GO_ON;
	}
	api_order_send(o, &t, api_order_sent);
	return API_HOOK_PENDING;
}

static void
update_written(void *arg)
{
	struct api_order *o = arg;

	api_call_resume(o->call, API_HOOK_GO_ON);
}

static void
update_sent(struct api_order *o, const struct db_result *r)
{
	if (r == NULL)
		api_call_resume(o->call, API_HOOK_GO_ON);
	else
		api_order_sent(o, r);
}

/* The table is written by the statement, when it has the connection; a stream
 * elsewhere learns of it here, one of ours behind it. */
static enum api_hook_next
update_before(struct api_call *call)
{
	struct api_order *o = api_order_new(call);
	struct api_order_terms t = { .platform =
					 api_call_value(call, "platform"),
		.app_version = api_call_value(call, "app_version") };
	struct api_stream *s;

	if (o == NULL)
		return API_HOOK_REFUSED;
	api_call_value_set(call, "connection_id", o->connection);
	s = api_order_stream(o);
	o->written.cb = update_written;
	o->written.arg = o;
	if (s == NULL)
		api_order_send(o, &t, update_sent);
	else if (api_registry_written(s->registration, &o->written))
		return API_HOOK_GO_ON;
	return API_HOOK_PENDING;
}

static enum api_hook_next
update_after(struct api_call *call, const struct db_result *r)
{
	struct api_streams *all = api_engine_streams(api_call_engine(call));
	struct api_order_terms t = { .platform =
					 api_call_value(call, "platform"),
		.app_version = api_call_value(call, "app_version") };
	struct api_stream *s = all == NULL ?
	    NULL :
	    api_stream_find(all, api_call_value(call, "connection_id"));

	(void)r;
	if (s != NULL && s->registration != NULL)
		api_order_obey(s, "update", &t);
	return API_HOOK_GO_ON;
}

static enum api_hook_next
touch(struct api_call *call)
{
	struct api_order *o = api_order_new(call);
	const char *active = api_call_value(call, "active");
	struct api_order_terms t = { 0 };

	if (o == NULL)
		return API_HOOK_REFUSED;
	if (strcmp(active, "true") == 0)
		api_activity_note(o->engine->activity, api_call_user(call));
	return api_order_give(o, &t) ? API_HOOK_GO_ON : API_HOOK_PENDING;
}

const struct api_hook api_connection_hooks[] = {
	{ .operation = "connections.touch", .perform = touch },
	{ .operation = "connections.subscribe", .perform = subscribe },
	{ .operation = "connections.unsubscribe", .perform = subscribe },
	{ .operation = "connections.update",
	    .before = update_before,
	    .after = update_after },
	{ .operation = "connections.renew", .perform = renew },
	{ .operation = "connections.close", .perform = close_hook },
};

const size_t api_connection_hook_count = ARRAY_LEN(api_connection_hooks);
