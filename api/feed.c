/* SPDX-License-Identifier: ISC */
/*
 * One query is in flight at most: the check of the log's bounds after LISTEN
 * came up, a read of what lies behind the cursor, or, where that says that older
 * events are not what they were, a read of those before it is published.  A bell that rings
 * meanwhile is remembered, not counted.
 *
 * What a read brought is published a slice a turn: between two slices the
 * sessions write, so that a reader is not cut as slow for a burst that came
 * at once.
 */

#include "api/feed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/log_rows.h"
#include "api/rewritten.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/listener.h"
#include "db/query.h"
#include "db/result.h"

#define READ_LIMIT 5000
#define PAUSE_MS 1	/* between two reads */
#define PAUSE_BUSY_MS 3 /* when they come back to back with little */
#define PAUSE_FAILED_MS 200
#define PAUSE_SLICE_MS 1 /* the turn's end, and the peers' turn */
#define FEW_ROWS 4
#define VIA_MAX 1000 /* a notification holds fewer */
#define POLL_MS 1000 /* in case the bell was not heard */

struct api_feed {
	struct base_loop *loop;
	struct db_pool *pool;
	struct push_hub *hub;
	struct db_listener *listener; /* owned */
	const struct db_statement *bounds;
	const struct db_statement *read;
	const struct db_statement *some;
	struct db_query *query;	 /* non-NULL = in flight */
	struct base_timer *next; /* the next read or slice, after its pause */
	struct push_event *
	    *events; /* read; those from `published` on are owned */
	size_t event_count, event_cap, published;
	struct base_buf rewritten; /* ids of others, to be read first */
	size_t turn_bytes;
	struct base_timer *poll; /* always armed */
	uint64_t read_end_ms;
	unsigned int pause_ms; /* after read_end_ms */
	bool unchecked;	       /* bounds are to be compared first */
	bool again;	       /* the bell rang during the query */
	bool failing;	       /* and that was logged */
	bool (*on_ephemeral)(void *, const struct push_event_fields *);
	void (*on_control)(void *, const char *);
	void (*on_logged)(void *);
	void (*on_replaced)(void *, int64_t, struct push_event *);
	void (*on_listening)(void *, bool);
	void *arg;
	struct api_feed_stats stats;
};

static void look(struct api_feed *);

static void
pause_end(void *arg)
{
	struct api_feed *feed = arg;

	feed->next = NULL;
	look(feed);
}

static void
failed(struct api_feed *feed, const struct db_result *r)
{
	feed->stats.failures++;
	if (!feed->failing)
		base_log_warn("feed waits for the database", "status=%s",
		    db_status_name(r->status));
	feed->failing = true;
	feed->pause_ms = PAUSE_FAILED_MS;
	feed->again = true;
}

static void
worked(struct api_feed *feed)
{
	if (feed->failing)
		base_log_info("feed goes on", "cursor=%lld",
		    (long long)feed->stats.cursor);
	feed->failing = false;
}

/* What every query's end has in common; look again when there is cause. */
static void
query_end(struct api_feed *feed)
{
	feed->read_end_ms = base_clock_ms();
	if (feed->again)
		look(feed);
}

static void
bounds_done(const struct db_result *r, void *arg)
{
	struct api_feed *feed = arg;
	int64_t end, floor;

	feed->query = NULL;
	if (r->status != DB_OK || r->rows != 1) {
		failed(feed, r);
		query_end(feed);
		return;
	}
	worked(feed);
	floor = db_result_i64(r, 0, db_result_column(r, "floor_id"));
	end = db_result_i64(r, 0, db_result_column(r, "end_id"));
	if (end < floor)
		end = floor;
	if (feed->stats.cursor < 0) {
		feed->stats.cursor = end;
		push_hub_cursor_set(feed->hub, end);
	} else if (feed->stats.cursor < floor || feed->stats.cursor > end) {
		base_log_error("the log does not hold the cursor",
		    "cursor=%lld floor=%lld end=%lld",
		    (long long)feed->stats.cursor, (long long)floor,
		    (long long)end);
		feed->stats.cursor = end;
		push_hub_log_reset(feed->hub, end);
	}
	feed->unchecked = false;
	feed->pause_ms = 0;
	feed->again = true;
	query_end(feed);
}

static void
keep(struct api_feed *feed, const struct db_result *r)
{
	struct api_log_rows rows;
	size_t count = (size_t)r->rows;

	if (count > feed->event_cap) {
		feed->events = base_realloc(
		    feed->events, count * sizeof(struct push_event *));
		feed->event_cap = count;
	}
	api_log_rows_init(&rows, r);
	for (size_t i = 0; i < count; i++)
		feed->events[i] = api_log_rows_event(&rows, (int)i);
	feed->event_count = count;
	feed->published = 0;
}

