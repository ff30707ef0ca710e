/* SPDX-License-Identifier: ISC */
/* base64url without padding (RFC 4648 section 5). */
#ifndef API_BASE64URL_H
#define API_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Decode `len` characters at `in` into `out`, which has room for len bytes;
 * *out_len is what came of it.  False: it is not base64url. */
MUST_USE bool api_base64url_decode(
    const char *in, size_t len, char *out, size_t *out_len);

#endif
