/* SPDX-License-Identifier: ISC */
/* What a file of an archive unpacks to, held against what its list says. */
#ifndef UPLOAD_UNPACK_H
#define UPLOAD_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "upload/status.h"

/* What the list says that comes out. */
struct upload_unpack_claim {
	uint64_t bytes;
	uint32_t crc; /* CRC-32 of them */
};

/*
 * Unpack `p[0..n)`, raw DEFLATE (RFC 1951), and no further than claimed.  What
 * comes out goes to `keep`, which has room for what is claimed, if that is not
 * NULL.  UPLOAD_OK when it is as claimed, UPLOAD_BOMB when it is more,
 * UPLOAD_BAD_ARCHIVE otherwise.
 */
MUST_USE enum upload_status upload_unpack(const unsigned char *p, size_t n,
    const struct upload_unpack_claim *claim, unsigned char *keep);

/* The same of bytes that were not packed. */
MUST_USE enum upload_status upload_unpack_stored(
    const unsigned char *p, size_t n, const struct upload_unpack_claim *claim);

#endif
