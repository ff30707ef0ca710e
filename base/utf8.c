/* SPDX-License-Identifier: ISC */
/*
 * UTF-8.  Most text is ASCII, which goes by eight bytes at a time; every other
 * character is checked byte by byte against the range of its place (Unicode
 * 15, table 3-7).
 */

#include "base/utf8.h"

#include <string.h>

#include "base/attr.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGH_BITS (ONES * 0x80)

/* Bytes of the ASCII run at the start. */
static inline size_t
ascii_run(const unsigned char *p, size_t len)
{
	size_t at = 0;
	uint64_t word;

	for (; len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, p + at, sizeof(word));
		if (word & HIGH_BITS)
			break;
	}
	while (at < len && p[at] < 0x80)
		at++;
	return at;
}

/* A byte from 0x80 up begins a character: what must follow it. */
static bool
character_begin(struct base_utf8 *state, unsigned char byte)
{
	if (byte < 0xc2 || byte > 0xf4)
		return false;
	state->low = 0x80;
	state->high = 0xbf;
	if (byte < 0xe0) {
		state->need = 1;
		return true;
	}
	state->need = byte < 0xf0 ? 2 : 3;
	if (byte == 0xe0)
		state->low = 0xa0; /* lower would be overlong */
	else if (byte == 0xed)
		state->high = 0x9f; /* higher would be a surrogate */
	else if (byte == 0xf0)
		state->low = 0x90; /* lower would be overlong */
	else if (byte == 0xf4)
		state->high = 0x8f; /* higher is above U+10FFFF */
	return true;
}

enum base_utf8_status
base_utf8_feed(struct base_utf8 *state, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t at = 0;

	while (at < len) {
		if (state->need == 0) {
			at += ascii_run(p + at, len - at);
			if (at == len)
				break;
			if (!character_begin(state, p[at++]))
				return BASE_UTF8_BAD;
			continue;
		}
		if (p[at] < state->low || p[at] > state->high)
			return BASE_UTF8_BAD;
		state->need--;
		state->low = 0x80;
		state->high = 0xbf;
		at++;
	}
	return state->need == 0 ? BASE_UTF8_OK : BASE_UTF8_NEED_MORE;
}

bool
base_utf8_valid(const void *bytes, size_t len)
{
	struct base_utf8 state = { 0 };

	return base_utf8_feed(&state, bytes, len) == BASE_UTF8_OK;
}

size_t
base_utf8_count(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += (p[i] & 0xc0) != 0x80;
	return count;
}

/* Whether eight bytes are all from 0x20 to 0x7e: nothing to look at. */
static inline bool
word_plain(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	/* A high bit shows in the first sum from 0x7f up, in the second from
	 * 0x20 up, as long as no byte has one to begin with. */
	return (word & HIGH_BITS) == 0 && ((word + ONES) & HIGH_BITS) == 0 &&
	    ((word + ONES * 0x60) & HIGH_BITS) == HIGH_BITS;
}

static inline bool
control_at(const unsigned char *p)
{
	if (*p < 0x20)
		return *p != '\t' && *p != '\n';
	/* U+007F, and U+0080 to U+009F */
	return *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);
}

bool
base_text_check(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t at = 0;

	if (!base_utf8_valid(bytes, len))
		return false;
	while (at < len) {
		if (len - at >= 8 && word_plain(p + at)) {
			at += 8;
			continue;
		}
		if (control_at(p + at))
			return false;
		at++;
	}
	return true;
}

/* What shows nothing, in order; `space`: it only keeps things apart. */
static const struct blank {
	uint32_t first, last;
	bool space;
} blanks[] = {
	{ 0x0009, 0x000d, true }, { 0x0020, 0x0020, true },
	{ 0x0085, 0x0085, true }, { 0x00a0, 0x00a0, true },
	{ 0x00ad, 0x00ad, false }, /* soft hyphen */
	{ 0x034f, 0x034f, false }, /* combining grapheme joiner */
	{ 0x061c, 0x061c, false }, /* Arabic letter mark */
	{ 0x115f, 0x1160, false }, /* Hangul fillers */
	{ 0x1680, 0x1680, true },
	{ 0x17b4, 0x17b5, false }, /* Khmer inherent vowels */
	{ 0x180b, 0x180f, false }, /* Mongolian selectors */
	{ 0x2000, 0x200a, true },
	{ 0x200b, 0x200f, false }, /* no width, directions */
	{ 0x2028, 0x2029, true }, { 0x202a, 0x202e, false }, /* directions */
	{ 0x202f, 0x202f, true }, { 0x205f, 0x205f, true },
	{ 0x2060, 0x206f, false }, /* joiners, directions */
	{ 0x2800, 0x2800, false }, /* Braille without dots */
	{ 0x3000, 0x3000, true }, { 0x3164, 0x3164, false }, /* Hangul filler */
	{ 0xfe00, 0xfe0f, false },   /* variation selectors */
	{ 0xfeff, 0xfeff, false },   /* byte order mark */
	{ 0xffa0, 0xffa0, false },   /* Hangul filler */
	{ 0xfff9, 0xfffb, false },   /* annotations */
	{ 0x1d173, 0x1d17a, false }, /* beams and slurs of music */
	{ 0xe0000, 0xe0fff, false }, /* tags, selectors */
};

static const struct blank *
blank_find(uint32_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(blanks); i++) {
		if (code <= blanks[i].last)
			return code >= blanks[i].first ? &blanks[i] : NULL;
	}
	return NULL;
}

/* The character that valid UTF-8 begins with; `*bytes`: how long it is. */
static uint32_t
character(const unsigned char *s, size_t *bytes)
{
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t code = s[0] & lead[n];

	for (size_t i = 1; i < n; i++)
		code = code << 6 | (s[i] & 0x3fU);
	*bytes = n;
	return code;
}

bool
base_text_blank(const void *bytes, size_t len)
{
	const unsigned char *s = bytes;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		if (blank_find(character(s + i, &n)) == NULL)
			return false;
	}
	return true;
}

static bool
is_space(const unsigned char *s, size_t *bytes)
{
	const struct blank *b = blank_find(character(s, bytes));

	return b != NULL && b->space;
}

const char *
base_text_trim(const char *text, size_t *len)
{
	const unsigned char *s = (const unsigned char *)text, *last;
	const unsigned char *end = s + *len;
	size_t n;

	while (s < end && is_space(s, &n))
		s += n;
	while (s < end) {
		for (last = end - 1; (*last & 0xc0) == 0x80;)
			last--;
		if (!is_space(last, &n))
			break;
		end = last;
	}
	*len = (size_t)(end - s);
	return (const char *)s;
}
