/* SPDX-License-Identifier: ISC */
/* upload/blurhash.c: colours and waves that can be told by hand. */

#include "tests/unit/harness.h"

#include "upload/blurhash.h"

static unsigned char rgb[32 * 32 * 3];
static char hash[UPLOAD_BLURHASH_MAX + 1];

static void
fill(int width, int height, unsigned char left, unsigned char right)
{
	for (int i = 0; i < width * height; i++)
		for (int c = 0; c < 3; c++)
			rgb[3 * i + c] = i % width < width / 2 ? left : right;
}

/* In one colour it is that colour; black has no waves: their middle is
 * 9, 9, 9. */
static void
test_one_colour(void)
{
	for (size_t i = 0; i < sizeof(rgb); i++)
		rgb[i] = i % 3 == 0 ? 255 : 0;
	upload_blurhash_make(rgb, 32, 16, hash);
	CU_ASSERT_EQUAL(strlen(hash), 28);
	CU_ASSERT_EQUAL(hash[0], 'L');
	CU_ASSERT_NSTRING_EQUAL(hash + 2, "TI:j", 4);
	memset(rgb, 0, sizeof(rgb));
	upload_blurhash_make(rgb, 1, 1, hash);
	CU_ASSERT_STRING_EQUAL(hash, "L00000fQfQfQfQfQfQfQfQfQfQfQ");
}

/* Higher than wide: 3 x 4 waves. */
static void
test_upright(void)
{
	memset(rgb, 255, sizeof(rgb));
	upload_blurhash_make(rgb, 16, 32, hash);
	CU_ASSERT_EQUAL(hash[0], 'T');
	CU_ASSERT_EQUAL(strlen(hash), 28);
}

/* Black beside white differs in the first wave along x only, by its sign from
 * white beside black. */
static void
test_two_halves(void)
{
	char other[UPLOAD_BLURHASH_MAX + 1];

	fill(32, 32, 0, 255);
	upload_blurhash_make(rgb, 32, 32, hash);
	fill(32, 32, 255, 0);
	upload_blurhash_make(rgb, 32, 32, other);
	CU_ASSERT_NSTRING_EQUAL(hash, other, 6);
	CU_ASSERT_NSTRING_NOT_EQUAL(hash + 6, other + 6, 2);
	/* Steps 0, 0, 0 and 18, 18, 18 of 19. */
	CU_ASSERT_NSTRING_EQUAL(hash + 6, "00", 2);
	CU_ASSERT_NSTRING_EQUAL(other + 6, "~q", 2);
}

static void
test_valid(void)
{
	CU_ASSERT(upload_blurhash_valid(""));
	CU_ASSERT(upload_blurhash_valid("L0TI:jfQ~q"));
	CU_ASSERT_FALSE(upload_blurhash_valid("L0\""));
	CU_ASSERT_FALSE(upload_blurhash_valid("<b>"));
}

TEST_MAIN("upload_blurhash", { "one colour", test_one_colour },
    { "upright", test_upright }, { "two halves", test_two_halves },
    { "valid", test_valid })
