/* SPDX-License-Identifier: ISC */
/* Batching against a database of the test's own: this file stands in for
 * db/query.c and db/result.c. */
#include "api/batch.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/query.h"
#include "tests/unit/harness.h"

/* The query that is "at the database". */
static struct {
	db_query_cb *cb;
	void *arg;
	char first[4096]; /* text of the first parameter */
	unsigned started;
} server;

struct db_query *
db_query_start(struct db_pool *pool, const struct db_statement *statement,
    const char *const *values, db_query_cb *cb, void *arg)
{
	(void)pool;
	(void)statement;
	CU_ASSERT_PTR_NULL(server.cb); /* one in flight */
	server.cb = cb;
	server.arg = arg;
	server.started++;
	snprintf(server.first, sizeof(server.first), "%s",
	    values[0] != NULL ? values[0] : "no array");
	return (struct db_query *)(void *)&server;
}

void
db_query_cancel(struct db_query *query)
{
	if (query != NULL)
		server.cb = NULL;
}

static bool backwards;

int
db_result_column(const struct db_result *r, const char *name)
{
	(void)r;
	return strcmp(name, "_ord") == 0 ? 0 : -1;
}

int64_t
db_result_i64(const struct db_result *r, int row, int col)
{
	(void)col;
	return backwards ? r->rows - row : row + 1;
}

/* The server answers. */
static const char *sqlstate; /* of the next */

static void
answer(enum db_status status, int rows)
{
	struct db_result r = {
		.status = status, .rows = rows, .sqlstate = sqlstate
	};
	db_query_cb *cb = server.cb;

	CU_ASSERT_PTR_NOT_NULL_FATAL(cb);
	server.cb = NULL;
	cb(&r, server.arg);
}

static const char *const names[] = { "v" };
static const struct db_statement statement = {
	.name = "t", .text = "", .params = names, .nparams = 1
};
static const char *apart; /* the batch's, of the next begin() */
static struct base_loop *loop;
static struct api_batch *batch;

struct call {
	bool done;
	enum db_status status;
	int row;
	struct call *then; /* started from the callback */
	struct api_batch_item *item;
};

static void
call_done(const struct db_result *r, int row, void *arg)
{
	struct call *c = arg;

	CU_ASSERT_FALSE(c->done);
	c->done = true;
	c->status = r->status;
	c->row = row;
	c->item = NULL;
	if (c->then != NULL) {
		const char *const values[] = { "then" };

		c->then->item =
		    api_batch_start(batch, values, call_done, c->then);
	}
}

static void
start(struct call *c, const char *value)
{
	const char *const values[] = { value };

	c->item = api_batch_start(batch, values, call_done, c);
	CU_ASSERT_FALSE(c->done);
}

static void
begin(void)
{
	memset(&server, 0, sizeof(server));
	backwards = false;
	loop = base_loop_poll_new();
	batch = api_batch_new(&(struct api_batch_params){
	    .loop = loop, .statement = &statement, .apart = apart });
}

static void
end(void)
{
	api_batch_free(batch);
	base_loop_poll_free(loop);
}

static void
test_gathers(void)
{
	struct call a = { 0 }, b = { 0 }, c = { 0 };

	begin();
	start(&a, "a");
	start(&b, NULL);
	CU_ASSERT_EQUAL(server.started, 0); /* at the end of the turn */
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(server.started, 1);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"a\",NULL}");
	start(&c, "c,\"}");
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(server.started, 1);
	CU_ASSERT_EQUAL(api_batch_pending(batch), 3);
	answer(DB_OK, 2);
	CU_ASSERT_TRUE(a.done && b.done && !c.done);
	CU_ASSERT_EQUAL(a.row, 0);
	CU_ASSERT_EQUAL(b.row, 1);
	/* The next goes out at once. */
	CU_ASSERT_EQUAL(server.started, 2);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"c,\\\"}\"}");
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(c.done);
	CU_ASSERT_EQUAL(api_batch_pending(batch), 0);
	end();
}

/* What no item has is no array at all. */
static void
test_nothing(void)
{
	struct call a = { 0 }, b = { 0 };

	begin();
	start(&a, NULL);
	start(&b, NULL);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_STRING_EQUAL(server.first, "no array");
	answer(DB_OK, 2);
	CU_ASSERT_TRUE(a.done && b.done);
	end();
}

/* A turn in which so many come; what is at the server is answered. */
static void
turn_of(size_t count)
{
	static struct call calls[200];

	for (size_t i = 0; i < ARRAY_LEN(calls) && count > 0; i++)
		if (calls[i].item == NULL) {
			calls[i].done = false;
			start(&calls[i], "x");
			count--;
		}
	base_loop_poll_turn(loop, 1);
	if (server.cb != NULL)
		answer(DB_OK, API_BATCH_ITEMS_MAX);
}

