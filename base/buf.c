/* SPDX-License-Identifier: ISC */
/* The growing byte buffer: doubles, and keeps a NUL after the last byte. */

#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_BYTES 64
#define U64_DIGITS 20

void
base_buf_init(struct base_buf *b)
{
	b->data = NULL;
	b->len = 0;
	b->cap = 0;
}

void
base_buf_fini(struct base_buf *b)
{
	base_free(b->data);
	base_buf_init(b);
}

void
base_buf_reset(struct base_buf *b)
{
	b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
base_buf_grow(struct base_buf *b, size_t n)
{
	size_t cap = b->cap > 0 ? b->cap : FIRST_BYTES;

	if (n > SIZE_MAX / 4 - b->len)
		abort();
	while (cap <= b->len + n)
		cap *= 2;
	b->data = base_realloc(b->data, cap);
	b->cap = cap;
	b->data[b->len] = '\0';
}

void
base_buf_consume(struct base_buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

void
base_buf_append_str(struct base_buf *b, const char *s)
{
	base_buf_append(b, s, strlen(s));
}

void
base_buf_append_u64(struct base_buf *b, uint64_t value)
{
	char digits[U64_DIGITS];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	base_buf_append(b, digits + at, sizeof(digits) - at);
}

void
base_buf_append_i64(struct base_buf *b, int64_t value)
{
	if (value < 0) {
		base_buf_append_char(b, '-');
		/* Negated as unsigned: INT64_MIN has no positive twin. */
		base_buf_append_u64(b, 0 - (uint64_t)value);
	} else {
		base_buf_append_u64(b, (uint64_t)value);
	}
}

void
base_buf_printf(struct base_buf *b, const char *format, ...)
{
	va_list args, again;
	size_t room;
	int len;

	base_buf_reserve(b, FIRST_BYTES);
	room = b->cap - b->len;
	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(b->data + b->len, room, format, args);
	va_end(args);
	if (len < 0)
		abort();
	if ((size_t)len >= room) {
		base_buf_reserve(b, (size_t)len);
		vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
	}
	va_end(again);
	b->len += (size_t)len;
}

const char *
base_buf_str(const struct base_buf *b)
{
	return b->data != NULL ? b->data : "";
}

char *
base_buf_take(struct base_buf *b)
{
	char *data;

	base_buf_reserve(b, 0);
	data = b->data;
	base_buf_init(b);
	return data;
}
