/* SPDX-License-Identifier: ISC */
/* The lines of Server-Sent Events. */

#include "push/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int64_t
push_sse_id_parse(const char *text)
{
	long long value;

	if (text == NULL || text[0] == '\0' ||
	    text[strspn(text, "0123456789")] != '\0')
		return -1;
	errno = 0;
	value = strtoll(text, NULL, 10);
	return errno != 0 ? -1 : value;
}

bool
push_sse_last_id_parse(const char *text, int64_t *id)
{
	*id = push_sse_id_parse(text);
	return *id >= 0 || strcmp(text, PUSH_SSE_ID_NONE) == 0;
}
