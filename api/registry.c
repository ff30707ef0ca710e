/* SPDX-License-Identifier: ISC */
/*
 * A registration is on one of three lists: dirty (something of it is to be
 * written), sent (that is at the database), live (the table says what is so).
 * A write is safe to repeat, so whatever failed goes back to dirty.
 */

#include "api/registry.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "api/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "db/query.h"
#include "db/result.h"

#define LEASE_S 30
#define BEATS 3 /* in a lease, and as many looks for the dead */
#define RETRY_MS 1000
#define BATCH_MAX 1000
#define USER_AGENT_MAX 100

/* Where many come at once, the database has their topics to read, for which they
 * wait: a write of so many is followed by a rest as many times as long as it took,
 * in which the next is gathered. */
#define MANY 32
#define REST 4
#define REST_MAX_MS 250

/* Of the opening, in the order of the statement's arrays. */
enum field {
	FIELD_ID,
	FIELD_USER,
	FIELD_KIND,
	FIELD_PLATFORM,
	FIELD_VERSION,
	FIELD_ADDRESS,
	FIELD_AGENT,
	FIELD_SINCE,
	FIELDS
};

struct api_registration {
	TAILQ_ENTRY(api_registration) link;
	bool written;	 /* its opening is in the table */
	bool closed;	 /* the stream is gone */
	bool sent_close; /* and that is part of the write in flight */
	unsigned int code;
	LIST_HEAD(, api_registry_waiter)
	waiters;	       /* for its being written */
	const char *host;      /* the registry's */
	char *text;	       /* owned; the fields, each with its NUL */
	uint16_t ends[FIELDS]; /* where in it each ends; nothing: null */
};

TAILQ_HEAD(registrations, api_registration);

struct api_registry {
	struct base_loop *loop;
	struct db_pool *pool;
	char *process; /* owned */
	char *host;    /* owned */
	char lease_s[12];
	uint32_t beat_ms;
	uint32_t doubt_ms; /* after which others may soon end the lease */
	bool started;	   /* the lease is ours */
	bool stopping;
	bool stopped;	    /* the lease is given back */
	bool single;	    /* one row of the last batch was refused: find it */
	uint64_t leased_ms; /* when the lease was last renewed for sure */
	uint64_t asked_ms;  /* when the write in flight began */
	const struct db_statement *start_statement;
	const struct db_statement *beat_statement;
	const struct db_statement *reap_statement;
	const struct db_statement *stop_statement;
	const struct db_statement *record_statement;
	struct db_query *lease;	 /* start, beat, stop; non-NULL = in flight */
	struct db_query *reap;	 /* likewise */
	struct db_query *record; /* likewise */
	struct base_timer *beat;
	struct base_timer *retry;
	struct base_timer *rest; /* non-NULL: no write before it is over */
	struct base_task gather; /* the end of the turn starts a write */
	struct registrations dirty;
	struct registrations sent;
	struct registrations live;
	size_t pending; /* on dirty and sent */
	uint64_t writes;
};

static void start(struct api_registry *);

static void
write_ask(struct api_registry *reg)
{
	if (reg->record == NULL && reg->retry == NULL && reg->rest == NULL &&
	    reg->started && !TAILQ_EMPTY(&reg->dirty))
		base_loop_defer(reg->loop, &reg->gather);
}

static void
rest_over(void *arg)
{
	struct api_registry *reg = arg;

	reg->rest = NULL;
	write_ask(reg);
}

static void
rest_begin(struct api_registry *reg)
{
	uint64_t rest = (base_clock_ms() - reg->asked_ms) * REST;

	if (rest > 0 && !reg->stopping)
		reg->rest = base_timer_start(reg->loop,
		    rest < REST_MAX_MS ? rest : REST_MAX_MS, rest_over, reg);
}

/* Whether others may have taken this process for dead.  Then a beat comes
 * first: a write renews the lease without telling that it had been lost. */
static bool
lease_doubtful(const struct api_registry *reg)
{
	return !reg->stopping &&
	    base_clock_ms() - reg->leased_ms > reg->doubt_ms;
}

static void
retry_now(void *arg)
{
	struct api_registry *reg = arg;

	reg->retry = NULL;
	if (!reg->started)
		start(reg);
	else
		write_ask(reg);
}

static void
retry_later(struct api_registry *reg)
{
	if (reg->retry == NULL)
		reg->retry =
		    base_timer_start(reg->loop, RETRY_MS, retry_now, reg);
}

/* Rows. */

static const char *
field(const struct api_registration *r, enum field which)
{
	size_t begin = which > 0 ? r->ends[which - 1] : 0;

	return r->ends[which] > begin ? r->text + begin : NULL;
}

