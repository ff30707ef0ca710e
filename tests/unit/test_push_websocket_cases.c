/* SPDX-License-Identifier: ISC */
/*
 * RFC 6455 case by case, numbered after the Autobahn test suite's categories 1
 * to 7, and RFC 7692 after its 12 and 13.  Each case is fed whole, in pieces of
 * 997 and of seven bytes and byte by byte, and must give the same.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "push/websocket.h"
#include "tests/unit/harness.h"
#include "tests/unit/websocket_frames.h"

#define LIMIT (16u << 20)

struct row {
	const char *id;
	const char *want;
	unsigned count;
	struct frame frames[12];
};

/* clang-format off */
#define HELLO "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1"

static const struct row rows[] = {
	{ "1.1.1", "T0", 1, { P(TEXT, "") } },
	{ "1.1.2", "T125", 1, { N(TEXT, 125, '*') } },
	{ "1.1.3", "T126", 1, { N(TEXT, 126, '*') } },
	{ "1.1.4", "T127", 1, { N(TEXT, 127, '*') } },
	{ "1.1.5", "T128", 1, { N(TEXT, 128, '*') } },
	{ "1.1.6", "T65535", 1, { N(TEXT, 65535, '*') } },
	{ "1.1.7", "T65536", 1, { N(TEXT, 65536, '*') } },
	{ "1.2.1", "B0", 1, { P(BINARY, "") } },
	{ "1.2.2", "B125", 1, { N(BINARY, 125, '\xfe') } },
	{ "1.2.3", "B126", 1, { N(BINARY, 126, '\xfe') } },
	{ "1.2.4", "B127", 1, { N(BINARY, 127, '\xfe') } },
	{ "1.2.5", "B128", 1, { N(BINARY, 128, '\xfe') } },
	{ "1.2.6", "B65535", 1, { N(BINARY, 65535, '\xfe') } },
	{ "1.2.7", "B65536", 1, { N(BINARY, 65536, '\xfe') } },

	{ "2.1", "P0", 1, { P(PING, "") } },
	{ "2.2", "P13", 1, { P(PING, "Hello, world!") } },
	{ "2.3", "P7", 1, { P(PING, "\x00\xff\xfe\xfd\xfc\xfb\x00") } },
	{ "2.4", "P125", 1, { N(PING, 125, '\xfe') } },
	{ "2.5", "X1002", 1, { N(PING, 126, '\xfe') } },
	{ "2.7", "O0", 1, { P(PONG, "") } },
	{ "2.8", "O11", 1, { P(PONG, "unsolicited") } },
	{ "2.9", "O11 P4", 2, { P(PONG, "unsolicited"), P(PING, "ping") } },
	{ "2.10", "P1 P1 P1 P1 P1 P1 P1 P1 P1 P1", 10, {
	    P(PING, "0"), P(PING, "1"), P(PING, "2"), P(PING, "3"),
	    P(PING, "4"), P(PING, "5"), P(PING, "6"), P(PING, "7"),
	    P(PING, "8"), P(PING, "9") } },

	{ "3.1", "X1002", 1, { P(TEXT | 0x40, "x") } },
	{ "3.2", "T5 X1002", 2, { P(TEXT, "small"), P(TEXT | 0x20, "x") } },
	{ "3.3", "T5 X1002", 2, { P(TEXT, "small"), P(TEXT | 0x30, "x") } },
	{ "3.4", "T5 X1002", 2, { P(TEXT, "small"), P(TEXT | 0x40, "x") } },
	{ "3.5", "X1002", 1, { N(BINARY | 0x50, 8, 'x') } },
	{ "3.6", "X1002", 1, { N(PING | 0x60, 8, 'x') } },
	{ "3.7", "X1002", 1, { P(CLOSE | 0x70, "") } },

	{ "4.1.1", "X1002", 1, { P(0x83, "") } },
	{ "4.1.2", "X1002", 1, { P(0x84, "reserved") } },
	{ "4.1.3", "T1 X1002", 2, { P(TEXT, "x"), P(0x85, "") } },
	{ "4.1.4", "T1 X1002", 2, { P(TEXT, "x"), P(0x86, "reserved") } },
	{ "4.1.5", "T1 X1002", 2, { P(TEXT, "x"), P(0x87, "") } },
	{ "4.2.1", "X1002", 1, { P(0x8b, "") } },
	{ "4.2.2", "X1002", 1, { P(0x8c, "reserved") } },
	{ "4.2.3", "T1 X1002", 2, { P(TEXT, "x"), P(0x8d, "") } },
	{ "4.2.4", "T1 X1002", 2, { P(TEXT, "x"), P(0x8e, "reserved") } },
	{ "4.2.5", "T1 X1002", 2, { P(TEXT, "x"), P(0x8f, "") } },

	{ "5.1", "X1002", 2, { P(PING & 0x0f, "a"), P(LAST, "b") } },
	{ "5.2", "X1002", 2, { P(PONG & 0x0f, "a"), P(LAST, "b") } },
	{ "5.3", "T10", 2, { P(TEXT_BEGIN, "fragm"), P(LAST, "ent12") } },
	{ "5.6", "P4 T10", 3, {
	    P(TEXT_BEGIN, "fragm"), P(PING, "ping"), P(LAST, "ent12") } },
	{ "5.9", "X1002", 2, { P(MORE, "non-continuation"), P(TEXT, "x") } },
	{ "5.10", "X1002", 2, { P(LAST, "non-continuation"), P(TEXT, "x") } },
	{ "5.12", "X1002", 2, { P(MORE, "x"), P(TEXT, "x") } },
	{ "5.15", "T10 X1002", 4, {
	    P(TEXT_BEGIN, "fragm"), P(LAST, "ent12"),
	    P(MORE, "fragm"), P(LAST, "ent34") } },
	{ "5.16", "X1002", 3, {
	    P(MORE, "fragm"), P(TEXT_BEGIN, "fragm"), P(LAST, "ent") } },
	{ "5.17", "X1002", 3, {
	    P(LAST, "fragm"), P(TEXT_BEGIN, "fragm"), P(LAST, "ent") } },
	{ "5.18", "X1002", 2, {
	    P(TEXT_BEGIN, "fragm"), P(TEXT, "new") } },
	{ "5.18 binary", "X1002", 2, {
	    P(TEXT_BEGIN, "fragm"), P(BINARY, "new") } },
	{ "5.19", "P7 P7 T25", 7, {
	    P(TEXT_BEGIN, "frag1"), P(MORE, "frag2"), P(PING, "pongme1"),
	    P(MORE, "frag3"), P(MORE, "frag4"), P(PING, "pongme2"),
	    P(LAST, "frag5") } },
	{ "5.20 close inside", "C1000", 3, {
	    P(TEXT_BEGIN, "frag1"), P(CLOSE, "\x03\xe8"),
	    P(LAST, "x") } },
	{ "5 empty pieces", "T2", 5, {
	    P(TEXT_BEGIN, ""), P(MORE, "a"), P(MORE, ""), P(MORE, "b"),
	    P(LAST, "") } },

	{ "6.1.1", "T0", 1, { P(TEXT, "") } },
	{ "6.1.2", "T0", 3, { P(TEXT_BEGIN, ""), P(MORE, ""), P(LAST, "") } },
	{ "6.1.3", "T12", 3, {
	    P(TEXT_BEGIN, ""), P(MORE, "middle frame"), P(LAST, "") } },
	{ "6.2.1", "T21", 1, { P(TEXT, HELLO) } },
	{ "6.2.2", "T21", 2, {
	    P(TEXT_BEGIN, "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4"),
	    P(LAST, "\xc3\xbc\xc3\xa0\xc3\xa1") } },
	{ "6.2.3", "T5", 5, {
	    P(TEXT_BEGIN, "H"), P(MORE, "\xc3"), P(MORE, "\xa9"),
	    P(MORE, "l"), P(LAST, "o") } },
	{ "6.2.4", "T11", 1, { P(TEXT, GREEK) } },
	{ "6.3.1", "X1007", 1, { P(TEXT, GREEK "\xed\xa0\x80" "edited") } },
	{ "6.3.2", "X1007", 3, {
	    P(TEXT_BEGIN, GREEK), P(MORE, "\xed\xa0\x80"),
	    P(LAST, "edited") } },
	{ "6.4.1", "X1007", 2, {
	    P(TEXT_BEGIN, GREEK "\xf4"), P(MORE, "\x90") } },
	{ "6.4.2", "X1007", 2, {
	    P(TEXT_BEGIN, GREEK "\xf4\x90"), P(MORE, "\x80\x80") } },
	{ "6.5.1", "T11", 1, { P(TEXT, GREEK) } },
	{ "6.6.1", "X1007", 1, { P(TEXT, "\xce") } },
	{ "6.6.2", "T2", 1, { P(TEXT, "\xce\xba") } },
	{ "6.6.3", "X1007", 1, { P(TEXT, "\xce\xba\xe1") } },
	{ "6.6.4", "X1007", 1, { P(TEXT, "\xce\xba\xe1\xbd") } },
	{ "6.6.5", "T5", 1, { P(TEXT, "\xce\xba\xe1\xbd\xb9") } },
	{ "6.6.11", "T11", 1, { P(TEXT, GREEK) } },
	{ "6.7.1", "T1", 1, { P(TEXT, "\0") } },
	{ "6.7.2", "T2", 1, { P(TEXT, "\xc2\x80") } },
	{ "6.7.3", "T3", 1, { P(TEXT, "\xe0\xa0\x80") } },
	{ "6.7.4", "T4", 1, { P(TEXT, "\xf0\x90\x80\x80") } },
	{ "6.8.1", "X1007", 1, { P(TEXT, "\xf8\x88\x80\x80\x80") } },
	{ "6.8.2", "X1007", 1, { P(TEXT, "\xfc\x84\x80\x80\x80\x80") } },
	{ "6.9.1", "T1", 1, { P(TEXT, "\x7f") } },
	{ "6.9.2", "T2", 1, { P(TEXT, "\xdf\xbf") } },
	{ "6.9.3", "T3", 1, { P(TEXT, "\xef\xbf\xbf") } },
	{ "6.9.4", "T4", 1, { P(TEXT, "\xf4\x8f\xbf\xbf") } },
	{ "6.10.1", "X1007", 1, { P(TEXT, "\xf7\xbf\xbf\xbf") } },
	{ "6.10.2", "X1007", 1, { P(TEXT, "\xfb\xbf\xbf\xbf\xbf") } },
	{ "6.10.3", "X1007", 1, { P(TEXT, "\xfd\xbf\xbf\xbf\xbf\xbf") } },
	{ "6.11.1", "T3", 1, { P(TEXT, "\xed\x9f\xbf") } },
	{ "6.11.2", "T3", 1, { P(TEXT, "\xee\x80\x80") } },
	{ "6.11.3", "T3", 1, { P(TEXT, "\xef\xbf\xbd") } },
	{ "6.11.5", "X1007", 1, { P(TEXT, "\xf4\x90\x80\x80") } },
	{ "6.12.1", "X1007", 1, { P(TEXT, "\x80") } },
	{ "6.12.2", "X1007", 1, { P(TEXT, "\xbf") } },
	{ "6.12.3", "X1007", 1, { P(TEXT, "\x80\xbf") } },
	{ "6.12.8", "X1007", 1, { P(TEXT, "\x80\xbf\x80\xbf\x80\xbf\xbe") } },
	{ "6.13.1", "X1007", 1, { P(TEXT, "\xc0 \xc1 \xc2 \xc3 ") } },
	{ "6.13.2", "X1007", 1, { P(TEXT, "\xe0 \xe1 \xe2 ") } },
	{ "6.13.3", "X1007", 1, { P(TEXT, "\xf0 \xf1 \xf2 ") } },
	{ "6.13.4", "X1007", 1, { P(TEXT, "\xf8 \xf9 ") } },
	{ "6.13.5", "X1007", 1, { P(TEXT, "\xfc ") } },
	{ "6.14.1", "X1007", 1, { P(TEXT, "\xc0") } },
	{ "6.14.2", "X1007", 1, { P(TEXT, "\xe0\x80") } },
	{ "6.14.3", "X1007", 1, { P(TEXT, "\xf0\x80\x80") } },
	{ "6.14.6", "X1007", 1, { P(TEXT, "\xdf") } },
	{ "6.14.7", "X1007", 1, { P(TEXT, "\xef\xbf") } },
	{ "6.14.8", "X1007", 1, { P(TEXT, "\xf7\xbf\xbf") } },
	{ "6.15.1", "X1007", 1, { P(TEXT, "\xc0\xe0\x80\xf0\x80\x80") } },
	{ "6.16.1", "X1007", 1, { P(TEXT, "\xfe") } },
	{ "6.16.2", "X1007", 1, { P(TEXT, "\xff") } },
	{ "6.16.3", "X1007", 1, { P(TEXT, "\xfe\xfe\xff\xff") } },
	{ "6.17.1", "X1007", 1, { P(TEXT, "\xc0\xaf") } },
	{ "6.17.2", "X1007", 1, { P(TEXT, "\xe0\x80\xaf") } },
	{ "6.17.3", "X1007", 1, { P(TEXT, "\xf0\x80\x80\xaf") } },
	{ "6.18.1", "X1007", 1, { P(TEXT, "\xc1\xbf") } },
	{ "6.18.2", "X1007", 1, { P(TEXT, "\xe0\x9f\xbf") } },
	{ "6.18.3", "X1007", 1, { P(TEXT, "\xf0\x8f\xbf\xbf") } },
	{ "6.19.1", "X1007", 1, { P(TEXT, "\xc0\x80") } },
	{ "6.19.2", "X1007", 1, { P(TEXT, "\xe0\x80\x80") } },
	{ "6.20.1", "X1007", 1, { P(TEXT, "\xed\xa0\x80") } },
	{ "6.20.2", "X1007", 1, { P(TEXT, "\xed\xad\xbf") } },
	{ "6.20.7", "X1007", 1, { P(TEXT, "\xed\xbf\xbf") } },
	{ "6.21.1", "X1007", 1, { P(TEXT, "\xed\xa0\x80\xed\xb0\x80") } },
	{ "6.21.8", "X1007", 1, { P(TEXT, "\xed\xaf\xbf\xed\xbf\xbf") } },
	{ "6.22.1", "T3", 1, { P(TEXT, "\xef\xbf\xbe") } },
	{ "6.22.2", "T3", 1, { P(TEXT, "\xef\xbf\xbf") } },
	{ "6.22.3", "T4", 1, { P(TEXT, "\xf0\x9f\xbf\xbe") } },
	{ "6.22.34", "T4", 1, { P(TEXT, "\xf4\x8f\xbf\xbf") } },
	{ "6.23.1", "T3", 1, { P(TEXT, "\xef\xbf\xb9") } },
	{ "6.23.7", "T3", 1, { P(TEXT, "\xef\xbf\xbf") } },
	{ "6 cut by a ping", "P1 T2", 3, {
	    P(TEXT_BEGIN, "\xc3"), P(PING, "\xff"), P(LAST, "\xa9") } },
	{ "6 ends inside", "X1007", 2, {
	    P(TEXT_BEGIN, "a\xc3"), P(LAST, "") } },
	{ "6 binary is not checked", "B2", 1, { P(BINARY, "\xff\xfe") } },

	{ "7.1.1", "T5 C1000", 2, {
	    P(TEXT, "hello"), P(CLOSE, "\x03\xe8") } },
	{ "7.1.2", "C1000", 2, {
	    P(CLOSE, "\x03\xe8"), P(CLOSE, "\x03\xe8") } },
	{ "7.1.3", "C1000", 2, { P(CLOSE, "\x03\xe8"), P(PING, "") } },
	{ "7.1.4", "C1000", 2, { P(CLOSE, "\x03\xe8"), P(TEXT, "x") } },
	{ "7.3.1", "C1005", 1, { P(CLOSE, "") } },
	{ "7.3.2", "X1002", 1, { P(CLOSE, "a") } },
	{ "7.3.3", "C1000", 1, { P(CLOSE, "\x03\xe8") } },
	{ "7.3.4", "C1000", 1, { P(CLOSE, "\x03\xe8" "Hello World!") } },
		{ "7.3.6", "X1002", 1, { N(CLOSE, 126, '*') } },
	{ "7.5.1", "X1007", 1, {
	    P(CLOSE, "\x03\xe8" GREEK "\xed\xa0\x80" "edited") } },
	{ "7.7.1", "C1000", 1, { P(CLOSE, "\x03\xe8") } },
	{ "7.7.2", "C1001", 1, { P(CLOSE, "\x03\xe9") } },
	{ "7.7.3", "C1002", 1, { P(CLOSE, "\x03\xea") } },
	{ "7.7.4", "C1003", 1, { P(CLOSE, "\x03\xeb") } },
	{ "7.7.5", "C1007", 1, { P(CLOSE, "\x03\xef") } },
	{ "7.7.6", "C1008", 1, { P(CLOSE, "\x03\xf0") } },
	{ "7.7.7", "C1009", 1, { P(CLOSE, "\x03\xf1") } },
	{ "7.7.8", "C1010", 1, { P(CLOSE, "\x03\xf2") } },
	{ "7.7.9", "C1011", 1, { P(CLOSE, "\x03\xf3") } },
	{ "7.7.10", "C3000", 1, { P(CLOSE, "\x0b\xb8") } },
	{ "7.7.11", "C3999", 1, { P(CLOSE, "\x0f\x9f") } },
	{ "7.7.12", "C4000", 1, { P(CLOSE, "\x0f\xa0") } },
	{ "7.7.13", "C4999", 1, { P(CLOSE, "\x13\x87") } },
	{ "7.9.1", "X1002", 1, { P(CLOSE, "\x00\x00") } },
	{ "7.9.2", "X1002", 1, { P(CLOSE, "\x03\xe7") } },
	{ "7.9.3", "X1002", 1, { P(CLOSE, "\x03\xec") } },
	{ "7.9.4", "X1002", 1, { P(CLOSE, "\x03\xed") } },
	{ "7.9.5", "X1002", 1, { P(CLOSE, "\x03\xee") } },
	{ "7.9.6", "X1002", 1, { P(CLOSE, "\x03\xf8") } },
	{ "7.9.7", "X1002", 1, { P(CLOSE, "\x04\x4c") } },
	{ "7.9.8", "X1002", 1, { P(CLOSE, "\x07\xd0") } },
	{ "7.9.9", "X1002", 1, { P(CLOSE, "\x0b\xb7") } },
	{ "7.13.1", "X1002", 1, { P(CLOSE, "\x13\x88") } },
	{ "7.13.2", "X1002", 1, { P(CLOSE, "\xff\xff") } },

	{ "unmasked", "X1002", 1, { { TEXT, "x", 1, 0, true } } },
	{ "unmasked later", "T1 X1002", 2, {
	    P(TEXT, "x"), { PING, "x", 1, 0, true } } },
};

