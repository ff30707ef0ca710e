/* SPDX-License-Identifier: ISC */
/* The timer wheel against the plain meaning of "due". */

#include <stdlib.h>

#include "push/wheel.h"
#include "tests/unit/harness.h"

enum {
	NODES = 500
};

static struct push_wheel w;
static struct push_wheel_node nodes[NODES];
static uint32_t due[NODES];

static void
test_order(void)
{
	struct push_wheel_node a = { 0 }, b = { 0 };

	memset(&w, 0, sizeof(w));
	push_wheel_set(&w, &a, 5);
	push_wheel_set(&w, &b, 3);
	CU_ASSERT(push_wheel_due(&w, 2) == NULL);
	CU_ASSERT(push_wheel_due(&w, 4) == &b && b.due == 0);
	CU_ASSERT(push_wheel_due(&w, 4) == NULL);
	push_wheel_set(&w, &b, 1);
	CU_ASSERT(b.due == 5);
	push_wheel_set(&w, &a, 9);
	push_wheel_remove(&w, &b);
	push_wheel_remove(&w, &b);
	CU_ASSERT(push_wheel_due(&w, 8) == NULL);
	CU_ASSERT(push_wheel_due(&w, 100000) == &a);
	CU_ASSERT(push_wheel_due(&w, 100000) == NULL);
	CU_ASSERT(w.tick == 100000 && w.count == 0);
}

/* Nobody comes late, and early only who was due beyond the wheel's width. */
static void
test_random(void)
{
	struct push_wheel_node *node;
	uint32_t now = 0, seen = 0;
	size_t i;

	srand(5);
	memset(&w, 0, sizeof(w));
	memset(nodes, 0, sizeof(nodes));
	for (i = 0; i < NODES; i++) {
		due[i] = 1 + (uint32_t)rand() % 3000;
		push_wheel_set(&w, &nodes[i], due[i]);
	}
	while (w.count > 0) {
		now += 1 + (uint32_t)rand() % 40;
		while ((node = push_wheel_due(&w, now)) != NULL) {
			i = (size_t)(node - nodes);
			if (due[i] > now) {
				push_wheel_set(&w, node, due[i]);
				continue;
			}
			CU_ASSERT(now - due[i] <= 40);
			seen++;
		}
		CU_ASSERT(w.tick == now);
	}
	CU_ASSERT(seen == NODES);
}

TEST_MAIN("push_wheel", { "order", test_order }, { "random", test_random })
