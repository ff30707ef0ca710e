/* SPDX-License-Identifier: ISC */
/* The OpenAPI 3.1 document, made from the tables of operations, objects and
 * errors.  `operationId` is the operation's name. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

struct base_buf;

/* `server_url` may be empty. */
void api_openapi_write(struct base_buf *out, const char *server_url);

#endif