/* What was read and not published; it will be read again. */
static void
forget(struct api_feed *feed)
{
	while (feed->published < feed->event_count)
		push_event_unref(feed->events[feed->published++]);
}

static void
read_end(struct api_feed *feed)
{
	feed->pause_ms = PAUSE_MS;
	if (feed->event_count == READ_LIMIT) {
		feed->pause_ms = 0;
		feed->again = true;
	} else if (feed->again && feed->event_count < FEW_ROWS)
		feed->pause_ms = PAUSE_BUSY_MS;
	query_end(feed);
}

static void
publish(void *arg)
{
	struct api_feed *feed = arg;
	struct push_event *e;
	size_t bytes = 0;

	feed->next = NULL;
	while (
	    feed->published < feed->event_count && bytes < feed->turn_bytes) {
		e = feed->events[feed->published++];
		bytes += push_event_size(e, PUSH_SSE);
		feed->stats.cursor = e->id;
		push_hub_publish(feed->hub, e);
		push_event_unref(e);
	}
	if (feed->published < feed->event_count)
		feed->next =
		    base_timer_start(feed->loop, PAUSE_SLICE_MS, publish, feed);
	else
		read_end(feed);
}

static void
replaced(void *arg, int64_t id, struct push_event *e)
{
	struct api_feed *feed = arg;

	push_hub_replace(feed->hub, id, e);
	if (feed->on_replaced != NULL)
		feed->on_replaced(feed->arg, id, e);
}

static void
rewritten_done(const struct db_result *r, void *arg)
{
	struct api_feed *feed = arg;

	feed->query = NULL;
	if (r->status != DB_OK) {
		forget(feed);
		failed(feed, r);
		query_end(feed);
		return;
	}
	api_rewritten_each(base_buf_str(&feed->rewritten), r, replaced, feed);
	publish(feed);
}

static void
rewritten_ask(struct api_feed *feed)
{
	const char *values[] = { base_buf_str(&feed->rewritten) };

	feed->query = db_query_start(
	    feed->pool, feed->some, values, rewritten_done, feed);
}

static void
read_done(const struct db_result *r, void *arg)
{
	struct api_feed *feed = arg;

	feed->query = NULL;
	if (r->status != DB_OK) {
		failed(feed, r);
		query_end(feed);
		return;
	}
	worked(feed);
	feed->stats.reads++;
	feed->stats.rows += (uint64_t)r->rows;
	if (r->rows > 0 && feed->on_logged != NULL)
		feed->on_logged(feed->arg);
	keep(feed, r);
	base_buf_reset(&feed->rewritten);
	if (api_rewritten_ids(r, &feed->rewritten))
		rewritten_ask(feed);
	else
		publish(feed);
}

static void
query_start(struct api_feed *feed)
{
	char after[24], limit[16];
	const char *values[] = { after, limit };

	feed->again = false;
	if (feed->unchecked) {
		feed->query = db_query_start(
		    feed->pool, feed->bounds, NULL, bounds_done, feed);
		return;
	}
	snprintf(after, sizeof(after), "%lld", (long long)feed->stats.cursor);
	snprintf(limit, sizeof(limit), "%d", READ_LIMIT);
	feed->query =
	    db_query_start(feed->pool, feed->read, values, read_done, feed);
}

/* Looks into the log, as soon as the last look is over and long enough ago. */
static void
look(struct api_feed *feed)
{
	uint64_t waited;

	if (feed->query != NULL || feed->published < feed->event_count) {
		feed->again = true;
		return;
	}
	if (feed->next != NULL)
		return;
	waited = base_clock_ms() - feed->read_end_ms;
	if (waited >= feed->pause_ms)
		query_start(feed);
	else
		feed->next = base_timer_start(
		    feed->loop, feed->pause_ms - waited, pause_end, feed);
}

static void
poll_tick(void *arg)
{
	struct api_feed *feed = arg;

	feed->poll = base_timer_start(feed->loop, POLL_MS, poll_tick, feed);
	if (feed->stats.cursor >= 0 || db_listener_up(feed->listener))
		look(feed);
}

static const char *
text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static size_t
texts_of(const json_t *list, const char **texts, size_t max)
{
	const json_t *text;
	size_t i, count = 0;

	json_array_foreach (list, i, text) {
		if (json_is_string(text) && count < max)
			texts[count++] = json_string_value(text);
	}
	return count;
}

/* "via": the topics on which it is heard, when they are others than its own;
 * but not by the user of the topic "except", nor those of "unless". */
static void
ephemeral_deliver(
    struct api_feed *feed, const json_t *item, struct push_event *e)
{
	const char *topics[VIA_MAX], *except[VIA_MAX];
	const json_t *list = json_object_get(item, "via");
	struct push_via via = { .topics = topics, .except = except };

