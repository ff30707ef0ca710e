/* SPDX-License-Identifier: ISC */
/* The middle of a call: hooks, the statement, what its rows say. */
#include "api/call_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/batch.h"
#include "api/config.h"
#include "api/percent.h"
#include "api/positions.h"
#include "api/render.h"
#include "base/log.h"
#include "base/uuid.h"
#include "db/query.h"
#include "db/result.h"

/* --- hooks --- */

static enum api_step
step_of(struct api_call *c, enum api_hook_next next)
{
	switch (next) {
	case API_HOOK_GO_ON:
		return API_STEP_NEXT;
	case API_HOOK_PENDING:
		return API_STEP_WAIT;
	case API_HOOK_REFUSED:
		break;
	}
	assert(c->error != NULL); /* api_call_refuse() was called */
	return API_STEP_STOP;
}

void
api_call_resume(struct api_call *c, enum api_hook_next next)
{
	assert(!c->in_hook);
	api_call_go_on(c, step_of(c, next));
}

static enum api_step
run_hook(struct api_call *c, enum api_hook_next (*hook)(struct api_call *))
{
	enum api_hook_next next;

	c->in_hook = true;
	next = hook(c);
	c->in_hook = false;
	return step_of(c, next);
}

enum api_step
api_call_step_before(struct api_call *c)
{
	const struct api_hook *hook = c->plan->hook;

	if ((c->op->flags & API_HOOKED) && hook == NULL)
		return api_call_fail(c, "not_here", NULL);
	return hook != NULL && hook->before != NULL ?
	    run_hook(c, hook->before) :
	    API_STEP_NEXT;
}

/* --- values --- */

static const char *
new_id(struct api_call *c)
{
	char *id = base_arena_alloc(&c->arena, BASE_UUID_TEXT);

	base_uuid_v7(id);
	return id;
}

/* Did the one it is from do it, and not a service for them? */
static bool
in_person(const struct api_call *c)
{
	return c->subject == c->identity && c->subject != NULL &&
	    c->subject->role != API_ROLE_SERVICE;
}

/* As an array literal; names of parameters need no quotes. */
static const char *
given_names(struct api_call *c)
{
	struct base_buf list = { 0 };
	const char *text;

	for (size_t i = 0; i < c->op->nparams; i++) {
		if (c->args.given[i])
			base_buf_printf(&list, "%s%s", list.len > 0 ? "," : "",
			    c->op->params[i].name);
	}
	text = base_arena_printf(&c->arena, "{%s}", base_buf_str(&list));
	base_buf_fini(&list);
	return text;
}

static const char *
bound_value(struct api_call *c, const struct api_binding *b)
{
	switch (b->source) {
	case API_FROM_ARGUMENT:
		return c->args.values[b->index];
	case API_FROM_ARGUMENT_ID:
		return base_uuid_valid(c->args.values[b->index]) ?
		    c->args.values[b->index] :
		    NULL;
	case API_FROM_ARGUMENT_NAME:
		return base_uuid_valid(c->args.values[b->index]) ?
		    NULL :
		    c->args.values[b->index];
	case API_FROM_ARGUMENT_NEW:
		return c->args.values[b->index] != NULL ?
		    c->args.values[b->index] :
		    new_id(c);
	case API_FROM_CALLER:
		return c->subject != NULL ? c->subject->user : NULL;
	case API_FROM_ROLE:
		return c->subject != NULL ? api_role_name(c->subject->role) :
					    NULL;
	case API_FROM_ORIGIN:
		return c->connection_id;
	case API_FROM_PLATFORM:
		return c->platform;
	case API_FROM_INSTANCE:
		return c->engine->config->instance;
	case API_FROM_REQUEST_ID:
		return c->request_id;
	case API_FROM_VIA:
		return in_person(c) ? NULL : "service";
	case API_FROM_SEARCH_EVERYBODY:
		return c->engine->config->search_everybody ? "true" : "false";
	case API_FROM_EDIT_SECONDS:
		return base_arena_printf(
		    &c->arena, "%d", c->engine->config->edit_seconds);
	case API_FROM_GIVEN:
		return given_names(c);
	case API_FROM_HOOK:
		break;
	}
	return NULL;
}

