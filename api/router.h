/* SPDX-License-Identifier: ISC */
/* Method and path → operation and path arguments. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "api/operation.h"
#include "base/attr.h"

#define API_ROUTE_ARGS_MAX 4
#define API_ROUTE_ARG_SIZE 260	/* bytes of a decoded argument and its NUL */
#define API_ROUTE_ALLOW_SIZE 64 /* "GET, HEAD, POST, …, OPTIONS" */

enum api_route_status {
	API_ROUTE_OK = 0,
	API_ROUTE_NOT_FOUND,  /* no such path */
	API_ROUTE_BAD_PATH,   /* broken percent-encoding or too long */
	API_ROUTE_BAD_METHOD, /* path exists: `allow` lists its methods */
	API_ROUTE_OPTIONS     /* path exists and OPTIONS was asked: `allow` */
};

struct api_route {
	const struct api_operation *op;
	unsigned flags; /* of all operations at this path */
	bool head;	/* HEAD of a GET operation */
	size_t nargs;
	struct {
		const char *name; /* of the template */
		size_t name_len;
		char value[API_ROUTE_ARG_SIZE]; /* percent-decoded */
	} args[API_ROUTE_ARGS_MAX];
	char allow[API_ROUTE_ALLOW_SIZE];
};

/* `path` as on the wire, without query.  Cheap: doors may ask before the body
 * is there (API_ON_FASTCGI, API_STREAM). */
MUST_USE enum api_route_status api_router_find(
    const char *method, const char *path, struct api_route *out);

/* The method that is meant by POST with X-HTTP-Method-Override (NULL: none),
 * where a protocol has it: at paths of API_TUS.  `method` elsewhere. */
const char *api_router_method(
    const char *method, const char *override, const char *path);

#endif
