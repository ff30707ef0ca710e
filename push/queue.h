/* SPDX-License-Identifier: ISC */
/*
 * What one session still has to write: references to events, oldest first.
 * Holds no memory while it is empty.
 */

#ifndef PUSH_QUEUE_H
#define PUSH_QUEUE_H

#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "push/event.h"

/* In the caller's storage; zeroed storage is empty.  Readable. */
struct push_queue {
	struct push_event **items; /* owned; circular; NULL while empty */
	uint32_t first;
	uint32_t count;
	uint32_t cap;	/* a power of two */
	uint32_t skip;	/* bytes of the first item that are written */
	uint32_t bytes; /* still to write */
	uint8_t kind;	/* enum push_kind: how bytes are counted */
};

/* Takes a reference. */
void push_queue_put(struct push_queue *q, struct push_event *e);

/* Fills `iov` with what comes next and returns how many were filled. */
unsigned push_queue_iov(
    const struct push_queue *q, struct iovec *iov, unsigned max);

/* `n` bytes were written: lets go of the events that are through. */
void push_queue_written(struct push_queue *q, size_t n);

/* Drops the ephemeral events, but none that is half written; returns how
 * many. */
unsigned push_queue_drop_ephemeral(struct push_queue *q);

/* Drops everything, except the rest of a half-written event if `keep_begun`:
 * without it a frame would be torn. */
void push_queue_clear(struct push_queue *q, bool keep_begun);

/* Moves up to `max` events out, with their references. */
unsigned push_queue_take(
    struct push_queue *q, struct push_event **out, unsigned max);

#endif
