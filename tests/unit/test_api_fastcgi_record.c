/* SPDX-License-Identifier: ISC */
/* FastCGI records: how they are written, and read in pieces of any size. */

#include "api/fastcgi_record.h"
#include "base/buf.h"
#include "tests/unit/harness.h"

static void
test_writes(void)
{
	static const char want[] = "\1\1\0\1\0\10\0\0"
				   "\0\1\0\0\0\0\0\0"
				   "\1\5\0\1\0\3\0\0abc"
				   "\1\5\0\1\0\0\0\0";
	struct base_buf out;

	base_buf_init(&out);
	api_fastcgi_record_begin(&out);
	api_fastcgi_record_stream(&out, API_FASTCGI_STDIN, "abc", 3);
	api_fastcgi_record_stream(&out, API_FASTCGI_STDIN, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(out.len, sizeof(want) - 1);
	CU_ASSERT_EQUAL(memcmp(out.data, want, out.len), 0);
	base_buf_fini(&out);
}

static void
test_params(void)
{
	static char value[200];
	struct base_buf out;

	memset(value, 'v', sizeof(value));
	base_buf_init(&out);
	api_fastcgi_record_param(&out, "AB", 2, value, 3);
	CU_ASSERT_EQUAL(memcmp(out.data, "\2\3ABvvv", 7), 0);
	base_buf_reset(&out);
	api_fastcgi_record_param(&out, "AB", 2, value, sizeof(value));
	CU_ASSERT_EQUAL(memcmp(out.data,
			    "\2\x80\0\0\xc8"
			    "ABv",
			    8),
	    0);
	CU_ASSERT_EQUAL(out.len, 5 + 2 + sizeof(value));
	base_buf_fini(&out);
}

static void
test_splits_long_streams(void)
{
	static char bytes[API_FASTCGI_CONTENT_MAX + 10];
	struct base_buf out;

	base_buf_init(&out);
	api_fastcgi_record_stream(
	    &out, API_FASTCGI_STDIN, bytes, sizeof(bytes));
	CU_ASSERT_EQUAL(out.len, sizeof(bytes) + 16);
	CU_ASSERT_EQUAL((unsigned char)out.data[4], 0xff);
	CU_ASSERT_EQUAL(out.data[8 + API_FASTCGI_CONTENT_MAX + 5], 10);
	base_buf_fini(&out);
}

/* STDOUT "hello" padded by 3, STDERR "oops", an empty STDOUT, END. */
static const char answer[] = "\1\6\0\1\0\5\3\0hello\0\0\0"
			     "\1\7\0\1\0\4\0\0oops"
			     "\1\6\0\1\0\0\0\0"
			     "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0";

static void
read_in_steps(size_t step)
{
	struct api_fastcgi_decoder d = { .type = 0 };
	struct base_buf out, err;
	bool ended = false;

	base_buf_init(&out);
	base_buf_init(&err);
	for (size_t i = 0; i < sizeof(answer) - 1; i += step) {
		struct api_fastcgi_piece piece;
		const char *at = answer + i;
		size_t len = sizeof(answer) - 1 - i;
		enum api_fastcgi_status status;

		if (len > step)
			len = step;
		while ((status = api_fastcgi_record_next(
			    &d, &at, &len, &piece)) == API_FASTCGI_OK) {
			if (piece.type == API_FASTCGI_STDOUT)
				base_buf_append(&out, piece.bytes, piece.len);
			else if (piece.type == API_FASTCGI_STDERR)
				base_buf_append(&err, piece.bytes, piece.len);
			else
				ended = true;
		}
		CU_ASSERT_EQUAL(status, API_FASTCGI_MORE);
		CU_ASSERT_EQUAL(len, 0);
	}
	CU_ASSERT(ended && d.ended);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&out), "hello");
	CU_ASSERT_STRING_EQUAL(base_buf_str(&err), "oops");
	base_buf_fini(&out);
	base_buf_fini(&err);
}

static void
test_reads(void)
{
	for (size_t step = 1; step < sizeof(answer); step++)
		read_in_steps(step);
}

static void
test_refuses(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "HTTP/1.1", 8 },	   /* not FastCGI */
		{ "\2\6\0\1\0\1\0\0", 8 }, /* another version */
		{ "\1\6\0\2\0\1\0\0", 8 }, /* another request */
		{ "\1\3\0\1\0\7\0\0", 8 }, /* END too short */
		{ "\1\3\0\1\0\10\0\0\0\0\0\0\2\0\0\0", 16 }, /* overloaded */
		{ "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0x", 17 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct api_fastcgi_decoder d = { .type = 0 };
		struct api_fastcgi_piece piece;
		const char *at = cases[i].bytes;
		size_t len = cases[i].len;
		enum api_fastcgi_status status;

		do
			status = api_fastcgi_record_next(&d, &at, &len, &piece);
		while (status == API_FASTCGI_OK);
		CU_ASSERT_EQUAL(status, API_FASTCGI_BROKEN);
	}
}

TEST_MAIN("api_fastcgi_record", { "writes", test_writes },
    { "params", test_params },
    { "splits long streams", test_splits_long_streams },
    { "reads", test_reads }, { "refuses", test_refuses })
