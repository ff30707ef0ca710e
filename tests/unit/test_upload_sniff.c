/* SPDX-License-Identifier: ISC */
/* upload/sniff.c: contents that are what they say, and others. */

#include "tests/unit/harness.h"

#include <stdlib.h>
#include <unistd.h>

#include "upload/sniff.h"

static struct upload_sniffer *sniffer;

/* The kind of `p[0..n)`, or UPLOAD_KIND_COUNT. */
static enum upload_kind
sniff(const void *p, size_t n, const char *filename)
{
	char path[] = "/tmp/parley-sniff-XXXXXX";
	enum upload_kind kind;
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(fd != -1);
	unlink(path);
	CU_ASSERT_EQUAL(write(fd, p, n), (ssize_t)n);
	if (sniffer == NULL)
		sniffer = upload_sniffer_new();
	CU_ASSERT_PTR_NOT_NULL_FATAL(sniffer);
	if (upload_sniff_file(sniffer, fd, filename, &kind) != UPLOAD_OK)
		CU_ASSERT_EQUAL(kind, UPLOAD_KIND_COUNT);
	close(fd);
	return (kind);
}

#define SNIFF(bytes, filename) sniff(bytes, sizeof(bytes) - 1, filename)

static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\2"
			  "\0\0\0\x90wS\xde\0\0\0\0IEND\xae"
			  "B`\x82";
static const char gif[] = "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0"
			  "\1\0\1\0\0\2\2D\1\0;";
static const char jpeg[] = "\xff\xd8\xff\xe0\0\20JFIF\0\1\1\0\0\1\0\1\0\0"
			   "\xff\xdb\0\103\0";
static const char webp[] = "RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\1\0\x9d\1\x2a"
			   "\1\0\1\0\2\0\x34\x25\xa4\0\3p\0\xfe\xfb\x94\0\0";
static const char pdf[] =
    "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n";
static const char zip[] = "PK\3\4\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			  "\5\0\0\0a.txt";

