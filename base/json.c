/* SPDX-License-Identifier: ISC */
/* The JSON writer. */

#include "base/json.h"

#include <assert.h>
#include <string.h>

/* One byte repeated in all eight of a word. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (uint64_t)(byte))

/* Bytes with an escape of their own: the character after the backslash. */
static const char short_escapes[128] = {
	['\b'] = 'b',
	['\t'] = 't',
	['\n'] = 'n',
	['\f'] = 'f',
	['\r'] = 'r',
	['"'] = '"',
	['\\'] = '\\',
};

static inline bool
byte_unclean(unsigned char byte)
{
	return byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f;
}

/* Has the high bit set in some byte when, and only when, a byte of `word` is
 * zero. */
static inline uint64_t
zero_byte(uint64_t word)
{
	return (word - EACH(0x01)) & ~word & EACH(0x80);
}

/* Whether one of eight bytes must be escaped. */
static inline bool
word_unclean(uint64_t word)
{
	return (((word - EACH(0x20)) & ~word & EACH(0x80)) |
		   zero_byte(word ^ EACH('"')) | zero_byte(word ^ EACH('\\')) |
		   zero_byte(word ^ EACH(0x7f))) != 0;
}

/* Copies what stands before the first byte that must be escaped; there is room
 * for all.  Returns where that byte is. */
static const char *
copy_clean(struct base_buf *out, const char *s, const char *end)
{
	char *to = out->data + out->len;
	uint64_t word;

	for (; end - s >= 8; s += 8, to += 8) {
		memcpy(&word, s, sizeof(word));
		if (word_unclean(word))
			break;
		memcpy(to, &word, sizeof(word));
	}
	while (s < end && !byte_unclean((unsigned char)*s))
		*to++ = *s++;
	base_buf_added(out, (size_t)(to - out->data) - out->len);
	return s;
}

static void
escape_byte(struct base_buf *out, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', short_escapes[byte] };

	if (text[1] != 0) {
		base_buf_append(out, text, 2);
		return;
	}
	memcpy(text + 1, "u00", 3);
	text[4] = hex[byte >> 4];
	text[5] = hex[byte & 15];
	base_buf_append(out, text, 6);
}

void
base_json_escape(struct base_buf *out, const char *s, size_t len)
{
	const char *end = s + len;

	base_buf_reserve(out, len);
	while ((s = copy_clean(out, s, end)) < end) {
		escape_byte(out, (unsigned char)*s++);
		base_buf_reserve(out, (size_t)(end - s));
	}
}

void
base_json_init(struct base_json *j, struct base_buf *out)
{
	j->out = out;
	j->depth = 0;
	j->comma = false;
}

static void
value_begin(struct base_json *j)
{
	if (j->comma)
		base_buf_append_char(j->out, ',');
	j->comma = true;
}

static void
open_with(struct base_json *j, char bracket)
{
	value_begin(j);
	base_buf_append_char(j->out, bracket);
	j->comma = false;
	j->depth++;
}

static void
close_with(struct base_json *j, char bracket)
{
	assert(j->depth > 0);
	j->depth--;
	base_buf_append_char(j->out, bracket);
	j->comma = true;
}

void
base_json_object_begin(struct base_json *j)
{
	open_with(j, '{');
}

void
base_json_object_end(struct base_json *j)
{
	close_with(j, '}');
}

void
base_json_array_begin(struct base_json *j)
{
	open_with(j, '[');
}

void
base_json_array_end(struct base_json *j)
{
	close_with(j, ']');
}

static void
quoted(struct base_json *j, const char *s, size_t len)
{
	base_buf_append_char(j->out, '"');
	base_json_escape(j->out, s, len);
	base_buf_append_char(j->out, '"');
}

void
base_json_key(struct base_json *j, const char *key)
{
	base_json_keyn(j, key, strlen(key));
}

void
base_json_keyn(struct base_json *j, const char *key, size_t len)
{
	assert(j->depth > 0);
	value_begin(j);
	quoted(j, key, len);
	base_buf_append_char(j->out, ':');
	j->comma = false;
}

void
base_json_str(struct base_json *j, const char *s)
{
	if (s == NULL)
		base_json_null(j);
	else
		base_json_strn(j, s, strlen(s));
}

void
base_json_strn(struct base_json *j, const char *s, size_t len)
{
	if (s == NULL) {
		base_json_null(j);
		return;
	}
	value_begin(j);
	quoted(j, s, len);
}

void
base_json_int(struct base_json *j, int64_t value)
{
	value_begin(j);
	base_buf_append_i64(j->out, value);
}

void
base_json_uint(struct base_json *j, uint64_t value)
{
	value_begin(j);
	base_buf_append_u64(j->out, value);
}

void
base_json_bool(struct base_json *j, bool value)
{
	value_begin(j);
	base_buf_append_str(j->out, value ? "true" : "false");
}

void
base_json_null(struct base_json *j)
{
	value_begin(j);
	base_buf_append(j->out, "null", 4);
}

void
base_json_raw(struct base_json *j, const char *json, size_t len)
{
	value_begin(j);
	base_buf_append(j->out, json, len);
}

void
base_json_put_str(struct base_json *j, const char *key, const char *s)
{
	base_json_key(j, key);
	base_json_str(j, s);
}

void
base_json_put_strn(
    struct base_json *j, const char *key, const char *s, size_t len)
{
	base_json_key(j, key);
	base_json_strn(j, s, len);
}

void
base_json_put_int(struct base_json *j, const char *key, int64_t value)
{
	base_json_key(j, key);
	base_json_int(j, value);
}

void
base_json_put_uint(struct base_json *j, const char *key, uint64_t value)
{
	base_json_key(j, key);
	base_json_uint(j, value);
}

void
base_json_put_bool(struct base_json *j, const char *key, bool value)
{
	base_json_key(j, key);
	base_json_bool(j, value);
}

void
base_json_put_null(struct base_json *j, const char *key)
{
	base_json_key(j, key);
	base_json_null(j);
}

void
base_json_put_raw(
    struct base_json *j, const char *key, const char *json, size_t len)
{
	base_json_key(j, key);
	base_json_raw(j, json, len);
}
