/* SPDX-License-Identifier: ISC */
/* What the host's processes counted, summed and written for Prometheus. */
#include <inttypes.h>
#include <stdbool.h>

#include "api/metrics_private.h"
#include "api/operation.h"
#include "base/attr.h"
#include "base/buf.h"

struct row {
	const char *name;
	const char *labels; /* with braces, or "" */
	const char *help;   /* NULL: of the row above */
};

/* clang-format off */
static const struct row counters[] = {
	[API_COUNT_EVENTS_READ] = { "parley_events_read_total", "", "Events read from the log" },
	[API_COUNT_EVENTS_DELIVERED] = { "parley_events_delivered_total", "",
	    "Events queued on a stream" },
	[API_COUNT_EVENTS_DROPPED] = { "parley_events_dropped_total", "",
	    "Ephemeral events left out for slow readers" },
	[API_COUNT_EVENTS_REPLAYED] = { "parley_events_replayed_total", "",
	    "Events given again to streams that resumed" },
	[API_COUNT_STREAMS_OPENED] = { "parley_streams_opened_total", "", "Streams opened" },
	[API_COUNT_STREAMS_SLOW] = { "parley_streams_slow_total", "",
	    "Streams cut because their queue was full" },
	[API_COUNT_STREAMS_REFUSED] = { "parley_streams_refused_total", "", "Streams refused" },
	[API_COUNT_SOCKET_FRAMES] = { "parley_socket_frames_total", "",
	    "WebSocket messages received" },
	[API_COUNT_BYTES_OUT] = { "parley_stream_bytes_total", "", "Bytes written to streams" },
	[API_COUNT_DB_ROUND_TRIPS] = { "parley_db_round_trips_total", "",
	    "Statements answered by PostgreSQL" },
	[API_COUNT_DB_ERRORS] = { "parley_db_errors_total", "",
	    "Statements that failed or were not run" },
	[API_COUNT_DB_RECONNECTS] = { "parley_db_connects_total", "",
	    "Connections made to PostgreSQL" },
	[API_COUNT_BATCHES] = { "parley_batches_total", "", "Batches sent to PostgreSQL" },
	[API_COUNT_BATCH_ITEMS] = { "parley_batch_items_total", "", "Calls and starting streams in them" },
	[API_COUNT_AUTH_FAILED] = { "parley_auth_failed_total", "", "Credentials refused" },
	[API_COUNT_RATE_LIMITED] = { "parley_rate_limited_total", "",
	    "Calls refused by a rate limit" },
	[API_COUNT_UPLOADS] = { "parley_uploads_total", "", "Files stored" },
	[API_COUNT_UPLOAD_BYTES] = { "parley_upload_bytes_total", "", "Bytes of stored files" },
	[API_COUNT_THUMBNAILS] = { "parley_thumbnails_total", "", "Thumbnails made" },
	[API_COUNT_DECODER_CRASHES] = { "parley_decoder_deaths_total", "{how=\"crash\"}",
	    "Uploads whose decoder did not come back" },
	[API_COUNT_DECODER_TIMEOUTS] = { "parley_decoder_deaths_total", "{how=\"timeout\"}", NULL },
};

static const struct row gauges[] = {
	[API_GAUGE_CONNECTIONS_SSE] = { "parley_connections", "{kind=\"sse\"}", "Open streams" },
	[API_GAUGE_CONNECTIONS_SOCKET] = { "parley_connections", "{kind=\"websocket\"}", NULL },
	[API_GAUGE_CONNECTIONS_POLL] = { "parley_connections", "{kind=\"poll\"}", NULL },
	[API_GAUGE_CALLS] = { "parley_calls", "", "Calls in progress" },
	[API_GAUGE_DB_QUEUE] = { "parley_db_queue", "", "Statements not answered yet" },
	[API_GAUGE_DB_CONNECTIONS] = { "parley_db_connections", "",
	    "Connections to PostgreSQL in service" },
	[API_GAUGE_PUSH_TOPICS] = { "parley_push_topics", "", "Topics that somebody listens to" },
	[API_GAUGE_PUSH_QUEUE_BYTES] = { "parley_push_queue_bytes", "", "Bytes queued on streams" },
	[API_GAUGE_PUSH_RING_BYTES] = { "parley_push_ring_bytes", "",
	    "Bytes of events kept for streams that resume" },
	[API_GAUGE_FOLLOWER_SEARCH] = { "parley_follower_behind", "{name=\"search\"}",
	    "Events that are still to be worked off after the commit" },
	[API_GAUGE_FOLLOWER_NOTIFICATIONS] = { "parley_follower_behind",
	    "{name=\"notifications\"}", NULL },
};
/* clang-format on */

_Static_assert(ARRAY_LEN(counters) == API_COUNTERS, "a row per counter");
_Static_assert(ARRAY_LEN(gauges) == API_GAUGES, "a row per gauge");

static uint64_t
load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* Walk the slots that count: *i from 0, NULL ends it.  The own slot is among
 * the file's, or stands alone. */
static const struct api_metrics_slot *
next_slot(const struct api_metrics *m, size_t *i)
{
	while (m->slots != NULL && *i < API_METRICS_SLOTS) {
		const struct api_metrics_slot *s = &m->slots[(*i)++];

		if (s->process[0] != '\0')
			return s;
	}
	if (m->private_slot != NULL && *i <= API_METRICS_SLOTS) {
		*i = API_METRICS_SLOTS + 1;
		return m->private_slot;
	}
	return NULL;
}

