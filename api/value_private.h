/* SPDX-License-Identifier: ISC */
/* What value.c (single values) and value_list.c (lists) share; nobody else
 * includes this. */
#ifndef API_VALUE_PRIVATE_H
#define API_VALUE_PRIVATE_H

#include <stddef.h>

#include "api/value.h"

/* A value being checked: its row, and the path that names it in a fault. */
struct api_value_field {
	const struct api_value_in *in;
	const struct api_param *param;
	const char *path;
};

/* Record a fault; returns NULL, so that a check can return it. */
const char *api_value_fault(
    const struct api_value_field *f, const char *code, const char *detail);
const char *api_value_fault_type(
    const struct api_value_field *f, const char *type);

/* The text form of a valid value, or NULL: null or faulty. */
const char *api_value_check_string(
    const struct api_value_field *f, const char *s, size_t len);
const char *api_value_check_json(
    const struct api_value_field *f, struct json_t *value);

/* Lists: from JSON (an array or a fault), from text with commas. */
const char *api_value_check_list(
    const struct api_value_field *f, struct json_t *value);
const char *api_value_check_list_text(
    const struct api_value_field *f, const char *text);

#endif
