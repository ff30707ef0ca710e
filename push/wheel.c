/* SPDX-License-Identifier: ISC */
/* The timer wheel. */

#include "push/wheel.h"

#include <stddef.h>

static struct push_wheel_slot *
slot_of(struct push_wheel *w, uint32_t tick)
{
	return &w->slots[tick % PUSH_WHEEL_SLOTS];
}

void
push_wheel_remove(struct push_wheel *w, struct push_wheel_node *node)
{
	if (node->due == 0)
		return;
	LIST_REMOVE(node, link);
	node->due = 0;
	w->count--;
}

void
push_wheel_set(struct push_wheel *w, struct push_wheel_node *node, uint32_t due)
{
	uint32_t last = w->tick + PUSH_WHEEL_SLOTS - 1;

	push_wheel_remove(w, node);
	if (due <= w->tick)
		due = w->tick + 1;
	if (due > last)
		due = last;
	node->due = due;
	LIST_INSERT_HEAD(slot_of(w, due), node, link);
	w->count++;
}

struct push_wheel_node *
push_wheel_due(struct push_wheel *w, uint32_t now)
{
	struct push_wheel_node *node;

	/* After a long sleep one round meets every node. */
	if (now - w->tick > PUSH_WHEEL_SLOTS && now > w->tick)
		w->tick = now - PUSH_WHEEL_SLOTS;
	while (w->tick < now) {
		node = LIST_FIRST(slot_of(w, w->tick + 1));
		if (node == NULL) {
			w->tick++;
			continue;
		}
		push_wheel_remove(w, node);
		return node;
	}
	return NULL;
}
