/* SPDX-License-Identifier: ISC */
/*
 * A stranger's picture made ours: the header is looked at first, then the
 * picture is decoded once, turned upright, brought to sRGB, stripped of all
 * metadata, scaled down and written anew.  Nothing of the sender's bytes is
 * kept, so nothing can hide behind the pixels.
 *
 * Animated GIF and WebP stay animated while their frames and the pixels of all
 * of them stay within limits, which keep the work to some seconds; beyond them
 * the first frame is kept as a still.
 *
 * Only in a process that may die: libvips runs decoders over hostile input.
 */
#ifndef UPLOAD_IMAGE_H
#define UPLOAD_IMAGE_H

#include <stdbool.h>

#include "base/attr.h"
#include "upload/sniff.h"
#include "upload/status.h"
#include "upload/store.h"

enum {
	UPLOAD_IMAGE_PIXELS_MAX = 50 * 1000 * 1000,
	UPLOAD_IMAGE_ANIMATED_MAX = 16 * 1000 * 1000, /* of all frames */
	UPLOAD_IMAGE_FRAMES_MAX = 300,
	UPLOAD_IMAGE_WIDTH = 2000,    /* of the kept picture, at most */
	UPLOAD_IMAGE_HEIGHT = 8000,   /* a long screenshot stays readable */
	UPLOAD_IMAGE_THUMBNAIL = 300, /* longer side of the thumbnail */
};

struct upload_image {
	int width, height; /* of the kept picture, upright; one frame */
	enum upload_kind thumbnail_kind;
	int thumbnail_width, thumbnail_height;
};

/*
 * Start libvips for this process: no cache, one thread, only the loaders of
 * our four kinds.  Call once, after fork(), never before.  False on failure.
 */
MUST_USE bool upload_image_setup(void);

/* Give libvips' memory back (for leak checkers). */
void upload_image_shutdown(void);

/*
 * Read the picture of `kind` at the path `source`; write the kept form to
 * `kept` and the thumbnail to `thumbnail`, both open and empty.
 * UPLOAD_BAD_IMAGE, UPLOAD_TOO_MANY_PIXELS, UPLOAD_NO_SPACE, UPLOAD_FAILED.
 */
MUST_USE enum upload_status upload_image_process(const char *source,
    enum upload_kind kind, struct upload_temp *kept,
    struct upload_temp *thumbnail, struct upload_image *out);

#endif
