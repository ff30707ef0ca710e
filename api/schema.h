/* SPDX-License-Identifier: ISC */
/* The objects on the wire, as a table: what operations answer and events
 * carry.  For the OpenAPI document, docs/api.md, client types, and a test that
 * compares them with what is really answered; nothing is rendered from it. */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

/* `type`: string, integer, boolean, uuid, time, id, url, object, json, or the
 * name of a schema; "[x]" is an array of x; at the end '?' = may be null, '~' =
 * left out where there is nothing. */
struct api_field {
	const char *name;
	const char *type;
	const char *summary;
};

struct api_schema {
	const char *name;
	const struct api_field *fields;
	size_t nfields;
	const char *summary;
};

size_t api_schema_count(void);
const struct api_schema *api_schema_at(size_t i);

/* NULL when there is none. */
const struct api_schema *api_schema_find(const char *name);

/* Taken apart: the bare name (into `name`), whether it is an array, whether it
 * may be null, whether it may be left out. */
struct api_type_ref {
	char name[32];
	bool array;
	bool nullable;
	bool optional;
};
struct api_type_ref api_type_parse(const char *type);

#endif
