/* SPDX-License-Identifier: ISC */
/*
 * Writes HTTP/1.1 answers: the head of any, and whole problem answers for
 * requests that never became a call.
 */
#ifndef API_HTTP_REPLY_H
#define API_HTTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "api/call.h"

struct base_buf;

/* "Created"; "Status" for a number that has no name of its own. */
const char *api_http_reply_reason(int status);

/* Appends status line, Date, `Connection: close` or keep-alive.  Fields, an
 * empty line and the body are the caller's. */
void api_http_reply_begin(struct base_buf *out, int status, bool close);

/* Appends the whole answer; its body too unless omit_body. */
void api_http_reply_write(
    struct base_buf *out, const struct api_answer *answer, bool close);

#define API_HTTP_REQUEST_ID_SIZE 65

/* The request's id: the client's own (may be NULL) when it is 1 to 64 letters,
 * digits, '-', '_' or '.', else a new one.  Returns `out`. */
const char *api_http_request_id(
    char out[API_HTTP_REQUEST_ID_SIZE], const char *given);

struct api_http_refusal {
	const char *code;   /* of api/errors.h */
	const char *detail; /* NULL = the title says it all */
	const char *request_id;
	bool head_only;	    /* the method was HEAD */
	const char *fields; /* more fields, each with its CRLF, or NULL */
};

/* Appends a problem answer that closes the connection; gives its status. */
int api_http_reply_refuse(
    struct base_buf *out, const struct api_http_refusal *refusal);

#endif
