/* SPDX-License-Identifier: ISC */
/* Time. */

#include "base/clock.h"

#include <string.h>
#include <time.h>

#define US_PER_SECOND 1000000
#define LEAST_SECOND INT64_C(-62167219200)  /* 0000-01-01T00:00:00Z */
#define LATEST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

uint64_t
base_clock_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * US_PER_SECOND +
	    (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
base_clock_ms(void)
{
	return base_clock_us() / 1000;
}

int64_t
base_clock_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

/* Overwrites the `width` characters before `end` with the digits of value. */
static void
put_digits(char *end, int width, int value)
{
	while (width-- > 0) {
		*--end = (char)('0' + value % 10);
		value /= 10;
	}
}

void
base_clock_rfc3339(int64_t wall_us, char out[BASE_CLOCK_TEXT])
{
	int64_t second = wall_us / US_PER_SECOND;
	int us = (int)(wall_us % US_PER_SECOND);
	struct tm tm;
	time_t t;

	if (us < 0) {
		us += US_PER_SECOND;
		second--;
	}
	if (second < LEAST_SECOND)
		second = LEAST_SECOND;
	if (second > LATEST_SECOND)
		second = LATEST_SECOND;
	t = (time_t)second;
	gmtime_r(&t, &tm);
	memcpy(out, "0000-00-00T00:00:00.000000Z", BASE_CLOCK_TEXT);
	put_digits(out + 4, 4, tm.tm_year + 1900);
	put_digits(out + 7, 2, tm.tm_mon + 1);
	put_digits(out + 10, 2, tm.tm_mday);
	put_digits(out + 13, 2, tm.tm_hour);
	put_digits(out + 16, 2, tm.tm_min);
	put_digits(out + 19, 2, tm.tm_sec);
	put_digits(out + 26, 6, us);
}
