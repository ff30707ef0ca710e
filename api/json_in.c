/* SPDX-License-Identifier: ISC */
/* Bounded JSON reading: jansson recurses and allocates, so depth and size are
 * checked on the bytes before it sees them. */
#include "api/json_in.h"

#include <jansson.h>
#include <stdbool.h>

#include "base/utf8.h"

/* Greatest nesting of brackets outside strings.  Needs no knowledge of the
 * rest of the grammar: malformed text is jansson's to refuse. */
static bool
depth_is_fine(const char *text, size_t len)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > API_JSON_DEPTH_MAX)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

static enum api_json_status
status_of(const json_error_t *err)
{
	return json_error_code(err) == json_error_duplicate_key ?
	    API_JSON_DUPLICATE :
	    API_JSON_MALFORMED;
}

enum api_json_status
api_json_parse(const char *text, size_t len, size_t max_bytes, json_t **out)
{
	json_error_t err;
	json_t *root;

	*out = NULL;
	if (len > max_bytes)
		return API_JSON_TOO_LARGE;
	if (!base_utf8_valid(text, len))
		return API_JSON_BAD_UTF8;
	if (!depth_is_fine(text, len))
		return API_JSON_TOO_DEEP;
	root = json_loadb(
	    text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &err);
	if (root == NULL)
		return status_of(&err);
	if (!json_is_object(root)) {
		json_decref(root);
		return API_JSON_NOT_OBJECT;
	}
	*out = root;
	return API_JSON_OK;
}

const char *
api_json_error_code(enum api_json_status s)
{
	return s == API_JSON_TOO_LARGE ? "payload_too_large" : "bad_json";
}

const char *
api_json_error_detail(enum api_json_status s)
{
	switch (s) {
	case API_JSON_OK:
		break;
	case API_JSON_TOO_LARGE:
		return "The JSON text is longer than this operation takes.";
	case API_JSON_TOO_DEEP:
		return "The JSON text is nested deeper than 16 levels.";
	case API_JSON_BAD_UTF8:
		return "The JSON text is not valid UTF-8.";
	case API_JSON_MALFORMED:
		return "The JSON text cannot be parsed (or holds U+0000 or a "
		       "number out of range).";
	case API_JSON_DUPLICATE:
		return "An object has the same member twice.";
	case API_JSON_NOT_OBJECT:
		return "The JSON text must be an object.";
	}
	return NULL;
}
