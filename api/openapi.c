/* SPDX-License-Identifier: ISC */
/* Tables → OpenAPI 3.1. */
#include "api/openapi.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/errors.h"
#include "api/operation.h"
#include "api/schema.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/json.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif

/* --- types --- */

static void
put_type(struct base_json *j, const char *type, bool nullable)
{
	if (!nullable) {
		base_json_put_str(j, "type", type);
		return;
	}
	base_json_key(j, "type");
	base_json_array_begin(j);
	base_json_str(j, type);
	base_json_str(j, "null");
	base_json_array_end(j);
}

static void
put_reference(struct base_json *j, const char *schema)
{
	char ref[96];

	snprintf(ref, sizeof(ref), "#/components/schemas/%s", schema);
	base_json_put_str(j, "$ref", ref);
}

/* The members of the schema object of one plain type. */
static void
put_plain(struct base_json *j, const char *name, bool nullable)
{
	static const struct {
		const char *name, *type, *format;
	} types[] = {
		{ "string", "string", NULL },
		{ "id", "string", NULL },
		{ "url", "string", "uri-reference" },
		{ "uuid", "string", "uuid" },
		{ "time", "string", "date-time" },
		{ "integer", "integer", "int64" },
		{ "boolean", "boolean", NULL },
		{ "object", "object", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, name) != 0)
			continue;
		put_type(j, types[i].type, nullable);
		if (types[i].format != NULL)
			base_json_put_str(j, "format", types[i].format);
		return;
	}
	if (!nullable) {
		put_reference(j, name);
		return;
	}
	base_json_key(j, "oneOf");
	base_json_array_begin(j);
	base_json_object_begin(j);
	put_reference(j, name);
	base_json_object_end(j);
	base_json_raw(j, "{\"type\":\"null\"}", 15);
	base_json_array_end(j);
}

static void
put_field_type(struct base_json *j, const char *type)
{
	struct api_type_ref ref = api_type_parse(type);

	if (!ref.array) {
		put_plain(j, ref.name, ref.nullable);
		return;
	}
	put_type(j, "array", ref.nullable);
	base_json_key(j, "items");
	base_json_object_begin(j);
	put_plain(j, ref.name, false);
	base_json_object_end(j);
}

/* --- parameters --- */

static void put_param_schema(struct base_json *j, const struct api_param *p);

static void
put_bounds(struct base_json *j, const char *min, const char *max,
    const struct api_param *p)
{
	if (p->min > 0)
		base_json_put_int(j, min, p->min);
	if (p->max > 0 && p->max < INT64_MAX - 1)
		base_json_put_int(j, max, p->max);
}

static void
put_values(struct base_json *j, const struct api_param *p)
{
	base_json_key(j, "enum");
	base_json_array_begin(j);
	for (const char *const *v = p->values; *v != NULL; v++)
		base_json_str(j, *v);
	base_json_array_end(j);
}

static void
put_body_properties(
    struct base_json *j, const struct api_param *params, size_t n)
{
	put_type(j, "object", false);
	base_json_put_bool(j, "additionalProperties", false);
	base_json_key(j, "required");
	base_json_array_begin(j);
	for (size_t i = 0; i < n; i++) {
		if (params[i].place == API_IN_BODY && params[i].required)
			base_json_str(j, params[i].name);
	}
	base_json_array_end(j);
	base_json_key(j, "properties");
	base_json_object_begin(j);
	for (size_t i = 0; i < n; i++) {
		if (params[i].place != API_IN_BODY)
			continue;
		base_json_key(j, params[i].name);
		base_json_object_begin(j);
		put_param_schema(j, &params[i]);
		base_json_put_str(j, "description", params[i].summary);
		base_json_object_end(j);
	}
	base_json_object_end(j);
}

static void
put_list_schema(struct base_json *j, const struct api_param *p)
{
	put_type(j, "array", p->nullable);
	put_bounds(j, "minItems", "maxItems", p);
	base_json_key(j, "items");
	base_json_object_begin(j);
	if (p->type == API_OBJECT_LIST)
		put_body_properties(j, p->fields, p->nfields);
	else
		put_plain(
		    j, p->type == API_UUID_LIST ? "uuid" : "string", false);
	base_json_object_end(j);
}

