/* SPDX-License-Identifier: ISC */
/*
 * Strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 */

#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum base_utf8_status {
	BASE_UTF8_OK,	     /* valid, and ends between characters */
	BASE_UTF8_NEED_MORE, /* valid so far, ends inside a character */
	BASE_UTF8_BAD,	     /* no continuation can make it valid */
};

/* State of a validation in pieces, in the caller's storage; zeroed storage is
 * the start. */
struct base_utf8 {
	uint8_t need; /* continuation bytes still to come */
	uint8_t low;  /* least value of the next one */
	uint8_t high; /* greatest value of the next one */
};

/* Validates the next piece.  After BASE_UTF8_BAD the state is of no use. */
MUST_USE enum base_utf8_status base_utf8_feed(
    struct base_utf8 *state, const void *bytes, size_t len);

/* Whether the `len` bytes are valid as a whole. */
MUST_USE bool base_utf8_valid(const void *bytes, size_t len);

/* Code points in valid UTF-8. */
size_t base_utf8_count(const void *bytes, size_t len);

/* Our rule for text that people write: valid UTF-8 without U+0000 and without
 * control characters other than tab and newline (U+0001 to U+001F, U+007F to
 * U+009F). */
MUST_USE bool base_text_check(const void *bytes, size_t len);

/* Valid UTF-8 that shows nothing: blanks of any script, and what has no width. */
MUST_USE bool base_text_blank(const void *bytes, size_t len);

/* Where valid UTF-8 begins without the white space at its ends; `*len` becomes
 * the length of what is left. */
MUST_USE const char *base_text_trim(const char *text, size_t *len);

#endif
