/* SPDX-License-Identifier: ISC */
/* The end of a call: the problem or the result, headers, log line, metrics. */
#include "api/call_private.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/conditional.h"
#include "api/config.h"
#include "api/file_link.h"
#include "api/metrics.h"
#include "api/tus_head.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/recycle.h"

#define RETRY_SECONDS "2"
#define EXPOSED                                                                \
	"X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Link, ETag, " \
	"Location, Idempotency-Replayed, Accept-Ranges, Content-Range, "       \
	"Content-Disposition"
#define ACCEPTED                                                             \
	"Authorization, Content-Type, Idempotency-Key, X-Request-Id, "       \
	"Parley-Client, Parley-As, Last-Event-ID, If-None-Match, If-Match, " \
	"If-Range, Range"

static bool
has_header(const struct api_call *c, const char *name)
{
	for (size_t i = 0; i < c->nheaders; i++) {
		if (strcasecmp(c->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

/* Of the caller's limit and the conversation's, the one that binds. */
static const struct api_verdict *
binding_verdict(const struct api_call *c)
{
	const struct api_verdict *own = &c->verdict, *all = &c->channel_verdict;

	return all->counted &&
		(!all->allowed || all->left < own->left || !own->counted) ?
	    all :
	    own;
}

static void
add_rate_headers(struct api_call *c)
{
	const struct api_verdict *v = binding_verdict(c);
	char text[API_LIMIT_TEXT];

	if (!v->counted)
		return;
	api_limit_policy_format(text, v);
	api_call_header_add(c, "RateLimit-Policy", text);
	api_limit_left_format(text, v);
	api_call_header_add(c, "RateLimit", text);
}

static void
add_error_headers(struct api_call *c)
{
	char seconds[16];

	if (c->error->status == 401)
		api_call_header_add(c, "WWW-Authenticate",
		    api_call_header(c, "Authorization") == NULL ?
			API_AUTH_CHALLENGE :
			API_AUTH_CHALLENGE ", error=\"invalid_token\"");
	if (c->error->status == 429) {
		snprintf(seconds, sizeof(seconds), "%" PRIu32,
		    binding_verdict(c)->retry_s);
		api_call_header_add(c, "Retry-After", seconds);
	}
	if (c->error->status == 503)
		api_call_header_add(c, "Retry-After", RETRY_SECONDS);
}

static void
add_origin_headers(struct api_call *c)
{
	bool is_tus = (c->route.flags & API_TUS) != 0;

	if (c->page_origin == NULL)
		return;
	api_call_header_add(c, "Vary", "Origin");
	if (!api_engine_origin_allowed(c->engine, c->page_origin))
		return;
	api_call_header_add(c, "Access-Control-Allow-Origin", c->page_origin);
	if (strcmp(c->method, "OPTIONS") != 0) {
		api_call_header_add(c, "Access-Control-Expose-Headers",
		    is_tus ? EXPOSED API_TUS_EXPOSED : EXPOSED);
		return;
	}
	api_call_header_add(c, "Access-Control-Allow-Methods", c->route.allow);
	api_call_header_add(c, "Access-Control-Allow-Headers",
	    is_tus ? ACCEPTED API_TUS_ACCEPTED : ACCEPTED);
	api_call_header_add(c, "Access-Control-Max-Age", "600");
}

/* The key is no secret: every process must give the same body the same tag. */
static void
add_etag(struct api_call *c)
{
	static const unsigned char key[16] = "parley etag";
	char etag[20];

	if (c->error != NULL || c->status != 200 || c->op == NULL ||
	    !(c->op->flags & API_POLLED))
		return;
	snprintf(etag, sizeof(etag), "\"%016" PRIx64 "\"",
	    base_hash_keyed(key, base_buf_str(&c->out), c->out.len));
	api_call_header_add(c, "ETag", etag);
	api_call_header_add(c, "Cache-Control", "private, no-cache");
	if (!api_conditional_none_match(
		api_call_header(c, "If-None-Match"), etag))
		return;
	c->status = 304;
	c->answer_type = NULL;
	base_buf_reset(&c->out);
}

/* Only HTTP doors show headers; Retry-After is told to a socket too. */
static void
add_headers(struct api_call *c)
{
	if (c->error != NULL)
		add_error_headers(c);
	add_rate_headers(c);
	if (c->door == API_DOOR_SOCKET)
		return;
	api_call_header_add(c, "X-Request-Id", c->request_id);
	add_origin_headers(c);
	if (c->route.flags & API_TUS)
		api_tus_head_add(c, c->status,
		    strcmp(c->method, "OPTIONS") == 0,
		    c->engine->config->max_upload_bytes);
	add_etag(c);
	if (c->op == NULL && c->route.allow[0] != '\0')
		api_call_header_add(c, "Allow", c->route.allow);
	if (!has_header(c, "Cache-Control"))
		api_call_header_add(c, "Cache-Control", "no-store");
	if (!has_header(c, "X-Content-Type-Options"))
		api_call_header_add(c, "X-Content-Type-Options", "nosniff");
}

/* Of several arguments the first, for those who read no further. */
static const char *
detail_of(struct api_call *c)
{
	const struct api_field_error *f = c->fields;

	if (c->detail != NULL || c->nfields == 0)
		return c->detail;
	if (c->nfields == 1)
		return base_arena_printf(
		    &c->arena, "%s: %s", f->field, f->detail);
	return base_arena_printf(&c->arena, "%s: %s (and %zu more)", f->field,
	    f->detail, c->nfields - 1);
}

static void
write_problem(struct api_call *c)
{
	struct api_problem p = { .error = c->error,
		.detail = detail_of(c),
		.request_id = c->request_id,
		.fields = c->fields,
		.nfields = c->nfields };

	base_buf_reset(&c->out);
	api_problem_write(&c->out, &p);
	c->status = c->error->status;
	c->answer_type = "application/problem+json";
	c->file_path = NULL;
}

static const char *
door_name(enum api_door door)
{
	switch (door) {
	case API_DOOR_FASTCGI:
		return "fastcgi";
	case API_DOOR_SOCKET:
		return "socket";
	case API_DOOR_REST:
		break;
	}
	return "rest";
}

static void
write_log(const struct api_call *c, uint64_t took_us)
{
	const char *acting = c->as_user != NULL && c->identity != NULL ?
	    c->identity->user :
	    NULL;
	char user[160], by[160], remote[64];

	if (!base_log_enabled(BASE_LOG_INFO))
		return;
	base_log_info("request",
	    "op=%s status=%d ms=%.1f user=%s%s%s request=%s connection=%s "
	    "door=%s remote=%s bytes=%zu%s%s",
	    c->op != NULL ? c->op->name : "-", c->status, (double)took_us / 1e3,
	    base_log_quote(user, sizeof(user), api_call_user(c)),
	    acting != NULL ? " service=" : "",
	    acting != NULL ? base_log_quote(by, sizeof(by), acting) : "",
	    c->request_id, c->connection_id != NULL ? c->connection_id : "-",
	    door_name(c->door),
	    base_log_quote(remote, sizeof(remote), c->remote_addr),
	    c->file_path != NULL ? (size_t)c->file_length : c->out.len,
	    c->error != NULL ? " code=" : "",
	    c->error != NULL ? c->error->code : "");
}

void
api_call_record(const struct api_call *c)
{
	uint64_t took_us = base_clock_us() - c->started_us;

	write_log(c, took_us);
	api_metrics_request(c->engine->metrics,
	    c->op != NULL ? api_operation_index(c->op) : api_operation_count(),
	    c->status, took_us);
}

static void
answer(void *arg)
{
	struct api_call *c = arg;
	struct api_answer a = { .status = c->status,
		.request_id = c->request_id,
		.content_type = c->answer_type,
		.body = c->out.data,
		.body_len = c->out.len,
		.omit_body = c->route.head,
		.headers = c->headers,
		.nheaders = c->nheaders,
		.file_path = c->file_path,
		.file_offset = c->file_offset,
		.file_length = c->file_length };

	api_call_record(c);
	c->cb(&a, c->arg);
	api_call_free(c);
}

static void
sign_addresses(struct api_call *c)
{
	struct base_buf out = { 0 };

	if (c->answer_type == NULL ||
	    strcmp(c->answer_type, "application/json") != 0 ||
	    !api_file_link_json(
		&out, c->engine->config, c->out.data, c->out.len))
		return;
	base_buf_fini(&c->out);
	c->out = out;
}

void
api_call_finish(struct api_call *c)
{
	if (c->error != NULL)
		write_problem(c);
	else
		sign_addresses(c);
	add_headers(c);
	if (!c->starting) {
		answer(c);
		return;
	}
	c->task = (struct base_task){ .cb = answer, .arg = c };
	base_loop_defer(c->engine->loop, &c->task);
}

void
api_call_free(struct api_call *c)
{
	if (c->at_end != NULL)
		c->at_end(c->at_end_arg);
	api_metrics_gauge_add(c->engine->metrics, API_GAUGE_CALLS, -1);
	json_decref(c->object);
	api_identity_unref(c->identity);
	api_identity_unref(c->subject);
	base_buf_fini(&c->out);
	base_arena_fini(&c->arena);
	base_recycle_put(c, sizeof(*c));
}
