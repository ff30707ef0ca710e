/* SPDX-License-Identifier: ISC */
/* Time: a monotonic clock to measure with and the wall clock to show. */

#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* Bytes of "2026-01-31T23:59:59.123456Z" and its NUL. */
#define BASE_CLOCK_TEXT 28

/* Monotonic time since some moment in the past. */
uint64_t base_clock_ms(void);
uint64_t base_clock_us(void);

/* Microseconds since 1970-01-01T00:00:00Z.  May jump. */
int64_t base_clock_wall_us(void);

/* `wall_us` as RFC 3339 in UTC with six decimals.  Years outside 0000 to 9999
 * are shown as the nearest of them. */
void base_clock_rfc3339(int64_t wall_us, char out[BASE_CLOCK_TEXT]);

/* The reverse: a date and time of RFC 3339 with any zone, to the microsecond.
 * False when it is none, or lies outside the years 0000 to 9999. */
MUST_USE bool base_clock_parse(const char *text, int64_t *wall_us);

#endif