/* As much of it as is whole characters. */
static size_t
agent_length(const char *agent)
{
	size_t len = strnlen(agent, USER_AGENT_MAX);

	while (len > 0 && !base_text_check(agent, len))
		len--;
	return len;
}

/* Ours are a few hundred bytes: parameters and headers have their limits. */
static void
fields_set(struct api_registration *r, const char *const values[FIELDS])
{
	struct base_buf text = { 0 };

	for (size_t i = 0; i < FIELDS; i++) {
		if (values[i] != NULL) {
			base_buf_append(&text, values[i],
			    i == FIELD_AGENT ? agent_length(values[i]) :
					       strlen(values[i]));
			base_buf_append_char(&text, '\0');
		}
		assert(text.len <= UINT16_MAX);
		r->ends[i] = (uint16_t)text.len;
	}
	base_free(r->text);
	r->text = base_alloc(text.len);
	memcpy(r->text, text.data, text.len);
	base_buf_fini(&text);
}

struct api_registration *
api_registry_opened(
    struct api_registry *reg, const struct api_registry_row *row)
{
	struct api_registration *r = base_alloc(sizeof(*r));
	char at[BASE_CLOCK_TEXT];

	base_clock_rfc3339(row->connected_us, at);
	r->host = reg->host;
	fields_set(r,
	    (const char *const[FIELDS]){ row->connection, row->user, row->kind,
		row->platform, row->app_version, row->address, row->user_agent,
		at });
	LIST_INIT(&r->waiters);
	TAILQ_INSERT_TAIL(&reg->dirty, r, link);
	reg->pending++;
	write_ask(reg);
	return r;
}

static void
waiters_call(struct api_registration *r)
{
	struct api_registry_waiter *w;

	while ((w = LIST_FIRST(&r->waiters)) != NULL) {
		api_registry_waiter_cancel(w);
		w->cb(w->arg);
	}
}

bool
api_registry_written(
    struct api_registration *r, struct api_registry_waiter *waiter)
{
	if (r->written)
		return true;
	waiter->waiting = true;
	LIST_INSERT_HEAD(&r->waiters, waiter, link);
	return false;
}

void
api_registry_waiter_cancel(struct api_registry_waiter *waiter)
{
	if (!waiter->waiting)
		return;
	waiter->waiting = false;
	LIST_REMOVE(waiter, link);
}

static void
registration_free(struct api_registration *r)
{
	while (!LIST_EMPTY(&r->waiters))
		api_registry_waiter_cancel(LIST_FIRST(&r->waiters));
	base_free(r->text);
	base_free(r);
}

const char *
api_registry_platform(const struct api_registration *r)
{
	return field(r, FIELD_PLATFORM);
}

const char *
api_registry_address(const struct api_registration *r)
{
	return field(r, FIELD_ADDRESS);
}

void
api_registry_json(const struct api_registration *r, struct base_buf *out)
{
	struct base_json j;

	base_json_init(&j, out);
	base_json_object_begin(&j);
	base_json_put_str(&j, "id", field(r, FIELD_ID));
	base_json_put_str(&j, "user_id", field(r, FIELD_USER));
	base_json_put_str(&j, "kind", field(r, FIELD_KIND));
	base_json_put_str(&j, "platform", field(r, FIELD_PLATFORM));
	base_json_put_str(&j, "app_version", field(r, FIELD_VERSION));
	base_json_put_str(&j, "address", field(r, FIELD_ADDRESS));
	base_json_put_str(&j, "user_agent", field(r, FIELD_AGENT));
	base_json_put_str(&j, "host", r->host);
	base_json_put_str(&j, "connected_at", field(r, FIELD_SINCE));
	base_json_object_end(&j);
}

void
api_registry_describe(
    struct api_registration *r, const char *platform, const char *app_version)
{
	const char *values[FIELDS];

	for (int i = 0; i < FIELDS; i++)
		values[i] = field(r, (enum field)i);
	if (platform != NULL)
		values[FIELD_PLATFORM] = platform;
	if (app_version != NULL)
		values[FIELD_VERSION] = app_version;
	fields_set(r, values);
}

void
api_registry_closed(
    struct api_registry *reg, struct api_registration *r, unsigned int code)
{
	bool live;

	if (r == NULL)
		return;
	live = r->written && !r->closed;
	r->closed = true;
	r->code = code;
	/* One that is on its way is looked at again when it is back. */
	if (!live)
		return;
	TAILQ_REMOVE(&reg->live, r, link);
	TAILQ_INSERT_TAIL(&reg->dirty, r, link);
	reg->pending++;
	write_ask(reg);
}

