/* SPDX-License-Identifier: ISC */
/*
 * permessage-deflate: what is agreed to, what is compressed and how well, and
 * what must not be taken.  The frames are in tests/unit/test_push_websocket_cases.c.
 */

#include <zlib.h>

#include "base/mem.h"
#include "push/deflate.h"
#include "tests/unit/harness.h"

#define PMD "permessage-deflate"
#define S(bytes) bytes, sizeof(bytes) - 1

static void
test_offers(void)
{
	static const struct {
		const char *offered;
		unsigned bits;
	} rows[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ PMD, 15 },
		{ " " PMD " ", 15 },
		/* Browsers. */
		{ PMD "; client_max_window_bits", 15 },
		/* dart:io, npm ws. */
		{ PMD "; client_max_window_bits=15", 15 },
		{ PMD ";server_no_context_takeover;client_no_context_takeover",
		    15 },
		{ PMD "; server_max_window_bits=10", 10 },
		{ PMD "; server_max_window_bits = \"9\"", 9 },
		{ PMD "; server_max_window_bits=8; client_max_window_bits=8",
		    8 },
		/* Wrong parameters: this offer is declined. */
		{ PMD "; server_max_window_bits", 0 },
		{ PMD "; server_max_window_bits=7", 0 },
		{ PMD "; server_max_window_bits=16", 0 },
		{ PMD "; server_max_window_bits=09", 0 },
		{ PMD "; server_max_window_bits=+9", 0 },
		{ PMD "; server_max_window_bits=\"\"", 0 },
		{ PMD "; client_max_window_bits=7", 0 },
		{ PMD "; client_max_window_bits=x", 0 },
		{ PMD "; server_no_context_takeover=1", 0 },
		{ PMD "; client_no_context_takeover=\"\"", 0 },
		{ PMD "; client_max_window_bits; client_max_window_bits=9", 0 },
		{ PMD "; server_no_context_takeover"
		      "; server_no_context_takeover",
		    0 },
		{ PMD "; unknown", 0 },
		{ PMD "; Server_no_context_takeover", 0 },
		{ "x-webkit-deflate-frame", 0 },
		{ "permessage-deflat, permessage-deflate2", 0 },
		/* Then perhaps another. */
		{ "x-what; a=\"b, c; d\", " PMD, 15 },
		{ ",," PMD "; unknown=5 ,\t" PMD "; server_max_window_bits=12",
		    12 },
		{ PMD "; server_max_window_bits=11, " PMD, 11 },
		/* No list of extensions at all. */
		{ PMD ";", 0 },
		{ PMD "; =", 0 },
		{ PMD "; client_max_window_bits=", 0 },
		{ PMD "; server_max_window_bits=\"9", 0 },
		{ PMD " x", 0 },
		{ "\"" PMD "\"", 0 },
		{ "x-what; a=\"\\\"\", " PMD, 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool named;
		unsigned bits = push_deflate_choose(rows[i].offered, &named);

		if (bits != rows[i].bits) {
			printf("\n  %s: %u, want %u ", rows[i].offered, bits,
			    rows[i].bits);
			CU_FAIL("offer");
		}
	}
	CU_PASS("all");
}

static void
test_agreement(void)
{
	struct base_buf out = { 0 };
	unsigned bits;
	bool named;

	push_deflate_agree(&out, 15, false);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&out),
	    PMD "; server_no_context_takeover; client_no_context_takeover");
	base_buf_reset(&out);
	push_deflate_agree(&out, 9, true);
	CU_ASSERT_STRING_EQUAL(base_buf_str(&out),
	    PMD "; server_no_context_takeover; client_no_context_takeover"
		"; server_max_window_bits=9");

	/* Who asks for the most has asked all the same (7.1.2.1). */
	base_buf_reset(&out);
	bits = push_deflate_choose(PMD "; server_max_window_bits=15", &named);
	CU_ASSERT_TRUE(named);
	push_deflate_agree(&out, bits, named);
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data, "server_max_window_bits=15"));
	bits = push_deflate_choose(
	    PMD "; server_max_window_bits=9; x, " PMD, &named);
	CU_ASSERT_EQUAL(bits, 15);
	CU_ASSERT_FALSE(named);
	base_buf_fini(&out);
}

static struct push_deflate *d;
static const struct base_buf *got;

static unsigned
unpack(const char *bytes, size_t len, uint64_t limit, bool text)
{
	struct push_deflate_input in = { bytes, len, limit, text };

	return push_deflate_unpack(d, &in, &got);
}

static bool
is(const char *want)
{
	return got->len == strlen(want) &&
	    memcmp(got->data, want, got->len) == 0;
}