/* Two come each turn, and now and then forty at once, so that the two are few.
 * Whether a batch went every 2 ms, and one for the forty. */
static bool
flood_is_paced(void)
{
	const unsigned before = server.started;
	uint64_t began = base_clock_ms(), ms = 0;
	unsigned bursts = 0;

	for (unsigned i = 0; ms < 150; i++) {
		bursts += i % 30 == 0;
		turn_of(i % 30 == 0 ? 40 : 2);
		ms = base_clock_ms() - began;
	}
	return server.started - before <= ms / 2 + bursts + 2;
}

/* Where many come, a batch rests; where few do, it goes at once.  (A machine
 * that stops us for longer than it takes to forget gets another try.) */
static void
test_paces(void)
{
	struct call one = { 0 };
	bool paced = false;

	begin();
	for (int i = 0; i < 100 && !paced; i++)
		paced = flood_is_paced();
	CU_ASSERT_TRUE(paced);
	end();

	begin();
	for (int i = 0; i < 20; i++) {
		int before = server.started;

		start(&one, "alone");
		base_loop_poll_turn(loop, 0);
		CU_ASSERT_EQUAL(server.started, before + 1);
		answer(DB_OK, 1);
		one.done = false;
	}
	end();
}

static void
drain(void)
{
	while (api_batch_pending(batch) > 0) {
		base_loop_poll_turn(loop, 1);
		if (server.cb != NULL)
			answer(DB_OK, 64);
	}
}

/* However long the last one took: who was answered may ask again and go along. */
static void
test_rests_after_the_answer(void)
{
	struct call a, b;
	bool rested = false;

	for (int i = 0; i < 100 && !rested; i++) {
		begin();
		(void)flood_is_paced();
		drain();
		a = b = (struct call){ 0 };
		start(&a, "a");
		while (server.cb == NULL)
			base_loop_poll_turn(loop, 1);
		start(&b, "b");
		for (int n = 0; n < 4; n++)
			base_loop_poll_turn(loop, 1);
		answer(DB_OK, 1);
		rested = a.done && server.cb == NULL;
		drain();
		CU_ASSERT_TRUE(b.done);
		end();
	}
	CU_ASSERT_TRUE(rested);
}

/* What fills up while it rests goes at once. */
static void
test_full_rests_not(void)
{
	static struct call calls[64];
	bool rested = false;

	for (int i = 0; i < 100 && !rested; i++) {
		begin();
		(void)flood_is_paced();
		drain();
		memset(calls, 0, sizeof(calls));
		start(&calls[0], "x");
		base_loop_poll_turn(loop, 0);
		rested = server.cb == NULL;
		for (size_t n = 1; n < ARRAY_LEN(calls) && rested; n++)
			start(&calls[n], "x");
		base_loop_poll_turn(loop, 0);
		CU_ASSERT_PTR_NOT_NULL(server.cb);
		end();
	}
	CU_ASSERT_TRUE(rested);
}

/* Sixteen that ask again when they are answered are not kept waiting: more will
 * not come. */
static void
test_all_are_back(void)
{
	const uint64_t end_ms = base_clock_ms() + 200;
	unsigned turns = 0;

	begin();
	while (base_clock_ms() < end_ms) {
		turn_of(16);
		turns++;
		CU_ASSERT_EQUAL(server.started, turns);
	}
	end();
}

static void
test_order_of_rows(void)
{
	struct call a = { 0 }, b = { 0 }, c = { 0 };

	begin();
	start(&a, "a");
	start(&b, "b");
	start(&c, "c");
	base_loop_poll_turn(loop, 0);
	backwards = true;
	answer(DB_OK, 2); /* of three: the third is forgotten */
	CU_ASSERT_EQUAL(a.row, 1);
	CU_ASSERT_EQUAL(b.row, 0);
	CU_ASSERT_EQUAL(c.row, -1);
	CU_ASSERT_EQUAL(c.status, DB_OK);
	end();
}

static void
test_at_most_64(void)
{
	static struct call calls[150];

	begin();
	memset(calls, 0, sizeof(calls));
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		start(&calls[i], "x");
	base_loop_poll_turn(loop, 0);
	answer(DB_OK, 64);
	CU_ASSERT_TRUE(calls[63].done && !calls[64].done);
	answer(DB_OK, 64);
	answer(DB_OK, 22);
	CU_ASSERT_TRUE(calls[149].done);
	CU_ASSERT_EQUAL(calls[149].row, 21);
	end();
}

/* In their order, and never two of a kind in one batch. */
static void
test_keeps_apart(void)
{
	struct call calls[6] = { 0 };
	static const char *const values[] = { "a", NULL, "b", "a", NULL, "a" };

	apart = "v";
	begin();
	apart = NULL;
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		start(&calls[i], values[i]);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"a\",NULL,\"b\"}");
	answer(DB_OK, 3);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"a\",NULL}");
	answer(DB_OK, 2);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"a\"}");
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(calls[5].done);
	end();
}

