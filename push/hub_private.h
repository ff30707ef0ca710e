/* SPDX-License-Identifier: ISC */
/*
 * What the files of hub and session share.  Not for other rooms.
 *
 *	hub.c		topics, ring, publishing
 *	turn.c		the end of the loop's turn: callbacks, writing
 *	pulse.c		the clock: heartbeats, silence, expiry
 *	session.c	open, identify, join, leave, what a door may ask
 *	resume.c	from start to LIVE
 *	input.c		what comes from the peer
 *	later.c		topics that are followed from an event to come on
 *	output.c	what goes to it
 *	parting.c	the peer's last word
 *	goodbye.c	closing
 */

#ifndef PUSH_HUB_PRIVATE_H
#define PUSH_HUB_PRIVATE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/loop.h"
#include "push/deflate.h"
#include "push/follow.h"
#include "push/hub.h"
#include "push/queue.h"
#include "push/ring.h"
#include "push/session.h"
#include "push/topic.h"
#include "push/websocket.h"
#include "push/wheel.h"

#define PUSH_READ_BYTES 65536

/* The topic of those who hear all; no event has it. */
#define PUSH_TOPIC_ALL "*"

TAILQ_HEAD(push_dirty, push_session);

struct push_hub {
	struct push_hub_params p; /* with the defaults filled in */
	struct push_topics topics;
	struct push_ring ring;
	int64_t cursor;
	int64_t shut_id; /* the newest event that shut a door; 0: none yet */
	struct base_map connections; /* id -> session, until it closes */
	struct push_dirty dirty;     /* sessions with something to do */
	TAILQ_HEAD(, push_later)
	later; /* owned; see later.c */
	struct base_task turn;
	struct push_wheel wheel;  /* every session is in it */
	struct base_timer *timer; /* non-NULL while the wheel has nodes */
	uint64_t epoch_ms;	  /* the time of tick 0 */
	uint32_t tick;		  /* now, as of the last look */
	bool draining;
	bool deaf;	   /* nobody's touch is heard */
	uint32_t drain_ms; /* how long the drain is spread */
	uint32_t hint_ms;  /* how long the returns after 1012 are spread */
	uint32_t heard;	   /* number of the last event via several topics */
	uint32_t passed;   /* ephemeral events published, ever */
	struct push_websocket *decoder; /* owned; for who has none */
	struct push_deflate *deflate;	/* owned; all share it */
	struct push_event *comment;	/* shared: SSE heartbeat */
	struct push_event *ping;	/* shared: WebSocket ping */
	struct push_stats stats;
	uint8_t *read; /* owned; PUSH_READ_BYTES that all share */
};

/* From start to LIVE. */
struct push_resume {
	struct push_follow follow;
	int64_t end;	   /* H: what the start query's answer covers */
	int64_t rewritten; /* the newest event <= H that changed older ones */
	uint32_t chunks;   /* asked of the log so far, restarts included */
	bool recorded;	   /* what the client came with */
	bool has_after;	   /* it came with a position, or has one now */
	bool counted;	   /* among the resumes */
	uint32_t passed;   /* the hub's, at `ready` */
};

/* The goodbye. */
struct push_goodbye {
	enum {
		PUSH_GOODBYE_WRITE,  /* the rest of the queue */
		PUSH_GOODBYE_AWAIT,  /* the peer's close frame */
		PUSH_GOODBYE_LINGER, /* the peer's end of the stream */
		PUSH_GOODBYE_OVER,
	} phase;
	unsigned code;
	uint32_t deadline; /* tick */
	bool await;	   /* the peer owes a close frame */
	bool told;	   /* closed() was called */
	char why[PUSH_WS_REASON_MAX + 1];
};

struct push_parting; /* parting.c */

/* What a session wants from its door at the end of the turn. */
enum push_want {
	PUSH_WANT_NOTHING,
	PUSH_WANT_REPLAY,
	PUSH_WANT_RESTART,
	PUSH_WANT_ANSWER, /* asked; the door is at it */
};

struct push_session {
	struct base_watch watch; /* first: the loop's */
	int fd;			 /* owned; -1: a sink, or closed */
	uint8_t state;		 /* enum push_state */
	uint8_t kind;		 /* enum push_kind */
	uint8_t want;		 /* enum push_want */
	uint8_t window_bits;	 /* the peer's, of permessage-deflate; or 0 */
	bool dirty : 1;		 /* in hub->dirty */
	bool begun : 1;		 /* the head was sent */
	bool blocked : 1;	 /* the socket takes no more now */
	bool held : 1;		 /* by the door: takes no messages */
	bool throttled : 1;	 /* by its own full queue: likewise */
	bool ended : 1;		 /* the peer sends no more */
	bool owing : 1;		 /* the door owes replies */
	bool pinged : 1;	 /* since the last sign of life */
	bool warned : 1;	 /* token.expiring was sent */
	bool purged : 1;	 /* over half full: ephemerals were dropped */
	bool restricted : 1;	 /* joins only what is in `only` */
	bool everything : 1;
	bool unread : 1;  /* input waits although the loop says nothing */
	bool touched : 1; /* an SSE client that gives signs of life */
	uint32_t heard;	  /* the last event via several topics it met */
	int64_t position; /* P */
	int64_t left_id;  /* LIVE: the newest leave of its user */
	struct push_queue queue;
	TAILQ_ENTRY(push_session) dirty_link;
	struct push_hub *hub;
	struct push_memberships memberships;
	struct push_wheel_node node;
	uint32_t input_tick;  /* the last sign of life */
	uint32_t output_tick; /* the last time it took something */
	uint32_t beat_ticks;  /* between visible heartbeats; 0: none */
	uint32_t beat_tick;   /* the next one */
	uint32_t expiry_tick; /* 0: never */
	uint32_t leave_tick;  /* sent away by a drain then; 0: not */
	uint32_t missed_tick; /* told then that it missed ephemeral events */
	const struct push_session_ops *ops;
	void *arg;
	char *connection;	      /* owned */
	char *user_topic;	      /* owned; NULL: nobody */
	struct push_nameset *only;    /* owned; while LIVE and restricted */
	struct push_resume *resume;   /* owned; until LIVE */
	struct push_websocket *ws;    /* owned; inside a message */
	struct base_buf *rest;	      /* owned; input not yet taken */
	struct push_parting *parting; /* owned; waits for replies */
	struct push_goodbye *goodbye; /* owned; CLOSING */
};

