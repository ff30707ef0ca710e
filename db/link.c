/* SPDX-License-Identifier: ISC */
/* The life of one pooled connection. */

#include "db/link.h"

#include <libpq-fe.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "db/message.h"
#include "db/session.h"
#include "db/unit.h"

#define BACKOFF_MS 100U
#define BACKOFF_MAX_MS 5000
#define STABLE_MS 1000 /* up for so long: reconnect at once */
#define PREPARE_AGAIN_MS 10000

static void on_broken(void *arg);

void
db_link_init(
    struct db_link *link, const struct db_statement *statements, size_t count)
{
	link->state = DB_LINK_DOWN;
	link->fd = -1;
	link->broken.cb = on_broken;
	link->broken.arg = link;
	TAILQ_INIT(&link->sent);
	db_prepared_init(&link->prepared, statements, count);
}

/* The socket first: epoll must not hear of what libpq closes. */
static void
disconnect(struct db_link *link)
{
	if (link->fd != -1) {
		base_loop_unwatch(link->loop, link->fd);
		close(link->fd);
		link->fd = -1;
	}
	PQfinish(link->pg);
	link->pg = NULL;
	link->trouble = NULL;
	link->ended = false;
	base_task_cancel(&link->broken);
}

void
db_link_fini(struct db_link *link)
{
	struct db_query *q;

	db_connect_cancel(link->connect);
	link->connect = NULL;
	disconnect(link);
	while ((q = TAILQ_FIRST(&link->sent)) != NULL) {
		TAILQ_REMOVE(&link->sent, q, link);
		db_unit_free(q);
	}
	db_prepared_fini(&link->prepared);
}

bool
db_link_up(const struct db_link *link)
{
	return link->state == DB_LINK_UP && link->trouble == NULL;
}

bool
db_link_busy(const struct db_link *link)
{
	return link->state != DB_LINK_UP || link->in_flight > 0 ||
	    link->prepared.failed > 0;
}

/* Notes that the link is broken; it is dropped when the caller is done. */
static void
trouble(struct db_link *link, const char *what)
{
	if (link->trouble != NULL)
		return;
	link->trouble = what;
	base_loop_defer(link->loop, &link->broken);
}

static void on_ready(void *watch, int hangup);

/* Sends what libpq holds, and asks for write events while it holds some. */
static void
flush(struct db_link *link)
{
	int left = PQflush(link->pg);
	int interest = left == 1 ? BASE_READ | BASE_WRITE : BASE_READ;

	if (left == -1) {
		trouble(link, "cannot send");
		return;
	}
	if (interest == link->interest)
		return;
	link->interest = interest;
	link->watch.handle = on_ready;
	base_loop_watch(link->loop, link->fd, &link->watch, interest);
}

static void
log_failure(const struct db_link *link, const char *reason, const char *error)
{
	char text[DB_MESSAGE_BYTES];

	/* The first, then ever fewer: a long outage must not fill the log. */
	if ((link->failures & (link->failures - 1)) == 0)
		base_log_warn("database connection",
		    "state=down failures=%u reason=\"%s\" error=%s",
		    link->failures, reason, db_message_quote(text, error));
}

static void
retry_later(struct db_link *link)
{
	unsigned int ms = BACKOFF_MAX_MS;

	if (link->failures < 8 && BACKOFF_MS << link->failures < ms)
		ms = BACKOFF_MS << link->failures;
	link->failures++;
	link->state = DB_LINK_DOWN;
	link->retry_ms =
	    base_clock_ms() + ms / 2 + base_random_below(ms / 2 + 1);
}

/* What the server says to an idle session before it ends it. */
static void
on_notice(void *arg, const struct pg_result *notice)
{
	struct db_link *link = arg;
	const char *severity =
	    PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

	db_message_on_notice(NULL, notice);
	if (severity != NULL && strcmp(severity, "FATAL") == 0) {
		link->ended = true;
		trouble(link, "ended by the server");
	}
}

/* Settings and the first round of prepares go out in one flush. */
static void
set_up(struct db_link *link)
{
	link->state = DB_LINK_PREPARING;
	link->settings_done = false;
	link->progress_ms = base_clock_ms();
	db_prepared_reset(&link->prepared);
	(void)PQsetNoticeReceiver(link->pg, on_notice, link);
	link->fd = db_connect_socket(link->pg);
	if (link->fd == -1 ||
	    !db_session_start(link->pg, link->statement_timeout) ||
	    !db_prepared_round(&link->prepared, link->pg)) {
		trouble(link, "cannot set up");
		return;
	}
	link->interest = 0;
	flush(link);
}

static void
connected(struct pg_conn *pg, const char *error, void *arg)
{
	struct db_link *link = arg;

	link->connect = NULL;
	if (pg == NULL) {
		retry_later(link);
		log_failure(link, "cannot connect", error);
		link->events->changed(link);
		return;
	}
	link->pg = pg;
	set_up(link);
}

