/* SPDX-License-Identifier: ISC */
/*
 * UTF-8.  Most text is ASCII, which goes by eight bytes at a time; every other
 * character is checked byte by byte against the range of its place (Unicode
 * 15, table 3-7).
 */

#include "base/utf8.h"

#include <string.h>

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

/* Bytes of the blank that the text begins with; 0: it is none.  U+0009 to
 * U+000D, U+0020, U+0085, U+00A0, U+1680, U+180E, U+2000 to U+200F, U+2028 to
 * U+202F, U+205F to U+2064, U+3000, U+FEFF. */
static size_t
blank_bytes(const unsigned char *s, size_t len)
{
	unsigned code;

	if ((s[0] >= 0x09 && s[0] <= 0x0d) || s[0] == 0x20)
		return 1;
	if (s[0] == 0xc2 && len >= 2)
		return s[1] == 0x85 || s[1] == 0xa0 ? 2 : 0;
	if (s[0] < 0xe1 || s[0] > 0xef || len < 3)
		return 0;
	code = (s[0] & 0x0fU) << 12 | (s[1] & 0x3fU) << 6 | (s[2] & 0x3fU);
	return code == 0x1680 || code == 0x180e ||
		(code >= 0x2000 && code <= 0x200f) ||
		(code >= 0x2028 && code <= 0x202f) ||
		(code >= 0x205f && code <= 0x2064) || code == 0x3000 ||
		code == 0xfeff ?
	    3 :
	    0;
}

bool
base_text_blank(const void *bytes, size_t len)
{
	const unsigned char *s = bytes;
	size_t n = 1;

	for (size_t i = 0; i < len && n > 0; i += n)
		n = blank_bytes(s + i, len - i);
	return n > 0;
}
