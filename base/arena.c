/* SPDX-License-Identifier: ISC */
/*
 * The arena: a list of blocks that are filled from the front.  What is larger
 * than a quarter of a block gets a block of its own behind the newest one, so
 * that the newest one's rest is not lost.
 */

#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/recycle.h"

#define BLOCK_BYTES 4000 /* with malloc's own bytes below a page */
#define LARGE_BYTES (BLOCK_BYTES / 4)
#define ALIGNMENT _Alignof(max_align_t)

struct base_arena_block {
	struct base_arena_block *next; /* owned; older */
	size_t bytes;		       /* of data */
	max_align_t data[];
};

void
base_arena_init(struct base_arena *a)
{
	a->blocks = NULL;
	a->used = 0;
}

void
base_arena_fini(struct base_arena *a)
{
	struct base_arena_block *block;

	while ((block = a->blocks) != NULL) {
		a->blocks = block->next;
		base_recycle_put(block, sizeof(*block) + block->bytes);
	}
	a->used = 0;
}

static struct base_arena_block *
block_new(size_t bytes)
{
	struct base_arena_block *block =
	    base_recycle_get(sizeof(*block) + bytes);

	block->next = NULL;
	block->bytes = bytes;
	return block;
}

static void *
alloc_large(struct base_arena *a, size_t size)
{
	struct base_arena_block *block = block_new(size);

	if (a->blocks == NULL) {
		a->blocks = block;
		a->used = BLOCK_BYTES; /* full: the next one is a new block */
	} else {
		block->next = a->blocks->next;
		a->blocks->next = block;
	}
	return block->data;
}

void *
base_arena_alloc(struct base_arena *a, size_t size)
{
	struct base_arena_block *block;
	void *mem;

	if (size > SIZE_MAX / 2)
		abort();
	size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (size > LARGE_BYTES)
		return memset(alloc_large(a, size), 0, size);
	if (a->blocks == NULL || size > BLOCK_BYTES - a->used) {
		block = block_new(BLOCK_BYTES);
		block->next = a->blocks;
		a->blocks = block;
		a->used = 0;
	}
	mem = (char *)a->blocks->data + a->used;
	a->used += size;
	return memset(mem, 0, size);
}

char *
base_arena_strdup(struct base_arena *a, const char *s)
{
	return s == NULL ? NULL : base_arena_strndup(a, s, strlen(s));
}

char *
base_arena_strndup(struct base_arena *a, const char *s, size_t len)
{
	char *copy = base_arena_alloc(a, len + 1);

	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

char *
base_arena_printf(struct base_arena *a, const char *format, ...)
{
	va_list args, again;
	char *text;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		abort();
	text = base_arena_alloc(a, (size_t)len + 1);
	vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}
