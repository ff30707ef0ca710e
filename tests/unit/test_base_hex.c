/* SPDX-License-Identifier: ISC */
#include "base/hex.h"
#include "tests/unit/harness.h"

static void
test_put(void)
{
	static const unsigned char bytes[] = { 0x00, 0x0f, 0xf0, 0xa5, 0xff };
	char out[12] = "------------";

	CU_ASSERT_PTR_EQUAL(base_hex_put(out, bytes, 5), out + 10);
	CU_ASSERT_EQUAL(memcmp(out, "000ff0a5ff--", 12), 0);
	CU_ASSERT_PTR_EQUAL(base_hex_put(out, bytes, 0), out);
}

/* Each byte is a digit where it stands in the list of them, or none. */
static void
test_value(void)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";

	for (int c = 0; c < 256; c++) {
		const char *at = c == 0 ? NULL : strchr(digits, c);
		int value = at == NULL ? -1 : (int)(at - digits) % 16;

		CU_ASSERT_EQUAL(base_hex_value((char)c), value);
	}
}

TEST_MAIN("base_hex", { "put", test_put }, { "value", test_value })