/* Categories 12 and 13, and what must not be. */
static const struct row packed_rows[] = {
	{ "a message", "T5", 1, { P(TEXT | RSV1, DEFLATED) } },
	{ "a binary one", "B5", 1, { P(BINARY | RSV1, DEFLATED) } },
	{ "an empty one", "T0", 1, { P(TEXT | RSV1, "\x00") } },
	{ "nothing at all", "T0", 1, { P(TEXT | RSV1, "") } },
	{ "plain ones between", "T3 T5 T3 T5", 4, {
	    P(TEXT, "abc"), P(TEXT | RSV1, DEFLATED), P(TEXT, "abc"),
	    P(TEXT | RSV1, DEFLATED) } },
	{ "in fragments", "T5 T1", 4, {
	    P(TEXT_BEGIN | RSV1, "\xf2\x48\xcd"), P(MORE, "\xc9\xc9"),
	    P(LAST, "\x07\x00"), P(TEXT, "x") } },
	{ "pings between", "P1 O0 T5", 5, {
	    P(TEXT_BEGIN | RSV1, "\xf2\x48\xcd"), P(PING, "x"),
	    P(MORE, "\xc9\xc9"), P(PONG, ""), P(LAST, "\x07\x00") } },
	{ "empty fragments", "T5", 4, {
	    P(TEXT_BEGIN | RSV1, ""), P(MORE, DEFLATED), P(MORE, ""),
	    P(LAST, "") } },
	{ "two blocks", "T5", 1, {
	    P(TEXT | RSV1, "\xf2\x48\x05\x00\x00\x00\xff\xff"
			   "\xca\xc9\xc9\x07\x00") } },
	{ "a final block", "T5 T5", 2, {
	    P(TEXT | RSV1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
	    P(TEXT | RSV1, DEFLATED) } },
	{ "the bit on a continuation", "X1002", 2, {
	    P(TEXT_BEGIN | RSV1, "\xf2\x48\xcd"),
	    P(LAST | RSV1, "\xc9\xc9\x07\x00") } },
	{ "the bit on a continuation only", "X1002", 2, {
	    P(TEXT_BEGIN, "a"), P(LAST | RSV1, DEFLATED) } },
	{ "the bit on a ping", "X1002", 1, { P(PING | RSV1, "x") } },
	{ "the bit on a pong", "X1002", 1, { P(PONG | RSV1, "x") } },
	{ "the bit on a close", "X1002", 1, { P(CLOSE | RSV1, "\x03\xe8") } },
	{ "the second bit", "X1002", 1, { P(TEXT | 0x20, "x") } },
	{ "the third bit", "X1002", 1, { P(TEXT | RSV1 | 0x10, DEFLATED) } },
	{ "no deflated data", "X1007", 1, { P(TEXT | RSV1, "\xff\xff\xff") } },
	{ "a truncated message", "X1007", 1, {
	    P(TEXT | RSV1, "\xf2\x48\xcd") } },
	{ "not UTF-8", "X1007", 1, {
	    P(TEXT | RSV1, "\x00\x02\x00\xfd\xff\xc3\x28\x00") } },
	{ "ends inside a character", "X1007", 1, {
	    P(TEXT | RSV1, "\x00\x01\x00\xfe\xff\xc3\x00") } },
	{ "not UTF-8 in binary", "B2", 1, {
	    P(BINARY | RSV1, "\x00\x02\x00\xfd\xff\xc3\x28\x00") } },
	{ "a window from before", "T5 X1007", 2, {
	    P(TEXT | RSV1, DEFLATED),
	    P(TEXT | RSV1, "\xf2\x00\x11\x00\x00") } },
};
/* clang-format on */

static void
words_check(const struct row *row, const struct base_buf *bytes, size_t piece,
    struct push_deflate *deflate)
{
	char *words = frames_feed(bytes, piece, LIMIT, deflate, NULL);

	if (strcmp(words, row->want) != 0) {
		printf("\n  case %s in pieces of %zu: %s, want %s ", row->id,
		    piece, words, row->want);
		CU_FAIL("case");
	}
	base_free(words);
}

static void
rows_check(const struct row *row, size_t count, struct push_deflate *deflate)
{
	static const size_t pieces[] = { SIZE_MAX, 997, 7, 1 };
	struct base_buf bytes;
	size_t i, j;

	base_buf_init(&bytes);
	for (i = 0; i < count; i++) {
		base_buf_reset(&bytes);
		for (j = 0; j < row[i].count; j++)
			frame_put(&bytes, &row[i].frames[j]);
		for (j = 0; j < ARRAY_LEN(pieces); j++)
			words_check(&row[i], &bytes, pieces[j], deflate);
	}
	base_buf_fini(&bytes);
	CU_PASS("all");
}

static void
test_cases(void)
{
	rows_check(rows, ARRAY_LEN(rows), NULL);
}

/* Where compression is agreed to, all else is as before but for the first
 * reserved bit of messages; and that means that they are compressed. */
static void
test_compressed(void)
{
	struct push_deflate *deflate = push_deflate_new();
	size_t i;

	rows_check(packed_rows, ARRAY_LEN(packed_rows), deflate);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].id[0] != '3')
			rows_check(&rows[i], 1, deflate);
	push_deflate_free(deflate);
}

TEST_MAIN("push_websocket_cases", { "cases", test_cases },
    { "compressed", test_compressed })
