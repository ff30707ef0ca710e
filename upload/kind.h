/* SPDX-License-Identifier: ISC */
/* The kinds of files that there are for us, and their names. */
#ifndef UPLOAD_KIND_H
#define UPLOAD_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum upload_kind {
	UPLOAD_JPEG,
	UPLOAD_PNG,
	UPLOAD_GIF,
	UPLOAD_WEBP,
	UPLOAD_AVIF,
	UPLOAD_HEIC,
	UPLOAD_PDF,
	UPLOAD_ZIP,
	UPLOAD_TEXT,
	UPLOAD_MARKDOWN,
	UPLOAD_MP4,
	UPLOAD_QUICKTIME,
	UPLOAD_WEBM,
	UPLOAD_M4A,
	UPLOAD_MP3,
	UPLOAD_OGG,
	UPLOAD_WAV,
	UPLOAD_FLAC,
	UPLOAD_KIND_COUNT /* also: none of them */
};

/* Some of them: a bit each, UPLOAD_KIND_BIT(kind). */
typedef uint32_t upload_kinds;
#define UPLOAD_KIND_BIT(kind) ((upload_kinds)1 << (kind))
#define UPLOAD_KINDS_ALL (UPLOAD_KIND_BIT(UPLOAD_KIND_COUNT) - 1)

/* Those that `type` names: "image/png", or by a star all that begin so; 0 is
 * none. */
upload_kinds upload_kinds_named(const char *type);

/* "image/png"; text without a charset, which only its sender knows. */
const char *upload_kind_mime(enum upload_kind kind);

/* The kind of a stored type ("image/png"), or UPLOAD_KIND_COUNT. */
enum upload_kind upload_kind_find(const char *mime);

/* A picture that libvips may decode? */
bool upload_kind_is_image(enum upload_kind kind);

/* One that every browser shows, and that we write. */
bool upload_kind_is_shown(enum upload_kind kind);

/* Does libmagic's opinion `mime` go with it? */
bool upload_kind_agrees(enum upload_kind kind, const char *mime);

/* What its files' names end in: ".jpg". */
const char *upload_kind_extension(enum upload_kind kind);

/* Leading bytes that upload_kind_guess() wants to see. */
enum {
	UPLOAD_KIND_HEAD = 256
};

/* The binary kind whose signature `p[0..n)` begins with, or
 * UPLOAD_KIND_COUNT, which text is as well. */
enum upload_kind upload_kind_guess(const void *p, size_t n);

#endif
