/* SPDX-License-Identifier: ISC */
#include "tests/db/engine_fixture.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/config.h"
#include "api/limit.h"
#include "api/metrics.h"
#include "api/operation.h"
#include "api/router.h"
#include "api/schema.h"
#include "api/token.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/loop.h"
#include "base/mem.h"
#include "db/pool.h"
#include "tests/unit/harness.h"

#define SECRET "an-only-secret-of-the-tests-0123456789"
#define PATIENCE_MS 15000

static struct api_config config;
static struct db_pool *pool;
static struct api_limits *limits;
static struct api_metrics *metrics;
static struct api_header given[8];

static void
die(const char *what)
{
	fprintf(stderr, "engine fixture: %s\n", what);
	exit(1);
}

void
fixture_start(struct fixture *f, const char *const *settings)
{
	char err[300];

	memset(f, 0, sizeof(*f));
	f->cluster = cluster_new_migrated();
	setenv("PARLEY_DATABASE_URL", cluster_conninfo(f->cluster), 1);
	setenv("PARLEY_JWT_SECRET", SECRET, 1);
	setenv("PARLEY_LOG_LEVEL", "error", 1);
	setenv("PARLEY_RATE_SEND", "100000/1", 1);
	for (; settings != NULL && *settings != NULL; settings++)
		putenv(base_strdup(*settings));
	if (!api_config_load(&config, API_CONFIG_SERVICE, err, sizeof(err)))
		die(err);
	f->loop = base_loop_poll_new();
	pool = db_pool_new(&(struct db_pool_params){ .loop = f->loop,
	    .conninfo = config.database_url,
	    .connections = 2 });
	limits = api_limits_open(&config, err, sizeof(err));
	if (limits == NULL)
		die(err);
	metrics = api_metrics_open(config.run_dir, "test");
	f->engine =
	    api_engine_new(&(struct api_engine_params){ .config = &config,
			       .loop = f->loop,
			       .pool = pool,
			       .limits = limits,
			       .metrics = metrics,
			       .process = "test" },
		err, sizeof(err));
	if (f->engine == NULL)
		die(err);
	for (uint64_t end = base_clock_ms() + PATIENCE_MS;
	     !db_pool_ready(pool);) {
		base_loop_poll_turn(f->loop, 50);
		if (base_clock_ms() > end)
			die("the pool does not get ready");
	}
}

void
fixture_stop(struct fixture *f)
{
	api_engine_free(f->engine);
	db_pool_free(pool);
	api_limits_close(limits);
	api_metrics_close(metrics);
	base_loop_poll_free(f->loop);
	api_config_fini(&config);
	cluster_free(f->cluster);
}

/* --- requests --- */

void
fixture_header(const char *name, const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		if (given[i].name != NULL &&
		    strcasecmp(given[i].name, name) == 0)
			given[i].name = NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(given) && value != NULL; i++) {
		if (given[i].name == NULL) {
			given[i] = (struct api_header){ name, value };
			return;
		}
	}
}

static const char *
header(void *arg, const char *name)
{
	const char *authorization = arg;

	if (strcasecmp(name, "Authorization") == 0)
		return authorization;
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		if (given[i].name != NULL &&
		    strcasecmp(given[i].name, name) == 0)
			return given[i].value;
	}
	return NULL;
}

/* "role:user" or "user" */
static const char *
split_user(const char *user, char role[16])
{
	const char *colon = strchr(user, ':');

	snprintf(role, 16, "user");
	if (colon == NULL)
		return user;
	snprintf(role, 16, "%.*s", (int)(colon - user), user);
	return colon + 1;
}

static void
authorization(const char *user, char *out, size_t size)
{
	char role[16], err[200], *token;
	struct api_token_claims claims = { .role = role,
		.issued_at = base_clock_wall_us() / 1000000,
		.ttl_s = 600 };

	claims.user = split_user(user, role);
	claims.name = claims.user;
	token = api_token_mint(&config, &claims, err, sizeof(err));
	if (token == NULL)
		die(err);
	snprintf(out, size, "Bearer %s", token);
	base_free(token);
}

static void
take_answer(const struct api_answer *a, void *arg)
{
	struct reply *r = arg;
	size_t n = 0;

	r->done = true;
	r->status = a->status;
	if (a->content_type != NULL)
		snprintf(r->type, sizeof(r->type), "%s", a->content_type);
	snprintf(r->text, sizeof(r->text), "%.*s", (int)a->body_len,
	    a->body != NULL ? a->body : "");
	if (a->body_len > 0)
		r->json = json_loadb(a->body, a->body_len, 0, NULL);
	for (size_t i = 0; i < a->nheaders && n < sizeof(r->headers); i++)
		n += (size_t)snprintf(r->headers + n, sizeof(r->headers) - n,
		    "%s: %s\n", a->headers[i].name, a->headers[i].value);
}

