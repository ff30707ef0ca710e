/* SPDX-License-Identifier: ISC */
/*
 * Is this one emoji, and how is it written in full (Unicode UTS #51)?
 *
 * One is what people see as one: a character with or without a skin tone, a
 * flag, a keycap, several that are joined (a family).  Signs that are text by
 * themselves, as U+2764, count; digits and letters do not.
 */

#ifndef BASE_EMOJI_H
#define BASE_EMOJI_H

#include <stddef.h>

#include "base/attr.h"

#define BASE_EMOJI_SIZE 72 /* the longest that is taken, and its NUL */

/* Writes the one emoji at `s` to `out` in its one full form: the same picture
 * comes with and without U+FE0F.  Returns its bytes; 0: it is no emoji, more
 * than one, or too long. */
MUST_USE size_t base_emoji_normalize(
    char out[BASE_EMOJI_SIZE], const char *s, size_t len);

#endif
