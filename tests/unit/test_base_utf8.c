/* SPDX-License-Identifier: ISC */
/* UTF-8 against a table of good and bad, whole and in pieces. */

#include <stdio.h>

#include "base/attr.h"
#include "base/utf8.h"
#include "tests/unit/harness.h"

struct sample {
	const char *bytes;
	size_t len;
};

#define SAMPLE(s)                \
	{                        \
		s, sizeof(s) - 1 \
	}

static const struct sample good[] = {
	SAMPLE(""),
	SAMPLE("plain ascii, longer than eight bytes"),
	SAMPLE("\0"),
	SAMPLE("\x7f"),
	SAMPLE("\xc2\x80"),
	SAMPLE("\xdf\xbf"),
	SAMPLE("\xe0\xa0\x80"),
	SAMPLE("\xed\x9f\xbf"),
	SAMPLE("\xee\x80\x80"),
	SAMPLE("\xef\xbf\xbf"),
	SAMPLE("\xf0\x90\x80\x80"),
	SAMPLE("\xf4\x8f\xbf\xbf"),
	SAMPLE("gr\xc3\xbc\xc3\x9f dich, \xf0\x9f\x98\x80 und mehr"),
};

static const struct sample bad[] = {
	SAMPLE("\x80"),		    /* no first byte */
	SAMPLE("\xbf"),		    /* no first byte */
	SAMPLE("\xc0\x80"),	    /* overlong U+0000 */
	SAMPLE("\xc1\xbf"),	    /* overlong */
	SAMPLE("\xe0\x9f\xbf"),	    /* overlong */
	SAMPLE("\xf0\x8f\xbf\xbf"), /* overlong */
	SAMPLE("\xed\xa0\x80"),	    /* surrogate */
	SAMPLE("\xed\xbf\xbf"),	    /* surrogate */
	SAMPLE("\xf4\x90\x80\x80"), /* above U+10FFFF */
	SAMPLE("\xf5\x80\x80\x80"), /* above U+10FFFF */
	SAMPLE("\xff"),
	SAMPLE("\xc3"
	       "a"), /* not continued */
	SAMPLE("\xe2\x82"
	       "a"), /* not continued */
	SAMPLE("\xc3\xc3\xbc"),
	SAMPLE("eight by\xfftes and more"),
};

static enum base_utf8_status
feed_bytes(const struct sample *s)
{
	struct base_utf8 state = { 0 };
	enum base_utf8_status status = BASE_UTF8_OK;

	for (size_t i = 0; i < s->len && status != BASE_UTF8_BAD; i++)
		status = base_utf8_feed(&state, s->bytes + i, 1);
	return (status);
}

static void
test_good(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CU_ASSERT_TRUE(base_utf8_valid(good[i].bytes, good[i].len));
		CU_ASSERT_EQUAL(feed_bytes(&good[i]), BASE_UTF8_OK);
	}
}

static void
test_bad(void)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CU_ASSERT_FALSE(base_utf8_valid(bad[i].bytes, bad[i].len));
		CU_ASSERT_EQUAL(feed_bytes(&bad[i]), BASE_UTF8_BAD);
	}
}

static void
test_pieces(void)
{
	struct base_utf8 state = { 0 };

	CU_ASSERT_EQUAL(base_utf8_feed(&state, "\xf0", 1), BASE_UTF8_NEED_MORE);
	CU_ASSERT_EQUAL(base_utf8_feed(&state, "", 0), BASE_UTF8_NEED_MORE);
	CU_ASSERT_EQUAL(
	    base_utf8_feed(&state, "\x9f\x98", 2), BASE_UTF8_NEED_MORE);
	CU_ASSERT_EQUAL(base_utf8_feed(&state, "\x80ok", 3), BASE_UTF8_OK);
	CU_ASSERT_FALSE(base_utf8_valid("\xf0\x9f\x98", 3));
	/* Bad at once, not only when the character is complete. */
	CU_ASSERT_EQUAL(base_utf8_feed(&state, "\xed\xa0", 2), BASE_UTF8_BAD);
}

static size_t
encode(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return (1);
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return (2);
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return (3);
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return (4);
}