	if (list == NULL) {
		push_hub_publish(feed->hub, e);
		return;
	}
	via.count = texts_of(list, topics, VIA_MAX);
	if (text_of(item, "except") != NULL)
		except[via.except_count++] = text_of(item, "except");
	via.except_count += texts_of(json_object_get(item, "unless"),
	    except + via.except_count, VIA_MAX - via.except_count);
	push_hub_publish_via(feed->hub, e, &via);
}

static void
ephemeral_publish(struct api_feed *feed, const json_t *item)
{
	struct push_event_fields f = { 0 };
	char now[BASE_CLOCK_TEXT];
	struct push_event *e;
	char *data;

	f.topic = text_of(item, "topic");
	f.type = text_of(item, "event");
	if (f.topic == NULL || f.type == NULL)
		return;
	data = json_dumps(
	    json_object_get(item, "data"), JSON_COMPACT | JSON_ENCODE_ANY);
	f.data = data;
	f.origin = text_of(item, "origin");
	base_clock_rfc3339(base_clock_wall_us(), now);
	f.time = now;
	f.seq = json_integer_value(json_object_get(item, "seq"));
	f.skip_origin = json_is_true(json_object_get(item, "skip_origin"));
	if (feed->on_ephemeral == NULL || feed->on_ephemeral(feed->arg, &f)) {
		e = push_event_new(&f);
		ephemeral_deliver(feed, item, e);
		push_event_unref(e);
		feed->stats.ephemerals++;
	}
	free(data);
}

static void
ephemeral_receive(struct api_feed *feed, const char *payload)
{
	json_t *list, *item;
	size_t i;

	list = json_loads(payload, 0, NULL);
	if (!json_is_array(list))
		base_log_warn(
		    "bad ephemeral notification", "bytes=%zu", strlen(payload));
	json_array_foreach (list, i, item)
		ephemeral_publish(feed, item);
	json_decref(list);
}

static void
listener_notify(const char *channel, const char *payload, void *arg)
{
	struct api_feed *feed = arg;

	if (strcmp(channel, "parley_events") == 0) {
		feed->stats.bells++;
		look(feed);
	} else if (strcmp(channel, "parley_ephemeral") == 0)
		ephemeral_receive(feed, payload);
	else if (feed->on_control != NULL)
		feed->on_control(feed->arg, payload);
}

static void
listener_up(void *arg)
{
	struct api_feed *feed = arg;

	feed->stats.listening = true;
	feed->unchecked = true;
	feed->pause_ms = 0;
	look(feed);
	if (feed->on_listening != NULL)
		feed->on_listening(feed->arg, true);
}

static void
listener_down(void *arg)
{
	struct api_feed *feed = arg;

	feed->stats.listening = false;
	if (feed->on_listening != NULL)
		feed->on_listening(feed->arg, false);
}

struct api_feed *
api_feed_new(const struct api_feed_params *p)
{
	static const char *const channels[] = { "parley_events",
		"parley_ephemeral", "parley_control" };
	struct db_listener_params listen = { 0 };
	struct api_feed *feed = base_alloc(sizeof(*feed));

	feed->loop = p->loop;
	feed->pool = p->pool;
	feed->hub = p->hub;
	feed->turn_bytes = p->turn_bytes;
	feed->on_ephemeral = p->on_ephemeral;
	feed->on_control = p->on_control;
	feed->on_logged = p->on_logged;
	feed->on_replaced = p->on_replaced;
	feed->on_listening = p->on_listening;
	feed->arg = p->arg;
	feed->bounds = db_statement_find("events.bounds");
	feed->read = db_statement_find("events.read");
	feed->some = db_statement_find("events.some");
	feed->stats.cursor = -1;
	feed->unchecked = true;

	listen.loop = p->loop;
	listen.conninfo = p->conninfo;
	listen.application_name = p->application_name;
	listen.channels = channels;
	listen.channel_count = ARRAY_LEN(channels);
	listen.on_notify = listener_notify;
	listen.on_up = listener_up;
	listen.on_down = listener_down;
	listen.arg = feed;
	feed->listener = db_listener_new(&listen);
	feed->poll = base_timer_start(feed->loop, POLL_MS, poll_tick, feed);
	return feed;
}

void
api_feed_free(struct api_feed *feed)
{
	if (feed == NULL)
		return;
	db_listener_free(feed->listener);
	db_query_cancel(feed->query);
	base_timer_cancel(feed->next);
	base_timer_cancel(feed->poll);
	forget(feed);
	base_free(feed->events);
	base_buf_fini(&feed->rewritten);
	base_free(feed);
}

bool
api_feed_ready(const struct api_feed *feed)
{
	return feed->stats.listening && feed->stats.cursor >= 0;
}

int64_t
api_feed_cursor(const struct api_feed *feed)
{
	return feed->stats.cursor;
}

void
api_feed_stats(const struct api_feed *feed, struct api_feed_stats *out)
{
	*out = feed->stats;
}
