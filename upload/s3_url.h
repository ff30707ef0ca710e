/* SPDX-License-Identifier: ISC */
/*
 * Addresses in an S3-compatible store, and such as carry their own permission
 * (AWS Signature Version 4 in the query): whoever has one may read that one
 * object until it expires.  No network is needed to make them.
 */
#ifndef UPLOAD_S3_URL_H
#define UPLOAD_S3_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct base_buf;
struct upload_s3_url;

struct upload_s3_url_params {
	const char *endpoint; /* https://s3.example[:port][/path] */
	const char *bucket;
	const char *region;
	const char *key_id, *secret;
	const char *prefix; /* before all keys; NULL or "" = none */
	bool path_style;    /* endpoint/bucket/key, not bucket.endpoint/key */
};

/* Everything is copied.  NULL with a message for the operator, which names no
 * secret, in `err`. */
MUST_USE struct upload_s3_url *upload_s3_url_new(
    const struct upload_s3_url_params *params, char *err, size_t err_size);
void upload_s3_url_free(struct upload_s3_url *u);

/* What all keys begin with: "" or text that ends with a slash. */
const char *upload_s3_url_prefix(const struct upload_s3_url *u);

/* The address of the object `key` (after the prefix), or of the bucket itself
 * (NULL). */
void upload_s3_url_append(
    const struct upload_s3_url *u, const char *key, struct base_buf *out);

/* One that is good for `seconds` from `now_s` (seconds since 1970); `type` and
 * `disposition` and `cache` are what the store shall answer in place of its
 * own fields, NULL = its own.  For GET, or HEAD. */
struct upload_s3_grant {
	bool is_head;
	int64_t now_s;
	unsigned seconds;
	const char *type, *disposition, *cache;
};
void upload_s3_url_sign(const struct upload_s3_url *u, const char *key,
    const struct upload_s3_grant *grant, struct base_buf *out);

/* `text` as a value in a query: all but A-Z a-z 0-9 - . _ ~ as %XX. */
void upload_s3_url_encode(struct base_buf *out, const char *text);

#endif
