/* SPDX-License-Identifier: ISC */
/* The streams of one process, and what they share. */

#include "api/stream.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/closings.h"
#include "api/config.h"
#include "api/connection_ops.h"
#include "api/engine.h"
#include "api/follower.h"
#include "api/metrics.h"
#include "api/order_kept.h"
#include "api/poll.h"
#include "api/poll_wait.h"
#include "api/presence.h"
#include "api/presence_ops.h"
#include "api/session_start.h"
#include "api/stream_private.h"
#include "api/suspension.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#define TICK_MS 1000

void
api_stream_connection_make(
    const struct api_streams *all, char out[API_STREAM_CONNECTION_SIZE])
{
	char tail[21];

	base_random_base32(tail, sizeof(tail) - 1);
	snprintf(out, API_STREAM_CONNECTION_SIZE, "%s-%s", all->process, tail);
}

struct api_stream *
api_stream_find(struct api_streams *all, const char *connection)
{
	struct push_session *s = push_hub_find(all->hub, connection);

	if (s == NULL || push_session_kind(s) == PUSH_SINK)
		return NULL;
	return push_session_arg(s);
}

/* Typing. */

static bool
typing_told(void *arg, const struct push_event_fields *e)
{
	struct api_streams *all = arg;
	struct api_typing_word w = { 0 };
	bool tell = false;
	json_t *data;

	if (strncmp(e->type, "typing.", 7) != 0)
		return true;
	data = json_loads(e->data, 0, NULL);
	w.topic = e->topic;
	w.conversation =
	    json_string_value(json_object_get(data, "conversation_id"));
	w.user = json_string_value(json_object_get(data, "user_id"));
	w.root = json_string_value(json_object_get(data, "thread_root"));
	w.origin = e->origin;
	w.data = e->data;
	w.started = strcmp(e->type, "typing.started") == 0;
	if (w.conversation != NULL && w.user != NULL)
		tell = api_typing_say(all->typing, &w);
	json_decref(data);
	return tell;
}

static void
typing_late(void *arg, const struct api_typing_word *w)
{
	struct api_streams *all = arg;
	struct push_event_fields f = { 0 };
	char now[BASE_CLOCK_TEXT];
	struct push_event *e;

	base_clock_rfc3339(base_clock_wall_us(), now);
	f.topic = w->topic;
	f.type = w->started ? "typing.started" : "typing.stopped";
	f.time = now;
	f.origin = w->origin;
	f.skip_origin = true;
	f.data = w->data;
	e = push_event_new(&f);
	push_hub_publish(all->hub, e);
	push_event_unref(e);
}

/* {"instance", "op": "drain", "spread_ms"}: see instances.drain. */
static void
instance_obey(struct api_streams *all, const json_t *order)
{
	const char *instance =
	    json_string_value(json_object_get(order, "instance"));
	const char *op = json_string_value(json_object_get(order, "op"));
	json_int_t spread_ms =
	    json_integer_value(json_object_get(order, "spread_ms"));

	if (all->on_drain != NULL && instance != NULL && op != NULL &&
	    strcmp(instance, api_engine_config(all->engine)->instance) == 0 &&
	    strcmp(op, "drain") == 0 && spread_ms >= 0 &&
	    spread_ms <= UINT32_MAX)
		all->on_drain(all->drain_arg, (uint32_t)spread_ms);
}

/* Others' orders are others' to take out. */
static void
connection_obey(struct api_streams *all, const json_t *order)
{
	json_int_t kept = json_integer_value(json_object_get(order, "order"));

	if (api_orders_told(all, order) && kept > 0)
		api_orders_kept_done(all->orders, kept);
}

static bool
is_close_all(const json_t *order)
{
	const char *op = json_string_value(json_object_get(order, "op"));

	return op != NULL && strcmp(op, "close_all") == 0;
}

