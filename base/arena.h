/* SPDX-License-Identifier: ISC */
/*
 * An arena: many small allocations with one end.  It holds what belongs to one
 * call and is emptied in one place.  Nothing in it may outlive the call.
 */

#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"

struct base_arena_block;

/* In the caller's storage; the fields are private. */
struct base_arena {
	struct base_arena_block *blocks; /* owned; newest first */
	size_t used;			 /* bytes taken of the newest block */
};

/* An empty arena; allocates nothing yet. */
void base_arena_init(struct base_arena *a);

/* Frees everything the arena gave.  It is then as after init. */
void base_arena_fini(struct base_arena *a);

/* `size` zeroed bytes, aligned for any type, borrowed until fini. */
MUST_USE void *base_arena_alloc(struct base_arena *a, size_t size);

/* A copy of the string `s` (NULL stays NULL), borrowed until fini. */
MUST_USE char *base_arena_strdup(struct base_arena *a, const char *s);

/* A NUL-terminated copy of the `len` bytes at `s`, borrowed until fini. */
MUST_USE char *base_arena_strndup(
    struct base_arena *a, const char *s, size_t len);

/* The formatted string, borrowed until fini. */
MUST_USE char *base_arena_printf(struct base_arena *a, const char *format, ...)
    PRINTF_LIKE(2, 3);

#endif
