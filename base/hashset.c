/* SPDX-License-Identifier: ISC */
/* Open addressing; never more than three quarters full. */

#include "base/hashset.h"

#include "base/mem.h"

#define FIRST_SLOTS 64

/* 0 marks a free slot; it shares the place of 1. */
static uint64_t
shown(uint64_t hash)
{
	return hash != 0 ? hash : 1;
}

/* Where it is, or would be.  There is a free slot. */
static uint64_t *
slot_of(const struct base_hashset *s, uint64_t hash)
{
	size_t at = (size_t)hash & (s->cap - 1);

	while (s->slots[at] != 0 && s->slots[at] != hash)
		at = (at + 1) & (s->cap - 1);
	return &s->slots[at];
}

static void
grow(struct base_hashset *s)
{
	struct base_hashset old = *s;

	s->cap = old.cap > 0 ? old.cap * 2 : FIRST_SLOTS;
	s->slots = base_alloc_array(s->cap, sizeof(*s->slots));
	for (size_t i = 0; i < old.cap; i++) {
		if (old.slots[i] != 0)
			*slot_of(s, old.slots[i]) = old.slots[i];
	}
	base_free(old.slots);
}

void
base_hashset_fini(struct base_hashset *s)
{
	base_free(s->slots);
	*s = (struct base_hashset){ 0 };
}

bool
base_hashset_has(const struct base_hashset *s, uint64_t hash)
{
	return s->count > 0 && *slot_of(s, shown(hash)) != 0;
}

void
base_hashset_add(struct base_hashset *s, uint64_t hash)
{
	uint64_t *slot;

	if (s->count + 1 > s->cap / 4 * 3)
		grow(s);
	slot = slot_of(s, shown(hash));
	s->count += *slot == 0;
	*slot = shown(hash);
}