static void
control_told(void *arg, const char *payload)
{
	struct api_streams *all = arg;
	json_t *order = json_loads(payload, 0, NULL);

	if (json_object_get(order, "instance") != NULL)
		instance_obey(all, order);
	else if (json_object_get(order, "connection") != NULL)
		connection_obey(all, order);
	else if (is_close_all(order))
		api_orders_close_all(all, order);
	else
		api_suspensions_told(
		    api_engine_suspensions(all->engine), order);
	json_decref(order);
}

/* Suspension. */

static void
suspended_close(struct push_session *s, void *arg)
{
	struct api_streams *all = arg;
	const char *user = push_session_user(s);

	if (user != NULL &&
	    api_suspensions_until(api_engine_suspensions(all->engine), user) !=
		0)
		push_session_close(
		    s, PUSH_CLOSE_SUSPENDED, "the user is suspended");
}

static void
suspensions_changed(void *arg)
{
	struct api_streams *all = arg;

	push_hub_each(all->hub, suspended_close, all);
}

/* Notifications were lost while the listener was away.  Who is told asks the
 * database, which has just come back: a thousand a second. */
static void
missed_tell(struct api_streams *all)
{
	struct push_stats now;

	push_hub_stats(all->hub, &now);
	push_hub_missed(all->hub, (uint32_t)(now.live + now.replaying));
}

static void
listening(void *arg, bool up)
{
	struct api_streams *all = arg;

	api_suspensions_listening(api_engine_suspensions(all->engine), up);
	api_closings_listening(all->closings, up);
	push_hub_deaf(all->hub, !up);
	if (!up)
		return;
	api_orders_kept_look(all->orders);
	missed_tell(all);
}

static void
logged(void *arg)
{
	struct api_streams *all = arg;

	api_followers_news(api_engine_followers(all->engine));
}

static void
replaced(void *arg, int64_t id, struct push_event *e)
{
	struct api_streams *all = arg;

	api_replays_replace(all->replays, id, e);
}

/* Figures. */

static void
count_up(
    struct api_streams *all, enum api_counter c, uint64_t now, uint64_t before)
{
	if (now > before)
		api_metrics_count(
		    api_engine_metrics(all->engine), c, now - before);
}

static void
gauges_set(struct api_streams *all, const struct push_stats *s)
{
	struct api_metrics *m = api_engine_metrics(all->engine);

	api_metrics_gauge_set(
	    m, API_GAUGE_CONNECTIONS_SSE, (int64_t)s->now[PUSH_SSE]);
	api_metrics_gauge_set(
	    m, API_GAUGE_CONNECTIONS_SOCKET, (int64_t)s->now[PUSH_WEBSOCKET]);
	api_metrics_gauge_set(
	    m, API_GAUGE_CONNECTIONS_POLL, (int64_t)s->now[PUSH_SINK]);
	api_metrics_gauge_set(m, API_GAUGE_PUSH_TOPICS, (int64_t)s->topics);
	api_metrics_gauge_set(
	    m, API_GAUGE_PUSH_QUEUE_BYTES, (int64_t)s->queue_bytes);
	api_metrics_gauge_set(
	    m, API_GAUGE_PUSH_RING_BYTES, (int64_t)s->ring_bytes);
}

static void
tick(void *arg)
{
	struct api_streams *all = arg;
	struct push_stats s, *p = &all->pushed;
	struct api_feed_stats f;
	struct api_replays_stats r;

	all->tick = base_timer_start(all->loop, TICK_MS, tick, all);
	push_hub_stats(all->hub, &s);
	api_feed_stats(all->feed, &f);
	api_replays_stats(all->replays, &r);
	gauges_set(all, &s);
	count_up(all, API_COUNT_EVENTS_READ, f.rows, all->fed.rows);
	count_up(
	    all, API_COUNT_EVENTS_REPLAYED, r.events, all->replayed.events);
	count_up(all, API_COUNT_EVENTS_DELIVERED, s.delivered, p->delivered);
	count_up(all, API_COUNT_EVENTS_DROPPED, s.dropped, p->dropped);
	count_up(all, API_COUNT_STREAMS_SLOW, s.cut, p->cut);
	count_up(all, API_COUNT_BYTES_OUT, s.written_bytes, p->written_bytes);
	all->pushed = s;
	all->fed = f;
	all->replayed = r;
}

