/* SPDX-License-Identifier: ISC */
/* Rows made up here: this file stands in for db/result.c. */
#include "api/render.h"

#include "base/buf.h"
#include "db/result.h"
#include "tests/unit/harness.h"

struct col {
	const char *name;
	unsigned type;
};

static const struct col *cols;
static const char *const (*rows)[8];
static const size_t *sizes; /* of binary values */

const char *
db_result_value(const struct db_result *r, int row, int col)
{
	(void)r;
	return rows[row][col];
}

const char *
db_result_bytes(const struct db_result *r, int row, int col, size_t *len)
{
	const char *v = db_result_value(r, row, col);

	*len = v != NULL ? strlen(v) : 0;
	if (v != NULL && r->binary)
		*len = sizes[col];
	return v;
}

const char *
db_result_name(const struct db_result *r, int col)
{
	(void)r;
	return cols[col].name;
}

unsigned
db_result_type(const struct db_result *r, int col)
{
	(void)r;
	return cols[col].type;
}

int
db_result_column(const struct db_result *r, const char *name)
{
	for (int i = 0; i < r->cols; i++) {
		if (strcmp(cols[i].name, name) == 0)
			return i;
	}
	return -1;
}

static struct base_buf out;

static const char *
row_of(int n, const struct col *with, const char *const values[8])
{
	struct db_result r = { .rows = 1, .cols = n };
	const char *table[1][8] = { { 0 } };

	for (int i = 0; i < n; i++)
		table[0][i] = values[i];
	cols = with;
	rows = (const char *const(*)[8])table;
	base_buf_reset(&out);
	api_render_row(&out, &r, 0);
	return base_buf_str(&out);
}

static void
test_types(void)
{
	static const struct col with[] = { { "b", DB_TYPE_BOOL },
		{ "n", DB_TYPE_INT8 }, { "f", DB_TYPE_FLOAT8 },
		{ "g", DB_TYPE_FLOAT8 }, { "j", DB_TYPE_JSON },
		{ "u", DB_TYPE_UUID }, { "t", DB_TYPE_TEXT },
		{ "z", DB_TYPE_INT4 } };
	static const char *const values[8] = { "t", "-9007199254740993",
		"1.5e+300", "NaN", "[1, {\"a\":null}]", "0190",
		"q\"\\\n\x1f"
		"é",
		NULL };

	CU_ASSERT_STRING_EQUAL(row_of(8, with, values),
	    "{\"b\":true,\"n\":-9007199254740993,\"f\":1.5e+300,\"g\":null,"
	    "\"j\":[1, {\"a\":null}],\"u\":\"0190\","
	    "\"t\":\"q\\\"\\\\\\n\\u001fé\",\"z\":null}");
}

/* What is shown is the same, whatever form it came in. */
static void
test_binary(void)
{
	static const struct col with[] = { { "b", DB_TYPE_BOOL },
		{ "seq", DB_TYPE_INT8 }, { "i", DB_TYPE_INT2 },
		{ "j", DB_TYPE_JSON }, { "u", DB_TYPE_UUID }, { "e", 99999 },
		{ "t", DB_TYPE_TIMESTAMPTZ }, { "z", DB_TYPE_INT4 } };
	static const size_t bytes[8] = { 1, 8, 2, 4, 16, 3, 8, 4 };
	static const char *const table[2][8] = {
		{ "\1", "\0\0\1\0\0\0\0\2", "\xff\xfe", "[\"\"]",
		    "\x01\x89\xf7\xe2|K}\xef\x81#Eg\x89\xab\xcd\xef", "a\"b",
		    "\xff\xff\xff\xff\xff\xff\xff\xff", NULL },
		{ "\0", "\x7f\xff\xff\xff\xff\xff\xff\xff", "\x80\0", "null",
		    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", "\0\0\0",
		    "\0\2\x94\x13*\xff\xe2@", "\xff\xff\xff\xff" },
	};
	struct db_result r = { .rows = 2, .cols = 8, .binary = true };
	struct base_buf next = { 0 };

	cols = with;
	rows = table;
	sizes = bytes;
	base_buf_reset(&out);
	api_render_list(&out, &r, 1, &next);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&out),
	    "{\"data\":[{\"b\":true,\"seq\":1099511627778,\"i\":-2,"
	    "\"j\":[\"\"],"
	    "\"u\":\"0189f7e2-7c4b-7def-8123-456789abcdef\","
	    "\"e\":\"a\\\"b\",\"t\":\"1999-12-31T23:59:59.999999Z\","
	    "\"z\":null}],\"next\":\"1099511627778\"}");
	CU_ASSERT_STRING_EQUAL(base_buf_str(&next), "1099511627778");
	base_buf_reset(&out);
	api_render_row(&out, &r, 1);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&out),
	    "{\"b\":false,\"seq\":9223372036854775807,\"i\":-32768,"
	    "\"j\":null,\"u\":\"00000000-0000-0000-0000-000000000000\","
	    "\"e\":\"\\u0000\\u0000\\u0000\","
	    "\"t\":\"2022-12-31T00:00:00.123456Z\",\"z\":-1}");
	base_buf_fini(&next);
}

