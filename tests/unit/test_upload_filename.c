/* SPDX-License-Identifier: ISC */
/* upload/filename.c: names that lie, climb, or break a header. */

#include "tests/unit/harness.h"

#include "base/utf8.h"
#include "upload/filename.h"

static void
expect_clean(const char *in, size_t n, const char *out)
{
	struct base_buf b = { 0 };

	upload_filename_clean(&b, in, n);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), out);
	base_buf_fini(&b);
}

#define CLEAN(in, out) expect_clean(in, sizeof(in) - 1, out)

static void
test_keeps_good_names(void)
{
	CLEAN("photo.jpg", "photo.jpg");
	CLEAN("na\xc3\xafve \xe2\x80\x9cview\xe2\x80\x9d.jpg",
	    "na\xc3\xafve \xe2\x80\x9cview\xe2\x80\x9d.jpg");
	CLEAN("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac.png",
	    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac.png");
}

static void
test_drops_paths(void)
{
	CLEAN("../../etc/passwd", "passwd");
	CLEAN("C:\\fakepath\\photo.jpg", "photo.jpg");
	CLEAN("/", "file");
	CLEAN("a/..", "file");
	CLEAN("", "file");
	CLEAN("...", "file");
	CLEAN("  .htaccess  ", "htaccess");
}

static void
test_drops_what_lies(void)
{
	CLEAN("a\0b.jpg", "ab.jpg");
	CLEAN("a\r\nSet-Cookie: x.jpg", "aSet-Cookie: x.jpg");
	CLEAN("\xe2\x80\xaegpj.exe", "gpj.exe"); /* U+202E */
	CLEAN("a\xe2\x81\xa6"
	      "b\xe2\x81\xa9",
	    "ab"); /* U+2066, U+2069 */
	CLEAN("\xef\xbb\xbf"
	      "bom.txt",
	    "bom.txt");
	CLEAN("a\xc2\x85"
	      "b",
	    "ab");		       /* U+0085 */
	CLEAN("\xe2\x80\x8b", "file"); /* U+200B */
	/* Nothing to be seen: a joiner, wide blanks, a Hangul filler. */
	CLEAN("\xe2\x80\x8d", "file");
	CLEAN(" \xe3\x80\x80.\xc2\xa0", "file");
	CLEAN("\xe3\x85\xa4", "file");
	CLEAN("a\xe2\x80\x8d", "a\xe2\x80\x8d");
}

static void
test_replaces_bad_utf8(void)
{
	CLEAN("caf\xe9.txt", "caf\xef\xbf\xbd.txt");
	CLEAN("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
	CLEAN("x\xf0\x9f", "x\xef\xbf\xbd\xef\xbf\xbd");
}

static void
test_shortens_between_characters(void)
{
	struct base_buf in = { 0 }, out = { 0 };

	for (int i = 0; i < 2000; i++)
		base_buf_append_str(&in, "\xe2\x82\xac");
	base_buf_append_str(&in, ".jpeg");
	upload_filename_clean(&out, in.data, 300);
	CU_ASSERT(out.len <= UPLOAD_FILENAME_MAX && out.len > 250);
	CU_ASSERT(base_utf8_valid(out.data, out.len));

	base_buf_reset(&out);
	upload_filename_clean(&out, in.data + in.len - 605, 605);
	CU_ASSERT(out.len <= UPLOAD_FILENAME_MAX && out.len > 250);
	CU_ASSERT(base_utf8_valid(out.data, out.len));
	CU_ASSERT_STRING_EQUAL(out.data + out.len - 5, ".jpeg");

	/* Far too long: bounded work, still a name. */
	base_buf_reset(&out);
	upload_filename_clean(&out, in.data, in.len);
	CU_ASSERT(out.len <= UPLOAD_FILENAME_MAX && out.len > 250);
	CU_ASSERT(base_utf8_valid(out.data, out.len));
	base_buf_fini(&in);
	base_buf_fini(&out);
}

static void
test_decodes_ext_values(void)
{
	static const char *const bad[] = { "", "UTF-8'x", "KOI8-R''x",
		"UTF-8''%4", "UTF-8''%zz", "UTF-8''a b", "UTF-8''\"" };
	struct base_buf b = { 0 };

	CU_ASSERT(upload_filename_decode(&b, "UTF-8''na%C3%AFve.txt", 21));
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), "na\xc3\xafve.txt");
	base_buf_reset(&b);
	CU_ASSERT(upload_filename_decode(&b, "iso-8859-1'en'caf%E9", 20));
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), "caf\xc3\xa9");
	base_buf_reset(&b);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CU_ASSERT_FALSE(
		    upload_filename_decode(&b, bad[i], strlen(bad[i])));
	CU_ASSERT_EQUAL(b.len, 0);
	base_buf_fini(&b);
}

static void
expect_disposition(bool is_inline, const char *name, const char *value)
{
	struct base_buf b = { 0 };

	upload_filename_disposition(&b, is_inline, name);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&b), value);
	base_buf_fini(&b);
}

static void
test_writes_dispositions(void)
{
	expect_disposition(true, "photo.jpg", "inline; filename=\"photo.jpg\"");
	expect_disposition(false, "caf\xc3\xa9.pdf",
	    "attachment; filename=\"caf_.pdf\"; "
	    "filename*=UTF-8''caf%C3%A9.pdf");
	expect_disposition(false, "a\"b\\c;%41.txt",
	    "attachment; filename=\"a_b_c__41.txt\"; "
	    "filename*=UTF-8''a%22b%5Cc%3B%2541.txt");
}

static void
test_finds_extensions(void)
{
	CU_ASSERT(upload_filename_has_extension("README.MD", ".md"));
	CU_ASSERT_FALSE(upload_filename_has_extension(".md", ".md"));
	CU_ASSERT_FALSE(upload_filename_has_extension("a.md.txt", ".md"));
}

TEST_MAIN("upload_filename", { "keeps good names", test_keeps_good_names },
    { "drops paths and outer dots", test_drops_paths },
    { "drops what lies on a screen", test_drops_what_lies },
    { "replaces ill-formed UTF-8", test_replaces_bad_utf8 },
    { "shortens between characters", test_shortens_between_characters },
    { "decodes ext-values", test_decodes_ext_values },
    { "writes Content-Disposition", test_writes_dispositions },
    { "finds extensions", test_finds_extensions })
