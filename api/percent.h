/* SPDX-License-Identifier: ISC */
/* Percent-encoding of URLs (RFC 3986). */
#ifndef API_PERCENT_H
#define API_PERCENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct base_buf;

/* Decode the string `in` into `out` of `size` bytes; they may be the same.
 * `plus` = a '+' is a space, as in queries.  False: it does not fit, an escape
 * is broken or stands for U+0000. */
MUST_USE bool api_percent_decode(
    char *out, const char *in, size_t size, bool plus);

/* As above for the `len` bytes at `in`. */
MUST_USE bool api_percent_decode_n(
    char *out, size_t size, const char *in, size_t len, bool plus);

/* Append `s` with everything but unreserved characters escaped. */
void api_percent_encode(struct base_buf *out, const char *s);

#endif
