/* SPDX-License-Identifier: ISC */
/* A walk over the blocks of a GIF. */

#include "upload/gif.h"

#include <stdint.h>

#include "upload/mapped.h"

enum {
	HEADER_BYTES = 13,    /* with the screen's descriptor */
	DESCRIPTOR_BYTES = 9, /* of a frame, behind its mark */
	HAS_TABLE = 0x80,
	EXTENSION = '!',
	FRAME = ','
};

struct walk {
	struct upload_mapped file;
	uint64_t at;
};

static unsigned
byte_at(const struct walk *w, uint64_t at)
{
	return at < w->file.size ? w->file.bytes[at] : 0;
}

/* Bytes of the table of colours that `flags` announce. */
static uint64_t
table_bytes(unsigned flags)
{
	return (flags & HAS_TABLE) != 0 ? 3u << ((flags & 7) + 1) : 0;
}

/* Data in pieces, each behind its length; a length of zero ends them. */
static void
pieces_pass(struct walk *w)
{
	unsigned len;

	do {
		len = byte_at(w, w->at);
		w->at += 1 + len;
	} while (len > 0 && w->at < w->file.size);
}

/* False at the trailer, at whatever else stands there, and beyond the end. */
static bool
block_pass(struct walk *w)
{
	unsigned mark = byte_at(w, w->at);

	if (w->at >= w->file.size || (mark != EXTENSION && mark != FRAME))
		return false;
	if (mark == EXTENSION)
		w->at += 2; /* and its label */
	else
		w->at += 1 + DESCRIPTOR_BYTES +
		    table_bytes(byte_at(w, w->at + DESCRIPTOR_BYTES)) +
		    1; /* size of the codes */
	pieces_pass(w);
	return true;
}

bool
upload_gif_is_whole(int fd)
{
	struct walk w = { .at = HEADER_BYTES };
	bool is_whole;

	if (!upload_mapped_init(&w.file, fd))
		return false;
	w.at += table_bytes(byte_at(&w, HEADER_BYTES - 3));
	while (block_pass(&w))
		continue;
	is_whole = w.at < w.file.size;
	upload_mapped_fini(&w.file);
	return is_whole;
}