struct api_call *
http_start(struct fixture *f, const char *user, const char *method,
    const char *target, const char *body, struct reply *out)
{
	char path[1024], auth[2048];
	char *query;
	struct api_request r = { .door = API_DOOR_REST,
		.method = method,
		.path = path,
		.body = body,
		.body_len = body != NULL ? strlen(body) : 0,
		.content_type = body != NULL ? "application/json" : NULL,
		.header = header,
		.remote_addr = "192.0.2.7" };

	memset(out, 0, sizeof(*out));
	snprintf(path, sizeof(path), "%s", target);
	query = strchr(path, '?');
	if (query != NULL) {
		*query++ = '\0';
		r.query = query;
	}
	if (user != NULL) {
		authorization(user, auth, sizeof(auth));
		r.header_arg = auth;
	}
	return api_call_start(f->engine, &r, take_answer, out);
}

static void
await(struct fixture *f, struct reply *r)
{
	uint64_t end = base_clock_ms() + PATIENCE_MS;

	while (!r->done && base_clock_ms() < end)
		base_loop_poll_turn(f->loop, 100);
}

/* Refusals that any operation may have. */
static bool
is_general(const char *code)
{
	static const char *const general[] = { "bad_request", "bad_path",
		"unauthorized", "forbidden", "user_suspended", "not_here",
		"as_not_allowed", "origin_not_allowed", "request_timeout",
		"payload_too_large", "uri_too_long", "invalid", "rate_limited",
		"headers_too_large", "internal", "database_unavailable",
		"outcome_unknown", "overloaded", "timeout" };

	for (size_t i = 0; i < ARRAY_LEN(general); i++)
		if (strcmp(general[i], code) == 0)
			return true;
	return false;
}

static bool
may_refuse(const struct api_operation *op, const char *body)
{
	const char *p = strstr(body, "\"code\":\"");
	char code[64] = "";

	if (op->refusals == NULL || p == NULL)
		return true;
	snprintf(code, sizeof(code), "%.*s", (int)strcspn(p + 8, "\""), p + 8);
	for (const char *const *c = op->refusals; *c != NULL; c++)
		if (strcmp(*c, code) == 0)
			return true;
	if (!is_general(code))
		fprintf(stderr, "%s: refused with %s\n", op->name, code);
	return is_general(code);
}

bool
fixture_knows(
    const char *method, const char *target, int status, const char *body)
{
	struct api_route route;
	char path[1024];

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(target, "?"), target);
	if (api_router_find(method, path, &route) != API_ROUTE_OK)
		return true;
	if (!api_operation_answers(route.op, status)) {
		fprintf(stderr, "%s: answered %d\n", route.op->name, status);
		return false;
	}
	return status < 400 || may_refuse(route.op, body);
}

struct reply
http(struct fixture *f, const char *user, const char *method,
    const char *target, const char *body)
{
	struct reply r;

	http_start(f, user, method, target, body, &r);
	await(f, &r);
	if (r.done)
		CU_ASSERT(fixture_knows(method, target, r.status, r.text));
	return r;
}

struct reply
frame(struct fixture *f, const char *user, const char *op, const char *args)
{
	char role[16];
	struct api_identity *id = api_identity_new(
	    &(struct api_identity){ .user = split_user(user, role),
		.role = strcmp(role, "admin") == 0 ? API_ROLE_ADMIN :
		    strcmp(role, "service") == 0   ? API_ROLE_SERVICE :
						     API_ROLE_USER,
		.name = split_user(user, role),
		.expires_at = base_clock_wall_us() / 1000000 + 600 });
	struct api_request request = { .door = API_DOOR_SOCKET,
		.op_name = op,
		.args = json_loads(args, 0, NULL),
		.identity = id,
		.connection_id = "t1-1-abcdefgh",
		.platform = "test",
		.remote_addr = "192.0.2.7" };
	struct reply r = { .done = false };

	api_call_start(f->engine, &request, take_answer, &r);
	json_decref(request.args);
	api_identity_unref(id);
	await(f, &r);
	return r;
}

void
reply_fini(struct reply *r)
{
	json_decref(r->json);
	r->json = NULL;
}

const char *
member(const struct reply *r, const char *path)
{
	static char text[4][512];
	static unsigned turn;
	char *out = text[turn++ % 4];
	const json_t *v = r->json;

	while (*path != '\0' && v != NULL) {
		char name[64];
		size_t len = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)len, path);
		v = json_is_array(v) ?
		    json_array_get(v, strtoul(name, NULL, 10)) :
		    json_object_get(v, name);
		path += len + (path[len] == '.');
	}
	if (json_is_string(v))
		snprintf(out, 512, "%s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(out, 512, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v) || json_is_null(v))
		snprintf(out, 512, "%s",
		    json_is_null(v)	? "null" :
			json_is_true(v) ? "true" :
					  "false");
	else
		snprintf(out, 512, "%s", v == NULL ? "" : "{}");
	return out;
}

