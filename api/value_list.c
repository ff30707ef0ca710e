/* SPDX-License-Identifier: ISC */
/* Lists: of strings, to array literals or JSON; of objects, to JSON. */
#include "api/value_private.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "api/array.h"
#include "api/param.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"

#define LIST_STRING_MAX 256

static const char *const element_types[] = {
	[API_ID_LIST] = "a list of ids",
	[API_STRING_LIST] = "a list of strings",
	[API_UUID_LIST] = "a list of UUIDs",
	[API_OBJECT_LIST] = "a list of objects",
};

static bool
list_size_fine(const struct api_value_field *f, int64_t count)
{
	if (count >= f->param->min && count <= f->param->max)
		return true;
	(void)api_value_fault(f, count < f->param->min ? "too_few" : "too_many",
	    base_arena_printf(f->in->arena,
		"This must have %" PRId64 " to %" PRId64 " elements.",
		f->param->min, f->param->max));
	return false;
}

static const char *
check_element(const struct api_value_field *f, const char *s, size_t len)
{
	struct api_param one = { .name = f->param->name,
		.type = f->param->type == API_ID_LIST ? API_ID :
		    f->param->type == API_UUID_LIST   ? API_UUID :
							API_STRING,
		.min = 1,
		.max = LIST_STRING_MAX };
	struct api_value_field e = { f->in, &one, f->path };

	return api_value_check_string(&e, s, len);
}

/* The elements' texts, gathered before they are written in either form. */
struct list {
	const char **items;
	size_t count;
	struct base_map known; /* for repeats; keys live in the arena */
	bool bad;
};

static void
list_add(struct list *list, const struct api_value_field *f, const char *s,
    size_t len)
{
	const char *value = check_element(f, s, len);

	if (value == NULL) {
		list->bad = true;
		return;
	}
	if (f->param->type != API_STRING_LIST &&
	    base_map_put(&list->known, value, strlen(value), list) != NULL) {
		(void)api_value_fault(
		    f, "repeated", "The list has this twice.");
		list->bad = true;
		return;
	}
	list->items[list->count++] = value;
}

static const char *
list_format(const struct api_value_field *f, const struct list *list)
{
	struct base_buf out = { 0 };
	struct base_json j;
	const char *text;

	base_json_init(&j, &out);
	if (f->in->as_json)
		base_json_array_begin(&j);
	else
		api_array_begin(&out);
	for (size_t i = 0; i < list->count; i++) {
		if (f->in->as_json)
			base_json_str(&j, list->items[i]);
		else
			api_array_add(&out, list->items[i]);
	}
	if (f->in->as_json)
		base_json_array_end(&j);
	else
		api_array_end(&out);
	text = base_arena_strndup(f->in->arena, out.data, out.len);
	base_buf_fini(&out);
	return text;
}

static const char *
list_finish(const struct api_value_field *f, struct list *list)
{
	base_map_fini(&list->known);
	return list->bad ? NULL : list_format(f, list);
}

static const char *
check_items(const struct api_value_field *f, json_t *value)
{
	struct list list = { 0 };
	size_t i;
	json_t *v;

	if (!list_size_fine(f, (int64_t)json_array_size(value)))
		return NULL;
	list.items = base_arena_alloc(
	    f->in->arena, (json_array_size(value) + 1) * sizeof(*list.items));
	json_array_foreach (value, i, v) {
		struct api_value_field e = { f->in, f->param,
			base_arena_printf(
			    f->in->arena, "%s[%zu]", f->path, i) };

		if (json_is_string(v)) {
			list_add(&list, &e, json_string_value(v),
			    json_string_length(v));
		} else {
			(void)api_value_fault_type(&e, "a string");
			list.bad = true;
		}
	}
	return list_finish(f, &list);
}