void
db_link_connect(struct db_link *link)
{
	const struct db_connect_params params = {
		.loop = link->loop,
		.conninfo = link->conninfo,
		.application_name = link->application_name,
		.timeout_ms = link->connect_timeout_ms,
		.cb = connected,
		.arg = link,
	};

	link->state = DB_LINK_CONNECTING;
	link->connect = db_connect_start(&params);
}

/* What became of the oldest query.  A server that ends a session in the middle
 * of a query says so in place of its result. */
static enum db_fate
fate_of_first(const struct db_query *q)
{
	if (q->result != NULL && db_unit_failed(q->result))
		return DB_FATE_ANSWERED;
	return q->synced ? DB_FATE_UNKNOWN : DB_FATE_NOT_RUN;
}

/* The link is broken: its queries go back, and it connects again. */
static void
drop(struct db_link *link)
{
	struct db_query *first = TAILQ_FIRST(&link->sent), *q;
	bool ended = link->ended;
	bool stable = link->state == DB_LINK_UP &&
	    base_clock_ms() - link->up_ms >= STABLE_MS;

	if (stable)
		link->failures = 0;
	retry_later(link);
	log_failure(link, link->trouble, PQerrorMessage(link->pg));
	link->lost++;
	disconnect(link);
	while ((q = TAILQ_LAST(&link->sent, db_query_list)) != NULL) {
		enum db_fate fate = DB_FATE_UNKNOWN;

		/* Queries are run in their order: behind the one that the
		 * server ended at, none had begun. */
		if (q == first)
			fate = fate_of_first(q);
		else if (ended || !q->synced)
			fate = DB_FATE_NOT_RUN;
		TAILQ_REMOVE(&link->sent, q, link);
		link->events->returned(q, fate);
	}
	link->in_flight = link->slow_in_flight = 0;
	if (stable)
		db_link_connect(link);
	link->events->changed(link);
}

void
db_link_send(struct db_link *link, struct db_query *q)
{
	bool sent;

	if (link->in_flight == 0)
		link->progress_ms = base_clock_ms();
	TAILQ_INSERT_TAIL(&link->sent, q, link);
	link->in_flight++;
	if (q->statement->slow)
		link->slow_in_flight++;
	q->place = DB_QUERY_SENT;
	q->step = DB_QUERY_RESULT;
	q->synced = false;
	q->generation = db_prepared_generation(&link->prepared, q->index);

	sent = true;
	if (db_prepared_wants(&link->prepared, q->index)) {
		q->step = DB_QUERY_PREPARE;
		sent = db_prepared_ask(&link->prepared, link->pg, q->index);
	}
	if (!sent ||
	    !db_prepared_send(&link->prepared, link->pg, q->index, q->values)) {
		trouble(link, "cannot send");
		return;
	}
	q->synced = true;
	if (PQpipelineSync(link->pg) != 1)
		trouble(link, "cannot send");
	else
		flush(link);
}

static void
finish(struct db_link *link, struct db_query *q)
{
	TAILQ_REMOVE(&link->sent, q, link);
	link->in_flight--;
	if (q->statement->slow)
		link->slow_in_flight--;
	if (db_unit_outdated(q->result)) {
		if (q->generation ==
		    db_prepared_generation(&link->prepared, q->index))
			db_prepared_outdate(&link->prepared, q->index);
		if (!q->repeated) {
			link->events->returned(q, DB_FATE_NOT_RUN);
			return;
		}
	}
	link->events->answered(q, link);
}

/* `result` is owned. */
static bool
unit_answer(struct db_link *link, struct db_query *q, PGresult *result)
{
	if (q->step == DB_QUERY_PREPARE)
		db_prepared_asked(&link->prepared, q->index, result);
	if (q->step == DB_QUERY_SYNC &&
	    PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		finish(link, q);
		return true;
	}
	/* When the server ends the session in place of the Sync's answer, the
	 * commit may have been done or not: that is no error of the query. */
	if (q->step == DB_QUERY_SYNC && link->ended) {
		PQclear(result);
		return true;
	}
	return db_unit_answer(q, result);
}

static void
came_up(struct db_link *link)
{
	link->state = DB_LINK_UP;
	link->up_ms = base_clock_ms();
	link->connects++;
	link->retry_ms = link->up_ms + PREPARE_AGAIN_MS;
	if (link->failures > 0)
		base_log_info("database connection", "state=up failures=%u",
		    link->failures);
}

/* The Sync of the settings or of a round of prepares. */
static void
set_up_synced(struct db_link *link)
{
	if (!link->settings_done)
		link->settings_done = true;
	else if (!db_prepared_more(&link->prepared))
		came_up(link);
	else if (!db_prepared_round(&link->prepared, link->pg))
		trouble(link, "cannot prepare");
}