/* The examples of RFC 7692, 7.2.3. */
static void
test_examples(void)
{
	d = push_deflate_new();
	CU_ASSERT(unpack(S("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, true) == 0);
	CU_ASSERT(is("Hello"));
	/* Without compression. */
	CU_ASSERT(unpack(S("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), 99,
		      true) == 0);
	CU_ASSERT(is("Hello"));
	/* A final block; and one that nothing follows, not even a byte. */
	CU_ASSERT(unpack(S("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 99, true) == 0);
	CU_ASSERT(is("Hello"));
	CU_ASSERT(unpack(S("\xf3\x48\xcd\xc9\xc9\x07\x00"), 99, true) == 0);
	CU_ASSERT(is("Hello"));
	/* Two blocks. */
	CU_ASSERT(unpack(S("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07"
			   "\x00"),
		      99, true) == 0);
	CU_ASSERT(is("Hello"));
	/* Empty ones. */
	CU_ASSERT(unpack(S("\x00"), 0, true) == 0);
	CU_ASSERT(got->len == 0 && got->data != NULL);
	CU_ASSERT(unpack("", 0, 0, true) == 0);
	CU_ASSERT(got->len == 0 && got->data != NULL);
	/* With a window kept from the message before this would be Hello. */
	CU_ASSERT(unpack(S("\xf2\x00\x11\x00\x00"), 99, true) == 1007);
	push_deflate_free(d);
}

static void
test_refused(void)
{
	d = push_deflate_new();
	CU_ASSERT(unpack(S("\xf2\x48\xcd\xc9\xc9\x07\x00"), 4, true) == 1009);
	CU_ASSERT(unpack(S("\xf2\x48\xcd"), 99, true) == 1007);
	CU_ASSERT(unpack(S("\xff\xff\xff"), 99, true) == 1007);
	CU_ASSERT(unpack(S("\x00\x05\x00\x00\x00Hello\x00"), 99, true) == 1007);
	/* c3 28, stored. */
	CU_ASSERT(
	    unpack(S("\x00\x02\x00\xfd\xff\xc3\x28\x00"), 99, true) == 1007);
	CU_ASSERT(
	    unpack(S("\x00\x02\x00\xfd\xff\xc3\x28\x00"), 99, false) == 0);
	/* c3, and nothing behind it. */
	CU_ASSERT(unpack(S("\x00\x01\x00\xfe\xff\xc3\x00"), 99, true) == 1007);
	/* Many final blocks would have the window set up again and again. */
	CU_ASSERT(unpack(S("\x03\x00\x03\x00\x03\x00\x00"), 99, true) == 0);
	CU_ASSERT(unpack(S("\x03\x00\x03\x00\x03\x00\x03\x00\x03\x00\x03\x00"
			   "\x03\x00\x03\x00\x03\x00\x03\x00\x00"),
		      99, true) == 1007);
	/* Whatever came before, the next is taken. */
	CU_ASSERT(unpack(S("\xf2\x48\xcd\xc9\xc9\x07\x00"), 99, true) == 0);
	CU_ASSERT(is("Hello"));
	push_deflate_free(d);
}

/* A final block in the middle: what follows reaches back behind it. */
static void
test_final_in_the_middle(void)
{
	char text[3000], bytes[4000];
	z_stream z = { 0 };
	size_t i, len;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 23);
	d = push_deflate_new();
	CU_ASSERT_FATAL(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0) == Z_OK);
	z.next_in = (Bytef *)text;
	z.avail_in = 1500;
	z.next_out = (Bytef *)bytes;
	z.avail_out = sizeof(bytes);
	CU_ASSERT_FATAL(deflate(&z, Z_FINISH) == Z_STREAM_END);
	len = sizeof(bytes) - z.avail_out;
	CU_ASSERT_FATAL(deflateReset(&z) == Z_OK &&
	    deflateSetDictionary(&z, (Bytef *)text, 1500) == Z_OK);
	z.next_in = (Bytef *)text + 1500;
	z.avail_in = 1500;
	z.next_out = (Bytef *)bytes + len;
	z.avail_out = (uInt)(sizeof(bytes) - len);
	CU_ASSERT_FATAL(deflate(&z, Z_SYNC_FLUSH) == Z_OK);
	len = sizeof(bytes) - z.avail_out - 4;
	deflateEnd(&z);
	CU_ASSERT(unpack(bytes, len, 3000, true) == 0);
	CU_ASSERT(got->len == 3000 && memcmp(got->data, text, 3000) == 0);
	push_deflate_free(d);
}

/* A kilobyte that wants to be a megabyte ends at the limit. */
static void
test_bomb(void)
{
	size_t size = 1 << 20, n;
	char *zeros = base_alloc(size), bytes[2048];
	z_stream z = { 0 };

	memset(zeros, 'x', size);
	CU_ASSERT_FATAL(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, 0) == Z_OK);
	z.next_in = (Bytef *)zeros;
	z.avail_in = (uInt)size;
	z.next_out = (Bytef *)bytes;
	z.avail_out = sizeof(bytes);
	CU_ASSERT_FATAL(deflate(&z, Z_SYNC_FLUSH) == Z_OK);
	n = sizeof(bytes) - z.avail_out - 4;
	CU_ASSERT_FATAL(z.avail_in == 0 && z.avail_out > 0);
	deflateEnd(&z);
	d = push_deflate_new();
	CU_ASSERT(unpack(bytes, n, 65536, true) == 1009);
	CU_ASSERT(got->cap < 200000);
	CU_ASSERT(unpack(bytes, n, size, true) == 0);
	CU_ASSERT(got->len == size && memcmp(got->data, zeros, size) == 0);
	/* Its buffer is let go of. */
	CU_ASSERT(unpack("", 0, 99, true) == 0);
	CU_ASSERT(got->cap < 200000);
	push_deflate_free(d);
	base_free(zeros);
}

/* There and back, for every length up to 600 and some large ones. */
static void
test_round_trip(void)
{
	static const char words[] = "{\"event\":\"message.created\",\"id\":}";
	size_t size = 300000, len, i;
	char *text = base_alloc(size);
	const struct base_buf *packed;
	unsigned smaller = 0, seed = 1;

	d = push_deflate_new();
	for (i = 0; i < size; i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = (seed >> 16) % 3 == 0 ?
		    words[i % 34] :
		    (char)('a' + (seed >> 20) % 8);
	}
	for (len = 0; len < size; len += len < 600 ? 1 : 49999) {
		packed = push_deflate_pack(d, text, len);
		if (packed == NULL) {
			CU_ASSERT(len < 400);
			continue;
		}
		smaller++;
		CU_ASSERT(packed->len < len);
		CU_ASSERT(unpack(packed->data, packed->len, len, true) == 0);
		CU_ASSERT(got->len == len && memcmp(got->data, text, len) == 0);
	}
	CU_ASSERT(smaller > 200);
	push_deflate_free(d);
	base_free(text);
}

/* What has no patterns is sent as it is. */
static void
test_not_smaller(void)
{
	char text[400];
	unsigned seed = 7;
	size_t i;

	for (i = 0; i < sizeof(text); i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = (char)(seed >> 17);
	}
	d = push_deflate_new();
	CU_ASSERT(push_deflate_pack(d, text, sizeof(text)) == NULL);
	memset(text, 'a', sizeof(text));
	CU_ASSERT(push_deflate_pack(d, text, sizeof(text)) != NULL);
	CU_ASSERT(push_deflate_pack(d, text, 60) == NULL);
	push_deflate_free(d);
}

static void
test_windows(void)
{
	CU_ASSERT(push_deflate_fits(8, 256) && !push_deflate_fits(8, 257));
	CU_ASSERT(
	    push_deflate_fits(14, 16384) && !push_deflate_fits(14, 16385));
	CU_ASSERT(push_deflate_fits(15, 10000000));
}

/* A typical event: prints how much it gains, and fails if that is little. */
static void
test_gain(void)
{
	static const char text[] =
	    "{\"event\":\"message.created\",\"id\":481516,\"topic\":"
	    "\"conversation:01a1fdec-d534-755d-bbb7-475556251a30\","
	    "\"origin\":\"p1-1-gimsaj33au4dhxiffq4r\","
	    "\"time\":\"2026-11-21T11:45:19.226706Z\",\"data\":{"
	    "\"id\":\"8d6d5299-8978-488d-a7fd-26502cc56efa\","
	    "\"conversation_id\":\"01a1fdec-d534-755d-bbb7-475556251a30\","
	    "\"seq\":3,\"sender\":{\"id\":\"alice\","
	    "\"name\":\"Alice Liddell\",\"picture\":null},\"type\":\"text\","
	    "\"text\":\"Can somebody have a look at the build? It failed "
	    "again on the second runner.\",\"reply_to\":null,"
	    "\"attachments\":[],\"platform\":\"web\","
	    "\"created_at\":\"2026-11-21T11:45:19.226308Z\"}}";
	const struct base_buf *packed;

	d = push_deflate_new();
	packed = push_deflate_pack(d, S(text));
	CU_ASSERT_FATAL(packed != NULL);
	printf("%zu bytes as %zu ", sizeof(text) - 1, packed->len);
	CU_ASSERT(packed->len < (sizeof(text) - 1) * 7 / 10);
	push_deflate_free(d);
}

TEST_MAIN("push_deflate", { "offers", test_offers },
    { "agreement", test_agreement }, { "examples", test_examples },
    { "refused", test_refused },
    { "final in the middle", test_final_in_the_middle }, { "bomb", test_bomb },
    { "round trip", test_round_trip }, { "not smaller", test_not_smaller },
    { "windows", test_windows }, { "gain", test_gain })
