/* SPDX-License-Identifier: ISC */
/*
 * An incremental reader of multipart/form-data (RFC 7578, RFC 2046 5.1).
 *
 * Bytes go in as they arrive, in pieces of any size; parts come out through
 * callbacks, their contents without a copy.  Nothing of a part's content is
 * kept, so memory is bounded by the limits below whatever the sender does.
 */
#ifndef UPLOAD_MULTIPART_H
#define UPLOAD_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "upload/part.h"
#include "upload/status.h"

enum {
	UPLOAD_MULTIPART_BOUNDARY_MAX = 70, /* bytes, RFC 2046 */
	UPLOAD_MULTIPART_HEADER_MAX = 8192, /* bytes of a part's header */
	UPLOAD_MULTIPART_PARTS_MAX = 16,
	UPLOAD_MULTIPART_SLACK_MAX = 16384 /* preamble and epilogue */
};

struct upload_multipart;

/*
 * A callback that does not return UPLOAD_OK ends the reading with that.  What
 * it is given is borrowed for the call.
 */
struct upload_multipart_events {
	enum upload_status (*part)(void *arg, const struct upload_part *part);
	enum upload_status (*data)(void *arg, const char *p, size_t n);
	enum upload_status (*part_end)(void *arg);
};

/* Is this Content-Type value multipart/form-data? */
bool upload_multipart_matches(const char *content_type);

/*
 * A reader for a body of `content_type`; `events` and `arg` are borrowed
 * until upload_multipart_free().  NULL when the boundary is absent or bad.
 */
struct upload_multipart *upload_multipart_new(const char *content_type,
    const struct upload_multipart_events *events, void *arg);

void upload_multipart_free(struct upload_multipart *m);

/* Read the next piece.  After a failure every later call repeats it. */
MUST_USE enum upload_status upload_multipart_feed(
    struct upload_multipart *m, const char *p, size_t n);

/* The body has ended: UPLOAD_MALFORMED when the final boundary is missing. */
MUST_USE enum upload_status upload_multipart_finish(struct upload_multipart *m);

#endif
