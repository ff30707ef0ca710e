/* SPDX-License-Identifier: ISC */
/* The buffer grows, stays NUL-terminated and can be handed over. */

#include "base/buf.h"
#include "base/mem.h"
#include "tests/unit/harness.h"

static void
test_append(void)
{
	struct base_buf b;

	base_buf_init(&b);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), "");
	base_buf_append_str(&b, "ab");
	base_buf_append_char(&b, 'c');
	base_buf_append(&b, "d\0e", 3);
	CU_ASSERT_EQUAL(b.len, 6);
	CU_ASSERT_EQUAL(memcmp(b.data, "abcd\0e", 7), 0);
	base_buf_append(&b, NULL, 0);
	CU_ASSERT_EQUAL(b.len, 6);
	base_buf_reset(&b);
	CU_ASSERT_EQUAL(b.len, 0);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), "");
	base_buf_fini(&b);
	CU_ASSERT_PTR_NULL(b.data);
}

static void
test_growth(void)
{
	struct base_buf b = { 0 };
	size_t wrong = 0;

	for (int i = 0; i < 100000; i++) {
		base_buf_append_char(&b, (char)('a' + i % 26));
		wrong += b.data[b.len] != '\0' || b.len >= b.cap;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(b.len, 100000);
	CU_ASSERT_EQUAL(b.data[99999], 'a' + 99999 % 26);
	base_buf_fini(&b);
}

/* Exactly what was asked for is there, and the NUL behind it. */
static void
test_reserve(void)
{
	for (size_t n = 0; n < 300; n++) {
		struct base_buf b = { 0 };

		base_buf_append(&b, "123", n % 4);
		base_buf_reserve(&b, n);
		CU_ASSERT_PTR_NOT_NULL(b.data);
		CU_ASSERT_TRUE(b.cap > b.len + n);
		memset(b.data + b.len, 'x', n);
		base_buf_added(&b, n);
		CU_ASSERT_EQUAL(b.len, n % 4 + n);
		CU_ASSERT_EQUAL(strlen(b.data), b.len);
		base_buf_fini(&b);
	}
}

static void
test_numbers(void)
{
	struct base_buf b = { 0 };

	base_buf_append_u64(&b, 0);
	base_buf_append_char(&b, ' ');
	base_buf_append_u64(&b, UINT64_MAX);
	base_buf_append_char(&b, ' ');
	base_buf_append_i64(&b, INT64_MIN);
	base_buf_append_char(&b, ' ');
	base_buf_append_i64(&b, -1);
	CU_ASSERT_STRING_EQUAL(
	    b.data, "0 18446744073709551615 -9223372036854775808 -1");
	base_buf_fini(&b);
}

static void
test_printf(void)
{
	struct base_buf b = { 0 };

	base_buf_printf(&b, "%s-%d", "x", 5);
	CU_ASSERT_STRING_EQUAL(b.data, "x-5");
	base_buf_printf(&b, "%3000d", 1);
	CU_ASSERT_EQUAL(b.len, 3003);
	CU_ASSERT_EQUAL(b.data[3002], '1');
	CU_ASSERT_EQUAL(b.data[3003], '\0');
	base_buf_fini(&b);
	/* Around the size at which the text just fits. */
	for (int width = 55; width < 75; width++) {
		base_buf_printf(&b, "%*d", width, 7);
		CU_ASSERT_EQUAL(b.len, (size_t)width);
		CU_ASSERT_EQUAL(strlen(b.data), (size_t)width);
		base_buf_fini(&b);
	}
}

static void
test_reserve_consume(void)
{
	struct base_buf b = { 0 };

	base_buf_reserve(&b, 500);
	CU_ASSERT_TRUE(b.cap > 500);
	memcpy(b.data, "hello", 5);
	base_buf_added(&b, 5);
	CU_ASSERT_STRING_EQUAL(b.data, "hello");
	base_buf_consume(&b, 0);
	base_buf_consume(&b, 2);
	CU_ASSERT_STRING_EQUAL(b.data, "llo");
	base_buf_consume(&b, 3);
	CU_ASSERT_STRING_EQUAL(b.data, "");
	base_buf_fini(&b);
	base_buf_consume(&b, 0);
}

static void
test_take(void)
{
	struct base_buf b = { 0 };
	char *text = base_buf_take(&b);

	CU_ASSERT_STRING_EQUAL(text, "");
	base_free(text);
	base_buf_append_str(&b, "mine");
	text = base_buf_take(&b);
	CU_ASSERT_STRING_EQUAL(text, "mine");
	CU_ASSERT_PTR_NULL(b.data);
	CU_ASSERT_EQUAL(b.cap, 0);
	base_free(text);
}

TEST_MAIN("base_buf", { "appends", test_append }, { "grows", test_growth },
    { "writes numbers", test_numbers }, { "formats", test_printf },
    { "makes room", test_reserve },
    { "is written into and consumed", test_reserve_consume },
    { "is handed over", test_take })