static void
test_knows_its_kinds(void)
{
	CU_ASSERT_EQUAL(SNIFF(png, "a.txt"), UPLOAD_PNG);
	CU_ASSERT_EQUAL(SNIFF(gif, "a.png"), UPLOAD_GIF);
	CU_ASSERT_EQUAL(SNIFF(jpeg, "a"), UPLOAD_JPEG);
	CU_ASSERT_EQUAL(SNIFF(webp, "a"), UPLOAD_WEBP);
	CU_ASSERT_EQUAL(SNIFF(pdf, "a"), UPLOAD_PDF);
	CU_ASSERT_EQUAL(SNIFF(zip, "a.docx"), UPLOAD_ZIP);
	CU_ASSERT_EQUAL(SNIFF("just words\n", "a.jpg"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(SNIFF("na\xc3\xafve\r\n\ttext\n", "a"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(SNIFF("caf\xe9 au lait, r\xf4le\n", "a"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(SNIFF("# Title\n\nText\n", "a.md"), UPLOAD_MARKDOWN);
	CU_ASSERT_EQUAL(SNIFF("# Title\n", "a.Markdown"), UPLOAD_MARKDOWN);
	CU_ASSERT_EQUAL(SNIFF("int main(void)\n{\n}\n", "a.c"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(SNIFF("a,b\n1,2\n3,4\n", "a.csv"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(SNIFF("x", "a"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(SNIFF("\xe2\x82\xac", "a"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(
	    SNIFF("From: me\nSubject: x\n\nHello\n", "a"), UPLOAD_TEXT);
	CU_ASSERT_EQUAL(SNIFF("{\"a\": [1, 2]}\n", "a.json"), UPLOAD_TEXT);
}

static void
test_knows_sound_and_film(void)
{
	static const struct {
		enum upload_kind kind;
		const char *bytes;
		size_t n;
	} cases[] = {
#define BYTES(s) s, sizeof(s) - 1
		{ UPLOAD_AVIF,
		    BYTES("\0\0\0\x1c"
			  "ftypavif\0\0\0\0avifmif1miaf") },
		{ UPLOAD_AVIF,
		    BYTES("\0\0\0\x18"
			  "ftypmif1\0\0\0\0miafavif") },
		{ UPLOAD_HEIC,
		    BYTES("\0\0\0\x18"
			  "ftypheic\0\0\0\0mif1heic") },
		{ UPLOAD_MP4,
		    BYTES("\0\0\0\x18"
			  "ftypmp42\0\0\0\0isommp42") },
		{ UPLOAD_MP4,
		    BYTES("\0\0\0\x18"
			  "ftypisom\0\0\2\0isomiso2") },
		{ UPLOAD_QUICKTIME,
		    BYTES("\0\0\0\x14"
			  "ftypqt  \0\0\2\0qt  ") },
		{ UPLOAD_M4A,
		    BYTES("\0\0\0\x18"
			  "ftypM4A \0\0\0\0M4A mp42") },
		{ UPLOAD_WEBM,
		    BYTES("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\xf7\x81\1"
			  "\x42\xf2\x81\4\x42\xf3\x81\x8\x42\x82\x84webm") },
		{ UPLOAD_OGG,
		    BYTES("OggS\0\2\0\0\0\0\0\0\0\0\1\2\3\4\0\0\0\0"
			  "\5\6\7\x8\1\x1e\1vorbis\0\0\0\0\2\x44\xac"
			  "\0\0\0\0\0\0\0\xee\2\0\0\0\0\0\xb8\1") },
		{ UPLOAD_FLAC,
		    BYTES("fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0a\xc4"
			  "\x42\xf0\0\0\0\0") },
		{ UPLOAD_WAV,
		    BYTES("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
			  "\x44\xac\0\0\x88\x58\1\0\2\0\x10\0") },
		{ UPLOAD_MP3,
		    BYTES("ID3\3\0\0\0\0\0\0\xff\xfb\x90\x64\0\0\0\0") },
		{ UPLOAD_MP3, BYTES("\xff\xfb\x90\x64\0\0\0\0\0\0\0\0\0\0") },
#undef BYTES
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(
		    sniff(cases[i].bytes, cases[i].n, "a"), cases[i].kind);
	/* Brands that nobody knows, or that stand beyond their box. */
	CU_ASSERT_EQUAL(SNIFF("\0\0\0\x10"
			      "ftypxyzw\0\0\0\0isom",
			    "a.mp4"),
	    UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(
	    SNIFF("\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska", "a.webm"),
	    UPLOAD_KIND_COUNT);
}

static void
test_kinds_are_named(void)
{
	CU_ASSERT_EQUAL(
	    upload_kinds_named("image/png"), UPLOAD_KIND_BIT(UPLOAD_PNG));
	CU_ASSERT_EQUAL(upload_kinds_named("video/*"),
	    UPLOAD_KIND_BIT(UPLOAD_MP4) | UPLOAD_KIND_BIT(UPLOAD_QUICKTIME) |
		UPLOAD_KIND_BIT(UPLOAD_WEBM));
	CU_ASSERT_EQUAL(upload_kinds_named("image/svg+xml"), 0);
	CU_ASSERT_EQUAL(upload_kinds_named("text/html"), 0);
	CU_ASSERT_EQUAL(upload_kinds_named("*"), 0);
	CU_ASSERT_EQUAL(upload_kinds_named("/*"), 0);
	CU_ASSERT_EQUAL(upload_kinds_named(""), 0);
}

static void
test_refuses_pages_and_drawings(void)
{
	static const char *const pages[] = {
		"<!DOCTYPE html><html><script>1</script></html>",
		"<html><body>x</body></html>",
		"\n\n  <SCRIPT>alert(1)</SCRIPT>",
		"\xef\xbb\xbf<html>",
		"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
		"<?xml version=\"1.0\"?><svg/>",
		"<?xml version=\"1.0\"?><html/>",
		"<!-- x --><svg xmlns=\"http://www.w3.org/2000/svg\"></svg>",
		"<iframe src=x>",
	};

	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		CU_ASSERT_EQUAL(sniff(pages[i], strlen(pages[i]), "a.txt"),
		    UPLOAD_KIND_COUNT);
		CU_ASSERT_EQUAL(sniff(pages[i], strlen(pages[i]), "a.png"),
		    UPLOAD_KIND_COUNT);
	}
	/* Markdown may begin with a tag. */
	CU_ASSERT_EQUAL(SNIFF("<h1 align=\"center\">Hi</h1>\n", "README.md"),
	    UPLOAD_MARKDOWN);
	CU_ASSERT_EQUAL(SNIFF("<!doctype html>\n", "a.md"), UPLOAD_KIND_COUNT);
}

static void
test_refuses_the_rest(void)
{
	static char zeros[4096];

	CU_ASSERT_EQUAL(SNIFF("", "a.txt"), UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(SNIFF("\x7f"
			      "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e",
			    "a.txt"),
	    UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(SNIFF("MZ\x90\0\3\0\0\0", "a.jpg"), UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(SNIFF("II*\0\10\0\0\0", "a.tiff"), UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(
	    sniff(zeros, sizeof(zeros), "a.txt"), UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(
	    SNIFF("text\x1b[2J with escapes", "a.txt"), UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(
	    SNIFF("\xff\xfet\0e\0x\0t\0", "a.txt"), UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(SNIFF("\xff\xd8\xff", "a.jpg"), UPLOAD_KIND_COUNT);
}

/* What is beyond libmagic's window counts as well. */
static void
test_reads_text_to_its_end(void)
{
	static char text[300000];

	memset(text, 'a', sizeof(text));
	for (size_t i = 79; i < sizeof(text); i += 80)
		text[i] = '\n';
	CU_ASSERT_EQUAL(sniff(text, sizeof(text), "a.txt"), UPLOAD_TEXT);
	text[sizeof(text) - 2] = '\0';
	CU_ASSERT_EQUAL(sniff(text, sizeof(text), "a.txt"), UPLOAD_KIND_COUNT);
}

static void
test_names_kinds(void)
{
	for (int i = 0; i < UPLOAD_KIND_COUNT; i++)
		CU_ASSERT_EQUAL((int)upload_kind_find(
				    upload_kind_mime((enum upload_kind)i)),
		    i);
	CU_ASSERT_EQUAL(upload_kind_find("text/html"), UPLOAD_KIND_COUNT);
	CU_ASSERT_EQUAL(upload_kind_find("image/svg+xml"), UPLOAD_KIND_COUNT);
	CU_ASSERT(upload_kind_is_image(UPLOAD_GIF));
	CU_ASSERT_FALSE(upload_kind_is_image(UPLOAD_PDF));
	CU_ASSERT_FALSE(upload_kind_is_image(UPLOAD_KIND_COUNT));
	upload_sniffer_free(sniffer);
	sniffer = NULL;
}

TEST_MAIN("upload_sniff", { "knows its kinds", test_knows_its_kinds },
    { "knows sound and film", test_knows_sound_and_film },
    { "kinds are named", test_kinds_are_named },
    { "refuses pages and drawings", test_refuses_pages_and_drawings },
    { "refuses the rest", test_refuses_the_rest },
    { "reads text to its end", test_reads_text_to_its_end },
    { "names kinds", test_names_kinds })
