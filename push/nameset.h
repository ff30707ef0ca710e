/* SPDX-License-Identifier: ISC */
/*
 * A small set of topic names, found by a hash that the caller already has.
 * base_map hashes the key anew in each look-up and keeps no flags; a resume
 * asks tens of thousands of events of the ring, each of which knows its hash.
 */

#ifndef PUSH_NAMESET_H
#define PUSH_NAMESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	PUSH_NAME_ON = 1,	/* by membership */
	PUSH_NAME_HAND_ON = 2,	/* asked for since `since` */
	PUSH_NAME_HAND_OFF = 4, /* not wanted since `since` */
	PUSH_NAME_VISIT = 8,	/* asked for by one who was let in */
};

struct push_name {
	uint64_t hash;
	char *name;	 /* owned; NULL = free slot */
	int64_t since;	 /* when the hand was last at it */
	int64_t checked; /* of a visit: when they were let in */
	uint32_t from;	 /* the reader's, see event.h */
	uint8_t flags;
};

/* In the caller's storage; zeroed storage is empty. */
struct push_nameset {
	struct push_name *slots; /* owned; open addressing */
	uint32_t cap;		 /* 0 or a power of two */
	uint32_t count;
};

void push_nameset_fini(struct push_nameset *set);

/* The entry, or NULL.  Borrowed until the next put. */
struct push_name *push_nameset_find(
    const struct push_nameset *set, uint64_t hash, const char *name);

/* Whether any name has this hash. */
bool push_nameset_maybe(const struct push_nameset *set, uint64_t hash);

/* The entry, added with zero fields if it was not there.  The name is copied.
 * Entries are never taken out: a topic that is left has no flag. */
struct push_name *push_nameset_put(
    struct push_nameset *set, uint64_t hash, const char *name);

/* Walks the entries in no order: start with *pos = 0, NULL ends it. */
struct push_name *push_nameset_next(
    const struct push_nameset *set, uint32_t *pos);

#endif
