/* SPDX-License-Identifier: ISC */
/*
 * The hub of one process: which live sessions listen to which topic, the ring
 * of the newest logged events, the clock of the heartbeats, the list of
 * sessions that have something to write.  Holds nothing durable.
 *
 * Events are published in the order of their ids.  Cursor C is the last id
 * published; the ring holds every event with floor R < id <= C, so a session
 * whose position is R or above needs no database.
 *
 * Everything that a call causes at other sessions (writing, cutting a slow
 * reader, callbacks) happens at the end of the loop's turn, 2 ms of it at a
 * time, first come first served.
 */

#ifndef PUSH_HUB_H
#define PUSH_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/loop.h"
#include "push/event.h"

struct push_hub;
struct push_session;

/* 0 takes the default in brackets. */
struct push_hub_params {
	struct base_loop *loop;	 /* borrowed for the hub's life */
	size_t ring_bytes;	 /* [16 MiB] */
	size_t queue_bytes;	 /* of one session [1 MiB] */
	size_t message_bytes;	 /* longest WebSocket message [64 KiB] */
	uint32_t sse_comment_ms; /* silence before a comment [15,000] */
	uint32_t ws_ping_ms;	 /* silence before a ping [25,000] */
	uint32_t dead_ms;	 /* a peer that is silent (WebSocket) or takes
				    * nothing although we have something
				    * [45,000] */
	uint32_t start_ms;	 /* from open to start [30,000] */
	uint32_t close_ms;	 /* for the goodbye of both ends [5,000] */
	uint32_t grace_ms;	 /* for replies that are owed to a WebSocket
				  * peer that closes [5,000] */
	uint32_t expiry_warning_ms; /* token.expiring before expiry [60,000] */
	uint32_t retry_ms;	    /* SSE retry: this to twice this [2,000] */
	uint32_t missed_ms;    /* who missed ephemeral events while the past was
			     * replayed is told within this [2,000] */
	uint32_t flush_us;     /* writing in one turn [500] */
	uint32_t replay_limit; /* events in one chunk from the log [500] */
	uint32_t replay_chunks; /* then "come back" [400] */
	uint32_t tick_ms;	/* grain of all these times [250] */
};

MUST_USE struct push_hub *push_hub_new(const struct push_hub_params *p);

/* Closes every descriptor without a word and frees all.  No callback runs. */
void push_hub_free(struct push_hub *hub);

/*
 * Applies the event's effect to the live sessions of its user (`auto` ones,
 * and restricted ones that named the topic; a leave always), queues it at all
 * live sessions of its topic but the skipped origin and those that do not see
 * the message it is about, and puts a logged one into the ring.  One that shuts
 * a door goes to those who visit the topic, who then leave it.  Takes a
 * reference of its own.  A logged event at or below the cursor is ignored.
 */
void push_hub_publish(struct push_hub *hub, struct push_event *e);

/* Where an event is heard: on `topics`, but not by sessions whose user's topic
 * is among `except`. */
struct push_via {
	const char *const *topics;
	size_t count;
	const char *const *except;
	size_t except_count;
};

/* The same of an ephemeral event that is heard on other topics than the one it
 * is shown with: each live session of one of these gets it once. */
void push_hub_publish_via(
    struct push_hub *hub, struct push_event *e, const struct push_via *via);

/* A logged event is another now (of the same topic), or (NULL) gone from the
 * log: whoever resumes gets it so.  One that is not in the ring is ignored.
 * Takes a reference of its own. */
void push_hub_replace(struct push_hub *hub, int64_t id, struct push_event *e);

/* C.  Set it once at the start to the end of the log, and later to what was
 * read without finding an event (ids have holes).  It only rises. */
int64_t push_hub_cursor(const struct push_hub *hub);
void push_hub_cursor_set(struct push_hub *hub, int64_t id);

/* The newest event published that shut a door (push_event_shuts); 0: none.  A
 * right that was looked at before it may be gone. */
int64_t push_hub_shut(const struct push_hub *hub);

/* R. */
int64_t push_hub_ring_floor(const struct push_hub *hub);

/*
 * Puts older events under the ring: all logged events with `floor` < id <= R,
 * ascending.  Takes references; keeps what fits, newest first, so R may stay
 * above `floor`.  Sessions that wait for a chunk are not told: answer them
 * with push_session_replay(s, NULL, 0, their position).
 */
void push_hub_ring_extend(struct push_hub *hub, struct push_event *const *e,
    size_t count, int64_t floor);

/* The log went back or was lost (a restored backup): empties the ring, sets
 * both R and C to `id` and sends every session away with 1012. */
void push_hub_log_reset(struct push_hub *hub, int64_t id);

/* The session with this connection id, or NULL. */
struct push_session *push_hub_find(
    const struct push_hub *hub, const char *connection);

/* Calls `each` for every session that is not closing.  It may close or join
 * and leave, not open. */
void push_hub_each(struct push_hub *hub,
    void (*each)(struct push_session *s, void *arg), void *arg);

/* Ephemeral events may not have come to this process for a while: all sessions
 * get `presence.missed`, spread over `spread_ms`. */
void push_hub_missed(struct push_hub *hub, uint32_t spread_ms);

/* Signs of life that other processes pass on (push_session_touch) do not come
 * here now: who lives by them is not given up meanwhile. */
void push_hub_deaf(struct push_hub *hub, bool deaf);

/* Live sessions that hear `topic`. */
size_t push_hub_listeners(const struct push_hub *hub, const char *topic);

/* Sends every session away, spread over `spread_ms`: `reconnect` event, then
 * 1012 or the end of the stream.  New sessions are still taken, and sent away
 * likewise. */
void push_hub_drain(struct push_hub *hub, uint32_t spread_ms);

/* The same for a process that ends now: queues the goodbyes (each with a delay
 * drawn from `spread_ms` as its hint), writes what the sockets take and closes
 * them, all within the call.  Callbacks are not called. */
void push_hub_goodbye(struct push_hub *hub, uint32_t spread_ms);

struct push_stats {
	uint64_t now[PUSH_KINDS]; /* sessions from open to closing */
	uint64_t starting;	  /* of them */
	uint64_t replaying;
	uint64_t live;
	uint64_t closing;	     /* saying goodbye; not in `now` */
	uint64_t opened[PUSH_KINDS]; /* ever */
	uint64_t topics;	     /* with a listener here */
	uint64_t published;	     /* events, ever */
	uint64_t delivered;	     /* events queued at sessions, ever */
	uint64_t dropped;	     /* ephemeral ones left out, ever */
	uint64_t cut;		     /* sessions cut as too slow, ever */
	uint64_t dead;		     /* sessions whose peer fell silent, ever */
	uint64_t resets;	     /* `reset` events, ever */
	uint64_t resumed_ring;	     /* resumes from the ring alone, ever */
	uint64_t resumed_log;	     /* resumes that asked the log, ever */
	uint64_t queue_bytes;	     /* waiting now, as the wire counts */
	uint64_t written_bytes;	     /* ever */
	uint64_t writes;	     /* writev calls, ever */
	uint64_t messages;	     /* WebSocket messages taken, ever */
	uint64_t ring_events;	     /* now */
	uint64_t ring_bytes;
};

void push_hub_stats(const struct push_hub *hub, struct push_stats *out);

#endif