static void
put_param_schema(struct base_json *j, const struct api_param *p)
{
	switch (p->type) {
	case API_TEXT:
	case API_STRING:
	case API_ID:
		put_type(j, "string", p->nullable);
		put_bounds(j, "minLength", "maxLength", p);
		break;
	case API_CONVERSATION:
	case API_EMOJI:
	case API_CATEGORY:
		put_type(j, "string", p->nullable);
		break;
	case API_UUID:
		put_plain(j, "uuid", p->nullable);
		break;
	case API_TIME:
		put_plain(j, "time", p->nullable);
		break;
	case API_INT:
		put_plain(j, "integer", p->nullable);
		put_bounds(j, "minimum", "maximum", p);
		break;
	case API_BOOL:
		put_plain(j, "boolean", p->nullable);
		break;
	case API_ENUM:
		put_type(j, "string", p->nullable);
		put_values(j, p);
		break;
	case API_ID_LIST:
	case API_STRING_LIST:
	case API_UUID_LIST:
	case API_OBJECT_LIST:
		put_list_schema(j, p);
		break;
	}
}

static bool
is_list(const struct api_param *p)
{
	return p->type == API_ID_LIST || p->type == API_STRING_LIST ||
	    p->type == API_UUID_LIST;
}

/* Header fields, but for those that OpenAPI leaves to other words. */
static void
put_heads(struct base_json *j, const struct api_operation *op)
{
	for (size_t i = 0; i < op->nheads; i++) {
		if (strcmp(op->heads[i].name, "Accept") == 0)
			continue;
		base_json_object_begin(j);
		base_json_put_str(j, "name", op->heads[i].name);
		base_json_put_str(j, "in", "header");
		if (op->heads[i].required)
			base_json_put_bool(j, "required", true);
		base_json_put_str(j, "description", op->heads[i].summary);
		base_json_put_raw(j, "schema", "{\"type\":\"string\"}", 17);
		base_json_object_end(j);
	}
}

static void
put_parameters(struct base_json *j, const struct api_operation *op)
{
	base_json_key(j, "parameters");
	base_json_array_begin(j);
	for (size_t i = 0; i < op->nparams; i++) {
		const struct api_param *p = &op->params[i];

		if (p->place == API_IN_BODY)
			continue;
		base_json_object_begin(j);
		base_json_put_str(j, "name", p->name);
		base_json_put_str(
		    j, "in", p->place == API_IN_PATH ? "path" : "query");
		if (p->place == API_IN_PATH || p->required)
			base_json_put_bool(j, "required", true);
		base_json_put_str(j, "description", p->summary);
		if (is_list(p)) {
			base_json_put_str(j, "style", "form");
			base_json_put_bool(j, "explode", false);
		}
		base_json_key(j, "schema");
		base_json_object_begin(j);
		put_param_schema(j, p);
		base_json_object_end(j);
		base_json_object_end(j);
	}
	put_heads(j, op);
	base_json_array_end(j);
}

/* --- bodies --- */

static bool
has_body(const struct api_operation *op)
{
	for (size_t i = 0; i < op->nparams; i++) {
		if (op->params[i].place == API_IN_BODY)
			return true;
	}
	return false;
}

/* Bytes that the hook reads.  Those that come in pieces are needed with each
 * but the first request. */
static void
put_raw_body(struct base_json *j, const struct api_operation *op)
{
	static const char pieces[] =
	    "{\"application/offset+octet-stream\":{\"schema\":{}}}";
	static const char content[] =
	    "{\"multipart/form-data\":{\"schema\":{\"type\":\"object\","
	    "\"required\":[\"file\"],\"properties\":{\"file\":{\"type\":"
	    "\"string\",\"format\":\"binary\"}}}},"
	    "\"application/octet-stream\":{\"schema\":{}}}";

	bool is_piece = (op->flags & API_TUS) != 0;
	bool is_first = strcmp(op->method, "POST") == 0;

	if (!is_first && strcmp(op->method, "PATCH") != 0)
		return;
	base_json_key(j, "requestBody");
	base_json_object_begin(j);
	base_json_put_bool(j, "required", !is_piece || !is_first);
	base_json_put_raw(j, "content", is_piece ? pieces : content,
	    is_piece ? sizeof(pieces) - 1 : sizeof(content) - 1);
	base_json_object_end(j);
}

