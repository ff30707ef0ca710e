/* SPDX-License-Identifier: ISC */
/* What is one emoji and what is not, and the one form of those that have two. */

#include <string.h>

#include "base/attr.h"
#include "base/emoji.h"
#include "tests/unit/harness.h"

/* Code points by their names, to be put together. */
#define THUMB "\xf0\x9f\x91\x8d"
#define WOMAN "\xf0\x9f\x91\xa9"
#define MAN "\xf0\x9f\x91\xa8"
#define GIRL "\xf0\x9f\x91\xa7"
#define BOY "\xf0\x9f\x91\xa6"
#define CAR "\xf0\x9f\x9a\x97"
#define DARK "\xf0\x9f\x8f\xbf"
#define HEART "\xe2\x9d\xa4"
#define STYLE "\xef\xb8\x8f"
#define TEXT_STYLE "\xef\xb8\x8e"
#define ZWJ "\xe2\x80\x8d"
#define CAP "\xe2\x83\xa3"
#define REGION_D "\xf0\x9f\x87\xa9"
#define REGION_E "\xf0\x9f\x87\xaa"
#define BLACK_FLAG "\xf0\x9f\x8f\xb4"
#define WHITE_FLAG "\xf0\x9f\x8f\xb3"
#define RAINBOW "\xf0\x9f\x8c\x88"
#define TAG(c) "\xf3\xa0\x81" c
#define ENGLAND TAG("\xa7") TAG("\xa2") TAG("\xa5") TAG("\xae") TAG("\xa7")
#define TAG_END TAG("\xbf")
#define MALE "\xe2\x99\x82"

/* `full` NULL: it is no emoji. */
static const struct {
	const char *given, *full;
} samples[] = {
	{ THUMB, THUMB },
	{ THUMB DARK, THUMB DARK },
	{ THUMB STYLE, THUMB },
	{ THUMB STYLE DARK, THUMB DARK },
	{ DARK, DARK },
	{ HEART, HEART STYLE },
	{ HEART STYLE, HEART STYLE },
	{ "\xc2\xa9", "\xc2\xa9" STYLE },
	{ REGION_D REGION_E, REGION_D REGION_E },
	{ "5" STYLE CAP, "5" STYLE CAP },
	{ "#" CAP, "#" STYLE CAP },
	{ BLACK_FLAG, BLACK_FLAG },
	{ BLACK_FLAG ENGLAND TAG_END, BLACK_FLAG ENGLAND TAG_END },
	{ WHITE_FLAG ZWJ RAINBOW, WHITE_FLAG STYLE ZWJ RAINBOW },
	{ MAN ZWJ WOMAN ZWJ GIRL ZWJ BOY, MAN ZWJ WOMAN ZWJ GIRL ZWJ BOY },
	{ WOMAN DARK ZWJ HEART ZWJ MAN DARK,
	    WOMAN DARK ZWJ HEART STYLE ZWJ MAN DARK },
	{ "\xf0\x9f\xab\xa9", "\xf0\x9f\xab\xa9" }, /* of Unicode 16 */
	{ "\xf0\x9f\xab\xbe", "\xf0\x9f\xab\xbe" }, /* of a later one */

	{ "", NULL },
	{ " ", NULL },
	{ "a", NULL },
	{ "+1", NULL },
	{ "5", NULL },
	{ "#", NULL },
	{ "5" STYLE, NULL },
	{ "5" THUMB, NULL },
	{ "a" CAP, NULL },
	{ "\xc3\xbc", NULL },
	{ "\xe4\xb8\xad", NULL },     /* a Chinese character */
	{ "\xf0\x9f\x80\x80", NULL }, /* a Mahjong tile, drawn as text */
	{ THUMB THUMB, NULL },
	{ THUMB " ", NULL },
	{ " " THUMB, NULL },
	{ CAR DARK, NULL }, /* drawn as two */
	{ HEART TEXT_STYLE, NULL },
	{ HEART STYLE STYLE, NULL },
	{ REGION_D, NULL },
	{ REGION_D REGION_E REGION_D, NULL },
	{ REGION_D THUMB, NULL },
	{ MAN ZWJ, NULL },
	{ ZWJ MAN, NULL },
	{ MAN ZWJ ZWJ WOMAN, NULL },
	{ MAN ZWJ REGION_D REGION_E, NULL },
	{ STYLE, NULL },
	{ BLACK_FLAG ENGLAND, NULL },
	{ BLACK_FLAG TAG_END, NULL },
	{ CAR ENGLAND TAG_END, NULL },
	{ "\xf0\x9f\x91", NULL }, /* cut */
	{ "\xf0\x9f\x91\xff", NULL },
};

static void
test_samples(void)
{
	char out[BASE_EMOJI_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const char *given = samples[i].given, *full = samples[i].full;
		size_t len = base_emoji_normalize(out, given, strlen(given));

		CU_ASSERT_EQUAL(len, full != NULL ? strlen(full) : 0);
		if (full != NULL && len > 0)
			CU_ASSERT_STRING_EQUAL(out, full);
		if (full == NULL ? len > 0 : len != strlen(full))
			fprintf(stderr, "\nsample %zu: %s\n", i, given);
	}
}

/* What is full already stays as it is. */
static void
test_again(void)
{
	char out[BASE_EMOJI_SIZE];

	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		const char *full = samples[i].full;

		if (full == NULL)
			continue;
		CU_ASSERT_EQUAL(base_emoji_normalize(out, full, strlen(full)),
		    strlen(full));
		CU_ASSERT_STRING_EQUAL(out, full);
	}
}

static void
test_bounds(void)
{
	char out[BASE_EMOJI_SIZE], in[200];
	size_t len = 0;

	CU_ASSERT_EQUAL(base_emoji_normalize(out, THUMB "\0x", 6), 0);
	/* As many as are joined: it fits, or it is none. */
	while (len + 7 < sizeof(in)) {
		size_t n;

		memcpy(in + len, len > 0 ? ZWJ HEART : HEART, len > 0 ? 6 : 3);
		len += len > 0 ? 6 : 3;
		n = base_emoji_normalize(out, in, len);
		CU_ASSERT_EQUAL(n > 0, (len + 3) / 6 * 9 - 3 < BASE_EMOJI_SIZE);
	}
}

static const struct test_case cases[] = {
	{ "one emoji, and what is none", test_samples },
	{ "the full form is its own", test_again },
	{ "nothing is written beyond the bounds", test_bounds },
};

int
main(int argc, char **argv)
{
	return test_main(
	    "base_emoji", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
}
