/* SPDX-License-Identifier: ISC */
/*
 * An event: made once, then shared by reference by the ring and by every queue
 * that it waits in.  Its JSON object
 *
 *	{"event": …, "id": …, "topic": …, "origin": …, "time": …, "data": …}
 *
 * is written when it is made, into one block of memory from which both wire
 * forms are sent as they lie: a WebSocket text frame is the object behind a
 * frame header, an SSE message is a short prefix and the same object.  So
 * there is nothing left to encode when it is delivered.
 */

#ifndef PUSH_EVENT_H
#define PUSH_EVENT_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "push/deflate.h"

enum push_kind {
	PUSH_SSE,
	PUSH_WEBSOCKET,
	PUSH_SINK, /* no descriptor: batches of events go to a callback */
};

#define PUSH_KINDS 3

/* What an event is made from; everything is copied. */
struct push_event_fields {
	int64_t id;	    /* > 0; 0 = ephemeral: not in the log */
	const char *topic;  /* NULL: a private one, of one session only */
	const char *type;   /* "message.created" */
	const char *origin; /* connection id, or NULL */
	const char *time;   /* RFC 3339; NULL: left out */
	const char *data;   /* one JSON value; NULL: null */
	size_t data_len;    /* 0: strlen(data) */
	bool skip_origin;   /* the connection `origin` is left out */
	int effect;	    /* +1: this user joins effect_topic; -1: leaves */
	const char *effect_topic; /* NULL without an effect */
	int64_t seq; /* only who sees the message of this number hears it; with
		      * an effect: the first that the user sees, or saw, of
		      * effect_topic; 0: not said */
	bool has_sse_id; /* private ones: an SSE `id:` line, of sse_id */
	int64_t sse_id;
	uint32_t retry_ms; /* private ones: SSE `retry:`; 0 = none */
};

/*
 * Numbers of messages as topics and events keep them: who hears a topic sees
 * its messages from one on, and hears an event unless that is above its number.
 * No conversation has four thousand million messages; if one had, its members
 * would rather miss events than hear what they may not see.
 */
#define PUSH_SEQ_NONE UINT32_MAX

static inline uint32_t
push_seq_of(int64_t seq)
{
	if (seq <= 0)
		return PUSH_SEQ_NONE;
	return seq < PUSH_SEQ_NONE ? (uint32_t)seq : PUSH_SEQ_NONE - 1;
}

static inline uint32_t
push_seq_from(int64_t first)
{
	if (first <= 0)
		return 0;
	return first < PUSH_SEQ_NONE ? (uint32_t)first : PUSH_SEQ_NONE;
}

/* Readable by everybody, changed by nobody but event.c. */
struct push_event {
	uint32_t refs;
	int8_t effect;
	bool skip_origin;
	bool ephemeral; /* may be dropped by a queue that is full */
	bool plain;	/* does not get smaller */
	bool kept;	/* holds a reference to its twin */
	uint8_t ws_header_len;
	uint32_t seq; /* cut by push_seq_of(); PUSH_SEQ_NONE: all hear it */
	int64_t id;   /* 0: ephemeral or private */
	uint64_t topic_hash;  /* push_topic_hash(topic) */
	uint64_t effect_hash; /* the same of effect_topic, or 0 */
	const char *topic;    /* NULL: private */
	const char *type;     /* NULL: raw bytes, see push_event_raw() */
	const char *origin;
	const char *effect_topic;
	const char *json; /* the object; "\n\n" follows it in memory */
	const char *sse;  /* the SSE prefix, up to and with "data: " */
	uint32_t json_len;
	uint32_t sse_len;
	uint32_t bytes; /* of memory that this event holds */
	/* Borrowed while both live: of an event its compressed frame, of that
	 * the event. */
	struct push_event *twin;
};

/* The hash by which topics are found in this process. */
uint64_t push_topic_hash(const char *topic);

/* A new event with one reference, the caller's.  Newlines between the tokens
 * of `data` become spaces, as SSE needs. */
MUST_USE struct push_event *push_event_new(const struct push_event_fields *f);

/* Bytes that go out as they are, whatever the kind of the session: control
 * frames, comments, HTTP heads.  One reference, the caller's. */
MUST_USE struct push_event *push_event_raw(const void *bytes, size_t len);

/* A WebSocket text frame around `text`, compressed if it may be for a client
 * with this window (0: it may not) and that makes it smaller.  One reference,
 * the caller's. */
MUST_USE struct push_event *push_event_text(const char *text, size_t len,
    struct push_deflate *deflate, unsigned window_bits);

/*
 * What goes to a WebSocket client with this window (0: none) for an event: its
 * compressed frame, where that is smaller, or the event itself.  It is
 * compressed once, as long as anybody holds the result; push_event_keep() has
 * the event itself do so.  One reference, the caller's.
 */
MUST_USE struct push_event *push_event_pack(
    struct push_event *e, struct push_deflate *deflate, unsigned window_bits);
void push_event_keep(struct push_event *e);

/* Does it shut the door of its own topic: a leave of that, by everybody who does
 * not belong to it? */
bool push_event_shuts(const struct push_event *e);

struct push_event *push_event_ref(struct push_event *e);

/* Gives one reference back; the last one frees.  NULL is fine. */
void push_event_unref(struct push_event *e);

/* Bytes that the event takes on a wire of this kind. */
size_t push_event_size(const struct push_event *e, enum push_kind kind);

/* Fills at most two iov with the event's wire form from byte `skip` on and
 * returns how many: 1 or 2, or 0 when nothing is left behind `skip`. */
unsigned push_event_iov(const struct push_event *e, enum push_kind kind,
    size_t skip, struct iovec iov[2]);

#endif
