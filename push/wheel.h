/* SPDX-License-Identifier: ISC */
/*
 * A coarse timer wheel: each node is due in some tick.  Setting, moving and
 * removing are O(1); nothing is touched while nothing is due.  A node that is
 * due further away than the wheel is wide comes out early, and its owner sets
 * it again.
 */

#ifndef PUSH_WHEEL_H
#define PUSH_WHEEL_H

#include <sys/queue.h>

#include <stdint.h>

#include "base/attr.h"

#define PUSH_WHEEL_SLOTS 512

struct push_wheel_node {
	LIST_ENTRY(push_wheel_node) link;
	uint32_t due; /* tick; 0 = not in the wheel */
};

LIST_HEAD(push_wheel_slot, push_wheel_node);

/* Zeroed storage is an empty wheel at tick 0. */
struct push_wheel {
	struct push_wheel_slot slots[PUSH_WHEEL_SLOTS];
	uint32_t tick; /* all up to this one is done */
	uint32_t count;
};

/* Puts the node in, or moves it.  A tick that has passed becomes the next. */
void push_wheel_set(
    struct push_wheel *w, struct push_wheel_node *node, uint32_t due);

void push_wheel_remove(struct push_wheel *w, struct push_wheel_node *node);

/* Takes one node out that is due up to tick `now`; NULL when none is, and then
 * the wheel stands at `now`. */
struct push_wheel_node *push_wheel_due(struct push_wheel *w, uint32_t now);

#endif
