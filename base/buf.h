/* SPDX-License-Identifier: ISC */
/*
 * A growing byte buffer.  Whenever `data` is not NULL, a NUL stands after the
 * last byte (not counted in `len`), so text in it can be read as a string.
 */

#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

/* In the caller's storage.  Reading the fields is fine; so is shortening
 * `len` when the owner also puts the NUL. */
struct base_buf {
	char *data; /* owned; NULL until something is reserved or appended */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated, the NUL's included */
};

/* An empty buffer; allocates nothing yet.  Zeroed storage is as good. */
void base_buf_init(struct base_buf *b);

/* Frees the bytes.  The buffer is then as after init. */
void base_buf_fini(struct base_buf *b);

/* Forgets the content, keeps the memory. */
void base_buf_reset(struct base_buf *b);

/* Room for `n` more bytes where there is none; for base_buf_reserve(). */
void base_buf_grow(struct base_buf *b, size_t n);

/* Makes room for `n` more bytes at `data + len` (and the NUL), so that the
 * caller may write there and then add to `len` with base_buf_added(). */
static inline void
base_buf_reserve(struct base_buf *b, size_t n)
{
	if (n >= b->cap - b->len)
		base_buf_grow(b, n);
}

/* `n` bytes were written into the reserved room. */
static inline void
base_buf_added(struct base_buf *b, size_t n)
{
	assert(b->len + n < b->cap || n == 0);
	b->len += n;
	if (b->data != NULL)
		b->data[b->len] = '\0';
}

/* Drops the first `n` bytes (at most `len`) and moves the rest up. */
void base_buf_consume(struct base_buf *b, size_t n);

/* These are short and called for every few bytes of every answer. */
static inline void
base_buf_append(struct base_buf *b, const void *bytes, size_t n)
{
	base_buf_reserve(b, n);
	if (n > 0)
		memcpy(b->data + b->len, bytes, n);
	base_buf_added(b, n);
}

static inline void
base_buf_append_char(struct base_buf *b, char c)
{
	base_buf_reserve(b, 1);
	b->data[b->len++] = c;
	b->data[b->len] = '\0';
}

void base_buf_append_str(struct base_buf *b, const char *s);

/* Decimal digits. */
void base_buf_append_u64(struct base_buf *b, uint64_t value);
void base_buf_append_i64(struct base_buf *b, int64_t value);

/* Appends the formatted text. */
void base_buf_printf(struct base_buf *b, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* The text, or "" while nothing was ever reserved.  Borrowed until the buffer
 * next changes. */
const char *base_buf_str(const struct base_buf *b);

/* Hands the bytes over to the caller, who frees them with base_free(); never
 * NULL, always NUL-terminated.  The buffer is then as after init. */
MUST_USE char *base_buf_take(struct base_buf *b);

#endif
