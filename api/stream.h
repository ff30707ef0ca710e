/* SPDX-License-Identifier: ISC */
/*
 * The doors that stay open: GET /v1/events as Server-Sent Events and
 * GET /v1/socket as a WebSocket.  The HTTP door reads the request's header
 * block and hands the descriptor over; from there on everything is done here:
 * who it is, what they may hear, the session in the hub, what they missed,
 * the row in `connections`, calls through a socket, and the goodbye.
 *
 * What a refused client is told:
 *  - 400 bad parameter or handshake, 401 no or bad credentials, 403 or 404 a
 *    topic it may not hear, 403 an Origin that is not on the list, 406 an
 *    Accept that excludes text/event-stream, 426 no upgrade or another
 *    version than 13, always with a problem body and `Connection: close`;
 *  - 503 with Retry-After while the database is away or this process is
 *    going down.  A browser's EventSource never comes back after a 503, so
 *    one of those (Accept names text/event-stream, and there is an Origin, a
 *    Sec-Fetch-Mode or a ?ticket) gets 200, `retry:`, one event `error` with
 *    the same problem as its data, and the end of the stream instead.  A
 *    ticket is then not spent.  The same goes for 429.
 */

#ifndef API_STREAM_H
#define API_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/call.h"
#include "api/feed.h"
#include "base/loop.h"
#include "push/hub.h"

struct api_streams; /* one per process */

enum api_stream_kind {
	API_STREAM_EVENTS, /* GET /v1/events */
	API_STREAM_SOCKET  /* GET /v1/socket */
};

/* Loop, pool and settings are the engine's, which must outlive the streams. */
struct api_streams_params {
	struct api_engine *engine;
	int worker;	     /* number of this process in its instance */
	size_t sessions_max; /* 0: no limit of ours; past it 503 */
	/* An operator wants this instance to end; NULL: it cannot. */
	void (*on_drain)(void *arg, uint32_t spread_ms);
	void *arg;
};

/*
 * One request whose header block is complete.  All borrowed for the call,
 * except the descriptor, which is taken: non-blocking, watched by nobody.
 */
struct api_stream_params {
	int fd;
	enum api_stream_kind kind;
	const char *method;
	const char *query; /* raw, without '?'; NULL: none */
	const char *(*header)(void *arg, const char *name);
	/* The n-th of several lines, from 0; NULL: header() knows them all. */
	const char *(*line)(void *arg, const char *name, size_t n);
	void *header_arg; /* both give NULL for an absent one */
	const char *remote_addr;
	const char *request_id; /* NULL: one is made */
	const void *first;	/* bytes read behind the header block */
	size_t first_len;
	bool http_1_0; /* the request said HTTP/1.0 */
	bool deflate;  /* may be agreed to */
};

#define API_STREAM_LAST_ID_DETAIL \
	"Last-Event-ID is the id of an event, as the stream sent it."

/* What GET /v1/events is asked for. */
enum api_stream_want {
	API_STREAM_WANT_STREAM, /* hand it to api_stream_open() */
	API_STREAM_WANT_LIST,	/* an ordinary call of events.list */
	API_STREAM_WANT_NEITHER /* 406; api_stream_open() says so */
};

/*
 * Makes the hub and the feed too, and tells the engine: the streams' context,
 * the hooks of connections.* and events.list, the readiness "listener".
 */
struct api_streams *api_streams_new(const struct api_streams_params *);

/* Closes what is open without a word; say goodbye first. */
void api_streams_free(struct api_streams *);

/* `accept` may be NULL, which is anything, which is a stream. */
enum api_stream_want api_stream_want(const char *accept);

/* Answers in every case, then or later; never calls back the door. */
void api_stream_open(struct api_streams *, const struct api_stream_params *);

/*
 * Says goodbye to every stream: a `reconnect` event with a delay drawn from
 * `spread_ms`, then 1012 on WebSockets, `retry:` and the end on SSE.
 * Newcomers find the connection closed without an answer from now on: a proxy
 * then asks another instance, and an EventSource comes back, which it does not
 * after an error.  The first writes what the sockets take and closes them
 * within the call, for a process that ends; calls in flight are finished and
 * the registry is told in the turns that it may still make, until
 * api_streams_pending() is 0.  The second spreads the goodbyes over `spread_ms`.
 */
void api_streams_goodbye(struct api_streams *, uint32_t spread_ms);
void api_streams_drain(struct api_streams *, uint32_t spread_ms);

/* Listener up, the log's end known, not draining. */
bool api_streams_ready(const struct api_streams *);

size_t api_streams_count(const struct api_streams *);

/* After a goodbye: what is still on its way to the database; 0 also when that
 * is away. */
size_t api_streams_pending(const struct api_streams *);

struct push_hub *api_streams_hub(struct api_streams *);

#endif
