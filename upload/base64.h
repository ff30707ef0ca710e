/* SPDX-License-Identifier: ISC */
/* base64 with padding (RFC 4648 section 4). */
#ifndef UPLOAD_BASE64_H
#define UPLOAD_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

/* Append what `p[0..n)` stands for.  False, with `out` unchanged: it is not
 * base64. */
MUST_USE bool upload_base64_decode(
    struct base_buf *out, const char *p, size_t n);

#endif