static void
test_nesting(void)
{
	static const struct col with[] = { { "id", DB_TYPE_TEXT },
		{ "sender.id", DB_TYPE_TEXT }, { "sender.name", DB_TYPE_TEXT },
		{ "_status", DB_TYPE_INT4 }, { "x.a.b", DB_TYPE_INT4 },
		{ "x.a.c", DB_TYPE_INT4 }, { "x.d", DB_TYPE_INT4 },
		{ "y.e", DB_TYPE_INT4 } };
	static const char *const values[8] = { "1", "al", NULL, "200", "1", "2",
		"3", "4" };

	CU_ASSERT_STRING_EQUAL(row_of(8, with, values),
	    "{\"id\":\"1\",\"sender\":{\"id\":\"al\",\"name\":null},"
	    "\"x\":{\"a\":{\"b\":1,\"c\":2},\"d\":3},\"y\":{\"e\":4}}");
	CU_ASSERT_STRING_EQUAL(row_of(3, with, values),
	    "{\"id\":\"1\",\"sender\":{\"id\":\"al\",\"name\":null}}");
	CU_ASSERT_STRING_EQUAL(row_of(0, with, values), "{}");
	/* Names that only begin alike do not nest together. */
	{
		static const struct col near[] = { { "ab.x", DB_TYPE_INT4 },
			{ "abc.x", DB_TYPE_INT4 }, { "ab", DB_TYPE_INT4 } };

		CU_ASSERT_STRING_EQUAL(row_of(3, near, values + 4),
		    "{\"ab\":{\"x\":1},\"abc\":{\"x\":2},\"ab\":3}");
	}
}

static void
test_whole_answers(void)
{
	static const struct col with[] = { { "id", DB_TYPE_TEXT },
		{ "_answer", DB_TYPE_TEXT }, { "seq", DB_TYPE_INT8 } };
	static const char *const values[8] = { "1", "{\"id\":\"1\"}", "2" };

	CU_ASSERT_STRING_EQUAL(row_of(3, with, values), "{\"id\":\"1\"}");
}

static const char *
time_of(const char *text)
{
	base_buf_reset(&out);
	api_render_time(&out, text);
	return base_buf_str(&out);
}

static void
test_times(void)
{
	CU_ASSERT_STRING_EQUAL(time_of("2026-11-21 04:05:06.123456+00"),
	    "2026-11-21T04:05:06.123456Z");
	CU_ASSERT_STRING_EQUAL(
	    time_of("2026-11-21 04:05:06+00"), "2026-11-21T04:05:06.000000Z");
	CU_ASSERT_STRING_EQUAL(
	    time_of("2026-11-21 04:05:06.5+00"), "2026-11-21T04:05:06.500000Z");
	CU_ASSERT_STRING_EQUAL(time_of("infinity"), "infinity");
	CU_ASSERT_STRING_EQUAL(
	    time_of("2026-11-21 04:05:06+05:30"), "2026-11-21 04:05:06+05:30");
	CU_ASSERT_STRING_EQUAL(time_of(""), "");
}

static void
test_lists(void)
{
	static const struct col with[] = { { "n", DB_TYPE_INT4 },
		{ "_cursor", DB_TYPE_TEXT } };
	static const char *const table[3][8] = { { "1", "c1" }, { "2", "c\"2" },
		{ "3", "c3" } };
	struct db_result r = { .rows = 3, .cols = 2 };
	struct base_buf next = { 0 };

	cols = with;
	rows = table;
	base_buf_reset(&out);
	api_render_list(&out, &r, 2, &next);
	CU_ASSERT_STRING_EQUAL(
	    out.data, "{\"data\":[{\"n\":1},{\"n\":2}],\"next\":\"c\\\"2\"}");
	CU_ASSERT_STRING_EQUAL(base_buf_str(&next), "c\"2");
	base_buf_reset(&next);
	base_buf_reset(&out);
	api_render_list(&out, &r, 3, &next);
	CU_ASSERT_STRING_EQUAL(out.data,
	    "{\"data\":[{\"n\":1},{\"n\":2},{\"n\":3}],\"next\":null}");
	CU_ASSERT_EQUAL(next.len, 0);
	r.rows = 0;
	base_buf_reset(&out);
	api_render_list(&out, &r, 3, &next);
	CU_ASSERT_STRING_EQUAL(out.data, "{\"data\":[],\"next\":null}");
	CU_ASSERT_EQUAL(next.len, 0);
	base_buf_fini(&next);
	base_buf_fini(&out);
}

TEST_MAIN("api_render", { "types", test_types }, { "binary", test_binary },
    { "nesting", test_nesting }, { "whole answers", test_whole_answers },
    { "times", test_times }, { "lists", test_lists })
