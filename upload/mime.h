/* SPDX-License-Identifier: ISC */
/* Header values with parameters: `form-data; name="file"; filename=...`. */
#ifndef UPLOAD_MIME_H
#define UPLOAD_MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

/* A place in a header value; set by upload_mime_begin(). */
struct upload_mime {
	const char *p, *end; /* borrowed: the value */
};

/*
 * Start reading the value `p[0..n)`: true when its first word is `word`
 * (letters' case aside); the parameters come from upload_mime_next().
 */
MUST_USE bool upload_mime_begin(
    struct upload_mime *m, const char *p, size_t n, const char *word);

enum upload_mime_result {
	UPLOAD_MIME_END,
	UPLOAD_MIME_PARAM,
	UPLOAD_MIME_BAD
};

/*
 * The next parameter: its name as sent into `name`, its value, unquoted, into
 * `value` (both are reset first).  A backslash escapes only `"` and itself:
 * old browsers send `C:\dir\photo.jpg` as it is.
 */
MUST_USE enum upload_mime_result upload_mime_next(
    struct upload_mime *m, struct base_buf *name, struct base_buf *value);

#endif
