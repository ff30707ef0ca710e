/* SPDX-License-Identifier: ISC */
/* SHA-256, for what is stored or compared across processes. */
#ifndef API_DIGEST_H
#define API_DIGEST_H

#include <stddef.h>

#define API_DIGEST_HEX 65 /* 64 digits and a NUL */

/* Lower-case hex of the digest. */
void api_digest_hex(const void *bytes, size_t len, char out[API_DIGEST_HEX]);

#endif