static const struct api_extra *
find_extra(const struct api_call *c, const char *name)
{
	for (size_t i = 0; i < c->nextras; i++) {
		if (strcmp(c->extras[i].name, name) == 0)
			return &c->extras[i];
	}
	return NULL;
}

/* --- refusals in rows --- */

static const char *
cell(const struct db_result *r, int row, const char *column)
{
	int col = db_result_column(r, column);

	return col != -1 ? db_result_value(r, row, col) : NULL;
}

static enum api_step
fail_in_row(
    struct api_call *c, const struct db_result *r, int row, const char *code)
{
	const struct api_error *error = api_error_find(code);

	if (error == NULL) {
		base_log_error("unknown code from a statement",
		    "statement=%s code=%s", c->op->statement, code);
		error = api_error_get("internal");
	}
	return api_call_fail_field(
	    c, error, cell(r, row, "_field"), cell(r, row, "_detail"));
}

static enum api_step
fail_in_database(struct api_call *c, const struct db_result *r)
{
	const struct api_error *error =
	    api_engine_db_error(c->engine, c->op->statement, r);

	c->unknown = r->status == DB_UNKNOWN && !c->way->statement->read;
	if (r->status == DB_REFUSED)
		return api_call_fail_field(c, error, r->column, r->detail);
	if (r->status == DB_UNKNOWN && c->way->statement->read)
		error = api_error_get("database_unavailable");
	return api_call_fail_with(c, error, NULL);
}

/* --- the answer from rows --- */

/* Is it one of the query's pairs that the next page has otherwise? */
static bool
is_paging(const char *pair, size_t len, const char *cursor)
{
	size_t name = strcspn(pair, "=");

	return name <= len &&
	    ((name == strlen(cursor) && strncmp(pair, cursor, name) == 0) ||
		(name == 5 && strncmp(pair, "limit", name) == 0));
}

/* As it was asked, less what would end the header's <…>. */
static void
add_asked(struct base_buf *link, const char *query, const char *cursor)
{
	while (query != NULL && *query != '\0') {
		size_t len = strcspn(query, "&");

		if (len > 0 && !is_paging(query, len, cursor) &&
		    memchr(query, '>', len) == NULL)
			base_buf_printf(link, "%.*s&", (int)len, query);
		query += len + (query[len] == '&');
	}
}

static const char *
cursor_param(struct api_call *c)
{
	if (api_operation_param(c->op, "cursor") != NULL)
		return "cursor";
	if (api_operation_param(c->op, "before") == NULL ||
	    api_call_value(c, "after") != NULL)
		return "after";
	return "before";
}

/* The page after this one: the same request with the cursor in place. */
static void
add_link(struct api_call *c, const char *next)
{
	const char *cursor = cursor_param(c);
	struct base_buf link = { 0 };

	base_buf_printf(
	    &link, "<%s%s?", c->engine->config->public_url, c->path);
	add_asked(&link, c->query_string, cursor);
	base_buf_printf(&link, "%s=", cursor);
	api_percent_encode(&link, next);
	base_buf_printf(
	    &link, "&limit=%s>; rel=\"next\"", api_call_value(c, "limit"));
	api_call_header_add(c, "Link", link.data);
	base_buf_fini(&link);
}

void
api_call_location_add(struct api_call *c, const char *id)
{
	const struct api_operation *get;
	struct base_buf at = { 0 };

	if (c->op->made == NULL || id == NULL || c->status != 201 ||
	    c->door == API_DOOR_SOCKET)
		return;
	get = api_operation_find(c->op->made);
	base_buf_printf(&at, "%s%.*s", c->engine->config->public_url,
	    (int)strcspn(get->path, "{"), get->path);
	api_percent_encode(&at, id);
	api_call_header_add(c, "Location", at.data);
	base_buf_fini(&at);
}

static enum api_step
render_list(struct api_call *c, const struct db_result *r)
{
	const char *limit = api_call_value(c, "limit");
	struct base_buf next = { 0 };

	api_render_list(&c->out, r, atoi(limit), &next);
	if (next.len > 0 && c->door != API_DOOR_SOCKET)
		add_link(c, next.data);
	base_buf_fini(&next);
	c->answer_type = "application/json";
	return API_STEP_NEXT;
}