static void
test_one_bad_item(void)
{
	struct call a = { 0 }, b = { 0 }, c = { 0 }, late = { 0 };

	begin();
	start(&a, "a");
	start(&b, "b");
	start(&c, "c");
	base_loop_poll_turn(loop, 0);
	start(&late, "late");
	answer(DB_ERROR, 0);
	CU_ASSERT_FALSE(a.done || b.done || c.done);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"a\"}");
	answer(DB_OK, 1);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"b\"}");
	answer(DB_ERROR, 0);
	CU_ASSERT_TRUE(b.done);
	CU_ASSERT_EQUAL(b.status, DB_ERROR);
	CU_ASSERT_EQUAL(b.row, -1);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"c\"}");
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(a.done && c.done && !late.done);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"late\"}");
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(late.done);
	end();
}

/* Alone, one that fails for a key that somebody else has just stored is asked
 * again, once. */
static void
test_overtaken(void)
{
	struct call a = { 0 }, b = { 0 };

	begin();
	sqlstate = "23505";
	start(&a, "a");
	base_loop_poll_turn(loop, 0);
	start(&b, "b");
	answer(DB_ERROR, 0);
	CU_ASSERT_FALSE(a.done);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"a\"}");
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(a.done);
	CU_ASSERT_EQUAL(a.status, DB_OK);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"b\"}");
	answer(DB_ERROR, 0);
	answer(DB_ERROR, 0);
	CU_ASSERT_TRUE(b.done);
	CU_ASSERT_EQUAL(b.status, DB_ERROR);
	sqlstate = "22000";
	memset(&a, 0, sizeof(a));
	start(&a, "a");
	base_loop_poll_turn(loop, 0);
	answer(DB_ERROR, 0);
	CU_ASSERT_TRUE(a.done);
	sqlstate = NULL;
	end();
}

static void
test_lost_link(void)
{
	struct call a = { 0 }, b = { 0 };

	begin();
	start(&a, "a");
	start(&b, "b");
	base_loop_poll_turn(loop, 0);
	answer(DB_UNKNOWN, 0);
	CU_ASSERT_TRUE(a.done && b.done);
	CU_ASSERT_EQUAL(a.status, DB_UNKNOWN);
	CU_ASSERT_EQUAL(server.started, 1); /* nothing is sent again */
	end();
}

static void
test_time_outs(void)
{
	struct call calls[5] = { 0 };

	begin();
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		start(&calls[i], "x");
	base_loop_poll_turn(loop, 0);
	answer(DB_TIMEOUT, 0);
	answer(DB_OK, 1);
	answer(DB_TIMEOUT, 0);
	answer(DB_TIMEOUT, 0);
	CU_ASSERT_EQUAL(server.started, 4);
	CU_ASSERT_TRUE(calls[4].done);
	CU_ASSERT_EQUAL(calls[4].status, DB_TIMEOUT);
	end();
}

static void
test_cancels(void)
{
	struct call a = { 0 }, b = { 0 }, c = { 0 };

	begin();
	start(&a, "a");
	start(&b, "b");
	api_batch_cancel(a.item); /* not sent yet */
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"b\"}");
	api_batch_cancel(b.item); /* sent: keeps its place */
	start(&c, "c");
	answer(DB_OK, 1);
	CU_ASSERT_FALSE(a.done || b.done);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"c\"}");
	api_batch_cancel(NULL);
	end(); /* with one in flight */
}

static void
test_starts_from_callback(void)
{
	struct call then = { 0 }, a = { .then = &then };

	begin();
	start(&a, "a");
	base_loop_poll_turn(loop, 0);
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(a.done && !then.done);
	CU_ASSERT_STRING_EQUAL(server.first, "{\"then\"}");
	answer(DB_OK, 1);
	CU_ASSERT_TRUE(then.done);
	base_loop_poll_turn(loop, 0);
	CU_ASSERT_EQUAL(server.started, 2);
	end();
}

TEST_MAIN("api_batch", { "gathers", test_gathers }, { "nothing", test_nothing },
    { "paces", test_paces },
    { "does not wait for more than there are", test_all_are_back },
    { "order of rows", test_order_of_rows }, { "at most 64", test_at_most_64 },
    { "keeps apart", test_keeps_apart }, { "one bad item", test_one_bad_item },
    { "overtaken", test_overtaken }, { "full rests not", test_full_rests_not },
    { "rests after the answer", test_rests_after_the_answer },
    { "lost link", test_lost_link }, { "time-outs", test_time_outs },
    { "cancels", test_cancels },
    { "starts from callback", test_starts_from_callback })
