/* SPDX-License-Identifier: ISC */
/* Metrics: a file mapped by all processes of a host with one slot per process.
 * Each process writes only its own slot with plain relaxed stores; whoever is
 * asked for /metrics sums over the slots.  Counters survive a restart of the
 * slot's owner, gauges are zeroed when a slot is claimed anew. */
#ifndef API_METRICS_H
#define API_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct base_buf;
struct api_metrics;

/* Rows of the tables in metrics_text.c: name, labels, help. */
enum api_counter {
	API_COUNT_EVENTS_READ,	    /* rows read from the log */
	API_COUNT_EVENTS_DELIVERED, /* queued on a session */
	API_COUNT_EVENTS_DROPPED,   /* ephemeral ones, reader too slow */
	API_COUNT_EVENTS_REPLAYED,
	API_COUNT_STREAMS_OPENED,
	API_COUNT_STREAMS_SLOW,	   /* cut: queue full */
	API_COUNT_STREAMS_REFUSED, /* not opened: credentials, limits */
	API_COUNT_SOCKET_FRAMES,   /* frames received */
	API_COUNT_BYTES_OUT,	   /* written to streams */
	API_COUNT_DB_ROUND_TRIPS,
	API_COUNT_DB_ERRORS,
	API_COUNT_DB_RECONNECTS,
	API_COUNT_BATCHES,     /* batches sent */
	API_COUNT_BATCH_ITEMS, /* calls in them */
	API_COUNT_AUTH_FAILED,
	API_COUNT_RATE_LIMITED,
	API_COUNT_UPLOADS,
	API_COUNT_UPLOAD_BYTES,
	API_COUNT_THUMBNAILS,
	API_COUNT_DECODER_CRASHES, /* each cost one upload */
	API_COUNT_DECODER_TIMEOUTS
};
#define API_COUNTERS 21

enum api_gauge {
	API_GAUGE_CONNECTIONS_SSE,
	API_GAUGE_CONNECTIONS_SOCKET,
	API_GAUGE_CONNECTIONS_POLL, /* held long polls */
	API_GAUGE_CALLS,	    /* in progress */
	API_GAUGE_DB_QUEUE,	    /* queries not answered yet */
	API_GAUGE_DB_CONNECTIONS,   /* ready */
	API_GAUGE_PUSH_TOPICS,
	API_GAUGE_PUSH_QUEUE_BYTES,
	API_GAUGE_PUSH_RING_BYTES,
	API_GAUGE_FOLLOWER_SEARCH, /* events behind; of who does the steps */
	API_GAUGE_FOLLOWER_NOTIFICATIONS
};
#define API_GAUGES 11

/* Map `<run_dir>/metrics` and claim a slot for `process` (e.g. "kore-p1-1");
 * a process of that name that died leaves its slot, with its counters, to the
 * next.  Without a run_dir, or when every slot is taken, counts privately.
 * Never fails: metrics are no reason not to serve. */
struct api_metrics *api_metrics_open(const char *run_dir, const char *process);
void api_metrics_close(struct api_metrics *m);

/* One answered call.  `op` is api_operation_index(), or api_operation_count()
 * for requests that named none. */
void api_metrics_request(
    struct api_metrics *m, size_t op, int status, uint64_t took_us);
void api_metrics_count(struct api_metrics *m, enum api_counter c, uint64_t n);
void api_metrics_gauge_set(struct api_metrics *m, enum api_gauge g, int64_t v);
void api_metrics_gauge_add(struct api_metrics *m, enum api_gauge g, int64_t d);

/* Append the Prometheus text format, version 0.0.4, summed over all slots. */
void api_metrics_write(struct api_metrics *m, struct base_buf *out);

/* Sum of one counter or gauge over all slots. */
uint64_t api_metrics_counter(struct api_metrics *m, enum api_counter c);
int64_t api_metrics_gauge(struct api_metrics *m, enum api_gauge g);

#endif
