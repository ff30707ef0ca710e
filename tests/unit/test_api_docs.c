/* SPDX-License-Identifier: ISC */
/* What is written down is what the tables say. */
#include <jansson.h>
#include <stdlib.h>

#include "api/docs.h"
#include "api/errors.h"
#include "api/events.h"
#include "api/openapi.h"
#include "api/operation.h"
#include "api/schema.h"
#include "base/attr.h"
#include "base/buf.h"
#include "tests/unit/harness.h"

static void
compare(const char *name, void (*write)(struct base_buf *))
{
	const char *top = getenv("PARLEY_SOURCE");
	struct base_buf wanted = { 0 }, there = { 0 };
	char path[512], piece[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", top != NULL ? top : ".", name);
	write(&wanted);
	file = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		base_buf_append(&there, piece, n);
	fclose(file);
	if (strcmp(base_buf_str(&there), wanted.data) != 0)
		fprintf(stderr, "\n%s is out of date: see parleyctl --help\n",
		    name);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&there), wanted.data);
	base_buf_fini(&wanted);
	base_buf_fini(&there);
}

static void
test_reference(void)
{
	compare("docs/api.md", api_docs_write);
}

static void
test_settings(void)
{
	compare("docs/settings.md", api_docs_settings);
	compare("conf/parley.env", api_docs_environment);
}

static json_t *
openapi(void)
{
	struct base_buf out = { 0 };
	json_t *doc;

	api_openapi_write(&out, "https://chat.example");
	doc = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	base_buf_fini(&out);
	CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
	return doc;
}

static size_t
count_operations(json_t *paths)
{
	const char *path, *method;
	json_t *item, *op;
	size_t n = 0;

	json_object_foreach (paths, path, item) {
		json_object_foreach (item, method, op) {
			const char *id = json_string_value(
			    json_object_get(op, "operationId"));

			CU_ASSERT_PTR_NOT_NULL(api_operation_find(id));
			n++;
		}
	}
	return n;
}

/* Every "$ref" leads somewhere. */
static void
check_references(json_t *doc, json_t *v)
{
	const char *key;
	json_t *child;
	size_t i;

	json_object_foreach (v, key, child) {
		if (strcmp(key, "$ref") == 0) {
			const char *ref = json_string_value(child);
			const char *name = strrchr(ref, '/') + 1;
			const char *kind = strstr(ref, "responses") != NULL ?
			    "responses" :
			    "schemas";

			CU_ASSERT_PTR_NOT_NULL(json_object_get(
			    json_object_get(
				json_object_get(doc, "components"), kind),
			    name));
		} else {
			check_references(doc, child);
		}
	}
	json_array_foreach (v, i, child) {
		check_references(doc, child);
	}
}

static void
test_openapi(void)
{
	json_t *doc = openapi();

	CU_ASSERT_EQUAL(count_operations(json_object_get(doc, "paths")),
	    api_operation_count());
	check_references(doc, doc);
	json_decref(doc);
}

/* Whether a list of names has this one. */
static bool
names(json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		if (strcmp(json_string_value(item), name) == 0)
			return true;
	}
	return false;
}

/* `path` from the document's root, its names between blanks. */
static json_t *
part(json_t *doc, const char *path)
{
	char copy[200], *name, *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	while (doc != NULL && (name = strsep(&rest, " ")) != NULL)
		doc = json_object_get(doc, name);
	return doc;
}

/* What a client may be answered with, besides success and what any operation
 * is refused with. */
