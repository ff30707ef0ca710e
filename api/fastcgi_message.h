/* SPDX-License-Identifier: ISC */
/*
 * What is said over FastCGI: an HTTP request as CGI parameters, and a CGI
 * answer as an HTTP one.  Pure: bytes to bytes.
 */
#ifndef API_FASTCGI_MESSAGE_H
#define API_FASTCGI_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http_head.h"
#include "base/attr.h"
#include "base/buf.h"

/* Appends the records that begin the request: BEGIN_REQUEST and PARAMS.  Only
 * header fields that operations know are passed on. */
void api_fastcgi_message_begin(struct base_buf *out,
    const struct api_http_head *head, const char *remote_addr,
    const char *request_id);

enum api_fastcgi_answer_state {
	API_FASTCGI_ANSWER_HEAD = 0, /* its head is not complete */
	API_FASTCGI_ANSWER_BODY,
	API_FASTCGI_ANSWER_BROKEN
};

/* In the caller's storage: init and fini. */
struct api_fastcgi_answer {
	enum api_fastcgi_answer_state state;
	bool head_only; /* the request was a HEAD */
	bool http_1_0;	/* the client knows no chunks */
	bool bodiless;	/* 204, 304, or head_only */
	bool has_length;
	int status;
	bool has_file; /* the body is in a file that the responder passes on */
	uint64_t file_offset;
	uint64_t left; /* of an announced length */
	struct base_buf head;
};

void api_fastcgi_answer_init(
    struct api_fastcgi_answer *a, const struct api_http_head *request);
void api_fastcgi_answer_fini(struct api_fastcgi_answer *a);

/* More of the responder's output; appends to `out` what the client gets. */
void api_fastcgi_answer_feed(struct api_fastcgi_answer *a, const char *bytes,
    size_t len, struct base_buf *out);

/* Nothing more comes (of one with a file: but for `left` bytes of that); `ended`: the responder said that this is all.  False:
 * the answer is not whole, and the client must not take it for whole: close
 * without another byte. */
MUST_USE bool api_fastcgi_answer_end(
    struct api_fastcgi_answer *a, bool ended, struct base_buf *out);

#endif
