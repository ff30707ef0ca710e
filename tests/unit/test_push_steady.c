/* SPDX-License-Identifier: ISC */
/* Under an even load events come, are delivered and go without the heap: this
 * file stands in for base/mem.c and counts. */
#include <string.h>

#include "base/attr.h"
#include "tests/unit/harness.h"
#include "tests/unit/push_fixture.h"

static unsigned long taken; /* from the heap, so far */

static void *
must(void *mem)
{
	if (mem == NULL)
		abort();
	taken++;
	return mem;
}

void *
base_alloc(size_t size)
{
	return must(calloc(1, size + 1));
}

void *
base_alloc_array(size_t count, size_t size)
{
	return base_alloc(count * size);
}

void *
base_realloc(void *mem, size_t size)
{
	return must(realloc(mem, size + 1));
}

char *
base_strdup(const char *s)
{
	return s == NULL ? NULL : must(strdup(s));
}

char *
base_strndup(const char *s, size_t len)
{
	return must(strndup(s, len));
}

void
base_free(void *mem)
{
	free(mem);
}

#define ROUNDS 300
#define BURST 20

static const char *const topics[] = { "conversation:a", NULL };

/* Messages of many sizes; every round the same ones in another order. */
static void
message_publish(struct world *w, int64_t id, unsigned length)
{
	char data[3000], text[2900];
	struct push_event_fields f = { .id = id,
		.topic = topics[0],
		.type = "message.created",
		.origin = "p1-1-x",
		.time = "2026-11-21T12:00:00.000000Z",
		.data = data };
	struct push_event *e;

	memset(text, 'x', length);
	text[length] = '\0';
	snprintf(data, sizeof(data), "{\"text\":\"%s\"}", text);
	e = push_event_new(&f);
	push_hub_publish(w->hub, e);
	push_event_unref(e);
}

static void
round_of(struct world *w, struct door *doors, size_t count, unsigned n)
{
	unsigned long before;

	for (unsigned i = 0; i < BURST; i++)
		message_publish(
		    w, 1000 + n * BURST + i, (n + i) % BURST * 140 + 20);
	turns(w, 1);
	before = taken;
	for (size_t i = 0; i < count; i++) {
		door_read(&doors[i]);
		base_buf_reset(&doors[i].got);
	}
	taken = before; /* the readers' own */
}

static void
test_steady(void)
{
	static struct door doors[6];
	struct push_stats stats;
	unsigned long before;
	struct world w;

	world_init_with(&w, (struct push_hub_params){ .ring_bytes = 1u << 20 });
	push_hub_cursor_set(w.hub, 100);
	for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
		door_open(&w, &doors[i], i % 2 ? PUSH_WEBSOCKET : PUSH_SSE);
		doors[i].window_bits = i == 5 ? 15 : 0;
		door_start(&w, &doors[i], "ann", topics);
	}
	/* Until the ring is full: from then on an event goes for each. */
	for (unsigned n = 0; n < ROUNDS; n++)
		round_of(&w, doors, ARRAY_LEN(doors), n);
	before = taken;
	for (unsigned n = ROUNDS; n < 2 * ROUNDS; n++)
		round_of(&w, doors, ARRAY_LEN(doors), n);
	CU_ASSERT_EQUAL(taken - before, 0);
	push_hub_stats(w.hub, &stats);
	CU_ASSERT_EQUAL(
	    stats.delivered, ARRAY_LEN(doors) * 2u * ROUNDS * BURST);
	for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
		CU_ASSERT_EQUAL(doors[i].closed, 0);
		door_fini(&doors[i]);
	}
	world_fini(&w);
}

TEST_MAIN("push_steady", { "takes nothing from the heap", test_steady })
