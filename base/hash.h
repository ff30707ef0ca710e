/* SPDX-License-Identifier: ISC */
/*
 * Hashing with a secret per process, so that nobody can choose names that
 * collide, and a map on top of it.
 */

#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* SipHash-2-4 of the `len` bytes under a key drawn once per process (children
 * of a fork share it when the parent hashed before).  Never store it. */
uint64_t base_hash(const void *bytes, size_t len);

/* SipHash-2-4 under a key of the caller's: the same on every host. */
uint64_t base_hash_keyed(
    const unsigned char key[16], const void *bytes, size_t len);

struct base_map_slot;

/* Byte string → pointer; open addressing.  In the caller's storage; zeroed
 * storage is as good as init.  Takes no memory until the first put. */
struct base_map {
	struct base_map_slot *slots; /* owned */
	size_t cap;		     /* slots; 0 or a power of two */
	size_t count;		     /* entries; readable */
};

void base_map_init(struct base_map *m);

/* Frees the table; keys and values are the caller's. */
void base_map_fini(struct base_map *m);

/* The value under `key`, or NULL. */
void *base_map_get(const struct base_map *m, const void *key, size_t len);

/* Stores `value` (not NULL) under `key` and returns the value that it
 * replaces, or NULL.  The key is borrowed while the entry stands, so it should
 * live in the value; a replaced entry borrows the new key. */
void *base_map_put(
    struct base_map *m, const void *key, size_t len, void *value);

/* Removes the entry and returns its value, or NULL when there was none. */
void *base_map_remove(struct base_map *m, const void *key, size_t len);

/* Walks the entries in no order: start with *pos = 0, NULL ends it.  During a
 * walk nothing may be put or removed. */
void *base_map_next(const struct base_map *m, size_t *pos);

#endif
