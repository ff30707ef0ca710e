/* SPDX-License-Identifier: ISC */
/* The newest logged events in id order, bounded in bytes. */

#ifndef PUSH_RING_H
#define PUSH_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "push/event.h"

struct push_ring_slot {
	int64_t id;
	uint64_t topic_hash;
	struct push_event *event; /* shared; NULL: gone from the log */
};

/* In the caller's storage; zeroed storage with `limit` set is empty. */
struct push_ring {
	struct push_ring_slot *slots; /* owned; circular */
	size_t first;		      /* slot of the oldest */
	size_t count;
	size_t cap;    /* 0 or a power of two */
	size_t bytes;  /* memory of the events and their slots */
	size_t limit;  /* in bytes */
	int64_t floor; /* every logged event behind this is here */
};

void push_ring_fini(struct push_ring *r);

/* Takes references away, forgets all, and starts anew behind `floor`. */
void push_ring_reset(struct push_ring *r, int64_t floor);

/* Adds a newer event with a reference of its own; the oldest give way and the
 * floor rises. */
void push_ring_put(struct push_ring *r, struct push_event *e);

/* Adds an older one below all others if there is room.  The caller then lowers
 * the floor. */
MUST_USE bool push_ring_put_older(struct push_ring *r, struct push_event *e);

/* The event with this id, if it is here, is another now, or (NULL) gone.  Takes
 * a reference of its own.  Nothing gives way for it before the next put. */
void push_ring_replace(struct push_ring *r, int64_t id, struct push_event *e);

/* Has the event keep its compressed form, if it is in the ring, where that
 * counts as well.  Nothing gives way for it before the next put. */
void push_ring_keep(struct push_ring *r, struct push_event *e);

/* The n-th event from the oldest, n < count. */
const struct push_ring_slot *push_ring_at(const struct push_ring *r, size_t n);

/* The number of the first event with an id greater than `id`; count if there
 * is none.  O(log n). */
size_t push_ring_find(const struct push_ring *r, int64_t id);

#endif
