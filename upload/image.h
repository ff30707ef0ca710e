/* SPDX-License-Identifier: ISC */
/*
 * A stranger's picture made ours: the header is looked at first, then the
 * picture is decoded once, turned upright, brought to sRGB, stripped of all
 * metadata, scaled down and written anew.  Nothing of the sender's bytes is
 * kept, so nothing can hide behind the pixels.
 *
 * Animated GIF and WebP stay animated while their frames and the pixels of all
 * of them stay within limits, which keep the work to some seconds; beyond them
 * the first frame is kept as a still.  Far beyond them it is no picture for
 * people, and refused.
 *
 * Only in a process that may die: libvips runs decoders over hostile input.
 */
#ifndef UPLOAD_IMAGE_H
#define UPLOAD_IMAGE_H

#include <stdbool.h>

#include "base/attr.h"
#include "upload/job.h"
#include "upload/kind.h"
#include "upload/status.h"

enum {
	UPLOAD_IMAGE_PIXELS_MAX = 50 * 1000 * 1000,
	UPLOAD_IMAGE_ANIMATED_MAX = 16 * 1000 * 1000, /* of all frames */
	UPLOAD_IMAGE_ANIMATED_SANE = 1000 * 1000 * 1000,
	UPLOAD_IMAGE_FRAMES_MAX = 300,
	UPLOAD_IMAGE_FRAMES_SANE = 1000,
	UPLOAD_IMAGE_WIDTH = 2000,    /* of the kept picture, at most */
	UPLOAD_IMAGE_HEIGHT = 8000,   /* a long screenshot stays readable */
	UPLOAD_IMAGE_THUMBNAIL = 300, /* longer side of the thumbnail */
	UPLOAD_IMAGE_AVATAR = 64,     /* both sides */
	UPLOAD_IMAGE_PAGE = 1200      /* longer side of a page's picture */
};

/*
 * Start libvips for this process: no cache, one thread, only the loaders of
 * `kinds`; those of AVIF, HEIC and PDF come from modules, which may be missing:
 * `*lacking` is what cannot be read.  It starts no thread yet, so that fork()
 * may follow.  False on failure.
 */
MUST_USE bool upload_image_setup(upload_kinds kinds, upload_kinds *lacking);

/* Let this process draw pages; PDFs have no loader before. */
void upload_image_pages_allow(void);

/* Give libvips' memory back (for leak checkers). */
void upload_image_shutdown(void);

/*
 * Read the picture of `kind`, or the first page of a PDF, open at `source` and
 * write what is made of it to the empty files `out`; which that is goes into
 * `report`, with the BlurHash.  On failure `reason` says what libvips said.
 * UPLOAD_BAD_IMAGE, UPLOAD_BAD_DOCUMENT, UPLOAD_TOO_MANY_PIXELS,
 * UPLOAD_NO_SPACE, UPLOAD_FAILED.
 */
MUST_USE enum upload_status upload_image_process(int source,
    enum upload_kind kind, const int out[UPLOAD_VARIANTS],
    struct upload_report *report);

#endif
