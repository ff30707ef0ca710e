/* SPDX-License-Identifier: ISC */
/* upload/multipart.c: every body is read in pieces of every size. */

#include "tests/unit/harness.h"

#include "base/buf.h"
#include "upload/multipart.h"

#define TYPE "multipart/form-data; boundary=XyZ"
#define HEAD "--XyZ\r\nContent-Disposition: form-data; name=\"file\""

/* What the callbacks saw, as text. */
struct seen {
	struct base_buf text;
	enum upload_status refuse;
};

static enum upload_status
on_part(void *arg, const struct upload_part *part)
{
	struct seen *seen = arg;

	base_buf_printf(&seen->text, "[%s", base_buf_str(&part->name));
	if (part->has_filename || part->has_extended)
		base_buf_printf(
		    &seen->text, "|%s", base_buf_str(&part->filename));
	if (part->has_type)
		base_buf_printf(&seen->text, "|%s", base_buf_str(&part->type));
	base_buf_append_char(&seen->text, ':');
	return (seen->refuse);
}

static enum upload_status
on_data(void *arg, const char *p, size_t n)
{
	struct seen *seen = arg;

	base_buf_append(&seen->text, p, n);
	return (UPLOAD_OK);
}

static enum upload_status
on_part_end(void *arg)
{
	struct seen *seen = arg;

	base_buf_append_char(&seen->text, ']');
	return (UPLOAD_OK);
}

static const struct upload_multipart_events events = { on_part, on_data,
	on_part_end };

/* Read `body` in pieces of `step` bytes. */
static enum upload_status
read_body(const char *type, const char *body, size_t n, size_t step,
    struct seen *seen)
{
	struct upload_multipart *m = upload_multipart_new(type, &events, seen);
	enum upload_status status = UPLOAD_OK;

	CU_ASSERT_PTR_NOT_NULL_FATAL(m);
	for (size_t at = 0; at < n && status == UPLOAD_OK; at += step)
		status = upload_multipart_feed(
		    m, body + at, n - at < step ? n - at : step);
	if (status == UPLOAD_OK)
		status = upload_multipart_finish(m);
	else
		CU_ASSERT_EQUAL(upload_multipart_finish(m), status);
	upload_multipart_free(m);
	return (status);
}

static void
expect(const char *body, enum upload_status status, const char *text)
{
	size_t n = strlen(body);

	for (size_t step = 1; step <= n; step++) {
		struct seen seen = { 0 };

		CU_ASSERT_EQUAL(read_body(TYPE, body, n, step, &seen), status);
		if (text != NULL)
			CU_ASSERT_STRING_EQUAL(base_buf_str(&seen.text), text);
		base_buf_fini(&seen.text);
	}
}

static void
test_reads_parts(void)
{
	expect(HEAD "; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n"
		    "hello\r\n--XyZ--\r\n",
	    UPLOAD_OK, "[file|a.txt|text/plain:hello]");
	expect(HEAD "\r\n\r\n\r\n--XyZ--", UPLOAD_OK, "[file:]");
	expect(HEAD
	    "\r\n\r\n1\r\n--XyZ  \t\r\n"
	    "content-disposition:form-data;name=other\r\n\r\n2\r\n--XyZ--",
	    UPLOAD_OK, "[file:1][other:2]");
	expect("--XyZ--\r\n", UPLOAD_OK, "");
}

static void
test_content_may_look_like_a_boundary(void)
{
	expect(HEAD "\r\n\r\n\r\n--Xy\r\r\n-\r\n--\r\n--XyY\r\n--XyZ--",
	    UPLOAD_OK, "[file:\r\n--Xy\r\r\n-\r\n--\r\n--XyY]");
	expect(HEAD "\r\n\r\n--XyZ\r\n--XyZ--", UPLOAD_OK, "[file:--XyZ]");
	expect(
	    HEAD "\r\n\r\n\r\r\r\n\r\n--XyZ--", UPLOAD_OK, "[file:\r\r\r\n]");
}

static void
test_preamble_and_epilogue_are_ignored(void)
{
	expect("This is a form.\r\nOlder readers show this.\r\n" HEAD
	       "\r\n\r\nx\r\n--XyZ--\r\nbye\r\n--XyZ\r\n",
	    UPLOAD_OK, "[file:x]");
}

