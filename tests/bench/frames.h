/* SPDX-License-Identifier: ISC */
/* The client's side of the wires: where one unit ends in the bytes received,
 * and how a WebSocket frame is sent. */

#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

enum bench_frames_status {
	BENCH_FRAMES_OK,
	BENCH_FRAMES_MORE, /* the unit is not complete yet */
	BENCH_FRAMES_BAD,
};

/* One unit; points into the bytes that were read. */
struct bench_unit {
	size_t size; /* bytes that it takes of the input */
	const char *payload;
	size_t len;
	int opcode; /* WebSocket */
	int status; /* HTTP */
	bool last;  /* HTTP: the server closes the connection behind it */
};

/* The WebSocket frame at `p`; whole frames only, as servers send them. */
MUST_USE enum bench_frames_status bench_frames_websocket(
    const char *p, size_t n, struct bench_unit *unit);

/* The SSE block at `p`, ended by an empty line. */
MUST_USE enum bench_frames_status bench_frames_sse(
    const char *p, size_t n, struct bench_unit *unit);

/* The head of an HTTP response; its payload is the head itself. */
MUST_USE enum bench_frames_status bench_frames_head(
    const char *p, size_t n, struct bench_unit *unit);

/* A whole HTTP response that has a Content-Length. */
MUST_USE enum bench_frames_status bench_frames_response(
    const char *p, size_t n, struct bench_unit *unit);

/* Whether the head holds the header line that begins so, in any case. */
bool bench_frames_head_has(
    const struct bench_unit *head, const char *line_start);

/* State of a chunked body, in the caller's storage; zeroed is the start. */
struct bench_chunks {
	uint64_t left;	  /* bytes of this chunk */
	bool in_chunk;	  /* else in the line that says how long it is */
	bool digits_done; /* an extension or the end of the line follows */
	bool any;	  /* a digit was read */
};

/* Takes the chunk lines out of the `n` bytes at `p` and returns how many are
 * left. */
size_t bench_frames_unchunk(struct bench_chunks *c, char *p, size_t n);

/* Appends a masked frame. */
void bench_frames_websocket_append(
    struct base_buf *out, int opcode, const void *payload, size_t len);

#endif
