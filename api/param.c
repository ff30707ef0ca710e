/* SPDX-License-Identifier: ISC */
/* Where arguments come from: path, query, body, frame.  What a value must look
 * like is value.c's. */
#include "api/param.h"

#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "api/errors.h"
#include "api/percent.h"
#include "api/router.h"
#include "api/value.h"
#include "base/arena.h"

#define NAME_SHOWN_MAX 64 /* bytes of an unknown name that are echoed */
#define QUERY_ITEMS_MAX 64

static const char bad_encoding[] =
    "The percent-encoding is broken, or stands for U+0000.";

void
api_args_init(struct api_args *a, const struct api_operation *op,
    struct base_arena *arena, const struct api_param_limits *limits)
{
	assert(op->nparams <= API_PARAM_MAX);
	memset(a, 0, sizeof(*a));
	a->op = op;
	a->arena = arena;
	a->limits = *limits;
}

void
api_args_fault(
    struct api_args *a, const char *field, const char *code, const char *detail)
{
	struct api_field_error *e;

	assert(api_error_find(code) != NULL); /* the documentation has it */
	if (a->nerrors == API_PARAM_ERRORS_MAX)
		return;
	e = &a->errors[a->nerrors++];
	e->field = base_arena_strdup(a->arena, field);
	e->code = code;
	e->detail = detail;
}

static const struct api_param *
find_param(const struct api_args *a, const char *name, size_t len)
{
	for (size_t i = 0; i < a->op->nparams; i++) {
		const struct api_param *p = &a->op->params[i];

		if (strlen(p->name) == len && memcmp(p->name, name, len) == 0)
			return p;
	}
	return NULL;
}

const char *
api_param_name_shown(struct base_arena *arena, const char *name)
{
	char shown[NAME_SHOWN_MAX + 1];
	size_t n = 0;

	for (; name[n] != '\0' && n < NAME_SHOWN_MAX; n++)
		shown[n] = name[n] >= ' ' && name[n] < 127 ? name[n] : '?';
	shown[n] = '\0';
	return base_arena_strdup(arena, shown);
}

void
api_args_unknown(struct api_args *a, const char *prefix, const char *name,
    const char *detail)
{
	api_args_fault(a,
	    base_arena_printf(
		a->arena, "%s%s", prefix, api_param_name_shown(a->arena, name)),
	    "unknown_field", detail);
}

static struct api_value_in
value_in(struct api_args *a, const struct api_param *p)
{
	return (struct api_value_in){ .param = p,
		.arena = a->arena,
		.max_text = a->limits.max_text,
		.categories = a->limits.categories,
		.as_json = (a->op->flags & API_BATCHED) != 0,
		.args = a };
}

static void
take_text(struct api_args *a, const struct api_param *p, const char *text)
{
	size_t i = (size_t)(p - a->op->params);
	struct api_value_in in = value_in(a, p);

	a->given[i] = true;
	a->values[i] = api_value_text(&in, text);
}

static void
take_json(struct api_args *a, const struct api_param *p, json_t *value)
{
	size_t i = (size_t)(p - a->op->params);
	struct api_value_in in = value_in(a, p);

	a->given[i] = true;
	a->values[i] = api_value_json(&in, value);
}

void
api_args_route(struct api_args *a, const struct api_route *route)
{
	for (size_t i = 0; i < route->nargs; i++) {
		const struct api_param *p =
		    find_param(a, route->args[i].name, route->args[i].name_len);

		assert(p != NULL); /* a test walks the table */
		take_text(a, p, route->args[i].value);
	}
}

static void
take_query_item(struct api_args *a, char *item)
{
	const struct api_param *p;
	char *value = strchr(item, '=');

	if (value == NULL)
		value = item + strlen(item);
	else
		*value++ = '\0';
	if (!api_percent_decode(item, item, strlen(item) + 1, true)) {
		api_args_fault(a, "", "bad_encoding", bad_encoding);
		return;
	}
	p = find_param(a, item, strlen(item));
	if (p != NULL &&
	    !api_percent_decode(value, value, strlen(value) + 1, true)) {
		api_args_fault(a, p->name, "bad_encoding", bad_encoding);
		return;
	}
	if (p == NULL || p->place != API_IN_QUERY)
		api_args_unknown(a, "", item,
		    "The operation has no query parameter of this name.");
	else if (a->given[p - a->op->params])
		api_args_fault(
		    a, p->name, "repeated", "The parameter is given twice.");
	else
		take_text(a, p, value);
}

void
api_args_query(struct api_args *a, const char *query)
{
	char *copy, *item, *rest;
	size_t items = 0;

	if (query == NULL || *query == '\0')
		return;
	copy = base_arena_strdup(a->arena, query);
	for (item = strtok_r(copy, "&", &rest); item != NULL;
	     item = strtok_r(NULL, "&", &rest)) {
		if (++items > QUERY_ITEMS_MAX) {
			api_args_fault(a, "", "too_many",
			    "The query has too many parameters.");
			return;
		}
		take_query_item(a, item);
	}
}

void
api_args_object(struct api_args *a, json_t *object, bool all_places)
{
	const char *name;
	json_t *value;

	json_object_foreach (object, name, value) {
		const struct api_param *p = find_param(a, name, strlen(name));

		if (p == NULL || (!all_places && p->place != API_IN_BODY))
			api_args_unknown(a, "", name,
			    "The operation has no field of this name.");
		else
			take_json(a, p, value);
	}
}

/* The value of the parameter `type` stands between the spaces of `list`. */
static bool
is_listed(const char *list, const char *value)
{
	size_t len = strlen(value);

	for (const char *p = list; (p = strstr(p, value)) != NULL; p += len) {
		if ((p == list || p[-1] == ' ') &&
		    (p[len] == '\0' || p[len] == ' '))
			return true;
	}
	return false;
}

static void
check_only_for(struct api_args *a, const struct api_param *p)
{
	const struct api_param *type = api_operation_param(a->op, "type");
	const char *value =
	    type != NULL ? a->values[type - a->op->params] : NULL;

	if (p->only_for == NULL ||
	    (value != NULL && is_listed(p->only_for, value)))
		return;
	api_args_fault(a, p->name, "not_allowed",
	    value != NULL ? base_arena_printf(a->arena,
				"This does not go with the type %s.", value) :
			    base_arena_printf(a->arena,
				"This goes with the type %s.", p->only_for));
}

/* A page lies on one side of one place.  What pages by `cursor` may have a
 * `before` and an `after` that bound it instead. */
static void
check_one_cursor(struct api_args *a)
{
	static const char *const cursors[] = { "before", "after", "around",
		"around_id", "at" };
	size_t given = 0;

	if (!(a->op->flags & API_LIST) ||
	    api_operation_param(a->op, "cursor") != NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
		const struct api_param *p =
		    api_operation_param(a->op, cursors[i]);

		if (p != NULL && a->given[p - a->op->params] && ++given > 1)
			api_args_fault(a, p->name, "not_allowed",
			    "One of before, after, around, around_id and at.");
	}
}

bool
api_args_finish(struct api_args *a)
{
	check_one_cursor(a);
	for (size_t i = 0; i < a->op->nparams; i++) {
		const struct api_param *p = &a->op->params[i];

		if (a->given[i]) {
			check_only_for(a, p);
			continue;
		}
		if (p->required)
			api_args_fault(
			    a, p->name, "required", "This argument is needed.");
		a->values[i] = p->fallback;
	}
	return a->nerrors == 0;
}
