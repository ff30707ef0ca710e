/* SPDX-License-Identifier: ISC */
/* Conditional and range requests (RFC 9110, chapters 13 and 14). */
#ifndef API_CONDITIONAL_H
#define API_CONDITIONAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* Does the list `if_none_match` (NULL = absent) name `etag`, which stands in
 * its quotes?  Weak comparison; `*` names everything. */
bool api_conditional_none_match(const char *if_none_match, const char *etag);

/* Does the list `if_match` (NULL = absent) allow `etag`?  Strong comparison. */
bool api_conditional_match(const char *if_match, const char *etag);

enum api_range {
	API_RANGE_WHOLE, /* none, or one that we need not heed */
	API_RANGE_PART,
	API_RANGE_NONE /* 416 */
};

/* What of `size` bytes is asked for.  Several ranges, other units and broken
 * ones get the whole, as does an If-Range that is not exactly `etag`. */
MUST_USE enum api_range api_conditional_range(const char *range,
    const char *if_range, const char *etag, uint64_t size, uint64_t *offset,
    uint64_t *length);

#endif
