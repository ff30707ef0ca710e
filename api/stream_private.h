/* SPDX-License-Identifier: ISC */
/*
 * What the files behind api/stream.h share: the process's streams and one
 * stream.  Nobody else includes this.
 */

#ifndef API_STREAM_PRIVATE_H
#define API_STREAM_PRIVATE_H

#include <sys/queue.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/batch.h"
#include "api/feed.h"
#include "api/registry.h"
#include "api/replay.h"
#include "api/socket.h"
#include "api/stream.h"
#include "api/stream_request.h"
#include "api/topics.h"
#include "api/typing.h"
#include "push/session.h"

#define API_STREAM_WATCHED_MAX 500
#define API_STREAM_CONNECTION_SIZE 64 /* bytes of an id and its NUL */

struct api_closings;
struct api_orders_kept;
struct api_poll_waits;
struct api_presence;
struct api_seen_wait;

LIST_HEAD(api_stream_list, api_stream);
TAILQ_HEAD(api_stream_queue, api_stream);

struct api_streams {
	struct base_loop *loop;
	struct api_engine *engine;
	struct db_pool *pool;
	struct push_hub *hub; /* owned, and so is the rest */
	struct api_feed *feed;
	struct api_replays *replays;
	struct api_registry *registry;
	struct api_sockets *sockets;
	struct api_typing *typing;
	struct api_presence *presence;
	struct api_poll_waits *poll_waits;
	struct api_closings *closings;
	struct api_orders_kept *orders;
	struct api_batch *starts; /* sessions.start */
	char process[40];	  /* "p1-1": begins every connection's id */
	size_t sessions_max;
	size_t count;	/* streams, from open to closed */
	size_t opening; /* of them with a turn to ask the database */
	struct api_stream_queue waiting; /* for that turn, in order */
	struct base_timer *hold;	 /* non-NULL: some of them for the
					  * database */
	bool draining;
	void (*on_drain)(void *arg, uint32_t spread_ms);
	void *drain_arg;
	struct api_stream_list list;
	struct base_timer *tick;  /* figures for the metrics */
	struct push_stats pushed; /* as of the last tick */
	struct api_feed_stats fed;
	struct api_replays_stats replayed;
};

/* Until the stream has started or was refused. */
struct api_stream_opening {
	struct api_stream_request request;
	bool cors;     /* the origin may read the answer */
	bool waiting;  /* on that list of the process's */
	bool admitted; /* counted there */
	/* Non-NULL = in flight; one at a time. */
	struct api_identify *identify;
	struct api_seen_wait *seen;
	struct api_topics_query *topics;
	struct api_batch_item *suspension;
	uint64_t suspensions_version; /* when it was asked */
};

struct api_stream {
	LIST_ENTRY(api_stream) link;
	TAILQ_ENTRY(api_stream) wait_link; /* while opening->waiting */
	struct api_streams *streams;
	struct push_session *session;	    /* until `closed` */
	struct api_identity *identity;	    /* referenced; NULL at first */
	struct api_stream_opening *opening; /* owned; NULL once over */
	struct api_batch_item *start;	    /* non-NULL = in flight */
	struct api_replay *replay;	    /* likewise */
	struct api_socket *socket; /* owned; of a WebSocket whose client
					     * has sent something */
	struct api_registration *registration;
	struct api_topics topics; /* of ?topics=; no names: whatever the
				   * user joins */
	char *platform;		  /* owned; of `socket`; NULL: not said */
	char *remote_addr;	  /* owned; likewise */
	char *ticket_hash;	  /* owned; of a ticket that may come back,
				   * else NULL */
	int64_t after;		  /* of the start query in flight */
	bool has_after;
	uint16_t watched; /* users, of API_STREAM_WATCHED_MAX */
	uint64_t opened_ms;
};

extern const struct push_session_ops api_stream_session_ops;

/* Asks for what the session needs to start, from s->after on, and starts it. */
void api_stream_start(struct api_stream *s);

/* While opening: answers with that error and closes. */
void api_stream_refuse_code(
    struct api_stream *s, const char *code, const char *detail);

/* Ends the opening, whatever is still under way for it. */
void api_stream_opening_free(struct api_stream *s);

/* Stops waiting for the database to be there. */
void api_streams_hold_end(struct api_streams *all);

/* Frees a stream whose session has ended or is about to be freed. */
void api_stream_free(struct api_stream *s);

/* Whether who opens the stream may come back with its ticket. */
bool api_stream_ticket_kept(const struct api_stream *s);
/* It was accepted. */
void api_stream_ticket_taken(struct api_stream *s);
/* s->identity lasts longer now. */
void api_stream_ticket_renew(struct api_stream *s);
/* Nobody may come back with it. */
void api_stream_ticket_end(struct api_stream *s);

/* A new id of a connection. */
void api_stream_connection_make(
    const struct api_streams *all, char out[API_STREAM_CONNECTION_SIZE]);

/* The stream with this id if this process holds it, else NULL. */
struct api_stream *api_stream_find(
    struct api_streams *all, const char *connection);

/* Obeys an order from parley_control, if its stream is here; true: it is, or it
 * was. */
bool api_orders_told(struct api_streams *all, const json_t *order);

/* Obeys one to close a stream that was not heard when it was given. */
void api_orders_close(struct api_streams *all, const char *connection);
/* The same of one for all streams of a user; see connections.close_all. */
void api_orders_close_all(struct api_streams *all, const json_t *order);

#endif
