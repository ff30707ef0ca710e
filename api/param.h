/* SPDX-License-Identifier: ISC */
/* Arguments of a call: taken from path, query, body or a frame's `args`,
 * checked against the operation's row, and turned into the text form that goes
 * to the database.  Every fault is gathered, not only the first. */
#ifndef API_PARAM_H
#define API_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/errors.h"
#include "api/operation.h"
#include "base/attr.h"

struct api_route;
struct base_arena;
struct json_t;

#define API_PARAM_ERRORS_MAX 20
#define API_PARAM_MAX 24 /* parameters of one operation */

/* What is bounded by settings rather than by the table. */
struct api_param_limits {
	int64_t max_text; /* bound of parameters whose `max` is API_MAX_TEXT */
	const char *const *categories; /* values of an API_CATEGORY */
};

/* Embedded; everything it points to lives in the arena. */
struct api_args {
	const struct api_operation *op;
	struct base_arena *arena;
	struct api_param_limits limits;
	const char *values[API_PARAM_MAX]; /* by parameter; NULL = null */
	bool given[API_PARAM_MAX];
	struct api_field_error errors[API_PARAM_ERRORS_MAX];
	size_t nerrors;
};

void api_args_init(struct api_args *a, const struct api_operation *op,
    struct base_arena *arena, const struct api_param_limits *limits);

/* Take arguments.  `object` is a body, or, with `all_places`, the args of a
 * frame, which name path, query and body parameters alike. */
void api_args_route(struct api_args *a, const struct api_route *route);
void api_args_query(struct api_args *a, const char *query);
void api_args_object(
    struct api_args *a, struct json_t *object, bool all_places);

/* Required ones that are missing, and fallbacks.  True when there is no fault;
 * else `errors` holds them. */
MUST_USE bool api_args_finish(struct api_args *a);

/* Record a fault; beyond API_PARAM_ERRORS_MAX they are dropped. */
void api_args_fault(struct api_args *a, const char *field, const char *code,
    const char *detail);

/* A name from outside, cut and made printable, in the arena. */
const char *api_param_name_shown(struct base_arena *arena, const char *name);

/* Record the fault `unknown_field`.  `name` comes from outside, so it is shown
 * as above, after `prefix`. */
void api_args_unknown(struct api_args *a, const char *prefix, const char *name,
    const char *detail);

#endif
