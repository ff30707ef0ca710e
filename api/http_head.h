/* SPDX-License-Identifier: ISC */
/*
 * The head of an HTTP/1.x request: request line and header fields, checked
 * and taken apart before anything acts on it.  Pure: bytes in, slices out.
 *
 * It is strict where two parsers that disagree could be played against each
 * other (RFC 9112, section 11.2): lines end in CRLF, a field name is a token
 * that ends at the colon, no folded lines, one Host, one Content-Length of
 * digits, no Transfer-Encoding, no body on a method that has none, and no byte
 * behind the body that was announced.
 */
#ifndef API_HTTP_HEAD_H
#define API_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define API_HTTP_HEAD_BYTES 8000 /* request line and fields; beyond: 431 */
#define API_HTTP_FIELDS_MAX 32	 /* lines; a browser sends about 25 */
#define API_HTTP_TARGET_MAX 4000 /* bytes of path and query; beyond: 414 */

enum api_http_head_status {
	API_HTTP_HEAD_OK = 0,
	API_HTTP_HEAD_MORE,	   /* not complete yet */
	API_HTTP_HEAD_MALFORMED,   /* 400 */
	API_HTTP_HEAD_LENGTH,	   /* 411: a body of unannounced length */
	API_HTTP_HEAD_TARGET,	   /* 414 */
	API_HTTP_HEAD_EXPECTATION, /* 417: an Expect that is not 100-continue */
	API_HTTP_HEAD_TOO_LARGE,   /* 431 */
	API_HTTP_HEAD_METHOD,	   /* 501: none that exists here */
	API_HTTP_HEAD_VERSION	   /* 505 */
};

struct api_http_field {
	const char *name; /* as sent */
	size_t name_len;
	const char *value; /* without white space around; may be empty */
	size_t value_len;
};

/* All pointers borrow the parsed bytes. */
struct api_http_head {
	size_t len;	    /* of the head, its empty line included */
	const char *method; /* a constant: "GET" */
	const char *path;   /* as on the wire; begins with '/' or is "*" */
	size_t path_len;
	const char *query; /* behind the '?'; NULL = none */
	size_t query_len;
	uint64_t body_len; /* announced; 0 without Content-Length */
	bool http_1_0;
	bool has_body; /* the method may carry one: POST, PUT, PATCH */
	bool close;    /* the connection ends with the answer */
	bool expects_continue;
	size_t nfields;
	struct api_http_field fields[API_HTTP_FIELDS_MAX];

	/* What is wrong, one sentence for the client; a constant.  NULL while
	 * the status is OK or MORE. */
	const char *wrong;
};

/* Looks at the first `len` bytes received.  Also after a refusal `method`
 * (may be NULL) and the fields read so far are set. */
MUST_USE enum api_http_head_status api_http_head_parse(
    struct api_http_head *head, const char *bytes, size_t len);

/* The first field of that name, any case; NULL when there is none. */
const struct api_http_field *api_http_head_field(
    const struct api_http_head *head, const char *name);

/* Code of api/errors.h for a refusal. */
const char *api_http_head_code(enum api_http_head_status status);

/* Ends path, query and every value with a NUL inside `bytes`, which the head
 * was parsed from and which its owner lets us write to. */
void api_http_head_terminate(const struct api_http_head *head, char *bytes);

/* As api_http_head_field() after terminate: the value, or NULL.  `arg` is the
 * head; fits api_request.header and api_stream_params.header. */
const char *api_http_head_value(void *arg, const char *name);

/* The same of the n-th field of that name, from 0: lists may come in several
 * lines.  Fits api_stream_params.line. */
const char *api_http_head_line(void *arg, const char *name, size_t n);

#endif
