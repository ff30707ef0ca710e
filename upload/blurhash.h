/* SPDX-License-Identifier: ISC */
/*
 * BlurHash: a picture in some thirty characters, for a client to show a blur
 * of it before the picture is there.  The colours are turned into a few waves
 * (a cosine transform in linear light), and these into base 83.
 */
#ifndef UPLOAD_BLURHASH_H
#define UPLOAD_BLURHASH_H

#include <stdbool.h>
#include <stddef.h>

enum {
	UPLOAD_BLURHASH_MAX = 28, /* characters, of 4 x 3 waves */
	UPLOAD_BLURHASH_SIDE = 32 /* pixels that are enough */
};

/* The hash of `rgb`, three bytes a pixel, row by row: 4 x 3 waves, 3 x 4 when
 * it is higher than wide. */
void upload_blurhash_make(const unsigned char *rgb, int width, int height,
    char out[UPLOAD_BLURHASH_MAX + 1]);

/* Only characters of base 83?  "" is fine. */
bool upload_blurhash_valid(const char *hash);

#endif
