/* SPDX-License-Identifier: ISC */
/* Bytes out of an archive, counted and summed, by zlib. */

#include "upload/unpack.h"

#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

enum {
	PIECE_BYTES = 64 * 1024,
	INPUT_BYTES = 1 << 30 /* zlib counts in unsigned int */
};

/* One stream while it is unpacked. */
struct unpack {
	z_stream z;
	const struct upload_unpack_claim *claim;
	unsigned char *keep;
	uint64_t bytes;
	uLong crc;
};

static enum upload_status
piece_take(struct unpack *u, const unsigned char *piece, size_t n)
{
	if (n > u->claim->bytes - u->bytes)
		return UPLOAD_BOMB;
	if (u->keep != NULL)
		memcpy(u->keep + u->bytes, piece, n);
	u->crc = crc32_z(u->crc, piece, n);
	u->bytes += n;
	return UPLOAD_OK;
}

static enum upload_status
verdict(const struct unpack *u)
{
	return u->bytes == u->claim->bytes && u->crc == u->claim->crc ?
	    UPLOAD_OK :
	    UPLOAD_BAD_ARCHIVE;
}

static enum upload_status
stream_read(struct unpack *u, const unsigned char *p, size_t n)
{
	unsigned char piece[PIECE_BYTES];
	enum upload_status status;
	int code = Z_OK;

	while (code == Z_OK) {
		if (u->z.avail_in == 0) {
			u->z.next_in = p;
			u->z.avail_in =
			    n < INPUT_BYTES ? (uInt)n : (uInt)INPUT_BYTES;
			p += u->z.avail_in;
			n -= u->z.avail_in;
		}
		u->z.next_out = piece;
		u->z.avail_out = sizeof(piece);
		/* Z_BUF_ERROR once there is nothing to go on with. */
		code = inflate(&u->z, Z_NO_FLUSH);
		status = piece_take(u, piece, sizeof(piece) - u->z.avail_out);
		if (status != UPLOAD_OK)
			return status;
	}
	return code == Z_STREAM_END ? verdict(u) : UPLOAD_BAD_ARCHIVE;
}

enum upload_status
upload_unpack(const unsigned char *p, size_t n,
    const struct upload_unpack_claim *claim, unsigned char *keep)
{
	struct unpack u = { .claim = claim, .keep = keep };
	enum upload_status status;

	/* Without a zlib head. */
	if (inflateInit2(&u.z, -MAX_WBITS) != Z_OK)
		return UPLOAD_FAILED;
	status = stream_read(&u, p, n);
	(void)inflateEnd(&u.z);
	return status;
}

enum upload_status
upload_unpack_stored(
    const unsigned char *p, size_t n, const struct upload_unpack_claim *claim)
{
	struct unpack u = { .claim = claim };
	enum upload_status status = piece_take(&u, p, n);

	return status == UPLOAD_OK ? verdict(&u) : status;
}
