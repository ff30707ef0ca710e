/* SPDX-License-Identifier: ISC */
#include "api/json_in.h"

#include <jansson.h>
#include <stdlib.h>

#include "tests/unit/harness.h"

static enum api_json_status
parse(const char *text)
{
	json_t *out;
	enum api_json_status s = api_json_parse(text, strlen(text), 1000, &out);

	CU_ASSERT_EQUAL(s == API_JSON_OK, out != NULL);
	json_decref(out);
	return s;
}

static void
test_takes(void)
{
	CU_ASSERT_EQUAL(parse("{}"), API_JSON_OK);
	CU_ASSERT_EQUAL(
	    parse(" {\"a\": [1, 2.5, null, \"]}\\\"{\"]} "), API_JSON_OK);
	CU_ASSERT_EQUAL(parse("{\"n\": 9223372036854775807}"), API_JSON_OK);
	CU_ASSERT_EQUAL(
	    parse("{\"a\":\"\\u00e9\\ud83d\\ude00\"}"), API_JSON_OK);
}

static void
test_refuses(void)
{
	CU_ASSERT_EQUAL(parse(""), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{} {}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{'a':1}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{\"a\":01}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{\"a\":NaN}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("[1]"), API_JSON_NOT_OBJECT);
	CU_ASSERT_EQUAL(parse("null"), API_JSON_NOT_OBJECT);
	CU_ASSERT_EQUAL(parse("7"), API_JSON_NOT_OBJECT);
	CU_ASSERT_EQUAL(parse("nul"), API_JSON_MALFORMED);
	CU_ASSERT_NOT_EQUAL(parse("1"), API_JSON_OK);
	CU_ASSERT_EQUAL(parse("{\"a\":1,\"a\":2}"), API_JSON_DUPLICATE);
	CU_ASSERT_EQUAL(parse("{\"a\":{\"b\":1,\"b\":2}}"), API_JSON_DUPLICATE);
	CU_ASSERT_EQUAL(parse("{\"a\":\"\\u0000\"}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{\"a\\u0000\":1}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{\"a\":\"\\ud800\"}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{\"a\":\"\xc3\"}"), API_JSON_BAD_UTF8);
	CU_ASSERT_EQUAL(parse("{\"a\":\"\xed\xa0\x80\"}"), API_JSON_BAD_UTF8);
	CU_ASSERT_EQUAL(
	    parse("{\"n\": 9223372036854775808}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{\"n\": 1e999}"), API_JSON_MALFORMED);
	CU_ASSERT_EQUAL(parse("{\"a\":\"\n\"}"), API_JSON_MALFORMED);
}

/* NUL bytes in the text itself, also where a C string would end. */
static void
test_nul(void)
{
	static const char text[] = "{\"a\":1}\0{}";
	json_t *out;

	CU_ASSERT_NOT_EQUAL(
	    api_json_parse(text, sizeof(text) - 1, 100, &out), API_JSON_OK);
}

static void
nest(size_t depth, char open, char shut, enum api_json_status wanted)
{
	char text[2000] = "{\"a\":";
	size_t n = strlen(text);
	json_t *out;

	memset(text + n, open, depth - 1);
	memset(text + n + depth - 1, shut, depth - 1);
	n += 2 * (depth - 1);
	text[n++] = '}';
	CU_ASSERT_EQUAL(api_json_parse(text, n, sizeof(text), &out), wanted);
	json_decref(out);
}

static void
test_bounds(void)
{
	json_t *out;

	nest(16, '[', ']', API_JSON_OK);
	nest(17, '[', ']', API_JSON_TOO_DEEP);
	nest(900, '[', '[', API_JSON_TOO_DEEP);
	nest(900, '{', '}', API_JSON_TOO_DEEP);
	/* Brackets in strings are no nesting. */
	CU_ASSERT_EQUAL(
	    parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"), API_JSON_OK);
	CU_ASSERT_EQUAL(
	    api_json_parse("{\"a\":1}", 7, 6, &out), API_JSON_TOO_LARGE);
}

static void
test_words(void)
{
	for (int s = API_JSON_TOO_LARGE; s <= API_JSON_NOT_OBJECT; s++) {
		CU_ASSERT_PTR_NOT_NULL(
		    api_json_error_code((enum api_json_status)s));
		CU_ASSERT_PTR_NOT_NULL(
		    api_json_error_detail((enum api_json_status)s));
	}
	CU_ASSERT_STRING_EQUAL(
	    api_json_error_code(API_JSON_TOO_LARGE), "payload_too_large");
}

TEST_MAIN("api_json_in", { "takes", test_takes }, { "refuses", test_refuses },
    { "nul", test_nul }, { "bounds", test_bounds }, { "words", test_words })