/* Writes. */

static void
stop_done(const struct db_result *r, void *arg)
{
	struct api_registry *reg = arg;

	(void)r;
	reg->lease = NULL;
	reg->stopped = true;
}

static void
lease_end(struct api_registry *reg)
{
	const char *values[] = { reg->process };

	if (!reg->stopping || reg->stopped || reg->pending > 0 ||
	    reg->lease != NULL)
		return;
	reg->lease = db_query_start(
	    reg->pool, reg->stop_statement, values, stop_done, reg);
}

void
api_registry_stop(struct api_registry *reg)
{
	reg->stopping = true;
	base_timer_cancel(reg->beat);
	reg->beat = NULL;
	base_timer_cancel(reg->rest);
	rest_over(reg);
	/* A beat under way does not matter any more. */
	db_query_cancel(reg->lease);
	reg->lease = NULL;
	reg->stopped = !reg->started;
	lease_end(reg);
}

/* Puts a registration that came back where it belongs now. */
static void
settle(struct api_registry *reg, struct api_registration *r, bool done)
{
	TAILQ_REMOVE(&reg->sent, r, link);
	if (done) {
		r->written = true;
		waiters_call(r);
	}
	if (done && r->sent_close) {
		reg->pending--;
		registration_free(r);
		return;
	}
	r->sent_close = false;
	if (done && !r->closed) {
		reg->pending--;
		TAILQ_INSERT_TAIL(&reg->live, r, link);
	} else
		TAILQ_INSERT_HEAD(&reg->dirty, r, link);
}

static void beat_start(struct api_registry *);

static void
record_done(const struct db_result *r, void *arg)
{
	struct api_registry *reg = arg;
	struct api_registration *item;
	bool done = r->status == DB_OK;
	size_t count = 0;

	reg->record = NULL;
	reg->writes++;
	if (r->status == DB_ERROR || r->status == DB_REFUSED) {
		base_log_warn("connections not recorded",
		    "sqlstate=%s single=%d",
		    r->sqlstate != NULL ? r->sqlstate : "-", reg->single);
		/* The row at fault is found by writing them singly, and is
		 * then given up: it must not hold back the others. */
		done = reg->single;
		reg->single = true;
	} else if (done) {
		reg->single = false;
		reg->leased_ms = base_clock_ms();
	}
	for (; (item = TAILQ_LAST(&reg->sent, registrations)) != NULL; count++)
		settle(reg, item, done);
	if (done && count >= MANY)
		rest_begin(reg);
	if (!done && r->status != DB_ERROR && r->status != DB_REFUSED)
		retry_later(reg);
	write_ask(reg);
	lease_end(reg);
}

/* The arrays of one statement. */
enum {
	ARRAY_CLOSED = FIELDS,
	ARRAY_CODES,
	ARRAYS
};

static void
arrays_add(struct base_buf arrays[ARRAYS], const struct api_registration *r)
{
	char code[12];

	for (int i = 0; i < FIELDS && !r->written; i++)
		api_array_add(&arrays[i], field(r, (enum field)i));
	if (!r->closed)
		return;
	snprintf(code, sizeof(code), "%u", r->code);
	api_array_add(&arrays[ARRAY_CLOSED], field(r, FIELD_ID));
	api_array_add(&arrays[ARRAY_CODES], code);
}

static void
arrays_send(struct api_registry *reg, struct base_buf arrays[ARRAYS])
{
	const char *values[2 + ARRAYS] = { reg->process, reg->host };

	for (int i = 0; i < ARRAYS; i++) {
		api_array_end(&arrays[i]);
		values[2 + i] = base_buf_str(&arrays[i]);
	}
	reg->record = db_query_start(
	    reg->pool, reg->record_statement, values, record_done, reg);
}

static void
record_start(void *arg)
{
	struct api_registry *reg = arg;
	struct base_buf arrays[ARRAYS] = { 0 };
	struct api_registration *item;
	size_t count = 0;

	if (lease_doubtful(reg)) {
		beat_start(reg);
		return;
	}
	reg->asked_ms = base_clock_ms();
	for (int i = 0; i < ARRAYS; i++)
		api_array_begin(&arrays[i]);
	while ((item = TAILQ_FIRST(&reg->dirty)) != NULL &&
	    count++ < (reg->single ? 1 : BATCH_MAX)) {
		TAILQ_REMOVE(&reg->dirty, item, link);
		TAILQ_INSERT_TAIL(&reg->sent, item, link);
		item->sent_close = item->closed;
		arrays_add(arrays, item);
	}
	arrays_send(reg, arrays);
	for (int i = 0; i < ARRAYS; i++)
		base_buf_fini(&arrays[i]);
}

