/* SPDX-License-Identifier: ISC */
/* A call from request to answer: a row of steps, each of which goes on, waits
 * or stops.  Whatever stops it, the way out is the same. */
#include "api/call_private.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "api/activity.h"
#include "api/batch.h"
#include "api/config.h"
#include "api/json_in.h"
#include "api/metrics.h"
#include "api/seen.h"
#include "base/clock.h"
#include "base/recycle.h"
#include "base/utf8.h"
#include "db/query.h"

#define FORM_BYTES 65536 /* of a multipart body around the file itself */

/* --- small things --- */

enum api_step
api_call_fail_with(
    struct api_call *c, const struct api_error *error, const char *detail)
{
	c->error = error;
	c->detail = detail;
	return API_STEP_STOP;
}

enum api_step
api_call_fail(struct api_call *c, const char *code, const char *detail)
{
	return api_call_fail_with(c, api_error_get(code), detail);
}

enum api_step
api_call_fail_field(struct api_call *c, const struct api_error *error,
    const char *field, const char *detail)
{
	detail = base_arena_strdup(&c->arena, detail);
	if (field == NULL || *field == '\0' ||
	    c->nfields == API_PARAM_ERRORS_MAX)
		return api_call_fail_with(c, error, detail);
	c->fields[c->nfields++] =
	    (struct api_field_error){ .field =
					  base_arena_strdup(&c->arena, field),
		    .code = error->code,
		    .detail = detail != NULL ? detail : error->title };
	if (error->status == 422)
		return api_call_fail(c, "invalid", NULL);
	return api_call_fail_with(c, error, detail);
}

/* Headers that are looked at after a wait, when the door may have forgotten
 * them. */
static void
keep_headers(struct api_call *c)
{
	static const char *const names[] = { "Authorization", "Idempotency-Key",
		"Accept", "Last-Event-ID", "Range", "If-Range", "If-None-Match",
		"If-Match" };

	_Static_assert(ARRAY_LEN(names) <= API_CALL_KEPT_MAX, "room");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = c->header(c->header_arg, names[i]);

		if (value != NULL)
			c->kept[c->nkept++] = (struct api_header){ names[i],
				base_arena_strdup(&c->arena, value) };
	}
}

const char *
api_call_header(const struct api_call *c, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < c->nkept && value == NULL; i++) {
		if (strcasecmp(c->kept[i].name, name) == 0)
			value = c->kept[i].value;
	}
	if (value == NULL && c->header != NULL)
		value = c->header(c->header_arg, name);
	return value != NULL && *value != '\0' ? value : NULL;
}

size_t
api_call_body_max(const struct api_engine *e, const struct api_operation *op)
{
	int64_t max = e->config->max_body_bytes;

	if (op != NULL && (op->flags & API_RAW_BODY))
		max = e->config->max_upload_bytes + FORM_BYTES;
	else if (op != NULL && op->body_bytes > 0)
		max = op->body_bytes;
	return (size_t)max;
}

/* --- step: with what --- */

static bool
is_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	return content_type != NULL &&
	    strncasecmp(content_type, json, len) == 0 &&
	    (content_type[len] == '\0' || content_type[len] == ';' ||
		content_type[len] == ' ');
}

static bool
takes_body(const struct api_operation *op)
{
	return strcmp(op->method, "GET") != 0 &&
	    strcmp(op->method, "DELETE") != 0;
}

static enum api_step
read_body(struct api_call *c)
{
	enum api_json_status status;

	if (c->body_len == 0)
		return API_STEP_NEXT;
	if (!takes_body(c->op))
		return api_call_fail(
		    c, "bad_request", "This operation takes no body.");
	if (!is_json(c->content_type))
		return api_call_fail(c, "unsupported_media_type",
		    "The body must be JSON: Content-Type: application/json.");
	status = api_json_parse(c->body, c->body_len,
	    api_call_body_max(c->engine, c->op), &c->object);
	if (status != API_JSON_OK)
		return api_call_fail(c, api_json_error_code(status),
		    api_json_error_detail(status));
	return API_STEP_NEXT;
}

static enum api_step
step_read(struct api_call *c)
{
	const struct api_config *config = c->engine->config;
	struct api_param_limits limits = { .max_text = config->max_text,
		.categories = (const char *const *)config->categories };
	bool socket = c->door == API_DOOR_SOCKET;

	if (!socket && !(c->op->flags & API_RAW_BODY) &&
	    read_body(c) == API_STEP_STOP)
		return API_STEP_STOP;
	api_args_init(&c->args, c->op, &c->arena, &limits);
	if (!socket) {
		api_args_route(&c->args, &c->route);
		api_args_query(&c->args, c->query_string);
	}
	if (c->object != NULL)
		api_args_object(&c->args, c->object, socket);
	if (api_args_finish(&c->args))
		return API_STEP_NEXT;
	memcpy(c->fields, c->args.errors, sizeof(c->fields));
	c->nfields = c->args.nerrors;
	return api_call_fail(c, "invalid", NULL);
}

/* --- step: are they known --- */