static void
note_position(struct api_call *c, const struct db_result *r, int row)
{
	const char *conversation = cell(r, row, "conversation_id");
	const char *seq = cell(r, row, "seq");

	if (in_person(c) && c->status == 201 && conversation != NULL &&
	    seq != NULL)
		api_positions_note(c->engine->positions, conversation,
		    c->subject->user, strtoll(seq, NULL, 10));
}

static enum api_step
render_row(struct api_call *c, const struct db_result *r, int row)
{
	const char *error, *status;

	if (row >= r->rows || row < 0)
		return api_call_fail(c, "not_found", NULL);
	error = cell(r, row, "_error");
	if (error != NULL)
		return fail_in_row(c, r, row, error);
	status = cell(r, row, "_status");
	if (status != NULL)
		c->status = atoi(status);
	api_call_location_add(c, cell(r, row, "id"));
	if (c->op->flags & API_MOVES_OWN)
		note_position(c, r, row);
	api_render_row(&c->out, r, row);
	c->answer_type = "application/json";
	return API_STEP_NEXT;
}

static enum api_step
run_after(struct api_call *c, const struct db_result *r)
{
	enum api_hook_next next;

	if (c->plan->hook == NULL || c->plan->hook->after == NULL)
		return API_STEP_NEXT;
	c->in_hook = true;
	next = c->plan->hook->after(c, r);
	c->in_hook = false;
	return step_of(c, next);
}

static enum api_step
take_result(struct api_call *c, const struct db_result *r, int row)
{
	enum api_step step;

	if (r->status != DB_OK)
		return fail_in_database(c, r);
	if (r->rows == 0 && !(c->op->flags & API_LIST))
		return api_call_fail(c, "not_found", NULL);
	step = run_after(c, r);
	if (step != API_STEP_NEXT || c->hook_answered)
		return step;
	return c->op->flags & API_LIST ? render_list(c, r) :
					 render_row(c, r, row);
}

/* --- running --- */

static void
query_done(const struct db_result *r, void *arg)
{
	struct api_call *c = arg;

	c->query = NULL;
	api_call_go_on(c, take_result(c, r, 0));
}

static void
batch_done(const struct db_result *r, int row, void *arg)
{
	struct api_call *c = arg;

	c->item = NULL;
	if (r->status == DB_OK && row == -1)
		base_log_error("statement forgot an item", "statement=%s",
		    c->op->statement);
	api_call_go_on(c, take_result(c, r, row));
}

static const struct api_way *
find_way(const struct api_call *c)
{
	for (size_t i = 1; i < c->plan->nways; i++) {
		if (c->args.values[c->plan->ways[i].given] != NULL)
			return &c->plan->ways[i];
	}
	return &c->plan->ways[0];
}

enum api_step
api_call_step_run(struct api_call *c)
{
	const struct db_statement *s;
	const char **values;

	if (c->plan->nways == 0)
		return run_hook(c, c->plan->hook->perform);
	c->way = find_way(c);
	s = c->way->statement;
	values = base_arena_alloc(
	    &c->arena, ((size_t)s->nparams + 1) * sizeof(*values));
	for (int i = 0; i < s->nparams; i++) {
		const struct api_extra *extra = find_extra(c, s->params[i]);

		values[i] = extra != NULL ?
		    extra->value :
		    bound_value(c, &c->way->bindings[i]);
	}
	if (c->plan->batch != NULL)
		c->item =
		    api_batch_start(c->plan->batch, values, batch_done, c);
	else
		c->query =
		    db_query_start(c->engine->pool, s, values, query_done, c);
	return API_STEP_WAIT;
}

/* --- what hooks may ask of arguments --- */

const char *
api_call_value(const struct api_call *c, const char *name)
{
	const struct api_extra *extra = find_extra(c, name);
	const struct api_param *p;

	if (extra != NULL)
		return extra->value;
	p = api_operation_param(c->op, name);
	return p != NULL ? c->args.values[p - c->op->params] : NULL;
}

void
api_call_value_set(struct api_call *c, const char *name, const char *value)
{
	size_t i = 0;

	while (i < c->nextras && strcmp(c->extras[i].name, name) != 0)
		i++;
	assert(i < API_CALL_EXTRAS_MAX);
	if (i == c->nextras)
		c->extras[c->nextras++].name =
		    base_arena_strdup(&c->arena, name);
	c->extras[i].value = base_arena_strdup(&c->arena, value);
}
