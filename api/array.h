/* SPDX-License-Identifier: ISC */
/* PostgreSQL array literals: {"a","b",NULL}. */
#ifndef API_ARRAY_H
#define API_ARRAY_H

struct base_buf;

/* `out` begins with the opening brace, then each value in turn. */
void api_array_begin(struct base_buf *out);
/* NULL = SQL null. */
void api_array_add(struct base_buf *out, const char *value);
void api_array_end(struct base_buf *out);

#endif