static void
put_json_content(struct base_json *j, const char *type)
{
	base_json_key(j, "content");
	base_json_object_begin(j);
	base_json_key(j, type);
	base_json_object_begin(j);
	base_json_key(j, "schema");
	base_json_object_begin(j);
}

static void
end_json_content(struct base_json *j)
{
	base_json_object_end(j);
	base_json_object_end(j);
	base_json_object_end(j);
}

static void
put_body(struct base_json *j, const struct api_operation *op)
{
	if (op->flags & API_RAW_BODY) {
		put_raw_body(j, op);
		return;
	}
	if (!has_body(op))
		return;
	base_json_key(j, "requestBody");
	base_json_object_begin(j);
	put_json_content(j, "application/json");
	put_body_properties(j, op->params, op->nparams);
	end_json_content(j);
	base_json_object_end(j);
}

static void
put_page_schema(struct base_json *j, const char *of)
{
	static const char required[] = "[\"data\",\"next\"]";

	put_type(j, "object", false);
	base_json_put_raw(j, "required", required, sizeof(required) - 1);
	base_json_key(j, "properties");
	base_json_object_begin(j);
	base_json_key(j, "data");
	base_json_object_begin(j);
	put_type(j, "array", false);
	base_json_key(j, "items");
	base_json_object_begin(j);
	put_reference(j, of);
	base_json_object_end(j);
	base_json_object_end(j);
	base_json_key(j, "next");
	base_json_object_begin(j);
	put_type(j, "string", true);
	base_json_object_end(j);
	base_json_object_end(j);
}

/* What succeeded: 2xx have the object. */
static void
put_answer(struct base_json *j, const struct api_operation *op, int status,
    const char *summary)
{
	char key[12];

	snprintf(key, sizeof(key), "%d", status);
	base_json_key(j, key);
	base_json_object_begin(j);
	base_json_put_str(j, "description", summary);
	if (op->answer != NULL && status < 300) {
		put_json_content(j, "application/json");
		if (op->flags & API_LIST)
			put_page_schema(j, op->answer);
		else
			put_reference(j, op->answer);
		end_json_content(j);
	}
	base_json_object_end(j);
}

/* All refusals of one status are one answer: its codes say which. */
static void
put_refusals_of(struct base_json *j, const struct api_operation *op, int status)
{
	struct base_buf text = { 0 };
	char key[12];

	for (const char *const *code = op->refusals; *code != NULL; code++)
		if (api_error_get(*code)->status == status)
			base_buf_printf(&text, "%s`%s`: %s",
			    text.len > 0 ? "; " : "", *code,
			    api_error_get(*code)->title);
	if (text.len > 0) {
		snprintf(key, sizeof(key), "%d", status);
		base_json_key(j, key);
		base_json_object_begin(j);
		base_json_put_str(j, "description", base_buf_str(&text));
		put_json_content(j, "application/problem+json");
		put_reference(j, "problem");
		end_json_content(j);
		base_json_object_end(j);
	}
	base_buf_fini(&text);
}

static void
put_answers(struct base_json *j, const struct api_operation *op)
{
	base_json_key(j, "responses");
	base_json_object_begin(j);
	put_answer(j, op, op->status, op->summary);
	for (size_t i = 0; i < op->nalso; i++)
		put_answer(j, op, op->also[i].status, op->also[i].summary);
	if (op->flags & API_POLLED)
		put_answer(j, op, 304, "As If-None-Match says");
	for (int status = 400; op->refusals != NULL && status < 600; status++)
		put_refusals_of(j, op, status);
	base_json_key(j, "default");
	base_json_object_begin(j);
	base_json_put_str(j, "$ref", "#/components/responses/problem");
	base_json_object_end(j);
	base_json_object_end(j);
}

/* --- operations --- */

/* "conversations" of "conversations.list": the tag. */
static void
put_tag(struct base_json *j, const struct api_operation *op)
{
	base_json_key(j, "tags");
	base_json_array_begin(j);
	base_json_strn(j, op->name, strcspn(op->name, "."));
	base_json_array_end(j);
}

