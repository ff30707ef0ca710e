/* SPDX-License-Identifier: ISC */
/* What the JSON writer writes. */

#include "base/json.h"
#include "tests/unit/harness.h"

static void
test_object(void)
{
	struct base_buf b = { 0 };
	struct base_json j;

	base_json_init(&j, &b);
	base_json_object_begin(&j);
	base_json_put_str(&j, "id", "a\"b");
	base_json_put_str(&j, "name", NULL);
	base_json_put_strn(&j, "cut", "abcdef", 2);
	base_json_put_int(&j, "seq", -17);
	base_json_put_uint(&j, "big", UINT64_MAX);
	base_json_put_bool(&j, "yes", true);
	base_json_put_bool(&j, "no", false);
	base_json_put_null(&j, "none");
	base_json_put_raw(&j, "raw", "{\"x\":1}", 7);
	base_json_key(&j, "list");
	base_json_array_begin(&j);
	base_json_int(&j, 1);
	base_json_array_begin(&j);
	base_json_array_end(&j);
	base_json_object_begin(&j);
	base_json_object_end(&j);
	base_json_str(&j, "");
	base_json_array_end(&j);
	base_json_put_int(&j, "last", 0);
	base_json_object_end(&j);
	CU_ASSERT_STRING_EQUAL(b.data,
	    "{\"id\":\"a\\\"b\",\"name\":null,\"cut\":\"ab\",\"seq\":-17,"
	    "\"big\":18446744073709551615,\"yes\":true,\"no\":false,"
	    "\"none\":null,\"raw\":{\"x\":1},\"list\":[1,[],{},\"\"],"
	    "\"last\":0}");
	CU_ASSERT_EQUAL(j.depth, 0);
	base_buf_fini(&b);
}

static void
check_escape(const char *s, size_t len, const char *expected)
{
	struct base_buf b = { 0 };

	base_json_escape(&b, s, len);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), expected);
	base_buf_fini(&b);
}

static void
test_escapes(void)
{
	check_escape("", 0, "");
	check_escape("\b\t\n\f\r\"\\/", 8, "\\b\\t\\n\\f\\r\\\"\\\\/");
	check_escape("\0\x01\x1f\x7f", 4, "\\u0000\\u0001\\u001f\\u007f");
	check_escape("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", 11,
	    "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
}

/* Each byte at each place of a word: the fast path sees what the slow sees. */
static void
test_every_byte_and_place(void)
{
	size_t wrong = 0;

	for (int byte = 0; byte < 256; byte++) {
		const bool unclean =
		    byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7f;

		for (int place = 0; place < 20; place++) {
			struct base_buf b = { 0 };
			char text[21] = "";

			memset(text, place % 2 ? 'x' : '\xff', 20);
			text[place] = (char)byte;
			base_json_escape(&b, text, 20);
			wrong += (b.len > 20) != unclean;
			wrong += memcmp(b.data, text, (size_t)place) != 0;
			wrong += !unclean && b.data[place] != (char)byte;
			wrong += strcmp(b.data + b.len - (size_t)(19 - place),
				     text + place + 1) != 0;
			base_buf_fini(&b);
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

TEST_MAIN("base_json", { "an object of everything", test_object },
    { "escapes", test_escapes },
    { "every byte at every place", test_every_byte_and_place })
