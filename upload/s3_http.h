/* SPDX-License-Identifier: ISC */
/*
 * Requests to an S3-compatible store through libcurl, signed by it, repeated
 * with growing pauses when the network or the store fails, and given up within
 * bounded time.  Whoever calls waits.
 */
#ifndef UPLOAD_S3_HTTP_H
#define UPLOAD_S3_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "upload/hash.h"
#include "upload/status.h"

struct base_buf;
struct upload_s3_http;

struct upload_s3_http_params {
	const char *region;
	const char *key_id, *secret;
	unsigned seconds; /* for one request with all its repetitions, unless
			   * upload_s3_http_patience() says less */
};

/* Everything is copied.  After fork() only. */
MUST_USE struct upload_s3_http *upload_s3_http_new(
    const struct upload_s3_http_params *params);
void upload_s3_http_free(struct upload_s3_http *h);

/* All requests from now on take so long at most, together. */
void upload_s3_http_patience(struct upload_s3_http *h, unsigned ms);

struct upload_s3_request {
	const char *method; /* GET, HEAD, PUT or DELETE */
	const char *url;    /* its query, if any, in the order of bytes */
	/* PUT: the file, its size and its hash.  An object that is there
	 * stays, where the store can say so. */
	int from_fd;
	uint64_t size;
	const char *hash;
	/* GET of an object: an empty file that takes it, and the hash that it
	 * must have. */
	int into_fd; /* -1 = none: the answer goes to `body` */
	struct base_buf *body;
};

/*
 * UPLOAD_OK, UPLOAD_MISSING (404; of the bucket as well), UPLOAD_NO_SPACE (here
 * or there), or UPLOAD_UNAVAILABLE: then it is not known whether a PUT or a
 * DELETE was done.  What failed is in the log.
 */
MUST_USE enum upload_status upload_s3_http_do(
    struct upload_s3_http *h, const struct upload_s3_request *request);

#endif
