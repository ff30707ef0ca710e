/* SPDX-License-Identifier: ISC */
/* A checksum that came with a piece of a file, and that of the piece. */
#ifndef UPLOAD_CHECKSUM_H
#define UPLOAD_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* Those that are known, as tus lists them. */
#define UPLOAD_CHECKSUMS "sha1,sha256,md5"

struct upload_checksum;

/* Of the form "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=": the algorithm's name and
 * the checksum in base64.  NULL: it is none that is known. */
MUST_USE struct upload_checksum *upload_checksum_new(const char *text);

void upload_checksum_add(struct upload_checksum *c, const void *p, size_t n);

/* Is what was added what was announced?  Once, at the end. */
MUST_USE bool upload_checksum_fits(struct upload_checksum *c);

/* NULL is fine. */
void upload_checksum_free(struct upload_checksum *c);

#endif
