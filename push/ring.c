/* SPDX-License-Identifier: ISC */
/* The ring of the newest events. */

#include "push/ring.h"

#include <string.h>

#include "base/mem.h"

#define CAP_MIN 64

static size_t
cost(const struct push_event *e)
{
	return sizeof(struct push_ring_slot) + (e != NULL ? e->bytes : 0);
}

static struct push_ring_slot *
slot(const struct push_ring *r, size_t n)
{
	return &r->slots[(r->first + n) & (r->cap - 1)];
}

static void
grow(struct push_ring *r)
{
	size_t cap = r->cap == 0 ? CAP_MIN : r->cap * 2, i;
	struct push_ring_slot *slots = base_alloc(cap * sizeof(*slots));

	for (i = 0; i < r->count; i++)
		slots[i] = *slot(r, i);
	base_free(r->slots);
	r->slots = slots;
	r->cap = cap;
	r->first = 0;
}

static void
oldest_drop(struct push_ring *r)
{
	struct push_ring_slot *s = slot(r, 0);

	r->floor = s->id;
	r->bytes -= cost(s->event);
	push_event_unref(s->event);
	r->first = (r->first + 1) & (r->cap - 1);
	r->count--;
}

static void
slot_fill(struct push_ring *r, size_t n, struct push_event *e)
{
	struct push_ring_slot *s = slot(r, n);

	s->id = e->id;
	s->topic_hash = e->topic_hash;
	s->event = push_event_ref(e);
	r->bytes += cost(e);
}

void
push_ring_fini(struct push_ring *r)
{
	push_ring_reset(r, 0);
	base_free(r->slots);
	r->slots = NULL;
	r->cap = 0;
}

void
push_ring_reset(struct push_ring *r, int64_t floor)
{
	while (r->count > 0)
		oldest_drop(r);
	r->floor = floor;
}

void
push_ring_put(struct push_ring *r, struct push_event *e)
{
	if (r->count == r->cap)
		grow(r);
	slot_fill(r, r->count++, e);
	while (r->bytes > r->limit && r->count > 0)
		oldest_drop(r);
}

bool
push_ring_put_older(struct push_ring *r, struct push_event *e)
{
	if (r->bytes + cost(e) > r->limit)
		return false;
	if (r->count == r->cap)
		grow(r);
	r->first = (r->first + r->cap - 1) & (r->cap - 1);
	r->count++;
	slot_fill(r, 0, e);
	return true;
}

void
push_ring_replace(struct push_ring *r, int64_t id, struct push_event *e)
{
	size_t n = push_ring_find(r, id - 1);
	struct push_ring_slot *s = n < r->count ? slot(r, n) : NULL;

	if (s == NULL || s->id != id)
		return;
	r->bytes -= cost(s->event);
	push_event_unref(s->event);
	s->event = e != NULL ? push_event_ref(e) : NULL;
	r->bytes += cost(s->event);
}

void
push_ring_keep(struct push_ring *r, struct push_event *e)
{
	size_t n = push_ring_find(r, e->id - 1);

	if (n == r->count || slot(r, n)->event != e)
		return;
	r->bytes -= cost(e);
	push_event_keep(e);
	r->bytes += cost(e);
}

const struct push_ring_slot *
push_ring_at(const struct push_ring *r, size_t n)
{
	return slot(r, n);
}

size_t
push_ring_find(const struct push_ring *r, int64_t id)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (slot(r, mid)->id <= id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
