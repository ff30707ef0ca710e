/* SPDX-License-Identifier: ISC */
/* UUIDs (RFC 9562) in their text form. */

#ifndef BASE_UUID_H
#define BASE_UUID_H

#include <stdbool.h>

#include "base/attr.h"

/* Bytes of the text form and its NUL. */
#define BASE_UUID_TEXT 37

/* A new version 7 UUID, lower case; those of one process ascend. */
void base_uuid_v7(char out[BASE_UUID_TEXT]);

/* The text form of sixteen bytes, lower case. */
void base_uuid_format(const unsigned char bytes[16], char out[BASE_UUID_TEXT]);

/* Whether `s` is 8-4-4-4-12 hexadecimal digits of either case, of any
 * version. */
MUST_USE bool base_uuid_valid(const char *s);

/* Copies `s` in lower case; false when it is no UUID (`out` is then ""). */
MUST_USE bool base_uuid_normalize(const char *s, char out[BASE_UUID_TEXT]);

#endif
