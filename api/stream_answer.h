/* SPDX-License-Identifier: ISC */
/* What a client that asked for a stream is answered over HTTP: the head of the
 * stream, or why there is none. */

#ifndef API_STREAM_ANSWER_H
#define API_STREAM_ANSWER_H

#include <stdbool.h>

#include "api/stream_request.h"
#include "base/buf.h"

/* Appends the whole answer that refuses; returns its status.  `cors` is
 * whether the origin may read it. */
int api_stream_answer_refuse(const struct api_stream_request *r,
    const struct api_stream_refusal *why, bool cors, struct base_buf *out);

/* Appends the head of the answer that begins the stream: 200 or 101. */
void api_stream_answer_accept(
    const struct api_stream_request *r, bool cors, struct base_buf *out);

#endif
