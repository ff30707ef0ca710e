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

/* --- reading --- */

/* `n` digits that make a number from least to most. */
static bool
take_number(const char **p, int n, int least, int most, int *out)
{
	*out = 0;
	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (**p - '0');
	}
	return *out >= least && *out <= most;
}

static bool
take_char(const char **p, const char *set)
{
	if (**p == '\0' || strchr(set, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

static int
days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool
take_date(const char **p, struct tm *tm)
{
	if (!take_number(p, 4, 0, 9999, &tm->tm_year) || !take_char(p, "-") ||
	    !take_number(p, 2, 1, 12, &tm->tm_mon) || !take_char(p, "-") ||
	    !take_number(
		p, 2, 1, days_of(tm->tm_year, tm->tm_mon), &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return true;
}

/* A leap second counts as the one after it. */
static bool
take_time(const char **p, struct tm *tm)
{
	return take_number(p, 2, 0, 23, &tm->tm_hour) && take_char(p, ":") &&
	    take_number(p, 2, 0, 59, &tm->tm_min) && take_char(p, ":") &&
	    take_number(p, 2, 0, 60, &tm->tm_sec);
}

/* What is finer than a microsecond is dropped. */
static bool
take_fraction(const char **p, int *us)
{
	int unit = US_PER_SECOND / 10;

	*us = 0;
	if (!take_char(p, "."))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*us += (**p - '0') * unit;
	return true;
}

static bool
take_zone(const char **p, int *seconds)
{
	int sign = **p == '-' ? -1 : 1, hours, minutes;

	*seconds = 0;
	if (take_char(p, "Zz"))
		return true;
	if (!take_char(p, "+-") || !take_number(p, 2, 0, 23, &hours) ||
	    !take_char(p, ":") || !take_number(p, 2, 0, 59, &minutes))
		return false;
	*seconds = sign * (hours * 60 + minutes) * 60;
	return true;
}

bool
base_clock_parse(const char *text, int64_t *wall_us)
{
	struct tm tm = { 0 };
	int us, zone;
	int64_t second;

	if (!take_date(&text, &tm) || !take_char(&text, "Tt ") ||
	    !take_time(&text, &tm) || !take_fraction(&text, &us) ||
	    !take_zone(&text, &zone) || *text != '\0')
		return false;
	second = (int64_t)timegm(&tm) - zone;
	*wall_us = second * US_PER_SECOND + us;
	return second >= LEAST_SECOND && second <= LATEST_SECOND;
}
