/* SPDX-License-Identifier: ISC */
/* The lines of Server-Sent Events. */

#include "push/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define KEY_ALPHABET "abcdefghijklmnopqrstuvwxyz234567"

void
push_sse_prefix(struct base_buf *out, int64_t id, bool has_id,
    uint32_t retry_ms, const char *type)
{
	if (has_id) {
		base_buf_append_str(out, "id: ");
		base_buf_append_i64(out, id);
		base_buf_append_char(out, '\n');
	}
	if (retry_ms > 0) {
		base_buf_append_str(out, "retry: ");
		base_buf_append_u64(out, retry_ms);
		base_buf_append_char(out, '\n');
	}
	base_buf_append_str(out, "event: ");
	base_buf_append_str(out, type);
	base_buf_append_str(out, "\ndata: ");
}

/* The number of which `digits` characters are all; -1 when it is too large. */
static int64_t
number(const char *text, size_t digits)
{
	long long value;

	if (digits == 0)
		return -1;
	errno = 0;
	value = strtoll(text, NULL, 10);
	return errno != 0 ? -1 : value;
}

int64_t
push_sse_id_parse(const char *text)
{
	size_t digits = text != NULL ? strspn(text, DIGITS) : 0;

	return digits > 0 && text[digits] == '\0' ? number(text, digits) : -1;
}

bool
push_sse_last_id_parse(const char *text, int64_t *id, const char **key)
{
	size_t digits = strspn(text, DIGITS);
	const char *mark = text + digits;

	*key = NULL;
	*id = number(text, digits);
	if (*mark == '.' && strlen(mark) == PUSH_SSE_MARK_LEN &&
	    strspn(mark + 1, KEY_ALPHABET) == PUSH_SSE_KEY_LEN)
		*key = mark + 1;
	if (digits == 0)
		return *key != NULL;
	return *id >= 0 && (*mark == '\0' || *key != NULL);
}
