/* SPDX-License-Identifier: ISC */
/* Names by hash: open addressing with linear probing, never more than three
 * quarters full, nothing ever taken out. */

#include "push/nameset.h"

#include <string.h>

#include "base/mem.h"

#define CAP_MIN 8

/* The slot of the name, or the free one where it belongs. */
static struct push_name *
slot_find(
    struct push_name *slots, uint32_t cap, uint64_t hash, const char *name)
{
	uint32_t mask = cap - 1, i = (uint32_t)hash & mask;

	while (slots[i].name != NULL) {
		if (slots[i].hash == hash && strcmp(slots[i].name, name) == 0)
			break;
		i = (i + 1) & mask;
	}
	return &slots[i];
}

static void
grow(struct push_nameset *set)
{
	uint32_t cap = set->cap == 0 ? CAP_MIN : set->cap * 2, i;
	struct push_name *slots = base_alloc(cap * sizeof(*slots));

	for (i = 0; i < set->cap; i++)
		if (set->slots[i].name != NULL)
			*slot_find(slots, cap, set->slots[i].hash,
			    set->slots[i].name) = set->slots[i];
	base_free(set->slots);
	set->slots = slots;
	set->cap = cap;
}

void
push_nameset_fini(struct push_nameset *set)
{
	uint32_t i;

	for (i = 0; i < set->cap; i++)
		base_free(set->slots[i].name);
	base_free(set->slots);
	memset(set, 0, sizeof(*set));
}

struct push_name *
push_nameset_find(
    const struct push_nameset *set, uint64_t hash, const char *name)
{
	struct push_name *slot;

	if (set->cap == 0)
		return NULL;
	slot = slot_find(set->slots, set->cap, hash, name);
	return slot->name == NULL ? NULL : slot;
}

bool
push_nameset_maybe(const struct push_nameset *set, uint64_t hash)
{
	uint32_t mask = set->cap - 1, i = (uint32_t)hash & mask;

	if (set->cap == 0)
		return false;
	while (set->slots[i].name != NULL) {
		if (set->slots[i].hash == hash)
			return true;
		i = (i + 1) & mask;
	}
	return false;
}

struct push_name *
push_nameset_put(struct push_nameset *set, uint64_t hash, const char *name)
{
	struct push_name *slot;

	if (set->count >= set->cap / 4 * 3)
		grow(set);
	slot = slot_find(set->slots, set->cap, hash, name);
	if (slot->name == NULL) {
		slot->name = base_strdup(name);
		slot->hash = hash;
		set->count++;
	}
	return slot;
}

struct push_name *
push_nameset_next(const struct push_nameset *set, uint32_t *pos)
{
	while (*pos < set->cap) {
		struct push_name *slot = &set->slots[(*pos)++];

		if (slot->name != NULL)
			return slot;
	}
	return NULL;
}
