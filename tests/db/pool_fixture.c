/* SPDX-License-Identifier: ISC */
/* A pool for tests of it: see pool_fixture.h. */

#include "tests/db/pool_fixture.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/log.h"

static const char *const one[] = { "a" };
static const char *const two[] = { "a", "b" };

static const struct db_statement statements[] = {
	[ECHO] = { "t.echo", "select $1::text as value", one, 1, false, true },
	[PAIR] = { "t.pair",
	    "select $1::int as number, $2::text as \"a.b\", true as yes,"
	    " null::uuid as nothing",
	    two, 2, false, true },
	[DIVIDE] = { "t.divide", "select 100 / $1::int", one, 1, false, false },
	[PUT] = { "t.put", "insert into t (v) values ($1::int) returning v",
	    one, 1, false, false },
	[PUT_SLEEPING] = { "t.put_sleeping",
	    "insert into t (v) select $1::int from pg_sleep($2::float8)", two,
	    2, false, false },
	[READ_SLEEPING] = { "t.read_sleeping",
	    "select $1::int from pg_sleep($2::float8)", two, 2, false, true },
	[SLOW] = { "t.slow", "select pg_sleep($1::float8)", one, 1, true,
	    true },
	[REFUSE] = { "t.refuse", "select refuse($1::text)", one, 1, false,
	    false },
	[RETRY] = { "t.retry", "select retry_me()", NULL, 0, false, false },
	[WARN] = { "t.warn", "select warn($1::text)", one, 1, false, false },
	[COMMIT_FAILS] = { "t.commit_fails",
	    "insert into late (v) values ($1::int), ($1::int) returning v", one,
	    1, false, false },
	[STAR] = { "t.star", "select * from star", NULL, 0, false, true },
	[FORGET] = { "t.forget", "deallocate all", NULL, 0, false, false },
	[LATER] = { "t.later", "select v from later", NULL, 0, false, true },
	[SETTINGS] = { "t.settings",
	    "select concat_ws(' ', current_setting('plan_cache_mode'),"
	    " current_setting('statement_timeout'),"
	    " current_setting('TimeZone'),"
	    " current_setting('server_encoding'),"
	    " current_setting('client_encoding'),"
	    " current_setting('application_name'))",
	    NULL, 0, false, true },
	[BINARY] = { .name = "t.binary",
	    .text = "select $1::bigint as number, null::uuid as nothing",
	    .params = one,
	    .nparams = 1,
	    .read = true,
	    .binary = true },
};

static const char schema[] =
    "create table t (v int);"
    "create table late (v int unique deferrable initially deferred);"
    "create table star (a int); insert into star values (1);"
    "create sequence tries;"
    "create function refuse(p text) returns void language plpgsql as $$"
    " begin raise exception using errcode = 'PY000', message = 'not_found',"
    " detail = 'There is none.', column = p; end $$;"
    "create function retry_me() returns void language plpgsql as $$"
    " begin perform nextval('tries');"
    " raise exception using errcode = '40001'; end $$;"
    "create function warn(p text) returns text language plpgsql as $$"
    " begin raise notice 'n %', p; raise warning 'w %', p; return p; end $$;";

static void
copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text == NULL ? "-" : text);
}

static void
on_done(const struct db_result *r, void *arg)
{
	struct call *call = arg;

	CU_ASSERT_FALSE(call->fixture->inside_start);
	CU_ASSERT_FALSE(call->done);
	call->query = NULL;
	call->done = true;
	call->order = call->fixture->done++;
	call->status = r->status;
	call->rows = r->rows;
	if (r->rows > 0) {
		copy(call->value, sizeof(call->value),
		    db_result_bytes(r, 0, 0, &call->length));
	}
	copy(call->sqlstate, sizeof(call->sqlstate), r->sqlstate);
	copy(call->message, sizeof(call->message), r->message);
	copy(call->detail, sizeof(call->detail), r->detail);
	copy(call->column, sizeof(call->column), r->column);
}

const struct db_statement *
pool_statement(enum pool_statement which)
{
	return (&statements[which]);
}

void
call_start(struct pool_fixture *f, struct call *call, enum pool_statement which,
    const char *a, const char *b)
{
	const char *const values[] = { a, b };

	memset(call, 0, sizeof(*call));
	call->fixture = f;
	f->inside_start = true;
	call->query =
	    db_query_start(f->pool, &statements[which], values, on_done, call);
	f->inside_start = false;
	CU_ASSERT_PTR_NOT_NULL(call->query);
}

void
pool_turn(struct pool_fixture *f, uint64_t ms)
{
	uint64_t until = base_clock_ms() + ms;

	while (base_clock_ms() < until)
		base_loop_poll_turn(f->loop, 5);
}

bool
pool_wait(struct pool_fixture *f, const bool *flag, uint64_t ms)
{
	uint64_t until = base_clock_ms() + ms;

	while (!*flag && base_clock_ms() < until)
		base_loop_poll_turn(f->loop, 5);
	return (*flag);
}

bool
calls_wait(
    struct pool_fixture *f, const struct call *calls, size_t n, uint64_t ms)
{
	uint64_t until = base_clock_ms() + ms;
	size_t i = 0;

	while (i < n && base_clock_ms() < until) {
		if (calls[i].done)
			i++;
		else
			base_loop_poll_turn(f->loop, 5);
	}
	return (i == n);
}

struct call
call_run(struct pool_fixture *f, enum pool_statement which, const char *a,
    const char *b)
{
	struct call call;

	call_start(f, &call, which, a, b);
	CU_ASSERT_TRUE(pool_wait(f, &call.done, 15000));
	if (!call.done)
		db_query_cancel(call.query);
	return (call);
}

bool
pool_wait_up(struct pool_fixture *f, unsigned int connections)
{
	uint64_t until = base_clock_ms() + 15000;
	struct db_pool_stats stats;

	do {
		base_loop_poll_turn(f->loop, 5);
		db_pool_stats(f->pool, &stats);
	} while (stats.up != connections && base_clock_ms() < until);
	return (stats.up == connections);
}

void
pool_open_with(struct pool_fixture *f, const struct db_pool_params *given)
{
	struct db_pool_params params = *given;

	if (f->loop == NULL)
		f->loop = base_loop_poll_new();
	params.loop = f->loop;
	if (params.conninfo == NULL)
		params.conninfo = cluster_conninfo(f->cluster);
	params.application_name = "pool";
	params.statements = statements;
	params.statement_count = ARRAY_LEN(statements);
	f->pool = db_pool_new(&params);
	f->done = 0;
}

void
pool_open(struct pool_fixture *f, unsigned int connections)
{
	const struct db_pool_params params = { .connections = connections };

	cluster_exec(f->cluster, "truncate t");
	pool_open_with(f, &params);
	CU_ASSERT_TRUE(pool_wait_up(f, connections));
}

void
pool_close(struct pool_fixture *f)
{
	db_pool_free(f->pool);
	f->pool = NULL;
	base_loop_poll_turn(f->loop, 0);
	base_loop_poll_free(f->loop);
	f->loop = NULL;
}

int
pool_main(struct pool_fixture *f, const char *suite,
    const struct test_case *cases, size_t n, const char *only)
{
	int status;

	/* Of the log only what is asked for: the failures are made. */
	if (only == NULL)
		base_log_fd_set(open("/dev/null", O_WRONLY | O_CLOEXEC));
	f->cluster = cluster_new();
	cluster_exec(f->cluster, schema);
	status = test_main(suite, cases, n, only);
	cluster_free(f->cluster);
	return (status);
}
