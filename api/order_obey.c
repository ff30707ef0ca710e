/* SPDX-License-Identifier: ISC */
/* What an order changes at the stream that it is for. */
#include <jansson.h>
#include <string.h>

#include "api/order_private.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

/* So much later than it was given an order may be heard. */
#define ORDER_LATE_MAX_MS 2000

static void
describe(struct api_stream *s, const struct api_order_terms *t)
{
	api_registry_describe(s->registration, t->platform, t->app_version);
	if (t->platform == NULL || s->socket == NULL)
		return;
	base_free(s->platform);
	s->platform = base_strdup(t->platform);
	api_socket_identify(s->socket, s->identity, s->platform);
}

static void
stream_renew(struct api_stream *s, const struct api_order_terms *t)
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

static void
stream_watch(struct api_stream *s, const char *topic)
{
	push_session_join(s->session, topic, 0);
	s->watched++;
}

/* Who called it here was refused; who called it elsewhere has their answer by
 * now, so the stream itself is told whom it does not watch. */
static void
full_say(struct api_stream *s, const char *const *topics, size_t count)
{
	struct base_buf data = { 0 };
	struct base_json j;

	base_json_init(&j, &data);
	base_json_object_begin(&j);
	base_json_key(&j, "user_ids");
	base_json_array_begin(&j);
	for (size_t i = 0; i < count; i++)
		base_json_str(&j, strchr(topics[i], ':') + 1);
	base_json_array_end(&j);
	base_json_object_end(&j);
	push_session_event(
	    s->session, "presence.unwatched", base_buf_str(&data));
	base_buf_fini(&data);
}

static void
stream_watch_all(struct api_stream *s, const struct api_order_terms *t)
{
	const char *left[API_STREAM_WATCHED_MAX];
	size_t nleft = 0;

	for (size_t i = 0; i < t->topic_count; i++) {
		if (push_session_follows(s->session, t->topics[i]))
			continue;
		if (s->watched < API_STREAM_WATCHED_MAX)
			stream_watch(s, t->topics[i]);
		else if (strchr(t->topics[i], ':') != NULL)
			left[nleft++] = t->topics[i];
	}
	if (nleft > 0)
		full_say(s, left, nleft);
}

static void
stream_unwatch(struct api_stream *s, const char *topic)
{
	if (s->watched == 0 || !push_session_follows(s->session, topic))
		return;
	push_session_leave(s->session, topic);
	s->watched--;
}

/* The right to read is gone, or was looked up too early to tell. */
static void
ended_say(struct api_stream *s, const char *topic)
{
	struct base_buf data = { 0 };
	struct base_json j;

	base_json_init(&j, &data);
	base_json_object_begin(&j);
	base_json_put_str(&j, "conversation_id", strchr(topic, ':') + 1);
	base_json_object_end(&j);
	push_session_event(
	    s->session, "subscription.ended", base_buf_str(&data));
	base_buf_fini(&data);
}

static void
stream_subscribe(
    struct api_stream *s, const struct api_order_terms *t, size_t i)
{
	int64_t from = t->from != NULL ? t->from[i] : 0;
	const char *topic = t->topics[i];
	bool done;

	if (i < t->visit_count)
		done = push_session_visit(s->session, topic, from, t->checked);
	else
		done =
		    push_session_subscribe(s->session, topic, from, t->checked);
	if (!done && strchr(topic, ':') != NULL)
		ended_say(s, topic);
}

static void
stream_topic(struct api_stream *s, const char *op,
    const struct api_order_terms *t, size_t i)
{
	const char *topic = t->topics[i];

	if (strcmp(op, "subscribe") == 0)
		stream_subscribe(s, t, i);
	else if (strcmp(op, "unsubscribe") == 0)
		push_session_leave(s->session, topic);
	else if (strcmp(op, "unwatch") == 0)
		stream_unwatch(s, topic);
}

