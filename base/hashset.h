/* SPDX-License-Identifier: ISC */
/*
 * A set of hashes, eight bytes each: for what need only be recognized.  Not of
 * anything that a stranger chooses without a secret key.
 */

#ifndef BASE_HASHSET_H
#define BASE_HASHSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the caller's storage; zeroed storage is an empty set. */
struct base_hashset {
	uint64_t *slots; /* owned; 0 = free */
	size_t cap;	 /* slots; 0 or a power of two */
	size_t count;	 /* hashes; readable */
};

/* Forgets all of them, and its memory. */
void base_hashset_fini(struct base_hashset *s);

bool base_hashset_has(const struct base_hashset *s, uint64_t hash);

/* Adding one again changes nothing. */
void base_hashset_add(struct base_hashset *s, uint64_t hash);

#endif
