/* SPDX-License-Identifier: ISC */
/* JSON from strangers, read with jansson after its depth, size and text have
 * been bounded. */
#ifndef API_JSON_IN_H
#define API_JSON_IN_H

#include <stddef.h>

#include "base/attr.h"

struct json_t; /* jansson */

#define API_JSON_DEPTH_MAX 16

enum api_json_status {
	API_JSON_OK = 0,
	API_JSON_TOO_LARGE, /* more than max_bytes */
	API_JSON_TOO_DEEP,  /* nested deeper than API_JSON_DEPTH_MAX */
	API_JSON_BAD_UTF8,
	API_JSON_MALFORMED, /* syntax, U+0000, numbers out of range */
	API_JSON_DUPLICATE, /* the same member twice in one object */
	API_JSON_NOT_OBJECT
};

/* Parse one JSON object.  On success *out is the caller's reference.
 * Integers beyond 64 bits are API_JSON_MALFORMED. */
MUST_USE enum api_json_status api_json_parse(
    const char *text, size_t len, size_t max_bytes, struct json_t **out);

/* Error code (api/errors.h) and sentence for a status other than OK. */
const char *api_json_error_code(enum api_json_status s);
const char *api_json_error_detail(enum api_json_status s);

#endif