/* Parts. */

static bool
listener_ok(void *arg, char *why, size_t why_size)
{
	struct api_streams *all = arg;

	if (api_feed_ready(all->feed))
		return true;
	snprintf(why, why_size, "%s",
	    api_feed_cursor(all->feed) < 0 ?
		"the event log has not been read yet" :
		"not connected for notifications");
	return false;
}

static struct push_hub *
hub_make(const struct api_streams *all, const struct api_config *c)
{
	struct push_hub_params p = { 0 };

	p.loop = all->loop;
	p.ring_bytes = (size_t)c->ring_bytes;
	p.queue_bytes = (size_t)c->queue_bytes;
	p.message_bytes = (size_t)c->max_frame_bytes;
	p.sse_comment_ms = (uint32_t)c->heartbeat_seconds * 1000;
	return push_hub_new(&p);
}

static struct api_feed *
feed_make(struct api_streams *all, const struct api_config *c)
{
	struct api_feed_params p = { 0 };
	char name[sizeof(all->process) + 16];

	snprintf(name, sizeof(name), "parley-%s-listen", all->process);
	p.loop = all->loop;
	p.pool = all->pool;
	p.hub = all->hub;
	p.conninfo = c->listen_database_url;
	p.application_name = name;
	p.turn_bytes = (size_t)c->queue_bytes / 4;
	p.on_ephemeral = typing_told;
	p.on_control = control_told;
	p.on_logged = logged;
	p.on_replaced = replaced;
	p.on_listening = listening;
	p.arg = all;
	return api_feed_new(&p);
}

static struct api_replays *
replays_make(const struct api_streams *all, const struct api_config *c)
{
	struct api_replays_params p = { 0 };

	p.loop = all->loop;
	p.pool = all->pool;
	p.hub = all->hub;
	p.ring_bytes = (size_t)c->ring_bytes;
	return api_replays_new(&p);
}