/* session.c */
/* Moves the session to another state; the only place that does. */
void push_session_move(struct push_session *s, enum push_state state);
/* Takes it off the hub: topics, connection id, what it needed until LIVE. */
void push_session_unlist(struct push_session *s);

/* turn.c: has the session looked at, at the end of the turn. */
void push_turn_ask(struct push_session *s);
void push_turn_run(void *hub);

/* pulse.c */
/* The tick that is `ms` from now, at least one away; never 0. */
uint32_t push_pulse_in(const struct push_hub *hub, uint64_t ms);
/* Puts a new session under the clock. */
void push_pulse_begin(struct push_session *s);
/* Has the session looked at when something is next due. */
void push_pulse_arm(struct push_session *s);

/* later.c */
/* Has a live session join when the hub is behind `checked`. */
void push_later_add(struct push_session *s, const char *topic,
    enum push_listening how, int64_t from, int64_t checked);
/* It is not to join `topic` any more; NULL: nor any other. */
void push_later_drop(struct push_session *s, const char *topic);
/* Before an event is published, `id` 0: one that is not in the log. */
void push_later_run(struct push_hub *hub, int64_t id);

/* missed.c */
/* Ephemeral events were left out: it is told within spread_ms, when drained. */
void push_missed_note(struct push_session *s, uint32_t spread_ms);
/* Tells it, if that is due. */
void push_missed_tell(struct push_session *s);

/* resume.c */
/* Goes on as far as the queue and the ring allow. */
void push_resume_advance(struct push_session *s);
void push_resume_free(struct push_session *s);

/* input.c */
/* Takes what the peer sent. */
void push_input_run(struct push_session *s);
/* Keeps bytes for later. */
void push_input_keep(struct push_session *s, const void *bytes, size_t len);
/* Whether a WebSocket peer has sent something that was not taken yet. */
bool push_input_waits(const struct push_session *s);
/* Throws away what has arrived: close() would answer it with a reset, which
 * can overtake our last words. */
void push_input_discard(struct push_session *s);
void push_input_free(struct push_session *s);

/* output.c */
/* Queues one event within the limits; may begin the goodbye. */
void push_output_put(struct push_session *s, struct push_event *e);
/* The same of an event that nobody else has: gives the reference away. */
void push_output_give(struct push_session *s, struct push_event *e);
/* Queues regardless of limits: the last words. */
void push_output_force(struct push_session *s, struct push_event *e);
/* Writes until nothing is left or the socket is full. */
void push_output_run(struct push_session *s);
/* Drops what is queued; see push_queue_clear(). */
void push_output_clear(struct push_session *s, bool keep_begun);
/* Moves events out of a sink's queue. */
unsigned push_output_take(
    struct push_session *s, struct push_event **out, unsigned max);
/* What a replay fills the queue to; whether it should wait for the peer;
 * whether it may go on. */
size_t push_output_room(const struct push_hub *hub);
bool push_output_full(const struct push_session *s);
bool push_output_drained(const struct push_session *s);

/* parting.c */
/* The peer has closed (`answer`) or is to be closed for what it sent, with this
 * code and `len` bytes of reason: at once, or when the door owes nothing. */
void push_parting_take(struct push_session *s, bool answer, unsigned code,
    const char *why, size_t len);
/* It need not wait any longer. */
void push_parting_run(struct push_session *s);
/* The tick at which it does not, while s->parting. */
uint32_t push_parting_deadline(const struct push_session *s);
void push_parting_free(struct push_session *s);

/* goodbye.c */
/* The link is lost: nothing more to say. */
void push_goodbye_lost(struct push_session *s, unsigned code, const char *why);
/* Says `code`; `await`: a WebSocket peer may answer before the end. */
void push_goodbye_begin(
    struct push_session *s, unsigned code, const char *why, bool await);
/* Sends these bytes as all that is ever said. */
void push_goodbye_refuse(struct push_session *s, const void *http, size_t len);
/* The peer closes with this code and reason: answers it. */
void push_goodbye_answer(
    struct push_session *s, unsigned code, const char *why);
/* While closing: the peer's close frame has come, or will never be read. */
void push_goodbye_answered(struct push_session *s);
/* Cut as too slow: what is queued is given up. */
void push_goodbye_cut(struct push_session *s);
/* Moves on at the end of a turn; may free the session. */
void push_goodbye_advance(struct push_session *s);
/* Closes at once and frees everything, without a callback. */
void push_goodbye_destroy(struct push_session *s);

#endif