void
in_group(const struct fixture *f, char *out, size_t size, const char *rest)
{
	snprintf(out, size, "/v1/conversations/%s%s", f->group, rest);
}

/* --- answers against the table of objects --- */

static bool fits_schema(const json_t *v, const char *name, const char *where);

static bool
complain(const char *where, const char *what)
{
	fprintf(stderr, "\n%s: %s\n", where, what);
	return false;
}

static bool
fits_plain(const json_t *v, const char *type, const char *where)
{
	if (api_schema_find(type) != NULL)
		return fits_schema(v, type, where);
	if (strcmp(type, "integer") == 0)
		return json_is_integer(v) || complain(where, "no integer");
	if (strcmp(type, "boolean") == 0)
		return json_is_boolean(v) || complain(where, "no boolean");
	if (strcmp(type, "object") == 0)
		return json_is_object(v) || complain(where, "no object");
	if (!json_is_string(v))
		return complain(where, "no string");
	if (strcmp(type, "uuid") == 0)
		return base_uuid_valid(json_string_value(v)) ||
		    complain(where, "no UUID");
	if (strcmp(type, "time") == 0)
		return json_string_length(v) == 27 ||
		    complain(where, "no time");
	return true;
}

static bool
fits_type(const json_t *v, const char *type, const char *where)
{
	struct api_type_ref ref = api_type_parse(type);
	bool good = true;
	size_t i;
	json_t *element;

	if (json_is_null(v))
		return ref.nullable || complain(where, "is null");
	if (!ref.array)
		return fits_plain(v, ref.name, where);
	if (!json_is_array(v))
		return complain(where, "no array");
	json_array_foreach (v, i, element)
		good = fits_plain(element, ref.name, where) && good;
	return good;
}

static const struct api_field *
find_field(const struct api_schema *s, const char *name)
{
	for (size_t i = 0; i < s->nfields; i++) {
		if (strcmp(s->fields[i].name, name) == 0)
			return &s->fields[i];
	}
	return NULL;
}

static bool
fits_schema(const json_t *v, const char *name, const char *where)
{
	const struct api_schema *s = api_schema_find(name);
	char path[200];
	const char *key;
	json_t *child;
	bool good = true;

	if (!json_is_object(v))
		return complain(where, "no object");
	for (size_t i = 0; i < s->nfields; i++) {
		snprintf(path, sizeof(path), "%s.%s", where, s->fields[i].name);
		child = json_object_get(v, s->fields[i].name);
		if (child != NULL)
			good =
			    fits_type(child, s->fields[i].type, path) && good;
		else if (!api_type_parse(s->fields[i].type).optional)
			good = complain(path, "is missing");
	}
	json_object_foreach ((json_t *)(uintptr_t)v, key, child) {
		snprintf(path, sizeof(path), "%s.%s", where, key);
		if (find_field(s, key) == NULL)
			good = complain(path, "is in no table");
	}
	return good;
}

bool
reply_fits(const struct reply *r, const char *name)
{
	const struct api_operation *op = api_operation_find(name);
	bool good = true;
	size_t i;
	json_t *element;

	if (!(op->flags & API_LIST))
		return fits_schema(r->json, op->answer, name);
	if (json_object_size(r->json) != 2)
		return complain(name, "no page");
	json_array_foreach (json_object_get(r->json, "data"), i, element)
		good = fits_schema(element, op->answer, name) && good;
	return good && json_object_get(r->json, "next") != NULL;
}

static bool
is_as_said(const struct http_row *row, const struct reply *r)
{
	return r->status == row->status &&
	    (row->path == NULL ||
		strcmp(member(r, row->path), row->value) == 0) &&
	    (row->op == NULL || reply_fits(r, row->op));
}

void
http_rows(struct fixture *f, const struct http_row *rows, size_t n)
{
	char target[256];

	for (const struct http_row *row = rows; row < rows + n; row++) {
		struct reply r;

		if (*row->target == '@')
			in_group(f, target, sizeof(target), row->target + 1);
		else
			snprintf(target, sizeof(target), "%s", row->target);
		r = http(f, row->user, row->method, target, row->body);
		if (!is_as_said(row, &r)) {
			fprintf(stderr, "\n%s %s: %d %s\n", row->method,
			    row->target, r.status, r.text);
			CU_FAIL("another answer");
		}
		reply_fini(&r);
	}
}
