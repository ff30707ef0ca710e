/* SPDX-License-Identifier: ISC */
/* Waiting queries and due callbacks. */

#include "db/queue.h"

#include <libpq-fe.h>
#include <string.h>

#include "base/clock.h"

static void call_due(void *arg);

void
db_queue_init(struct db_queue *queue, struct base_loop *loop)
{
	memset(queue, 0, sizeof(*queue));
	queue->loop = loop;
	TAILQ_INIT(&queue->waiting);
	TAILQ_INIT(&queue->slow);
	TAILQ_INIT(&queue->finished);
	queue->due.cb = call_due;
	queue->due.arg = queue;
}

static void
free_all(struct db_query_list *list)
{
	struct db_query *q;

	while ((q = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, q, link);
		db_unit_free(q);
	}
}

void
db_queue_fini(struct db_queue *queue)
{
	base_task_cancel(&queue->due);
	free_all(&queue->waiting);
	free_all(&queue->slow);
	free_all(&queue->finished);
}

static struct db_query_list *
waiting_list(struct db_queue *queue, bool slow)
{
	return slow ? &queue->slow : &queue->waiting;
}

void
db_queue_put(struct db_queue *queue, struct db_query *q)
{
	q->place = DB_QUERY_WAITING;
	q->queued_ms = base_clock_ms();
	TAILQ_INSERT_TAIL(waiting_list(queue, q->statement->slow), q, link);
	queue->waiting_count++;
	queue->count++;
}

void
db_queue_put_back(struct db_queue *queue, struct db_query *q)
{
	PQclear(q->result);
	q->result = NULL;
	q->repeated = true;
	q->place = DB_QUERY_WAITING;
	q->queued_ms = base_clock_ms();
	TAILQ_INSERT_HEAD(waiting_list(queue, q->statement->slow), q, link);
	queue->waiting_count++;
	queue->stats.retried++;
}

struct db_query *
db_queue_take(struct db_queue *queue, bool slow)
{
	struct db_query *q = TAILQ_FIRST(waiting_list(queue, slow));

	if (q != NULL)
		db_queue_remove(queue, q);
	return q;
}

void
db_queue_remove(struct db_queue *queue, struct db_query *q)
{
	if (q->place == DB_QUERY_FINISHED) {
		TAILQ_REMOVE(&queue->finished, q, link);
		return;
	}
	TAILQ_REMOVE(waiting_list(queue, q->statement->slow), q, link);
	queue->waiting_count--;
}

void
db_queue_drop(struct db_queue *queue, struct db_query *q)
{
	queue->count--;
	db_unit_free(q);
}

void
db_queue_finish(struct db_queue *queue, struct db_query *q,
    enum db_status status, const char *message)
{
	if (q->cb == NULL) {
		db_queue_drop(queue, q);
		return;
	}
	q->place = DB_QUERY_FINISHED;
	q->status = status;
	q->message = message;
	TAILQ_INSERT_TAIL(&queue->finished, q, link);
	base_loop_defer(queue->loop, &queue->due);
}

static void
count(struct db_queue *queue, enum db_status status, uint64_t elapsed_us)
{
	struct db_pool_stats *stats = &queue->stats;

	if (status == DB_UNAVAILABLE) {
		stats->unavailable++;
		return;
	}
	if (status == DB_UNKNOWN) {
		stats->unknown++;
		return;
	}
	stats->done++;
	stats->busy_us += elapsed_us;
	if (status != DB_OK && status != DB_REFUSED)
		stats->failed++;
}

/* Empty texts are no texts: `raise ... using column = ''`. */
static const char *
error_field(const PGresult *result, int field)
{
	const char *text = PQresultErrorField(result, field);

	return text == NULL || text[0] == '\0' ? NULL : text;
}

static void
fill_result(struct db_result *r, const struct db_query *q)
{
	memset(r, 0, sizeof(*r));
	r->status = q->status;
	r->elapsed_us = base_clock_us() - q->start_us;
	if (r->status == DB_OK) {
		r->pg = q->result;
		r->rows = PQntuples(q->result);
		r->cols = PQnfields(q->result);
		r->binary = q->statement->binary;
		return;
	}
	r->sqlstate = error_field(q->result, PG_DIAG_SQLSTATE);
	r->message = error_field(q->result, PG_DIAG_MESSAGE_PRIMARY);
	r->detail = error_field(q->result, PG_DIAG_MESSAGE_DETAIL);
	r->column = error_field(q->result, PG_DIAG_COLUMN_NAME);
	if (r->message == NULL)
		r->message = q->message;
}

static void
call(struct db_queue *queue, struct db_query *q)
{
	struct db_result r;

	fill_result(&r, q);
	count(queue, r.status, r.elapsed_us);
	queue->count--;
	if (q->cb != NULL)
		q->cb(&r, q->arg);
	db_unit_free(q);
}

/* Callbacks may cancel others of the list and finish new ones; those come in
 * the next turn. */
static void
call_due(void *arg)
{
	struct db_queue *queue = arg;
	struct db_query *q;
	size_t n = 0;

	TAILQ_FOREACH (q, &queue->finished, link)
		n++;
	while (n-- > 0 && (q = TAILQ_FIRST(&queue->finished)) != NULL) {
		TAILQ_REMOVE(&queue->finished, q, link);
		call(queue, q);
	}
	if (!TAILQ_EMPTY(&queue->finished))
		base_loop_defer(queue->loop, &queue->due);
}

void
db_queue_answer(
    struct db_queue *queue, struct db_query *q, enum db_status status)
{
	q->status = status;
	call(queue, q);
}

/* Not in the order of age: what came back stands before the others. */
static void
expire(struct db_queue *queue, struct db_query_list *list, unsigned int max_ms)
{
	uint64_t now = base_clock_ms();
	struct db_query *q, *next;

	for (q = TAILQ_FIRST(list); q != NULL; q = next) {
		next = TAILQ_NEXT(q, link);
		if (now - q->queued_ms <= max_ms)
			continue;
		db_queue_remove(queue, q);
		db_queue_finish(
		    queue, q, DB_UNAVAILABLE, "waited too long to be sent");
	}
}

void
db_queue_expire(
    struct db_queue *queue, unsigned int fast_ms, unsigned int slow_ms)
{
	expire(queue, &queue->waiting, fast_ms);
	expire(queue, &queue->slow, slow_ms);
}