void
api_order_obey(
    struct api_stream *s, const char *op, const struct api_order_terms *t)
{
	if (strcmp(op, "watch") == 0)
		stream_watch_all(s, t);
	else
		for (size_t i = 0; i < t->topic_count; i++)
			stream_topic(s, op, t, i);
	if (strcmp(op, "update") == 0)
		describe(s, t);
	else if (strcmp(op, "touch") == 0)
		push_session_touch(s->session);
	else if (strcmp(op, "renew") == 0)
		stream_renew(s, t);
	else if (strcmp(op, "close") == 0)
		push_session_close(
		    s->session, PUSH_CLOSE_FORBIDDEN, "closed by request");
}

static bool
is_ours(const struct api_streams *all, const char *connection)
{
	size_t len = strlen(all->process);

	return connection != NULL &&
	    strncmp(connection, all->process, len) == 0 &&
	    connection[len] == '-';
}

bool
api_orders_told(struct api_streams *all, const json_t *order)
{
	const char *connection, *op;
	const char *topics[API_STREAM_WATCHED_MAX];
	int64_t from[API_STREAM_WATCHED_MAX];
	struct api_order_terms t = { .topics = topics, .from = from };
	struct api_stream *s;
	json_t *froms, *list, *item;
	size_t i;

	connection = json_string_value(json_object_get(order, "connection"));
	op = json_string_value(json_object_get(order, "op"));
	s = connection != NULL ? api_stream_find(all, connection) : NULL;
	if (s != NULL && op != NULL && s->registration != NULL) {
		list = json_object_get(order, "topics");
		froms = json_object_get(order, "from");
		json_array_foreach (list, i, item) {
			if (!json_is_string(item) ||
			    t.topic_count == API_STREAM_WATCHED_MAX)
				continue;
			from[t.topic_count] =
			    json_integer_value(json_array_get(froms, i));
			topics[t.topic_count++] = json_string_value(item);
		}
		t.platform =
		    json_string_value(json_object_get(order, "platform"));
		t.app_version =
		    json_string_value(json_object_get(order, "app_version"));
		t.user = json_string_value(json_object_get(order, "user"));
		t.holds = json_string_value(json_object_get(order, "holds"));
		t.expires_at =
		    json_integer_value(json_object_get(order, "expires_at"));
		t.visit_count = (size_t)json_integer_value(
		    json_object_get(order, "visits"));
		t.checked =
		    json_integer_value(json_object_get(order, "checked"));
		api_order_obey(s, op, &t);
	}
	return is_ours(all, connection);
}

void
api_orders_close(struct api_streams *all, const char *connection)
{
	struct api_stream *s = api_stream_find(all, connection);
	struct api_order_terms t = { 0 };

	if (s != NULL)
		api_order_obey(s, "close", &t);
}

/* Whose streams are to be closed, if they were open when that was said. */
struct close_all {
	const char *user;
	uint64_t before_ms; /* base_clock_ms() */
};

static void
user_close(struct push_session *s, void *arg)
{
	const struct close_all *all = arg;
	const struct api_stream *stream = push_session_arg(s);
	const char *user = push_session_user(s);

	if (user != NULL && strcmp(user, all->user) == 0 &&
	    stream->opened_ms <= all->before_ms)
		push_session_close(
		    s, PUSH_CLOSE_FORBIDDEN, "closed by request");
}

/* On the clock of streams, from the database's of the world.  Where that one is
 * behind, only streams of the last moments are taken for later ones. */
static uint64_t
order_ms(const json_t *order)
{
	int64_t at = json_integer_value(json_object_get(order, "at"));
	int64_t ago_ms = (base_clock_wall_us() - at) / 1000;

	if (ago_ms < 0)
		ago_ms = 0;
	if (ago_ms > ORDER_LATE_MAX_MS)
		ago_ms = ORDER_LATE_MAX_MS;
	return base_clock_ms() - (uint64_t)ago_ms;
}

void
api_orders_close_all(struct api_streams *all, const json_t *order)
{
	struct close_all close = {
		.user = json_string_value(json_object_get(order, "user")),
		.before_ms = order_ms(order),
	};

	if (close.user != NULL)
		push_hub_each(all->hub, user_close, &close);
}
