/* SPDX-License-Identifier: ISC */
/* UUIDs ascend, carry the time, and are recognized. */

#include <stdlib.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "tests/unit/harness.h"

static void
test_v7(void)
{
	char last[BASE_UUID_TEXT] = "", id[BASE_UUID_TEXT], ms_text[13];
	const int64_t now_ms = base_clock_wall_us() / 1000;
	size_t wrong = 0;
	int64_t ms;

	for (int i = 0; i < 10000; i++) {
		base_uuid_v7(id);
		wrong += !base_uuid_valid(id) || strcmp(id, last) <= 0;
		wrong += id[14] != '7' || strchr("89ab", id[19]) == NULL;
		memcpy(last, id, sizeof(last));
	}
	CU_ASSERT_EQUAL(wrong, 0);
	memcpy(ms_text, id, 8);
	memcpy(ms_text + 8, id + 9, 4);
	ms_text[12] = '\0';
	ms = strtoll(ms_text, NULL, 16);
	CU_ASSERT_TRUE(ms >= now_ms && ms < now_ms + 60000);
}

/* Each byte at each place. */
static void
test_format(void)
{
	static const char hex[] = "0123456789abcdef";
	static const int at[16] = { 0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26,
		28, 30, 32, 34 };
	size_t wrong = 0;

	for (int byte = 0; byte < 256; byte++) {
		for (int place = 0; place < 16; place++) {
			char text[BASE_UUID_TEXT],
			    expected[BASE_UUID_TEXT] =
				"00000000-0000-0000-0000-000000000000";
			unsigned char bytes[16] = { 0 };

			bytes[place] = (unsigned char)byte;
			expected[at[place]] = hex[byte >> 4];
			expected[at[place] + 1] = hex[byte & 15];
			base_uuid_format(bytes, text);
			wrong += strcmp(text, expected) != 0;
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void
test_valid(void)
{
	CU_ASSERT_TRUE(base_uuid_valid("0189f7e2-7c4b-7def-8123-456789abcdef"));
	CU_ASSERT_TRUE(base_uuid_valid("0189F7E2-7C4B-4DEF-8123-456789ABCDEF"));
	CU_ASSERT_FALSE(base_uuid_valid(""));
	CU_ASSERT_FALSE(base_uuid_valid("0189f7e2"));
	CU_ASSERT_FALSE(
	    base_uuid_valid("0189f7e2-7c4b-7def-8123-456789abcdeg"));
	CU_ASSERT_FALSE(
	    base_uuid_valid("0189f7e2-7c4b-7def-8123-456789abcdef0"));
	CU_ASSERT_FALSE(base_uuid_valid("0189f7e27c4b7def8123456789abcdef"));
	CU_ASSERT_FALSE(
	    base_uuid_valid("0189f7e2a7c4b-7def-8123-456789abcde-"));
}

static void
test_normalize(void)
{
	char out[BASE_UUID_TEXT];

	CU_ASSERT_TRUE(
	    base_uuid_normalize("0189F7E2-7c4B-4DEF-8123-456789ABCDEF", out));
	CU_ASSERT_STRING_EQUAL(out, "0189f7e2-7c4b-4def-8123-456789abcdef");
	CU_ASSERT_FALSE(base_uuid_normalize("0189F7E2-nothing", out));
	CU_ASSERT_STRING_EQUAL(out, "");
}

TEST_MAIN("base_uuid", { "version 7", test_v7 }, { "format", test_format },
    { "valid", test_valid }, { "normalize", test_normalize })
