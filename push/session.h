/* SPDX-License-Identifier: ISC */
/*
 * One live connection: a stream of events, and on a WebSocket also messages
 * from the client.  Life of a session:
 *
 *	open ─► STARTING ─start─► REPLAYING ─► LIVE ─► CLOSING ─► freed
 *	            └─refuse──────────────────────────────▲
 *
 * STARTING	nothing is sent; the door finds out who it is (identify) and
 *		what they follow (start).
 * REPLAYING	position P moves along the log: by chunks that the door reads,
 *		then through the ring.  Pauses while the peer does not drain.
 * LIVE		events come from the hub.
 * CLOSING	the goodbye; the door has nothing to do with it any more.
 *
 * Callbacks run from the loop, never from inside a function of this header.
 * Any function here may be called from inside any callback.  `closed` comes
 * once, as the last one, for every session that was opened; the session is
 * not to be touched from its return on.
 */

#ifndef PUSH_SESSION_H
#define PUSH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "push/event.h"
#include "push/follow.h"
#include "push/hub.h"

/* Close codes (RFC 6455, 7.4 and ours). */
enum {
	PUSH_CLOSE_NORMAL = 1000,
	PUSH_CLOSE_GOING_AWAY = 1001,
	PUSH_CLOSE_PROTOCOL = 1002,
	PUSH_CLOSE_UNSUPPORTED = 1003,
	PUSH_CLOSE_NO_CODE = 1005,  /* never sent: the peer gave none */
	PUSH_CLOSE_ABNORMAL = 1006, /* never sent: the link was lost */
	PUSH_CLOSE_BAD_TEXT = 1007,
	PUSH_CLOSE_POLICY = 1008,
	PUSH_CLOSE_TOO_BIG = 1009,
	PUSH_CLOSE_INTERNAL = 1011,
	PUSH_CLOSE_RESTART = 1012,
	PUSH_CLOSE_TRY_LATER = 1013,
	PUSH_CLOSE_EXPIRED = 4401,
	PUSH_CLOSE_FORBIDDEN = 4403, /* closed by an admin or the user */
	PUSH_CLOSE_TOO_SLOW = 4408,
	PUSH_CLOSE_SUSPENDED = 4423,
	PUSH_CLOSE_TOO_MANY = 4429,
};

enum push_state {
	PUSH_STARTING,
	PUSH_REPLAYING,
	PUSH_LIVE,
	PUSH_CLOSING,
};

/* A chunk of the log that a session wants.  Borrowed for the callback. */
struct push_replay {
	const char *const *topics; /* NULL: all topics */
	size_t topic_count;
	int64_t after;	/* events behind this */
	int64_t upto;	/* and up to this */
	uint32_t limit; /* this many at most */
	size_t bytes;	/* and none behind that which fills this: the session
			 * would not take it now */
};

/* What the door hears.  Shared, borrowed for the session's life; each may be
 * NULL if it cannot happen. */
struct push_session_ops {
	/* A complete, valid text message.  Borrowed for the call. */
	void (*text)(
	    void *arg, struct push_session *s, const char *text, size_t len);

	/* Read this from the log and answer with push_session_replay(). */
	void (*replay)(
	    void *arg, struct push_session *s, const struct push_replay *want);

	/* The start query's answer is too old for the ring: run it again
	 * with this `after` (-1: the client has no position) and call
	 * push_session_start() again. */
	void (*restart)(void *arg, struct push_session *s, int64_t after);

	/* PUSH_SINK: events, oldest first, borrowed for the call. */
	void (*events)(void *arg, struct push_session *s,
	    struct push_event *const *events, size_t count);

	/* It ends; `code` is what was sent, received, or 1005, 1006. */
	void (*closed)(
	    void *arg, struct push_session *s, unsigned code, const char *why);
};

struct push_session_params {
	int fd; /* taken: non-blocking, watched by nobody; -1 for a sink */
	enum push_kind kind;
	const char *connection; /* its id; copied */
	const void *first;	/* bytes that came behind the request; copied */
	size_t first_len;
	const struct push_session_ops *ops;
	void *arg;
};

/* Takes the descriptor and watches it for the peer's going away.  The process
 * ignores SIGPIPE: writev() has no flag against it. */
MUST_USE struct push_session *push_session_open(
    struct push_hub *hub, const struct push_session_params *p);

/* Answers with these bytes instead of a stream and closes; only in STARTING. */
void push_session_refuse(struct push_session *s, const void *http, size_t len);

/* Everything is copied. */
struct push_identity {
	const char *user;	 /* id; NULL: no user topic, no joins */
	int64_t expires_at;	 /* seconds since 1970; 0: never */
	uint32_t heartbeat_s;	 /* visible `heartbeat` events; 0: none */
	bool everything;	 /* ?topics=all */
	const char *const *only; /* ?topics=a,b: never more than these; NULL:
				  * whatever the user joins (`auto`) */
	size_t only_count;
};

