/* SPDX-License-Identifier: ISC */
/* Array literals are always quoted, so that only the quote and the backslash
 * need care. */
#include "api/array.h"

#include <string.h>

#include "base/buf.h"

void
api_array_begin(struct base_buf *out)
{
	base_buf_append_char(out, '{');
}

void
api_array_add(struct base_buf *out, const char *value)
{
	if (out->data[out->len - 1] != '{')
		base_buf_append_char(out, ',');
	if (value == NULL) {
		base_buf_append(out, "NULL", 4);
		return;
	}
	base_buf_append_char(out, '"');
	for (;;) {
		size_t clean = strcspn(value, "\"\\");

		base_buf_append(out, value, clean);
		value += clean;
		if (*value == '\0')
			break;
		base_buf_append_char(out, '\\');
		base_buf_append_char(out, *value++);
	}
	base_buf_append_char(out, '"');
}

void
api_array_end(struct base_buf *out)
{
	base_buf_append_char(out, '}');
}
