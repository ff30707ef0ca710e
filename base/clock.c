/* SPDX-License-Identifier: ISC */
/* Time. */

#include "base/clock.h"

#include <string.h>
#include <time.h>

#define US_PER_SECOND 1000000
#define SECONDS_PER_DAY 86400
#define DAYS_PER_ERA 146097		    /* 400 years */
#define DAYS_TO_1970 719468		    /* from 0000-03-01 */
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

/* The date of a day, 0 being 1970-01-01: as gmtime_r(), which takes locks and
 * five times as long.  Years begin in March here, so that a leap day is the last
 * of its year, and an era of 400 years early, so that nothing is negative. */
static void
find_date(int64_t day, int *year, int *month, int *mday)
{
	int64_t from_march = day + DAYS_TO_1970 + DAYS_PER_ERA;
	int era = (int)(from_march / DAYS_PER_ERA);
	int in_era = (int)(from_march % DAYS_PER_ERA);
	int leaps = in_era / 1460 - in_era / 36524 + in_era / 146096;
	int year_in_era = (in_era - leaps) / 365;
	int in_year =
	    in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
	int from_mar = (5 * in_year + 2) / 153; /* months of 31, 30, 31, … */

	*mday = in_year - (153 * from_mar + 2) / 5 + 1;
	*month = from_mar < 10 ? from_mar + 3 : from_mar - 9;
	*year = (era - 1) * 400 + year_in_era + (*month <= 2);
}

/* Two digits of a number below 100. */
static void
put_pair(char *to, int value)
{
	to[0] = (char)('0' + value / 10);
	to[1] = (char)('0' + value % 10);
}

void
base_clock_rfc3339(int64_t wall_us, char out[BASE_CLOCK_TEXT])
{
	int64_t second = wall_us / US_PER_SECOND;
	int us = (int)(wall_us % US_PER_SECOND);
	int year, month, mday, in_day;
	int64_t day;

	if (us < 0) {
		us += US_PER_SECOND;
		second--;
	}
	if (second < LEAST_SECOND)
		second = LEAST_SECOND;
	if (second > LATEST_SECOND)
		second = LATEST_SECOND;
	second -= LEAST_SECOND;
	day = second / SECONDS_PER_DAY + LEAST_SECOND / SECONDS_PER_DAY;
	in_day = (int)(second % SECONDS_PER_DAY);
	find_date(day, &year, &month, &mday);
	memcpy(out, "0000-00-00T00:00:00.000000Z", BASE_CLOCK_TEXT);
	put_pair(out, year / 100);
	put_pair(out + 2, year % 100);
	put_pair(out + 5, month);
	put_pair(out + 8, mday);
	put_pair(out + 11, in_day / 3600);
	put_pair(out + 14, in_day / 60 % 60);
	put_pair(out + 17, in_day % 60);
	put_pair(out + 20, us / 10000);
	put_pair(out + 22, us / 100 % 100);
	put_pair(out + 24, us % 100);
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
