/* SPDX-License-Identifier: ISC */
/* Conditional and range requests. */

#include "api/conditional.h"

#include <string.h>
#include <strings.h>

/* Does the list name it?  A weak one only in a weak comparison. */
static bool
list_names(const char *list, const char *etag, bool weakly)
{
	const char *p = list, *end;
	size_t len = strlen(etag);
	bool counts;

	while (p != NULL && *p != '\0') {
		p += strspn(p, " \t,");
		if (*p == '*')
			return true;
		counts = strncmp(p, "W/", 2) != 0 || weakly;
		if (strncmp(p, "W/", 2) == 0)
			p += 2;
		if (*p != '"' || (end = strchr(p + 1, '"')) == NULL)
			return false;
		end++;
		if (counts && (size_t)(end - p) == len &&
		    memcmp(p, etag, len) == 0)
			return true;
		p = end;
	}
	return false;
}

bool
api_conditional_none_match(const char *if_none_match, const char *etag)
{
	return list_names(if_none_match, etag, true);
}

bool
api_conditional_match(const char *if_match, const char *etag)
{
	return if_match == NULL || list_names(if_match, etag, false);
}

/* Digits at `*p` as a number that saturates; false when there are none. */
static bool
number_read(const char **p, uint64_t *value)
{
	const char *start = *p;

	for (*value = 0; **p >= '0' && **p <= '9'; (*p)++) {
		if (*value > (UINT64_MAX - 9) / 10)
			*value = UINT64_MAX / 10 - 1;
		*value = *value * 10 + (uint64_t)(**p - '0');
	}
	return *p != start;
}

/* `bytes=-5`: the last five. */
static enum api_range
suffix(const char *p, uint64_t size, uint64_t *offset, uint64_t *length)
{
	uint64_t n;

	if (!number_read(&p, &n) || *p != '\0')
		return API_RANGE_WHOLE;
	if (n == 0 || size == 0)
		return API_RANGE_NONE;
	*length = n < size ? n : size;
	*offset = size - *length;
	return API_RANGE_PART;
}

enum api_range
api_conditional_range(const char *range, const char *if_range, const char *etag,
    uint64_t size, uint64_t *offset, uint64_t *length)
{
	uint64_t first, last = UINT64_MAX;
	const char *p = range;

	*offset = 0;
	*length = size;
	if (range == NULL || strncasecmp(range, "bytes=", 6) != 0 ||
	    (if_range != NULL && strcmp(if_range, etag) != 0))
		return API_RANGE_WHOLE;
	p += 6;
	if (*p == '-')
		return suffix(p + 1, size, offset, length);
	if (!number_read(&p, &first) || *p++ != '-')
		return API_RANGE_WHOLE;
	if (*p != '\0' && (!number_read(&p, &last) || *p != '\0'))
		return API_RANGE_WHOLE;
	if (last < first)
		return API_RANGE_WHOLE;
	if (first >= size)
		return API_RANGE_NONE;
	*offset = first;
	*length = (last < size - 1 ? last : size - 1) - first + 1;
	return API_RANGE_PART;
}