static void
test_missing_boundaries(void)
{
	expect("", UPLOAD_MALFORMED, "");
	expect("just bytes", UPLOAD_MALFORMED, "");
	expect(HEAD "\r\n\r\nabc", UPLOAD_MALFORMED, NULL);
	expect(HEAD "\r\n\r\nabc\r\n--XyZ", UPLOAD_MALFORMED, NULL);
	expect(HEAD "\r\n\r\nabc\r\n--XyZ-", UPLOAD_MALFORMED, NULL);
	expect(HEAD "\r\n\r\nabc\r\n--XyZ\r\n", UPLOAD_MALFORMED, NULL);
	expect(HEAD "\r\n\r\nabc\r\n--XyZZ\r\n", UPLOAD_MALFORMED, NULL);
	expect(HEAD "\r\n\r\nabc\r\n--XyZ-x", UPLOAD_MALFORMED, NULL);
	expect("--XyZ\n", UPLOAD_MALFORMED, NULL);
}

static void
test_bad_headers(void)
{
	static const char *const bad[] = {
		"\r\n",
		"Content-Disposition: form-data\r\n\r\n",
		"Content-Disposition: attachment; name=\"file\"\r\n\r\n",
		"Content-Disposition: form-datax; name=\"file\"\r\n\r\n",
		"Content-Disposition: form-data; name=\"file\r\n\r\n",
		"Content-Disposition: form-data; name=\r\n\r\n",
		"Content-Disposition: form-data; =x\r\n\r\n",
		"Content-Disposition: form-data name=x\r\n\r\n",
		"Content-Disposition: form-data; name=a; name=b\r\n\r\n",
		"Content-Disposition: form-data; name=\"a\"b\r\n\r\n",
		"Content-Disposition: form-data; name=a\r\n b\r\n\r\n",
		"Content-Disposition: form-data; name=a\r\n"
		"Content-Disposition: form-data; name=b\r\n\r\n",
		"Content-Disposition: form-data; name=a\r\nno colon\r\n\r\n",
		"Content-Disposition: form-data; name=a\r\n: x\r\n\r\n",
		"Content-Disposition: form-data; name=a\nX: y\r\n\r\n",
		"Content-Disposition: form-data; name=a\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n",
		"Content-Disposition: form-data; name=a; "
		"filename*=KOI8-R''x\r\n\r\n",
		"Content-Type: text/plain\r\n\r\n",
	};
	struct base_buf body = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		base_buf_reset(&body);
		base_buf_printf(&body, "--XyZ\r\n%sx\r\n--XyZ--", bad[i]);
		expect(base_buf_str(&body), UPLOAD_MALFORMED, "");
	}
	base_buf_fini(&body);
}

static void
expect_filename(const char *param, const char *filename)
{
	struct base_buf body = { 0 }, text = { 0 };

	base_buf_printf(&body, HEAD "; %s\r\n\r\n\r\n--XyZ--", param);
	base_buf_printf(&text, "[file|%s:]", filename);
	expect(base_buf_str(&body), UPLOAD_OK, base_buf_str(&text));
	base_buf_fini(&body);
	base_buf_fini(&text);
}

static void
test_file_names(void)
{
	expect_filename("filename=plain.jpg", "plain.jpg");
	expect_filename("filename=\"a \\\"b\\\".jpg\"", "a \"b\".jpg");
	expect_filename("filename=\"a %22b%22%0D%0a.jpg\"", "a \"b\".jpg");
	expect_filename("filename=\"100%25.jpg\"", "100%25.jpg");
	expect_filename("filename=\"C:\\dir\\a.jpg\"", "C:\\dir\\a.jpg");
	expect_filename("filename=\"\"", "");
	expect_filename("filename=\"x;y=z.jpg\";", "x;y=z.jpg");
	expect_filename("filename=\"\xc3\xa4.jpg\"", "\xc3\xa4.jpg");
	expect_filename("filename=\xc3\xa4.jpg", "\xc3\xa4.jpg");
	expect_filename(
	    "filename=\"_.jpg\"; filename*=UTF-8''%C3%A4.jpg", "\xc3\xa4.jpg");
	expect_filename("filename*=utf-8'de'%C3%A4.jpg; filename=\"_.jpg\"",
	    "\xc3\xa4.jpg");
}