/* Who it is; once, in STARTING, before start. */
void push_session_identify(
    struct push_session *s, const struct push_identity *who);

/* The answer of the start query, of one snapshot; all borrowed. */
struct push_start {
	const char *const *topics; /* as of end_id; the own user topic may
				    * be missing; with `only`, others are
				    * left out here */
	const int64_t *from;	   /* see struct push_following */
	size_t topic_count;
	const char *const *visits; /* besides, until their doors are shut; the
				    * first call counts */
	const int64_t *visit_from; /* of each the first message they see */
	size_t visit_count;
	int64_t visit_checked; /* where the log ended when that was looked up;
				* not before push_hub_shut() */
	int64_t end_id;	       /* H */
	int64_t floor_id;
	int64_t rewritten_id; /* the newest event <= H that has changed older
			       * ones in the log; 0: none */
	const struct push_effect *effects; /* after < id <= H, ascending */
	size_t effect_count;
	bool has_after;
	int64_t after;
	const void *head; /* the 101 or 200 answer, sent first */
	size_t head_len;
	/* permessage-deflate was agreed to with this window; 0: it was not. */
	unsigned window_bits;
	/* More members of ready's data, as `"a": 1, "b": 2`; NULL: none.
	 * `connection`, `user` and `last_event_id` are put in here. */
	const char *ready;
};

/* Sends head and `ready`, then `reset`, a replay, or nothing, and goes LIVE as
 * soon as there is nothing between its position and the hub's cursor.  When
 * called again after `restart`, the session goes on from its own position:
 * has_after and after are ignored, and head and ready if they were sent. */
void push_session_start(struct push_session *s, const struct push_start *st);

/* Answers `replay`: all events of its topics with id up to `upto` (which may be
 * below what was asked when limit or bytes cut it: then the last one's id).  With
 * no events and `upto` at or below the position: look at the ring again. */
void push_session_replay(struct push_session *s,
    struct push_event *const *events, size_t count, int64_t upto);

/* Follow or leave a topic from now on.  A restricted session too: this is what
 * the client asked for.  `from`: the first message that it sees of the topic; 0:
 * all.  For topics that need no right, or that the user cannot lose. */
void push_session_join(struct push_session *s, const char *topic, int64_t from);
void push_session_leave(struct push_session *s, const char *topic);

/* The same of a topic that the user may read as was looked up when the log ended
 * with `checked`: what is behind that is heard.  False: they have left one since,
 * perhaps this one, so look again; nothing has changed. */
MUST_USE bool push_session_subscribe(
    struct push_session *s, const char *topic, int64_t from, int64_t checked);

/* The same of one who may read the topic without belonging to it, as was looked
 * up when the log ended with `checked`: until its door is shut.  False: some
 * door was shut since, look again; nothing has changed. */
MUST_USE bool push_session_visit(
    struct push_session *s, const char *topic, int64_t from, int64_t checked);

/* Whether it follows `topic` now. */
bool push_session_follows(const struct push_session *s, const char *topic);

/* One text frame; WebSocket only (elsewhere ignored). */
void push_session_reply(struct push_session *s, const char *text, size_t len);

/* A private event without an id; `data` is a JSON value or NULL. */
void push_session_event(
    struct push_session *s, const char *type, const char *data);

/* A new time of expiry (seconds since 1970; 0: never); warns anew. */
void push_session_expires(struct push_session *s, int64_t at);

/* A sign of life from a client that cannot send on its stream.  An SSE session
 * that has had one needs more of them: after dead_ms of silence it ends, as a
 * WebSocket does whose peer answers no ping. */
void push_session_touch(struct push_session *s);

/* Stops or resumes taking messages from the peer (back-pressure).  Counts no
 * silence meanwhile. */
void push_session_hold(struct push_session *s, bool hold);

/* The door owes replies to messages that it took.  Meanwhile a peer's close
 * frame, a frame for which it is closed, or the end of its stream waits for
 * them, grace_ms at most. */
void push_session_owe(struct push_session *s, bool owes);

/*
 * Says goodbye and closes.  On a WebSocket: what is queued, a close frame with
 * `code` and `why` (at most 123 bytes, NULL: none), then the peer's answer is
 * awaited for close_ms.  On SSE: an `error` event {"code", "close", "detail"}
 * (for 1001, 1012 and 1013 a `reconnect` event; for 1000 nothing), then the
 * end.  In STARTING the descriptor is just closed.  Twice is fine.
 */
void push_session_close(struct push_session *s, unsigned code, const char *why);

const char *push_session_connection(const struct push_session *s);
const char *push_session_user(const struct push_session *s); /* or NULL */
enum push_kind push_session_kind(const struct push_session *s);
enum push_state push_session_state(const struct push_session *s);
void *push_session_arg(const struct push_session *s);
size_t push_session_queued(const struct push_session *s); /* bytes */

#endif
