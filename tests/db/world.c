/* SPDX-License-Identifier: ISC */
/* A worker and its clients inside a test. */

#include "tests/db/world.h"

#include <sys/socket.h>

#include <CUnit/CUnit.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "api/engine.h"
#include "api/limit.h"
#include "api/metrics.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/pool.h"

#define WAIT_MS 30000

/* The world. */

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

/* Clients. */

/* Values stay valid for a dozen look-ups, as long as a request is read. */
static const char *
field_value(void *arg, const char *name)
{
	static char copies[16][1024];
	static unsigned next;
	const char *line, *end, *text = arg;
	size_t len = strlen(name);

	for (line = text; *line != '\0'; line = end + 2) {
		end = strstr(line, "\r\n");
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		next = (next + 1) % 16;
		snprintf(copies[next], sizeof(copies[next]), "%.*s",
		    (int)(end - line - (ptrdiff_t)len - 2), line + len + 2);
		return copies[next];
	}
	return NULL;
}

void
client_open(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *token, const char *query, const char *fields)
{
	struct api_stream_params p = { 0 };
	char text[2048]; /* "Name: value\r\n" lines */
	int fds[2];

	memset(c, 0, sizeof(*c));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		fds) != 0)
		abort();
	c->world = w;
	c->fd = fds[1];
	c->websocket = kind == API_STREAM_SOCKET;
	snprintf(text, sizeof(text), "%s%s%s%s%s",
	    token != NULL ? "Authorization: Bearer " : "",
	    token != NULL ? token : "", token != NULL ? "\r\n" : "",
	    c->websocket ? "Upgrade: websocket\r\nConnection: Upgrade\r\n"
			   "Sec-WebSocket-Version: 13\r\n"
			   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" :
			   "",
	    fields != NULL ? fields : "");
	p.fd = fds[0];
	p.kind = kind;
	p.method = "GET";
	p.query = query;
	p.header = field_value;
	p.header_arg = text;
	p.remote_addr = "192.0.2.7";
	api_stream_open(w->streams, &p);
}

void
client_start(struct client *c, struct world *w, enum api_stream_kind kind,
    const char *user, const char *query)
{
	char *token = world_token(w, user, "user");

	client_open(c, w, kind, token, query, NULL);
	base_free(token);
	CU_ASSERT(client_wait(c, "ready", 1));
}

void
client_drop(struct client *c)
{
	close(c->fd);
	for (size_t i = 0; i < c->count; i++) {
		base_free(c->got[i].event);
		base_free(c->got[i].json);
	}
	base_free(c->got);
	base_buf_fini(&c->in);
	base_buf_fini(&c->head);
	c->got = NULL;
	c->count = 0;
}

void
client_close(struct client *c)
{
	client_drop(c);
	world_turn(c->world, 20);
}

static void
keep(struct client *c, int64_t id, const char *event, const char *json,
    size_t len)
{
	c->got = base_realloc(c->got, (c->count + 1) * sizeof(*c->got));
	c->got[c->count].id = id;
	c->got[c->count].event = base_strdup(event);
	c->got[c->count].json = base_strndup(json, len);
	c->count++;
	if (id > 0)
		c->last_id = id;
}

/* One SSE block without its empty line. */
static void
block_take(struct client *c, char *block)
{
	char *line, *rest, *event = NULL, *data = NULL;
	int64_t id = 0;

	for (line = strtok_r(block, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "id: ", 4) == 0)
			id = strtoll(line + 4, NULL, 10);
		else if (strncmp(line, "event: ", 7) == 0)
			event = line + 7;
		else if (strncmp(line, "data: ", 6) == 0)
			data = line + 6;
	}
	if (event != NULL && data != NULL)
		keep(c, id, event, data, strlen(data));
	else if (id > 0)
		c->last_id = id;
}

static bool
sse_take(struct client *c)
{
	char *end;

	if (c->in.data == NULL || (end = strstr(c->in.data, "\n\n")) == NULL)
		return false;
	*end = '\0';
	block_take(c, c->in.data);
	base_buf_consume(&c->in, (size_t)(end - c->in.data) + 2);
	return true;
}

static void
text_take(struct client *c, const char *text, size_t len)
{
	json_t *object = json_loadb(text, len, 0, NULL);
	const char *event;

	CU_ASSERT_PTR_NOT_NULL(object);
	event = json_string_value(json_object_get(object, "event"));
	keep(c, json_integer_value(json_object_get(object, "id")),
	    event != NULL ? event : "reply", text, len);
	json_decref(object);
}

