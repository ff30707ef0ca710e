/* SPDX-License-Identifier: ISC */
/* One argument: checked by its parameter's row, and turned into the text that
 * goes to the database. */
#ifndef API_VALUE_H
#define API_VALUE_H

#include <stdbool.h>
#include <stdint.h>

struct api_args;
struct api_param;
struct base_arena;
struct json_t;

struct api_value_in {
	const struct api_param *param;
	struct base_arena *arena; /* the result lives here */
	int64_t max_text;
	const char *const *categories;
	bool as_json;	       /* lists as JSON text, not as array literals */
	struct api_args *args; /* gets the faults */
};

/* From path or query. */
const char *api_value_text(const struct api_value_in *in, const char *text);

/* From JSON.  NULL = null, or faulty. */
const char *api_value_json(const struct api_value_in *in, struct json_t *value);

#endif