static void
mirrored(const struct api_error *error, void *arg)
{
	struct api_call *c = arg;

	c->mirroring = NULL;
	api_call_go_on(c,
	    error == NULL ? API_STEP_NEXT : api_call_fail_with(c, error, NULL));
}

static enum api_step
step_mirror(struct api_call *c)
{
	if (c->subject == NULL || c->plan->nways == 0 ||
	    api_seen_has(c->engine, c->subject))
		return API_STEP_NEXT;
	c->mirroring = api_seen_start(c->engine, c->subject, mirrored, c);
	return API_STEP_WAIT;
}

/* --- the row of steps --- */

static enum api_step (*const steps[])(struct api_call *) = {
	api_call_step_find,
	api_call_step_identify,
	api_call_step_authorize,
	api_call_step_count,
	step_read,
	api_call_step_copies,
	api_call_step_suspended, /* may wait, when the body is gone */
	step_mirror,
	api_call_step_channel,
	api_call_step_claim,
	api_call_step_before,
	api_call_step_run,
};

/* What its user did themselves tells that they are there. */
static void
note_activity(struct api_call *c)
{
	if (c->error == NULL && c->subject != NULL &&
	    c->subject == c->identity && !(c->op->flags & API_UPKEEP) &&
	    strcmp(c->op->method, "GET") != 0)
		api_activity_note(c->engine->activity, c->subject->user);
}

static void
leave(struct api_call *c)
{
	c->step = ARRAY_LEN(steps);
	if (c->error != NULL)
		api_call_give_back_channels(c);
	note_activity(c);
	if (!api_call_settle_key(c))
		api_call_finish(c);
}

void
api_call_go_on(struct api_call *c, enum api_step with)
{
	while (with == API_STEP_NEXT && c->step < ARRAY_LEN(steps))
		with = steps[c->step++](c);
	if (with != API_STEP_WAIT)
		leave(c);
}

/* --- start and cancel --- */

/* "flutter/1.2.0" → "flutter" */
static const char *
client_platform(struct api_call *c)
{
	const char *client = api_call_header(c, "Parley-Client");
	size_t len = client != NULL ? strcspn(client, "/ ;") : 0;

	if (len == 0 || len > 32 || !base_text_check(client, len))
		return NULL;
	return base_arena_strndup(&c->arena, client, len);
}

static void
take_request(struct api_call *c, const struct api_request *r)
{
	struct base_arena *a = &c->arena;
	bool socket = r->door == API_DOOR_SOCKET;

	c->door = r->door;
	c->door_arg = r->door_arg;
	c->header = r->header;
	c->header_arg = r->header_arg;
	c->method = base_arena_strdup(a, r->method);
	c->path = base_arena_strdup(a, socket ? r->op_name : r->path);
	c->query_string = base_arena_strdup(a, r->query);
	c->content_type = base_arena_strdup(a, r->content_type);
	c->body = r->body;
	c->body_len = r->body_len;
	c->remote_addr = base_arena_strdup(a, r->remote_addr);
	c->connection_id = base_arena_strdup(a, r->connection_id);
	c->platform = r->platform != NULL ? base_arena_strdup(a, r->platform) :
					    client_platform(c);
	c->as_user = base_arena_strdup(
	    a, socket ? r->as : api_call_header(c, "Parley-As"));
	c->page_origin = base_arena_strdup(a, api_call_header(c, "Origin"));
	if (r->args != NULL)
		c->object = json_incref(r->args);
	if (r->identity != NULL)
		c->identity = api_identity_ref(r->identity);
	if (c->header != NULL)
		keep_headers(c);
	else if (r->key != NULL)
		c->kept[c->nkept++] = (struct api_header){ "Idempotency-Key",
			base_arena_strdup(a, r->key) };
	api_http_request_id(c->request_id,
	    r->request_id != NULL ? r->request_id :
				    api_call_header(c, "X-Request-Id"));
}

struct api_call *
api_call_start(struct api_engine *e, const struct api_request *request,
    api_answer_cb *cb, void *arg)
{
	struct api_call *c = base_recycle_get(sizeof(*c));

	memset(c, 0, sizeof(*c));
	c->engine = e;
	c->cb = cb;
	c->arg = arg;
	c->started_us = base_clock_us();
	base_arena_init(&c->arena);
	api_metrics_gauge_add(e->metrics, API_GAUGE_CALLS, 1);
	take_request(c, request);
	c->starting = true;
	api_call_go_on(c, API_STEP_NEXT);
	c->starting = false;
	c->body = NULL;
	c->body_len = 0;
	if (c->op == NULL || !(c->op->flags & API_RAW_BODY))
		c->header = NULL;
	return c;
}

static void
nobody(const struct api_answer *answer, void *arg)
{
	(void)answer;
	(void)arg;
}

void
api_call_cancel(struct api_call *c)
{
	if (c == NULL)
		return;
	/* Whoever sent a key will come again and ask what became of it. */
	if (c->keyed) {
		c->cb = nobody;
		return;
	}
	base_task_cancel(&c->task);
	api_auth_identify_cancel(c->identifying);
	api_seen_cancel(c->mirroring);
	db_query_cancel(c->query);
	api_batch_cancel(c->item);
	c->status = 499;
	api_call_record(c);
	api_call_free(c);
}
