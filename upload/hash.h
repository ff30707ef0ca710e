/* SPDX-License-Identifier: ISC */
/* SHA-256 of a file as it passes: the name under which it is stored. */
#ifndef UPLOAD_HASH_H
#define UPLOAD_HASH_H

#include <stddef.h>

#include "base/attr.h"

enum {
	UPLOAD_HASH_LEN = 64
}; /* hex digits */

struct upload_hash;

MUST_USE struct upload_hash *upload_hash_new(void);
void upload_hash_add(struct upload_hash *h, const void *p, size_t n);

/* Lower-case hex into `hex`; frees `h`. */
void upload_hash_finish(struct upload_hash *h, char hex[UPLOAD_HASH_LEN + 1]);

/* Free without a result; NULL is fine. */
void upload_hash_free(struct upload_hash *h);

#endif