/* The gauges of a process that died say nothing any more. */
static bool
is_alive(const struct api_metrics *m, const struct api_metrics_slot *s)
{
	if (s == m->own)
		return true;
	return api_map_file_claimed(
	    &m->file, API_METRICS_HEAD + (uint64_t)(s - m->slots) * sizeof(*s));
}

uint64_t
api_metrics_counter(struct api_metrics *m, enum api_counter c)
{
	const struct api_metrics_slot *s;
	uint64_t sum = 0;
	size_t i = 0;

	while ((s = next_slot(m, &i)) != NULL)
		sum += load(&s->counters[c]);
	return sum;
}

int64_t
api_metrics_gauge(struct api_metrics *m, enum api_gauge g)
{
	const struct api_metrics_slot *s;
	int64_t sum = 0;
	size_t i = 0;

	while ((s = next_slot(m, &i)) != NULL) {
		if (is_alive(m, s))
			sum += __atomic_load_n(&s->gauges[g], __ATOMIC_RELAXED);
	}
	return sum;
}

static void
write_head(struct base_buf *out, const struct row *row, const char *type)
{
	if (row->help != NULL)
		base_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name,
		    row->help, row->name, type);
}

static void
sum_op(struct api_metrics *m, size_t op, struct api_metrics_op *sum)
{
	const struct api_metrics_slot *s;
	size_t i = 0;

	*sum = (struct api_metrics_op){ .sum_us = 0 };
	while ((s = next_slot(m, &i)) != NULL) {
		const struct api_metrics_op *o = &s->ops[op];

		for (size_t n = 0; n < API_METRICS_STATUSES; n++)
			sum->statuses[n] += load(&o->statuses[n]);
		for (size_t n = 0; n <= API_METRICS_BUCKETS; n++)
			sum->buckets[n] += load(&o->buckets[n]);
		sum->sum_us += load(&o->sum_us);
	}
}

static const char *
op_name(size_t op)
{
	return op < api_operation_count() ? api_operation_at(op)->name : "none";
}

static void
write_requests(
    struct base_buf *out, const char *op, const struct api_metrics_op *sum)
{
	for (size_t n = 0; n < API_METRICS_STATUSES; n++) {
		if (sum->statuses[n] > 0)
			base_buf_printf(out,
			    "parley_requests_total{operation=\"%s\","
			    "status=\"%d\"} %" PRIu64 "\n",
			    op, api_metrics_status(n), sum->statuses[n]);
	}
}

static void
write_latency(
    struct base_buf *out, const char *op, const struct api_metrics_op *sum)
{
	static const char name[] = "parley_request_seconds";
	uint64_t below = 0;

	for (size_t n = 0; n < API_METRICS_BUCKETS; n++) {
		below += sum->buckets[n];
		base_buf_printf(out,
		    "%s_bucket{operation=\"%s\",le=\"%g\"} %" PRIu64 "\n", name,
		    op, api_metrics_bound_us(n) / 1e6, below);
	}
	below += sum->buckets[API_METRICS_BUCKETS];
	base_buf_printf(out,
	    "%s_bucket{operation=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
	    "%s_sum{operation=\"%s\"} %.6f\n"
	    "%s_count{operation=\"%s\"} %" PRIu64 "\n",
	    name, op, below, name, op, (double)sum->sum_us / 1e6, name, op,
	    below);
}

static bool
was_called(const struct api_metrics_op *sum)
{
	for (size_t n = 0; n < API_METRICS_STATUSES; n++) {
		if (sum->statuses[n] > 0)
			return true;
	}
	return false;
}

static void
write_operations(struct api_metrics *m, struct base_buf *out)
{
	static const struct row requests = { "parley_requests_total", "",
		"Calls by operation and HTTP status; 0 = another" };
	static const struct row latency = { "parley_request_seconds", "",
		"Time from the request to the answer" };
	struct api_metrics_op sum;

	write_head(out, &requests, "counter");
	for (size_t op = 0; op <= api_operation_count(); op++) {
		sum_op(m, op, &sum);
		write_requests(out, op_name(op), &sum);
	}
	write_head(out, &latency, "histogram");
	for (size_t op = 0; op <= api_operation_count(); op++) {
		sum_op(m, op, &sum);
		if (was_called(&sum))
			write_latency(out, op_name(op), &sum);
	}
}

void
api_metrics_write(struct api_metrics *m, struct base_buf *out)
{
	write_operations(m, out);
	for (size_t i = 0; i < API_COUNTERS; i++) {
		write_head(out, &counters[i], "counter");
		base_buf_printf(out, "%s%s %" PRIu64 "\n", counters[i].name,
		    counters[i].labels,
		    api_metrics_counter(m, (enum api_counter)i));
	}
	for (size_t i = 0; i < API_GAUGES; i++) {
		write_head(out, &gauges[i], "gauge");
		base_buf_printf(out, "%s%s %" PRId64 "\n", gauges[i].name,
		    gauges[i].labels, api_metrics_gauge(m, (enum api_gauge)i));
	}
}