static struct api_registry *
registry_make(const struct api_streams *all)
{
	struct api_registry_params p = { 0 };
	char host[256];

	if (gethostname(host, sizeof(host)) != 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	p.loop = all->loop;
	p.pool = all->pool;
	p.process = all->process;
	p.host = host;
	p.lease_s = (uint32_t)api_engine_config(all->engine)->lease_seconds;
	return api_registry_new(&p);
}

static struct api_typing *
typing_make(struct api_streams *all)
{
	struct api_typing_params p = { 0 };

	p.loop = all->loop;
	p.tell = typing_late;
	p.arg = all;
	return api_typing_new(&p);
}

static void
closing_found(void *arg, const char *connection)
{
	api_orders_close(arg, connection);
}

static struct api_closings *
closings_make(struct api_streams *all)
{
	struct api_closings_params p = { 0 };

	p.loop = all->loop;
	p.pool = all->pool;
	p.process = all->process;
	p.close = closing_found;
	p.arg = all;
	return api_closings_new(&p);
}

static void
order_found(void *arg, const char *terms)
{
	struct api_streams *all = arg;
	json_t *order = json_loads(terms, 0, NULL);

	api_orders_told(all, order);
	json_decref(order);
}

static struct api_orders_kept *
orders_make(struct api_streams *all)
{
	struct api_orders_kept_params p = { 0 };

	p.loop = all->loop;
	p.pool = all->pool;
	p.process = all->process;
	p.obey = order_found;
	p.arg = all;
	return api_orders_kept_new(&p);
}

static struct api_presence *
presence_make(const struct api_streams *all, const struct api_config *c)
{
	struct api_presence_params p = { 0 };

	p.loop = all->loop;
	p.pool = all->pool;
	p.grace_s = c->presence_grace_seconds;
	p.away_s = c->away_seconds;
	return api_presence_new(&p);
}

struct api_streams *
api_streams_new(const struct api_streams_params *p)
{
	const struct api_config *c = api_engine_config(p->engine);
	struct api_streams *all = base_alloc(sizeof(*all));
	const struct api_hook *hooks;
	size_t nhooks;

	all->engine = p->engine;
	all->loop = api_engine_loop(p->engine);
	all->pool = api_engine_pool(p->engine);
	all->sessions_max = p->sessions_max;
	all->on_drain = p->on_drain;
	all->drain_arg = p->arg;
	snprintf(all->process, sizeof(all->process), "%.24s-%d", c->instance,
	    p->worker);
	LIST_INIT(&all->list);
	TAILQ_INIT(&all->waiting);
	all->hub = hub_make(all, c);
	all->replays = replays_make(all, c);
	all->registry = registry_make(all);
	all->sockets = api_sockets_new(all->engine);
	all->typing = typing_make(all);
	all->presence = presence_make(all, c);
	all->poll_waits = api_poll_waits_new(all);
	all->closings = closings_make(all);
	all->orders = orders_make(all);
	all->starts = api_session_start_batch(
	    all->loop, all->pool, api_engine_metrics(all->engine));
	all->feed = feed_make(all, c);
	all->tick = base_timer_start(all->loop, TICK_MS, tick, all);

	api_engine_hooks_add(
	    all->engine, api_connection_hooks, api_connection_hook_count);
	hooks = api_presence_hooks(&nhooks);
	api_engine_hooks_add(all->engine, hooks, nhooks);
	api_engine_hooks_add(all->engine, api_poll_hooks, api_poll_hook_count);
	api_engine_streams_set(all->engine, all);
	api_suspensions_watch(
	    api_engine_suspensions(all->engine), suspensions_changed, all);
	api_engine_ready_add(all->engine, "listener", listener_ok, all);
	return all;
}

void
api_streams_free(struct api_streams *all)
{
	struct api_stream *s;

	if (all == NULL)
		return;
	api_engine_streams_set(all->engine, NULL);
	api_suspensions_watch(api_engine_suspensions(all->engine), NULL, NULL);
	api_suspensions_listening(api_engine_suspensions(all->engine), false);
	base_timer_cancel(all->tick);
	api_streams_hold_end(all);
	api_feed_free(all->feed);
	while ((s = LIST_FIRST(&all->list)) != NULL)
		api_stream_free(s);
	api_closings_free(all->closings);
	api_orders_kept_free(all->orders);
	api_poll_waits_free(all->poll_waits);
	api_sockets_free(all->sockets);
	api_typing_free(all->typing);
	api_presence_free(all->presence);
	api_batch_free(all->starts);
	api_replays_free(all->replays);
	api_registry_free(all->registry);
	push_hub_free(all->hub);
	base_free(all);
}

void
api_streams_goodbye(struct api_streams *all, uint32_t spread_ms)
{
	struct api_stream *s;

	all->draining = true;
	push_hub_goodbye(all->hub, spread_ms);
	while ((s = LIST_FIRST(&all->list)) != NULL) {
		api_registry_closed(
		    all->registry, s->registration, PUSH_CLOSE_RESTART);
		api_stream_free(s);
	}
	api_poll_waits_stop(all->poll_waits);
	api_registry_stop(all->registry);
}

size_t
api_streams_pending(const struct api_streams *all)
{
	if (!db_pool_ready(all->pool))
		return 0;
	return api_registry_pending(all->registry) +
	    api_sockets_calls(all->sockets);
}

void
api_streams_drain(struct api_streams *all, uint32_t spread_ms)
{
	all->draining = true;
	push_hub_drain(all->hub, spread_ms);
}

bool
api_streams_ready(const struct api_streams *all)
{
	return api_feed_ready(all->feed) && !all->draining &&
	    api_suspensions_fresh(api_engine_suspensions(all->engine));
}

size_t
api_streams_count(const struct api_streams *all)
{
	return all->count;
}

struct push_hub *
api_streams_hub(struct api_streams *all)
{
	return all->hub;
}
