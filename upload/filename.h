/* SPDX-License-Identifier: ISC */
/*
 * File names from strangers.  A name is only ever shown, never opened: what
 * we store is found by its hash.  It still must not lie on a screen, break a
 * header or climb out of a download folder.
 */
#ifndef UPLOAD_FILENAME_H
#define UPLOAD_FILENAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

/* Longest name that upload_filename_clean() leaves, in bytes. */
enum {
	UPLOAD_FILENAME_MAX = 255
};

/*
 * Append to `out` a harmless form of the name `p[0..n)`: the part after the
 * last `/` or `\`; ill-formed UTF-8 becomes U+FFFD; control characters,
 * U+0000, bidi controls and the other invisible format characters go;
 * leading dots and outer blanks go; at most UPLOAD_FILENAME_MAX bytes, cut
 * between code points with a short extension kept; never empty ("file").
 */
void upload_filename_clean(struct base_buf *out, const char *p, size_t n);

/*
 * Append the percent-decoded text of an RFC 8187 ext-value
 * (UTF-8''na%C3%AFve.txt; ISO-8859-1 is accepted as well).  False, with
 * `out` unchanged, when it is none.
 */
MUST_USE bool upload_filename_decode(
    struct base_buf *out, const char *p, size_t n);

/*
 * Append a Content-Disposition value (RFC 6266): `inline` or `attachment`,
 * a quoted ASCII fallback, and filename* (RFC 8187) when the name needs it.
 * `name` comes from upload_filename_clean().
 */
void upload_filename_disposition(
    struct base_buf *out, bool is_inline, const char *name);

/* Append the cleaned `name` with `extension` (".jpg") instead of its own, unless
 * it ends so already; ".jpeg" is as good as ".jpg". */
void upload_filename_rename(
    struct base_buf *out, const char *name, const char *extension);

/* Does `name` end in `extension` (".md"), letters' case aside? */
bool upload_filename_has_extension(const char *name, const char *extension);

#endif
