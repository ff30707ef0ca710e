/* SPDX-License-Identifier: ISC */
/*
 * A JSON writer (RFC 8259) over a base_buf.  It writes commas, colons and
 * escapes; that objects, arrays and keys come in a sensible order is the
 * caller's duty and asserted where it is cheap.
 */

#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* In the caller's storage; holds no memory of its own, so it has no fini. */
struct base_json {
	struct base_buf *out; /* borrowed for the writer's life */
	unsigned depth;	      /* objects and arrays that are open */
	bool comma;	      /* a value stands before the next one */
};

/* A writer that appends to `out`. */
void base_json_init(struct base_json *j, struct base_buf *out);

void base_json_object_begin(struct base_json *j);
void base_json_object_end(struct base_json *j);
void base_json_array_begin(struct base_json *j);
void base_json_array_end(struct base_json *j);

/* The name of the next value; only inside an object. */
void base_json_key(struct base_json *j, const char *key);
void base_json_keyn(struct base_json *j, const char *key, size_t len);

/* Values.  Strings are UTF-8 and were validated when they came in: bytes from
 * 0x80 up are copied as they are.  A NULL string is written as null. */
void base_json_str(struct base_json *j, const char *s);
void base_json_strn(struct base_json *j, const char *s, size_t len);
void base_json_int(struct base_json *j, int64_t value);
void base_json_uint(struct base_json *j, uint64_t value);
void base_json_bool(struct base_json *j, bool value);
void base_json_null(struct base_json *j);

/* One value that is JSON text already (a number, an object …). */
void base_json_raw(struct base_json *j, const char *json, size_t len);

/* A key with its value. */
void base_json_put_str(struct base_json *j, const char *key, const char *s);
void base_json_put_strn(
    struct base_json *j, const char *key, const char *s, size_t len);
void base_json_put_int(struct base_json *j, const char *key, int64_t value);
void base_json_put_uint(struct base_json *j, const char *key, uint64_t value);
void base_json_put_bool(struct base_json *j, const char *key, bool value);
void base_json_put_null(struct base_json *j, const char *key);
void base_json_put_raw(
    struct base_json *j, const char *key, const char *json, size_t len);

/* Appends the `len` bytes at `s` as the inside of a JSON string (no quotes):
 * the quote, the backslash, controls and DEL are escaped, all else copied. */
void base_json_escape(struct base_buf *out, const char *s, size_t len);

#endif
