/* SPDX-License-Identifier: ISC */
/* The queue of a session. */

#include "push/queue.h"

#include "base/recycle.h"

#define CAP_MIN 16

static struct push_event **
array_get(uint32_t cap)
{
	return base_recycle_get(cap * sizeof(struct push_event *));
}

static void
array_put(struct push_event **items, uint32_t cap)
{
	base_recycle_put(items, cap * sizeof(struct push_event *));
}

static struct push_event **
item(const struct push_queue *q, uint32_t n)
{
	return &q->items[(q->first + n) & (q->cap - 1)];
}

static uint32_t
size_of(const struct push_queue *q, const struct push_event *e)
{
	return (uint32_t)push_event_size(e, (enum push_kind)q->kind);
}

static void
grow(struct push_queue *q)
{
	struct push_event **items;
	uint32_t i;

	if (q->items == NULL) {
		q->items = array_get(CAP_MIN);
		q->cap = CAP_MIN;
		return;
	}
	items = array_get(2 * q->cap);
	for (i = 0; i < q->count; i++)
		items[i] = *item(q, i);
	array_put(q->items, q->cap);
	q->items = items;
	q->cap *= 2;
	q->first = 0;
}

static void
array_release_if_empty(struct push_queue *q)
{
	if (q->count > 0 || q->items == NULL)
		return;
	array_put(q->items, q->cap);
	q->items = NULL;
	q->cap = 0;
	q->first = 0;
}

void
push_queue_put(struct push_queue *q, struct push_event *e)
{
	if (q->count == q->cap)
		grow(q);
	*item(q, q->count++) = push_event_ref(e);
	q->bytes += size_of(q, e);
}

unsigned
push_queue_iov(const struct push_queue *q, struct iovec *iov, unsigned max)
{
	unsigned n = 0;
	uint32_t i;

	/* An event may take two. */
	for (i = 0; i < q->count && n + 2 <= max; i++)
		n += push_event_iov(*item(q, i), (enum push_kind)q->kind,
		    i == 0 ? q->skip : 0, iov + n);
	return n;
}

void
push_queue_written(struct push_queue *q, size_t n)
{
	q->bytes -= (uint32_t)n;
	n += q->skip;
	while (q->count > 0) {
		struct push_event *e = *item(q, 0);
		uint32_t size = size_of(q, e);

		if (n < size)
			break;
		n -= size;
		push_event_unref(e);
		q->first = (q->first + 1) & (q->cap - 1);
		q->count--;
	}
	q->skip = (uint32_t)n;
	array_release_if_empty(q);
}

/* Keeps the items that `keep` likes, in their order. */
static unsigned
filter(struct push_queue *q,
    bool (*keep)(const struct push_queue *q, const struct push_event *e,
	uint32_t n, bool flag),
    bool flag)
{
	uint32_t i, kept = 0, count = q->count;

	for (i = 0; i < count; i++) {
		struct push_event *e = *item(q, i);

		if (keep(q, e, i, flag)) {
			*item(q, kept++) = e;
			continue;
		}
		q->bytes -= size_of(q, e);
		push_event_unref(e);
	}
	q->count = kept;
	array_release_if_empty(q);
	return count - kept;
}

static bool
keep_logged(const struct push_queue *q, const struct push_event *e, uint32_t n,
    bool flag)
{
	(void)flag;
	return !e->ephemeral || (n == 0 && q->skip > 0);
}

static bool
keep_begun_only(const struct push_queue *q, const struct push_event *e,
    uint32_t n, bool flag)
{
	(void)e;
	return flag && n == 0 && q->skip > 0;
}

unsigned
push_queue_drop_ephemeral(struct push_queue *q)
{
	return filter(q, keep_logged, false);
}

void
push_queue_clear(struct push_queue *q, bool keep_begun)
{
	filter(q, keep_begun_only, keep_begun);
	if (q->count == 0) {
		q->skip = 0;
		q->bytes = 0;
	}
}

unsigned
push_queue_take(struct push_queue *q, struct push_event **out, unsigned max)
{
	unsigned n = 0;

	while (n < max && q->count > 0) {
		out[n] = *item(q, 0);
		q->bytes -= size_of(q, out[n]);
		q->first = (q->first + 1) & (q->cap - 1);
		q->count--;
		n++;
	}
	array_release_if_empty(q);
	return n;
}