static bool
frame_take(struct client *c)
{
	const unsigned char *p = (const unsigned char *)c->in.data;
	size_t head = 2, len;

	if (c->in.len < 2)
		return false;
	len = p[1];
	if (len == 126) {
		head = 4;
		if (c->in.len < head)
			return false;
		len = (size_t)p[2] << 8 | p[3];
	}
	if (c->in.len < head + len)
		return false;
	if ((p[0] & 15) == 1)
		text_take(c, c->in.data + head, len);
	else if ((p[0] & 15) == 8)
		c->code =
		    len >= 2 ? (unsigned)p[head] << 8 | p[head + 1] : 1005;
	base_buf_consume(&c->in, head + len);
	return true;
}

static void
head_take(struct client *c)
{
	char *end;

	if (c->in.data == NULL ||
	    (end = strstr(c->in.data, "\r\n\r\n")) == NULL)
		return;
	base_buf_append(&c->head, c->in.data, (size_t)(end - c->in.data) + 4);
	base_buf_consume(&c->in, c->head.len);
	c->headed = true;
	c->status = atoi(c->head.data + 9);
}

void
client_read(struct client *c)
{
	ssize_t n;

	for (;;) {
		base_buf_reserve(&c->in, 65536);
		n = read(c->fd, c->in.data + c->in.len, 65536);
		if (n <= 0)
			break;
		base_buf_added(&c->in, (size_t)n);
	}
	if (n == 0 || (n == -1 && errno != EAGAIN))
		c->ended = true;
	if (!c->headed)
		head_take(c);
	if (!c->headed || (c->status != 200 && c->status != 101))
		return;
	while (c->websocket ? frame_take(c) : sse_take(c))
		;
}

void
client_say(struct client *c, const char *json)
{
	size_t len = strlen(json);
	struct base_buf f = { 0 };

	base_buf_append_char(&f, (char)0x81);
	if (len < 126)
		base_buf_append_char(&f, (char)(0x80 | len));
	else {
		base_buf_append_char(&f, (char)(0x80 | 126));
		base_buf_append_char(&f, (char)(len >> 8));
		base_buf_append_char(&f, (char)len);
	}
	base_buf_append(&f, "\0\0\0\0", 4);
	base_buf_append(&f, json, len);
	CU_ASSERT_EQUAL(write(c->fd, f.data, f.len), (ssize_t)f.len);
	base_buf_fini(&f);
}

size_t
client_count(const struct client *c, const char *event)
{
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++)
		n += strcmp(c->got[i].event, event) == 0;
	return n;
}

const struct got *
client_nth(const struct client *c, const char *event, size_t n)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->got[i].event, event) == 0 && n-- == 0)
			return &c->got[i];
	}
	return NULL;
}

bool
client_wait(struct client *c, const char *event, size_t count)
{
	uint64_t end = base_clock_ms() + WAIT_MS;

	while (client_count(c, event) < count && !c->ended &&
	    base_clock_ms() < end) {
		base_loop_poll_turn(c->world->loop, 2);
		client_read(c);
	}
	return client_count(c, event) >= count;
}

bool
client_wait_end(struct client *c)
{
	uint64_t end = base_clock_ms() + WAIT_MS;

	while (!c->ended && base_clock_ms() < end) {
		base_loop_poll_turn(c->world->loop, 2);
		client_read(c);
	}
	return c->ended;
}

const char *
client_call(struct client *c, const char *id, const char *op, const char *args)
{
	struct base_buf frame = { 0 };
	size_t before = client_count(c, "reply");
	const struct got *reply;

	base_buf_printf(
	    &frame, "{\"id\":\"%s\",\"op\":\"%s\",\"args\":%s}", id, op, args);
	client_say(c, frame.data);
	base_buf_fini(&frame);
	CU_ASSERT(client_wait(c, "reply", before + 1));
	reply = client_nth(c, "reply", before);
	return reply != NULL ? reply->json : "";
}

char *
client_texts(const struct client *c)
{
	struct base_buf out = { 0 };
	json_t *object, *data;

	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->got[i].event, "message.created") != 0)
			continue;
		object = json_loads(c->got[i].json, 0, NULL);
		data = json_object_get(object, "data");
		if (strcmp(json_string_value(json_object_get(data, "type")),
			"system") != 0)
			base_buf_printf(&out, "%s%s", out.len > 0 ? " " : "",
			    json_string_value(json_object_get(data, "text")));
		json_decref(object);
	}
	return base_buf_take(&out);
}
