/* SPDX-License-Identifier: ISC */
/* Routing by walking the table: some forty templates, whose literal parts
 * differ early, cost less than a microsecond. */
#include "api/router.h"

#include <stdio.h>
#include <string.h>

#include "api/percent.h"

enum fit {
	FIT_NO,
	FIT_YES,
	FIT_BAD
};

/* Decode the segment at *path for the placeholder at *tmpl; both move on. */
static enum fit
fit_placeholder(struct api_route *out, const char **tmpl, const char **path)
{
	size_t name_len = strcspn(*tmpl + 1, "}");
	size_t len = strcspn(*path, "/");
	size_t i = out->nargs;

	if (len == 0 || i == API_ROUTE_ARGS_MAX)
		return FIT_NO;
	out->args[i].name = *tmpl + 1;
	out->args[i].name_len = name_len;
	out->nargs++;
	if (!api_percent_decode_n(out->args[i].value,
		sizeof(out->args[i].value), *path, len, false))
		return FIT_BAD;
	*tmpl += name_len + 2;
	*path += len;
	return FIT_YES;
}

static enum fit
fit_template(struct api_route *out, const char *tmpl, const char *path)
{
	out->nargs = 0;
	for (;;) {
		if (*tmpl == '{') {
			enum fit fit = fit_placeholder(out, &tmpl, &path);

			if (fit != FIT_YES)
				return fit;
		} else if (*tmpl != *path) {
			return FIT_NO;
		} else if (*tmpl == '\0') {
			return FIT_YES;
		} else {
			tmpl++;
			path++;
		}
	}
}

static void
allow(struct api_route *out, const char *method)
{
	size_t len = strlen(out->allow);

	snprintf(out->allow + len, sizeof(out->allow) - len, "%s%s",
	    len > 0 ? ", " : "", method);
	if (strcmp(method, "GET") == 0)
		allow(out, "HEAD");
}

static bool
method_fits(const char *method, const char *of_row, bool *head)
{
	*head = strcmp(method, "HEAD") == 0;
	return strcmp(method, of_row) == 0 ||
	    (*head && strcmp(of_row, "GET") == 0);
}

enum api_route_status
api_router_find(const char *method, const char *path, struct api_route *out)
{
	bool bad = false;

	out->allow[0] = '\0';
	out->flags = 0;
	for (size_t i = 0; i < api_operation_count(); i++) {
		const struct api_operation *op = api_operation_at(i);
		enum fit fit = fit_template(out, op->path, path);

		bad = bad || fit == FIT_BAD;
		if (fit != FIT_YES)
			continue;
		out->flags |= op->flags;
		if (method_fits(method, op->method, &out->head)) {
			out->op = op;
			return API_ROUTE_OK;
		}
		allow(out, op->method);
	}
	out->op = NULL;
	out->head = false;
	if (out->allow[0] == '\0')
		return bad ? API_ROUTE_BAD_PATH : API_ROUTE_NOT_FOUND;
	allow(out, "OPTIONS");
	return strcmp(method, "OPTIONS") == 0 ? API_ROUTE_OPTIONS :
						API_ROUTE_BAD_METHOD;
}

const char *
api_router_method(const char *method, const char *override, const char *path)
{
	struct api_route route;

	if (override == NULL || strcmp(method, "POST") != 0 ||
	    api_router_find(override, path, &route) != API_ROUTE_OK ||
	    (route.flags & API_TUS) == 0)
		return method;
	return route.op->method;
}
