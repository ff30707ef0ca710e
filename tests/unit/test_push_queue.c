/* SPDX-License-Identifier: ISC */
/* The queue of a session: partial writes, dropping, and no memory when
 * empty. */

#include "base/mem.h"
#include "push/queue.h"
#include "tests/unit/harness.h"

static struct push_queue q;

static struct push_event *
event(int64_t id, bool ephemeral)
{
	struct push_event_fields f = { .id = ephemeral ? 0 : id,
		.topic = "conversation:a",
		.type = "t",
		.data = "1" };

	return push_event_new(&f);
}

static void
put(int64_t id, bool ephemeral)
{
	struct push_event *e = event(id, ephemeral);

	push_queue_put(&q, e);
	push_event_unref(e);
}

/* All that is queued as one text. */
static size_t
text(char *out)
{
	struct iovec iov[64];
	unsigned n = push_queue_iov(&q, iov, 64), i;
	size_t len = 0;

	for (i = 0; i < n; i++) {
		memcpy(out + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	out[len] = '\0';
	return len;
}

static void
begin(enum push_kind kind)
{
	memset(&q, 0, sizeof(q));
	q.kind = (uint8_t)kind;
}

static void
end(void)
{
	push_queue_clear(&q, false);
	CU_ASSERT(q.items == NULL && q.bytes == 0);
}

/* Written one byte at a time, what is left is always the rest of the text. */
static void
bytewise_check(enum push_kind kind)
{
	char all[2048], rest[2048];
	size_t len, i;

	begin(kind);
	put(1, false);
	put(2, true);
	put(3, false);
	len = text(all);
	CU_ASSERT(len == q.bytes);
	for (i = 0; i < len; i++) {
		text(rest);
		CU_ASSERT(strcmp(rest, all + i) == 0);
		push_queue_written(&q, 1);
	}
	CU_ASSERT(q.count == 0 && q.bytes == 0 && q.items == NULL);
	end();
}

static void
test_partial_writes(void)
{
	bytewise_check(PUSH_SSE);
	bytewise_check(PUSH_WEBSOCKET);
}

static void
test_many(void)
{
	struct iovec iov[64];
	int64_t id;
	unsigned n;

	begin(PUSH_SSE);
	for (id = 1; id <= 1000; id++) {
		put(id, false);
		if (id % 3 == 0)
			push_queue_written(
			    &q, push_event_size(q.items[q.first], PUSH_SSE));
	}
	CU_ASSERT(q.count == 1000 - 333);
	CU_ASSERT(q.items[q.first]->id == 334);
	n = push_queue_iov(&q, iov, 64);
	CU_ASSERT(n == 64);
	end();
}

static void
test_drop_ephemeral(void)
{
	char out[2048];

	begin(PUSH_WEBSOCKET);
	put(1, true);
	put(2, false);
	put(3, true);
	put(4, true);
	put(5, false);
	push_queue_written(&q, 3);
	CU_ASSERT(push_queue_drop_ephemeral(&q) == 2);
	CU_ASSERT(q.count == 3); /* the first was begun */
	CU_ASSERT(text(out) == q.bytes);
	CU_ASSERT(strstr(out, "\"id\":2,") != NULL);
	CU_ASSERT(strstr(out, "\"id\":5,") != NULL);
	end();
}

static void
test_clear(void)
{
	begin(PUSH_WEBSOCKET);
	put(1, false);
	put(2, false);
	push_queue_clear(&q, true);
	CU_ASSERT(q.count == 0 && q.bytes == 0);
	put(1, false);
	put(2, false);
	push_queue_written(&q, 5);
	push_queue_clear(&q, true);
	CU_ASSERT(q.count == 1 && q.skip == 5);
	CU_ASSERT(
	    q.bytes == push_event_size(q.items[q.first], PUSH_WEBSOCKET) - 5);
	end();
}

static void
test_take(void)
{
	struct push_event *out[8];
	unsigned n, i;

	begin(PUSH_SINK);
	put(1, false);
	put(2, false);
	put(3, false);
	CU_ASSERT(push_queue_take(&q, out, 2) == 2);
	CU_ASSERT(out[0]->id == 1 && out[1]->id == 2);
	n = 2 + push_queue_take(&q, out + 2, 6);
	CU_ASSERT(n == 3 && q.count == 0 && q.bytes == 0);
	for (i = 0; i < n; i++)
		push_event_unref(out[i]);
	end();
}

TEST_MAIN("push_queue", { "partial writes", test_partial_writes },
    { "many", test_many }, { "drop ephemeral", test_drop_ephemeral },
    { "clear", test_clear }, { "take", test_take })
