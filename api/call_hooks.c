/* SPDX-License-Identifier: ISC */
/* What hooks may ask of a call and say to it. */
#include "api/call_private.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "db/result.h"

struct api_engine *
api_call_engine(const struct api_call *c)
{
	return c->engine;
}

const struct api_operation *
api_call_operation(const struct api_call *c)
{
	return c->op;
}

void *
api_call_door_arg(const struct api_call *c)
{
	return c->door_arg;
}

struct api_identity *
api_call_identity(const struct api_call *c)
{
	return c->identity;
}

struct api_identity *
api_call_subject(const struct api_call *c)
{
	return c->subject;
}

const char *
api_call_user(const struct api_call *c)
{
	return c->subject != NULL ? c->subject->user : NULL;
}

const char *
api_call_request_id(const struct api_call *c)
{
	return c->request_id;
}

const char *
api_call_connection(const struct api_call *c)
{
	return c->connection_id;
}

const char *
api_call_remote_addr(const struct api_call *c)
{
	return c->remote_addr;
}

struct base_arena *
api_call_arena(struct api_call *c)
{
	return &c->arena;
}

const char *
api_call_request_header(const struct api_call *c, const char *name)
{
	return api_call_header(c, name);
}

enum api_hook_next
api_call_refuse(
    struct api_call *c, const char *code, const char *field, const char *detail)
{
	const struct api_error *error = api_error_get(code);

	(void)api_call_fail_field(c, error, field, detail);
	return API_HOOK_REFUSED;
}

enum api_hook_next
api_call_refuse_result(
    struct api_call *c, const char *statement, const struct db_result *r)
{
	(void)api_call_fail_field(c,
	    api_engine_db_error(c->engine, statement, r), r->column, r->detail);
	return API_HOOK_REFUSED;
}

void
api_call_status_set(struct api_call *c, int status)
{
	c->status = status;
}

bool
api_call_is_head(const struct api_call *c)
{
	return c->route.head;
}

void
api_call_uncount(struct api_call *c)
{
	api_limit_give_back(c->engine->limits, &c->verdict);
	c->verdict.counted = false;
}

/* Proxies look at one of several header lines of a name only. */
static bool
vary_joined(struct api_call *c, const char *value)
{
	for (size_t i = 0; i < c->nheaders; i++) {
		if (strcmp(c->headers[i].name, "Vary") != 0)
			continue;
		c->headers[i].value = base_arena_printf(
		    &c->arena, "%s, %s", c->headers[i].value, value);
		return true;
	}
	return false;
}

void
api_call_header_add(struct api_call *c, const char *name, const char *value)
{
	if (strcmp(name, "Vary") == 0 && vary_joined(c, value))
		return;
	assert(c->nheaders < API_CALL_HEADERS_MAX);
	c->headers[c->nheaders++] =
	    (struct api_header){ base_arena_strdup(&c->arena, name),
		    base_arena_strdup(&c->arena, value) };
}

void
api_call_body_set(struct api_call *c, const char *content_type,
    const char *body, size_t body_len)
{
	base_buf_reset(&c->out);
	base_buf_append(&c->out, body, body_len);
	c->answer_type = base_arena_strdup(&c->arena, content_type);
	c->hook_answered = true;
}

void
api_call_file_set(struct api_call *c, const char *content_type,
    const char *path, off_t offset, off_t length)
{
	c->answer_type = base_arena_strdup(&c->arena, content_type);
	c->file_path = base_arena_strdup(&c->arena, path);
	c->file_offset = offset;
	c->file_length = length;
	c->hook_answered = true;
}

void
api_call_body_none(struct api_call *c)
{
	base_buf_reset(&c->out);
	c->answer_type = NULL;
	c->hook_answered = true;
}

void
api_call_at_end(struct api_call *c, void (*end)(void *), void *arg)
{
	assert(c->at_end == NULL);
	c->at_end = end;
	c->at_end_arg = arg;
}

void *
api_call_at_end_arg(const struct api_call *c)
{
	return c->at_end_arg;
}