/* In a path or query a list is written with commas. */
const char *
api_value_check_list_text(const struct api_value_field *f, const char *text)
{
	struct list list = { 0 };
	int64_t count = 1;
	size_t i = 0;

	for (const char *p = text; *p != '\0'; p++)
		count += *p == ',';
	if (!list_size_fine(f, count))
		return NULL;
	list.items =
	    base_arena_alloc(f->in->arena, (size_t)count * sizeof(*list.items));
	for (;; i++) {
		size_t len = strcspn(text, ",");
		struct api_value_field e = { f->in, f->param,
			base_arena_printf(
			    f->in->arena, "%s[%zu]", f->path, i) };
		const char *s = base_arena_strndup(f->in->arena, text, len);

		list_add(&list, &e, s, len);
		if (text[len] == '\0')
			return list_finish(f, &list);
		text += len + 1;
	}
}

static const struct api_param *
find_field(const struct api_param *p, const char *name)
{
	for (size_t i = 0; i < p->nfields; i++) {
		if (strcmp(p->fields[i].name, name) == 0)
			return &p->fields[i];
	}
	return NULL;
}

static void
write_member(
    const struct api_value_field *f, struct base_json *j, json_t *value)
{
	const char *text = api_value_check_json(f, value);

	base_json_key(j, f->param->name);
	if (text == NULL)
		base_json_null(j);
	else if (f->param->type == API_INT || f->param->type == API_BOOL)
		base_json_raw(j, text, strlen(text));
	else
		base_json_str(j, text);
}

/* Members of objects are single values (no lists): nothing needs more. */
static void
check_object(
    const struct api_value_field *f, struct base_json *j, json_t *object)
{
	const char *name;
	json_t *value;

	base_json_object_begin(j);
	json_object_foreach (object, name, value) {
		const struct api_param *p = find_field(f->param, name);
		struct api_value_field m = { f->in, p,
			base_arena_printf(f->in->arena, "%s.", f->path) };

		if (p == NULL) {
			api_args_unknown(f->in->args, m.path, name,
			    "The object has no field of this name.");
			continue;
		}
		m.path =
		    base_arena_printf(f->in->arena, "%s%s", m.path, p->name);
		write_member(&m, j, value);
	}
	base_json_object_end(j);
	for (size_t i = 0; i < f->param->nfields; i++) {
		const struct api_param *p = &f->param->fields[i];
		struct api_value_field m = { f->in, p,
			base_arena_printf(
			    f->in->arena, "%s.%s", f->path, p->name) };

		if (p->required && json_object_get(object, p->name) == NULL)
			(void)api_value_fault(
			    &m, "required", "This is needed.");
	}
}

/* Objects are named by their first field, if it is an id: none twice. */
static void
check_repeats(const struct api_value_field *f, json_t *list)
{
	const struct api_param *key = &f->param->fields[0];
	struct base_map known = { 0 };
	size_t i;
	json_t *v;

	if (key->type != API_ID)
		return;
	json_array_foreach (list, i, v) {
		const json_t *id = json_object_get(v, key->name);
		struct api_value_field e = { f->in, key,
			base_arena_printf(f->in->arena, "%s[%zu].%s", f->path,
			    i, key->name) };

		if (json_is_string(id) &&
		    base_map_put(&known, json_string_value(id),
			json_string_length(id), v) != NULL)
			(void)api_value_fault(
			    &e, "repeated", "The list has this twice.");
	}
	base_map_fini(&known);
}

static const char *
check_objects(const struct api_value_field *f, json_t *value)
{
	struct base_buf out = { 0 };
	struct base_json j;
	const char *text;
	size_t i;
	json_t *v;

	if (!list_size_fine(f, (int64_t)json_array_size(value)))
		return NULL;
	base_json_init(&j, &out);
	base_json_array_begin(&j);
	json_array_foreach (value, i, v) {
		struct api_value_field e = { f->in, f->param,
			base_arena_printf(
			    f->in->arena, "%s[%zu]", f->path, i) };

		if (json_is_object(v))
			check_object(&e, &j, v);
		else
			(void)api_value_fault_type(&e, "an object");
	}
	base_json_array_end(&j);
	check_repeats(f, value);
	text = base_arena_strndup(f->in->arena, out.data, out.len);
	base_buf_fini(&out);
	return text;
}

const char *
api_value_check_list(const struct api_value_field *f, json_t *value)
{
	if (!json_is_array(value))
		return api_value_fault_type(f, element_types[f->param->type]);
	return f->param->type == API_OBJECT_LIST ? check_objects(f, value) :
						   check_items(f, value);
}
