/* SPDX-License-Identifier: ISC */
/* A worker inside a test; its clients are in client.c. */

#include "tests/db/world.h"

#include <sys/socket.h>

#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <CUnit/CUnit.h>

#include "api/engine.h"
#include "api/limit.h"
#include "api/metrics.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/pool.h"

#define WAIT_MS 30000

void
world_init(struct world *w)
{
	char err[256];

	memset(w, 0, sizeof(*w));
	/* As Kore does: sessions write to peers that are gone. */
	(void)signal(SIGPIPE, SIG_IGN);
	base_log_level_set(BASE_LOG_ERROR);
	w->cluster = cluster_new_migrated();
	setenv("PARLEY_DATABASE_URL", cluster_conninfo(w->cluster), 1);
	setenv("PARLEY_JWT_SECRET", "0123456789abcdef0123456789abcdef", 1);
	setenv("PARLEY_INSTANCE", "t1", 1);
	setenv("PARLEY_RATE_LIMITS", "off", 1);
	setenv("PARLEY_LOG_LEVEL", "error", 1);
	setenv("PARLEY_ORIGINS", "https://chat.example", 1);
	if (!api_config_load(
		&w->config, API_CONFIG_SERVICE, err, sizeof(err))) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	free(world_sql(w,
	    "insert into users (id, name) values ('ann', 'Ann'),"
	    " ('bob', 'Bob'), ('cid', 'Cid')"));
}

void
world_fini(struct world *w)
{
	if (w->streams != NULL)
		world_down(w);
	api_config_fini(&w->config);
	PQfinish(w->sql);
	cluster_free(w->cluster);
	free(w->team);
}

void
world_up(struct world *w)
{
	struct db_pool_params pool = { 0 };
	struct api_engine_params engine = { 0 };
	struct api_streams_params streams = { 0 };
	uint64_t end = base_clock_ms() + WAIT_MS;
	char err[256];

	w->loop = base_loop_poll_new();
	w->limits = api_limits_open(&w->config, err, sizeof(err));
	w->metrics = api_metrics_open("", "test");
	pool.loop = w->loop;
	pool.conninfo = w->config.database_url;
	pool.connections = 3;
	w->pool = db_pool_new(&pool);
	engine.config = &w->config;
	engine.loop = w->loop;
	engine.pool = w->pool;
	engine.limits = w->limits;
	engine.metrics = w->metrics;
	engine.process = "test";
	w->engine = api_engine_new(&engine, err, sizeof(err));
	if (w->engine == NULL) {
		fprintf(stderr, "%s\n", err);
		exit(1);
	}
	streams.engine = w->engine;
	streams.worker = 1;
	w->streams = api_streams_new(&streams);
	while (!api_streams_ready(w->streams) || !db_pool_ready(w->pool)) {
		base_loop_poll_turn(w->loop, 10);
		if (base_clock_ms() > end) {
			CU_FAIL_FATAL("streams do not get ready");
		}
	}
}

void
world_down(struct world *w)
{
	api_streams_free(w->streams);
	w->streams = NULL;
	api_engine_free(w->engine);
	db_pool_free(w->pool);
	api_metrics_close(w->metrics);
	api_limits_close(w->limits);
	base_loop_poll_free(w->loop);
}

void
world_begin(struct world *w)
{
	if (w->cluster == NULL) {
		world_init(w);
		w->team = world_group(w, "team", "'bob'");
	}
	if (w->streams == NULL)
		world_up(w);
}

void
world_turn(struct world *w, unsigned ms)
{
	uint64_t end = base_clock_ms() + ms;

	do
		base_loop_poll_turn(w->loop, 2);
	while (base_clock_ms() < end);
}

static bool
sql_done(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_TUPLES_OK ||
	    PQresultStatus(r) == PGRES_COMMAND_OK;
}

char *
world_sql(struct world *w, const char *format, ...)
{
	char *text, *value = NULL;
	PGresult *r;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) == -1)
		abort();
	va_end(ap);
	r = PQexec(w->sql, text);
	if (!sql_done(r)) {
		/* The server may have restarted. */
		PQclear(r);
		PQfinish(w->sql);
		w->sql = PQconnectdb(cluster_conninfo(w->cluster));
		r = PQexec(w->sql, text);
	}
	if (!sql_done(r)) {
		fprintf(stderr, "%s: %s", text, PQerrorMessage(w->sql));
		CU_FAIL_FATAL("SQL failed");
	}
	if (PQntuples(r) > 0)
		value = strdup(PQgetvalue(r, 0, 0));
	PQclear(r);
	free(text);
	return value;
}

char *
world_group(struct world *w, const char *name, const char *members)
{
	return world_sql(w,
	    "select id from conversations_create('ann', 'user', null, 'group',"
	    " null, '%s', array[%s]::text[], null, null)",
	    name, members);
}

void
world_send(struct world *w, const char *user, const char *conversation,
    const char *text)
{
	char *status = world_sql(w,
	    "select status from messages_send(array['%s'], array['user'],"
	    " array['%s'], array[uuid_v7()], array['%s'],"
	    " array[null]::uuid[], array[null], array[null], array[null],"
	    " array[null]::boolean[])",
	    user, conversation, text);

	CU_ASSERT_STRING_EQUAL(status, "201");
	free(status);
}

int64_t
world_log_end(struct world *w)
{
	return cluster_number(w->cluster, "select max(id) from events");
}

bool
world_settle(struct world *w)
{
	const struct push_hub *hub = api_streams_hub(w->streams);
	uint64_t until = base_clock_ms() + WAIT_MS;
	int64_t end = world_log_end(w);

	while (push_hub_cursor(hub) < end && base_clock_ms() < until)
		world_turn(w, 2);
	return push_hub_cursor(hub) >= end;
}

void
world_edit(
    struct world *w, const char *conversation, const char *from, const char *to)
{
	base_free(world_sql(w,
	    "select r.message from messages m, messages_edit(m.sender_id,"
	    " 'user', null, m.id, '%s', null, null, null, 0) r"
	    " where m.text = '%s' and m.conversation_id = '%s'",
	    to, from, conversation));
}

char *
world_token(struct world *w, const char *user, const char *role)
{
	struct api_token_claims claims = { 0 };
	char err[256], *token;

	claims.user = user;
	claims.role = role;
	claims.issued_at = (int64_t)time(NULL);
	claims.ttl_s = 3600;
	token = api_token_mint(&w->config, &claims, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(token);
	return token;
}
