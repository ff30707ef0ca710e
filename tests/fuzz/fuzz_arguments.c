/* SPDX-License-Identifier: ISC */
/* Any bytes as method, path, query and body of a call: "POST /v1/… \n body".
 * What is taken obeys the table; the rest is named in faults. */

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_in.h"
#include "api/param.h"
#include "api/router.h"
#include "base/arena.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing that PostgreSQL could not store gets through. */
static void
check(const struct api_args *a, bool good)
{
	if (good != (a->nerrors == 0))
		abort();
	for (size_t i = 0; good && i < a->op->nparams; i++) {
		const char *v = a->values[i];

		if (v != NULL && !base_utf8_valid(v, strlen(v)))
			abort();
		if (v == NULL && a->op->params[i].required &&
		    !a->op->params[i].nullable)
			abort();
	}
	for (size_t i = 0; i < a->nerrors; i++) {
		const char *field = a->errors[i].field;

		if (!base_utf8_valid(field, strlen(field)))
			abort();
	}
}

static void
run(const struct api_route *route, const char *query, const char *body,
    size_t body_len)
{
	static const char *const categories[] = { "general", NULL };
	static const struct api_param_limits limits = { .max_text = 100,
		.categories = categories };
	struct base_arena arena = { 0 };
	struct api_args args;
	json_t *object;

	api_args_init(&args, route->op, &arena, &limits);
	api_args_route(&args, route);
	api_args_query(&args, query);
	if (api_json_parse(body, body_len, 65536, &object) == API_JSON_OK) {
		api_args_object(&args, object, false);
		json_decref(object);
	}
	check(&args, api_args_finish(&args));
	base_arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *path, *query, *body;
	struct api_route route;

	memcpy(text, data, size);
	text[size] = '\0';
	body = strchr(text, '\n');
	path = strchr(text, ' ');
	if (body != NULL && path != NULL && path < body) {
		*body++ = '\0';
		*path++ = '\0';
		query = strchr(path, '?');
		if (query != NULL)
			*query++ = '\0';
		if (api_router_find(text, path, &route) == API_ROUTE_OK)
			run(&route, query, body, size - (size_t)(body - text));
	}
	free(text);
	return 0;
}