static void
test_boundaries_in_the_type(void)
{
	static const char *const bad[] = {
		"multipart/form-data",
		"multipart/form-data; boundary=",
		"multipart/form-data; boundary=\"\"",
		"multipart/form-data; boundary=\"a ",
		"multipart/form-data; boundary=\"a \"",
		"multipart/form-data; boundary=a; boundary=b",
		"multipart/form-data; boundary=a{b",
		"multipart/form-data; charset=utf-8",
		"multipart/form-data; boundary="
		"01234567890123456789012345678901234567890123456789"
		"012345678901234567890",
		"multipart/mixed; boundary=a",
		"text/plain; boundary=a",
	};
	struct seen seen = { 0 };
	static const char body[] =
	    "--a b\r\nContent-Disposition: form-data; name=f\r\n\r\n1\r\n"
	    "--a b--";

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_PTR_NULL(
		    upload_multipart_new(bad[i], &events, &seen));
	CU_ASSERT_PTR_NULL(upload_multipart_new(NULL, &events, &seen));
	CU_ASSERT_EQUAL(read_body("Multipart/Form-Data;charset=x; "
				  "BOUNDARY=\"a b\"",
			    body, sizeof(body) - 1, 7, &seen),
	    UPLOAD_OK);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&seen.text), "[f:1]");
	base_buf_fini(&seen.text);

	CU_ASSERT_FALSE(upload_multipart_matches(NULL));
	CU_ASSERT_FALSE(upload_multipart_matches("multipart/form-datax"));
	CU_ASSERT(upload_multipart_matches("multipart/form-data"));
}

static enum upload_status
read_repeated(
    const char *start, const char *again, unsigned times, const char *end)
{
	struct base_buf body = { 0 };
	struct seen seen = { 0 };
	enum upload_status status;

	base_buf_append_str(&body, start);
	for (unsigned i = 0; i < times; i++)
		base_buf_append_str(&body, again);
	base_buf_append_str(&body, end);
	status = read_body(TYPE, body.data, body.len, 1000, &seen);
	base_buf_fini(&body);
	base_buf_fini(&seen.text);
	return (status);
}

static void
test_limits(void)
{
	static const char rest[] = "\r\n\r\n\r\n--XyZ--";

	CU_ASSERT_EQUAL(read_repeated(HEAD, "\r\nX: y", 15, rest), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    read_repeated(HEAD, "\r\nX: y", 16, rest), UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(
	    read_repeated(HEAD "\r\nX: ", "y", 8100, rest), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    read_repeated(HEAD "\r\nX: ", "y", 9000, rest), UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(
	    read_repeated("", "x", 16384, "\r\n--XyZ--"), UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(
	    read_repeated("", "x", 16000, "\r\n--XyZ--"), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    read_repeated("--XyZ--", "x", 16385, ""), UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(
	    read_repeated("--XyZ", " ", 16385, "\r\n"), UPLOAD_MALFORMED);
	CU_ASSERT_EQUAL(
	    read_repeated("", HEAD "\r\n\r\n\r\n", 16, "--XyZ--"), UPLOAD_OK);
	CU_ASSERT_EQUAL(read_repeated("", HEAD "\r\n\r\n\r\n", 17, "--XyZ--"),
	    UPLOAD_MALFORMED);
}

static void
test_an_owner_may_refuse(void)
{
	static const char body[] = HEAD "\r\n\r\nx\r\n--XyZ--";
	struct seen seen = { .refuse = UPLOAD_UNKNOWN_FIELD };

	CU_ASSERT_EQUAL(read_body(TYPE, body, sizeof(body) - 1, 3, &seen),
	    UPLOAD_UNKNOWN_FIELD);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&seen.text), "[file:");
	base_buf_fini(&seen.text);
}

TEST_MAIN("upload_multipart", { "reads parts", test_reads_parts },
    { "content may look like a boundary",
	test_content_may_look_like_a_boundary },
    { "preamble and epilogue are ignored",
	test_preamble_and_epilogue_are_ignored },
    { "missing boundaries", test_missing_boundaries },
    { "bad headers", test_bad_headers }, { "file names", test_file_names },
    { "boundaries in the type", test_boundaries_in_the_type },
    { "limits", test_limits },
    { "an owner may refuse", test_an_owner_may_refuse })