static bool
set_up_answer(struct db_link *link, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	bool fits = true;

	if (status == PGRES_PIPELINE_SYNC)
		set_up_synced(link);
	else if (!link->settings_done)
		fits = status == PGRES_TUPLES_OK;
	else
		fits = db_prepared_answer(&link->prepared, result);
	if (fits && link->settings_done && db_unit_failed(result))
		link->events->unprepared(
		    link, link->prepared.cursor - 1, result);
	PQclear(result);
	return fits;
}

/* An error that says that the connection ends; true when it is no answer to
 * anything but libpq's own. */
static bool
link_error(struct db_link *link, const PGresult *result)
{
	const char *severity;

	if (!db_unit_failed(result))
		return false;
	if (PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL) {
		trouble(link, "connection lost");
		return true;
	}
	severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity != NULL && strcmp(severity, "ERROR") != 0) {
		link->ended = true;
		trouble(link, "ended by the server");
	}
	return false;
}

static void
take_answer(struct db_link *link, PGresult *result)
{
	struct db_query *q = TAILQ_FIRST(&link->sent);
	bool fits;

	if (link_error(link, result)) {
		PQclear(result);
		return;
	}
	if (link->state == DB_LINK_PREPARING)
		fits = result == NULL || set_up_answer(link, result);
	else if (result == NULL)
		fits = db_unit_end(q);
	else
		fits = unit_answer(link, q, result);
	if (!fits)
		trouble(link, "answers out of step");
}

/* Takes what the server has answered; false: the connection was closed.  Each
 * answer ends with one NULL: after a second one libpq has nothing under way any
 * more, whatever is awaited here, and would say so for ever. */
static bool
read_answers(struct db_link *link)
{
	bool alive = PQconsumeInput(link->pg) == 1, ended = false;
	PGresult *result;

	while (link->trouble == NULL &&
	    (link->state == DB_LINK_PREPARING || !TAILQ_EMPTY(&link->sent)) &&
	    !PQisBusy(link->pg)) {
		result = PQgetResult(link->pg);
		if (result == NULL && ended) {
			trouble(link, "no more answers");
			break;
		}
		ended = result == NULL;
		link->progress_ms = base_clock_ms();
		take_answer(link, result);
	}
	/* Of an idle session there is no answer to be asked for; this looks at
	 * what has come all the same. */
	if (TAILQ_EMPTY(&link->sent))
		(void)PQisBusy(link->pg);
	return alive;
}

static void
on_ready(void *watch, int hangup)
{
	struct db_link *link = watch;
	int ready = link->watch.ready;

	if (link->pg == NULL)
		return;
	link->watch.ready = 0;
	if (((ready & BASE_READ) != 0 || hangup) && !read_answers(link))
		trouble(link, "connection lost");
	if (link->trouble == NULL)
		flush(link);
	if (link->trouble == NULL)
		link->events->changed(link);
	else
		drop(link);
}

/* What could not be sent is lost, but what was answered before is not. */
static void
on_broken(void *arg)
{
	struct db_link *link = arg;
	const char *what = link->trouble;

	link->trouble = NULL;
	(void)read_answers(link);
	trouble(link, what);
	drop(link);
}

static void
prepare_again(struct db_link *link)
{
	link->state = DB_LINK_PREPARING;
	link->progress_ms = base_clock_ms();
	db_prepared_forgive(&link->prepared);
	if (!db_prepared_round(&link->prepared, link->pg))
		trouble(link, "cannot prepare");
	else
		flush(link);
}

/* At two looks in a row: a process that was held up itself finds only between
 * them what the server has answered long since. */
static bool
is_silent(struct db_link *link, uint64_t now_ms, unsigned int limit_ms)
{
	bool before = link->overdue;

	link->overdue = now_ms - link->progress_ms > limit_ms;
	return before && link->overdue;
}

void
db_link_tick(struct db_link *link, uint64_t now_ms)
{
	switch (link->state) {
	case DB_LINK_DOWN:
		if (now_ms >= link->retry_ms)
			db_link_connect(link);
		break;
	case DB_LINK_CONNECTING:
		break;
	case DB_LINK_PREPARING:
		if (is_silent(link, now_ms, link->connect_timeout_ms))
			trouble(link, "no answer");
		break;
	case DB_LINK_UP:
		if (link->in_flight > 0 &&
		    is_silent(link, now_ms, link->answer_timeout_ms))
			trouble(link, "no answer");
		else if (link->in_flight == 0 && link->prepared.failed > 0 &&
		    now_ms >= link->retry_ms && link->trouble == NULL)
			prepare_again(link);
		break;
	}
}