/* The lease. */

static void
reap_done(const struct db_result *r, void *arg)
{
	struct api_registry *reg = arg;

	reg->reap = NULL;
	if (r->status == DB_OK && r->rows == 1 && db_result_i64(r, 0, 0) > 0)
		base_log_info("dead processes found",
		    "processes=%s connections=%s", db_result_value(r, 0, 0),
		    db_result_value(r, 0, 1));
}

/* Others took this process for dead and closed its connections. */
static void
record_again(struct api_registry *reg)
{
	struct api_registration *r;

	TAILQ_FOREACH (r, &reg->live, link) {
		r->written = false;
		reg->pending++;
	}
	TAILQ_CONCAT(&reg->dirty, &reg->live, link);
	write_ask(reg);
}

static void
beat_done(const struct db_result *r, void *arg)
{
	struct api_registry *reg = arg;

	reg->lease = NULL;
	if (r->status != DB_OK || r->rows != 1) {
		retry_later(reg);
		return;
	}
	reg->leased_ms = base_clock_ms();
	if (db_result_bool(r, 0, 0))
		record_again(reg);
	write_ask(reg);
}

static void
beat_start(struct api_registry *reg)
{
	const char *values[] = { reg->process, reg->host, reg->lease_s };

	if (reg->lease == NULL)
		reg->lease = db_query_start(
		    reg->pool, reg->beat_statement, values, beat_done, reg);
}

static void
beat_tick(void *arg)
{
	struct api_registry *reg = arg;

	reg->beat = base_timer_start(reg->loop, reg->beat_ms, beat_tick, reg);
	beat_start(reg);
	if (reg->reap == NULL)
		reg->reap = db_query_start(
		    reg->pool, reg->reap_statement, NULL, reap_done, reg);
}

static void
start_done(const struct db_result *r, void *arg)
{
	struct api_registry *reg = arg;

	reg->lease = NULL;
	if (r->status != DB_OK) {
		retry_later(reg);
		return;
	}
	reg->started = true;
	reg->leased_ms = base_clock_ms();
	reg->beat = base_timer_start(reg->loop, reg->beat_ms, beat_tick, reg);
	write_ask(reg);
}

static void
start(struct api_registry *reg)
{
	const char *values[] = { reg->process, reg->host, reg->lease_s };

	reg->lease = db_query_start(
	    reg->pool, reg->start_statement, values, start_done, reg);
}

struct api_registry *
api_registry_new(const struct api_registry_params *p)
{
	struct api_registry *reg = base_alloc(sizeof(*reg));
	uint32_t lease_s = p->lease_s != 0 ? p->lease_s : LEASE_S;

	reg->loop = p->loop;
	reg->pool = p->pool;
	reg->process = base_strdup(p->process);
	reg->host = base_strdup(p->host);
	snprintf(reg->lease_s, sizeof(reg->lease_s), "%" PRIu32, lease_s);
	reg->beat_ms = p->beat_ms != 0 ? p->beat_ms : lease_s * 1000 / BEATS;
	reg->doubt_ms = lease_s * 1000 / BEATS * (BEATS - 1);
	reg->start_statement = db_statement_find("instances.start");
	reg->beat_statement = db_statement_find("instances.beat");
	reg->reap_statement = db_statement_find("connections.reap");
	reg->stop_statement = db_statement_find("instances.stop");
	reg->record_statement = db_statement_find("connections.record");
	reg->gather.cb = record_start;
	reg->gather.arg = reg;
	TAILQ_INIT(&reg->dirty);
	TAILQ_INIT(&reg->sent);
	TAILQ_INIT(&reg->live);
	start(reg);
	return reg;
}

static void
list_free(struct registrations *list)
{
	struct api_registration *r;

	while ((r = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, r, link);
		registration_free(r);
	}
}

void
api_registry_free(struct api_registry *reg)
{
	if (reg == NULL)
		return;
	db_query_cancel(reg->lease);
	db_query_cancel(reg->reap);
	db_query_cancel(reg->record);
	base_timer_cancel(reg->beat);
	base_timer_cancel(reg->retry);
	base_timer_cancel(reg->rest);
	base_task_cancel(&reg->gather);
	list_free(&reg->dirty);
	list_free(&reg->sent);
	list_free(&reg->live);
	base_free(reg->process);
	base_free(reg->host);
	base_free(reg);
}

size_t
api_registry_pending(const struct api_registry *reg)
{
	return reg->pending + (reg->stopping && !reg->stopped ? 1 : 0);
}

uint64_t
api_registry_writes(const struct api_registry *reg)
{
	return reg->writes;
}