static void
test_openapi_answers(void)
{
	static const struct {
		const char *operation, *answers[8];
	} wanted[] = {
		{ "/v1/files/{upload_id}/{variant} get",
		    { "200", "206", "302", "304", "404", "412", "416", NULL } },
		{ "/v1/uploads post",
		    { "201", "403", "413", "415", "422", "503", "507", NULL } },
		{ "/v1/tus/{upload_id} patch",
		    { "204", "404", "409", "410", "412", "423", "460", NULL } },
		{ "/v1/messages/{message_id}/reactions/{emoji} put",
		    { "201", "200", NULL } },
	};
	json_t *doc = openapi(), *paths = part(doc, "paths");
	char path[200];

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		for (const char *const *a = wanted[i].answers; *a != NULL;
		     a++) {
			snprintf(path, sizeof(path), "%s responses %s",
			    wanted[i].operation, *a);
			if (part(paths, path) == NULL)
				fprintf(stderr, "\nno %s\n", path);
			CU_ASSERT_PTR_NOT_NULL(part(paths, path));
		}
	/* Bytes are sent where they are taken. */
	CU_ASSERT_PTR_NULL(part(paths, "/v1/tus/{upload_id} head requestBody"));
	CU_ASSERT_PTR_NOT_NULL(part(paths,
	    "/v1/tus/{upload_id} patch requestBody content "
	    "application/offset+octet-stream"));
	json_decref(doc);
}

static void
test_refusals_are_known(void)
{
	for (size_t i = 0; i < api_operation_count(); i++) {
		const struct api_operation *op = api_operation_at(i);
		const char *const *code = op->refusals;

		for (; code != NULL && *code != NULL; code++)
			CU_ASSERT_PTR_NOT_NULL(api_error_find(*code));
		for (size_t k = 0; k < op->nalso; k++)
			CU_ASSERT(op->also[k].status < 400 &&
			    op->also[k].status != op->status);
	}
}

/* What must be there, and what may be missing. */
static void
test_required(void)
{
	json_t *doc = openapi(), *list, *param;
	size_t i;

	list = part(doc, "components schemas message required");
	CU_ASSERT(names(list, "id") && names(list, "reply_to"));
	CU_ASSERT(!names(list, "edited_at") && !names(list, "quote"));
	list = part(doc,
	    "paths /v1/conversations/{conversation_id}/scheduled post"
	    " requestBody content application/json schema required");
	CU_ASSERT_EQUAL(json_array_size(list), 1);
	CU_ASSERT(names(list, "send_at"));
	list = part(doc, "paths /v1/search/users get parameters");
	CU_ASSERT(json_array_size(list) > 1);
	json_array_foreach (list, i, param) {
		bool is_q =
		    strcmp(json_string_value(json_object_get(param, "name")),
			"q") == 0;

		CU_ASSERT_EQUAL(
		    json_is_true(json_object_get(param, "required")), is_q);
	}
	list = part(doc, "paths /v1/messages/{message_id} get parameters");
	CU_ASSERT(
	    json_is_true(json_object_get(json_array_get(list, 0), "required")));
	json_decref(doc);
}

static bool
is_type(const char *type)
{
	static const char *const plain[] = { "string", "integer", "boolean",
		"uuid", "time", "id", "url", "object" };
	struct api_type_ref ref = api_type_parse(type);

	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (strcmp(plain[i], ref.name) == 0)
			return true;
	}
	return api_schema_find(ref.name) != NULL;
}

static void
check_fields(const struct api_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CU_ASSERT_TRUE(is_type(fields[i].type));
}

static void
test_types(void)
{
	for (size_t i = 0; i < api_schema_count(); i++)
		check_fields(
		    api_schema_at(i)->fields, api_schema_at(i)->nfields);
	for (size_t i = 0; i < api_event_type_count(); i++) {
		const struct api_event_type *t = api_event_type_at(i);

		check_fields(t->fields, t->nfields);
		CU_ASSERT_PTR_EQUAL(api_event_type_find(t->name), t);
		CU_ASSERT_TRUE(
		    t->data == NULL || api_schema_find(t->data) != NULL);
	}
	CU_ASSERT_PTR_NULL(api_event_type_find("no.event"));
	CU_ASSERT_TRUE(api_type_parse("[member]?").array);
	CU_ASSERT_TRUE(api_type_parse("[member]?").nullable);
	CU_ASSERT_STRING_EQUAL(api_type_parse("[member]?").name, "member");
}

TEST_MAIN("api_docs", { "reference", test_reference },
    { "settings", test_settings }, { "openapi", test_openapi },
    { "openapi: answers", test_openapi_answers },
    { "refusals are known", test_refusals_are_known },
    { "required", test_required }, { "types", test_types })