static void
put_operation(struct base_json *j, const struct api_operation *op)
{
	char method[8] = "";

	for (size_t i = 0; op->method[i] != '\0' && i < 7; i++)
		method[i] = (char)(op->method[i] | 0x20);
	base_json_key(j, method);
	base_json_object_begin(j);
	base_json_put_str(j, "operationId", op->name);
	put_tag(j, op);
	base_json_put_str(j, "summary", op->summary);
	if (op->detail != NULL)
		base_json_put_str(j, "description", op->detail);
	if (op->flags & API_PUBLIC)
		base_json_put_raw(j, "security", "[]", 2);
	put_parameters(j, op);
	put_body(j, op);
	put_answers(j, op);
	base_json_object_end(j);
}

static bool
is_first_of_path(size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(api_operation_at(k)->path,
			api_operation_at(i)->path) == 0)
			return false;
	}
	return true;
}

static void
put_paths(struct base_json *j)
{
	base_json_key(j, "paths");
	base_json_object_begin(j);
	for (size_t i = 0; i < api_operation_count(); i++) {
		const char *path = api_operation_at(i)->path;

		if (!is_first_of_path(i))
			continue;
		base_json_key(j, path);
		base_json_object_begin(j);
		for (size_t k = i; k < api_operation_count(); k++) {
			if (strcmp(api_operation_at(k)->path, path) == 0)
				put_operation(j, api_operation_at(k));
		}
		base_json_object_end(j);
	}
	base_json_object_end(j);
}

/* All but what is left out when there is nothing. */
static void
put_required(struct base_json *j, const struct api_schema *s)
{
	base_json_key(j, "required");
	base_json_array_begin(j);
	for (size_t i = 0; i < s->nfields; i++) {
		if (!api_type_parse(s->fields[i].type).optional)
			base_json_str(j, s->fields[i].name);
	}
	base_json_array_end(j);
}

static void
put_schema(struct base_json *j, const struct api_schema *s)
{
	base_json_key(j, s->name);
	base_json_object_begin(j);
	put_type(j, "object", false);
	base_json_put_str(j, "description", s->summary);
	put_required(j, s);
	base_json_key(j, "properties");
	base_json_object_begin(j);
	for (size_t i = 0; i < s->nfields; i++) {
		base_json_key(j, s->fields[i].name);
		base_json_object_begin(j);
		put_field_type(j, s->fields[i].type);
		base_json_put_str(j, "description", s->fields[i].summary);
		base_json_object_end(j);
	}
	base_json_object_end(j);
	base_json_object_end(j);
}

static void
put_components(struct base_json *j)
{
	static const char security[] =
	    "{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\","
	    "\"bearerFormat\":\"JWT\"}}";
	static const char responses[] =
	    "{\"problem\":{\"description\":\"A problem (RFC 9457)\","
	    "\"content\":{\"application/problem+json\":{\"schema\":"
	    "{\"$ref\":\"#/components/schemas/problem\"}}}}}";

	base_json_key(j, "components");
	base_json_object_begin(j);
	base_json_put_raw(j, "securitySchemes", security, sizeof(security) - 1);
	base_json_put_raw(j, "responses", responses, sizeof(responses) - 1);
	base_json_key(j, "schemas");
	base_json_object_begin(j);
	for (size_t i = 0; i < api_schema_count(); i++)
		put_schema(j, api_schema_at(i));
	base_json_object_end(j);
	base_json_object_end(j);
}

void
api_openapi_write(struct base_buf *out, const char *server_url)
{
	struct base_json j;

	base_json_init(&j, out);
	base_json_object_begin(&j);
	base_json_put_str(&j, "openapi", "3.1.0");
	base_json_key(&j, "info");
	base_json_object_begin(&j);
	base_json_put_str(&j, "title", "Parley");
	base_json_put_str(&j, "version", PACKAGE_VERSION);
	base_json_put_str(&j, "summary", "Self-hosted real-time chat");
	base_json_object_end(&j);
	if (*server_url != '\0') {
		base_json_key(&j, "servers");
		base_json_array_begin(&j);
		base_json_object_begin(&j);
		base_json_put_str(&j, "url", server_url);
		base_json_object_end(&j);
		base_json_array_end(&j);
	}
	base_json_put_raw(&j, "security", "[{\"token\":[]}]", 14);
	put_paths(&j);
	put_components(&j);
	base_json_object_end(&j);
}