static void
test_every_code_point(void)
{
	size_t wrong = 0;
	char bytes[4];

	for (uint32_t c = 0; c < 0x120000; c++) {
		const size_t len = encode(c, bytes);
		const bool expected =
		    c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);

		wrong += base_utf8_valid(bytes, len) != expected;
		wrong += base_utf8_valid(bytes, len - 1) != (len == 1);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
test_count(void)
{
	CU_ASSERT_EQUAL(base_utf8_count("", 0), 0);
	CU_ASSERT_EQUAL(base_utf8_count("abc", 3), 3);
	CU_ASSERT_EQUAL(base_utf8_count("\xc3\xbc\xf0\x9f\x98\x80x", 7), 3);
}

static void
test_text(void)
{
	CU_ASSERT_TRUE(base_text_check("a\tb\nc", 5));
	CU_ASSERT_TRUE(base_text_check("\xc2\xa0\xc3\xbc", 4));
	CU_ASSERT_FALSE(base_text_check("a\0b", 3));
	CU_ASSERT_FALSE(base_text_check("a\rb", 3));
	CU_ASSERT_FALSE(base_text_check("\x1b", 1));
	CU_ASSERT_FALSE(base_text_check("\x7f", 1));
	CU_ASSERT_FALSE(base_text_check("\xc2\x85", 2));
	CU_ASSERT_FALSE(base_text_check("\xc2\x9f", 2));
	CU_ASSERT_FALSE(base_text_check("\xc2", 1));
}

/* Each byte at each place: the fast path sees what the slow one sees. */
static void
test_text_everywhere(void)
{
	char text[24];
	size_t wrong = 0;

	for (int byte = 0; byte < 0x80; byte++) {
		const bool expected = byte == '\t' || byte == '\n' ||
		    (byte >= 0x20 && byte != 0x7f);

		for (size_t place = 0; place < sizeof(text); place++) {
			memset(text, place % 2 ? ' ' : '~', sizeof(text));
			text[place] = (char)byte;
			wrong +=
			    base_text_check(text, sizeof(text)) != expected;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
test_blank(void)
{
	static const char *const blank[] = { "", " ", " \t\n ", "\u00a0",
		"\u2003\u200b\u2060", "\u3000 \ufeff", "\u200e\u202f", "\u00ad",
		"\u034f\u061c", "\u2800", "\u3164\uffa0", "\u115f", "\ufe0f",
		"\u2066\u2069\u206f", "\U000e0041\U000e007f" };
	static const char *const shown[] = { "a", " a", "  \u00e9", "\u4e00",
		"\u2010", "\U0001f600", "\u00a1", "\u205e", " \u3001" };

	for (size_t i = 0; i < ARRAY_LEN(blank); i++)
		CU_ASSERT_TRUE(base_text_blank(blank[i], strlen(blank[i])));
	for (size_t i = 0; i < ARRAY_LEN(shown); i++)
		CU_ASSERT_FALSE(base_text_blank(shown[i], strlen(shown[i])));
}

static void
trims(const char *text, const char *left)
{
	size_t len = strlen(text);
	const char *s = base_text_trim(text, &len);

	CU_ASSERT_EQUAL(len, strlen(left));
	CU_ASSERT_EQUAL(memcmp(s, left, strlen(left)), 0);
}

static void
test_trim(void)
{
	trims("", "");
	trims(" \u3000\u00a0", "");
	trims("Ann", "Ann");
	trims("  Ann of the  Hill \t", "Ann of the  Hill");
	trims("\u2003\u4e00 \u3000", "\u4e00");
	/* No white space: how a name is written. */
	trims(" \u05d0\u200f ", "\u05d0\u200f");
	trims("\u2764\ufe0f", "\u2764\ufe0f");
}

TEST_MAIN("base_utf8", { "good", test_good }, { "bad", test_bad },
    { "in pieces", test_pieces }, { "every code point", test_every_code_point },
    { "counts", test_count }, { "text that people write", test_text },
    { "text: every byte at every place", test_text_everywhere },
    { "blank", test_blank }, { "trimmed", test_trim })
