/* SPDX-License-Identifier: ISC */
/*
 * RFC 6455 case by case, numbered after the Autobahn test suite's categories 1
 * to 7, 9 and 10.  Each case is fed whole, in pieces of seven bytes and byte
 * by byte, and must give the same.
 *
 * What comes out is written as words: T5 a text message of five bytes, B a
 * binary one, P a ping, O a pong, C1000 a close, X1002 a failure.
 */

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "push/websocket.h"
#include "tests/unit/harness.h"

#define FIN 0x80
#define TEXT 0x81
#define BINARY 0x82
#define CLOSE 0x88
#define PING 0x89
#define PONG 0x8a
#define TEXT_BEGIN 0x01
#define BINARY_BEGIN 0x02
#define MORE 0x00
#define LAST 0x80

#define LIMIT (16u << 20)

struct frame {
	uint8_t first;	  /* FIN, reserved bits, opcode */
	const char *text; /* NULL: `len` times `fill` */
	size_t len;
	char fill;
	bool unmasked;
};

struct row {
	const char *id;
	const char *want;
	unsigned count;
	struct frame frames[12];
};

/* clang-format off */
#define S(bytes) bytes, sizeof(bytes) - 1
#define P(first, bytes) { first, S(bytes), 0, false }
#define N(first, len, fill) { first, NULL, len, fill, false }
#define HELLO "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1"
#define GREEK "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"

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

#define RSV1 0x40
#define DEFLATED "\xf2\x48\xcd\xc9\xc9\x07\x00" /* Hello */

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

/* Appends one frame as a client sends it. */
static void
frame_put(struct base_buf *out, const struct frame *f)
{
	static const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	size_t len = f->len, i;
	uint8_t head[PUSH_WS_HEADER_MAX];
	unsigned n = push_websocket_header(head, PUSH_WS_TEXT, len);

	head[0] = f->first;
	if (!f->unmasked)
		head[1] |= 0x80;
	base_buf_append(out, head, n);
	if (!f->unmasked)
		base_buf_append(out, mask, 4);
	for (i = 0; i < len; i++) {
		char c = f->text != NULL ? f->text[i] : f->fill;

		if (!f->unmasked)
			c = (char)(c ^ (char)mask[i % 4]);
		base_buf_append_char(out, c);
	}
}

/* Notes what came; false when the connection is over. */
static bool
result_note(struct base_buf *words, enum push_ws_result result,
    const struct push_ws_item *item)
{
	static const char letters[] = "?TB?????CPO";

	if (words->len > 0)
		base_buf_append_char(words, ' ');
	if (result == PUSH_WS_BAD)
		base_buf_printf(words, "X%u", item->code);
	else if (item->opcode == PUSH_WS_CLOSE)
		base_buf_printf(words, "C%u", item->code);
	else
		base_buf_printf(
		    words, "%c%zu", letters[item->opcode], item->len);
	return result == PUSH_WS_GOT && item->opcode != PUSH_WS_CLOSE;
}

static struct push_deflate *deflate; /* if agreed to */

/* Feeds `bytes` in pieces; the words are the caller's to free.  `content`, if
 * not NULL, collects the payloads of messages. */
static char *
feed_all(const struct base_buf *bytes, size_t piece, uint64_t limit,
    struct base_buf *content)
{
	struct push_websocket ws;
	struct push_ws_item item;
	struct base_buf words;
	enum push_ws_result result;
	size_t at, n, used, done;
	bool open = true;

	base_buf_init(&words);
	push_websocket_init(&ws, limit);
	ws.deflate = deflate;
	for (at = 0; open && at < bytes->len; at += n) {
		uint8_t *copy;

		n = bytes->len - at < piece ? bytes->len - at : piece;
		/* An exact copy, so that reading behind it is noticed. */
		copy = base_alloc(n);
		memcpy(copy, bytes->data + at, n);
		for (done = 0; open && done < n; done += used) {
			result = push_websocket_feed(
			    &ws, copy + done, n - done, &used, &item);
			if (result == PUSH_WS_NEED_MORE) {
				CU_ASSERT(done + used == n);
				continue;
			}
			open = result_note(&words, result, &item);
			if (open && content != NULL &&
			    item.opcode <= PUSH_WS_BINARY)
				base_buf_append(content, item.data, item.len);
		}
		base_free(copy);
	}
	if (open)
		CU_ASSERT(push_websocket_idle(&ws));
	push_websocket_fini(&ws);
	return base_buf_take(&words);
}

static void
words_check(const struct row *row, const struct base_buf *bytes, size_t piece)
{
	char *words = feed_all(bytes, piece, LIMIT, NULL);

	if (strcmp(words, row->want) != 0) {
		printf("\n  case %s in pieces of %zu: %s, want %s ", row->id,
		    piece, words, row->want);
		CU_FAIL("case");
	}
	base_free(words);
}

static void
rows_check(const struct row *row, size_t count)
{
	static const size_t pieces[] = { SIZE_MAX, 997, 7, 1 };
	struct base_buf bytes;
	size_t i, j;

	base_buf_init(&bytes);
	for (i = 0; i < count; i++) {
		base_buf_reset(&bytes);
		for (j = 0; j < row[i].count; j++)
			frame_put(&bytes, &row[i].frames[j]);
		for (j = 0; j < 4; j++)
			words_check(&row[i], &bytes, pieces[j]);
	}
	base_buf_fini(&bytes);
	CU_PASS("all");
}

static void
test_cases(void)
{
	rows_check(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Where compression is agreed to, all else is as before but for the first
 * reserved bit of messages; and that means that they are compressed. */
static void
test_compressed(void)
{
	size_t i;

	deflate = push_deflate_new();
	rows_check(packed_rows, sizeof(packed_rows) / sizeof(packed_rows[0]));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].id[0] != '3')
			rows_check(&rows[i], 1);
	push_deflate_free(deflate);
	deflate = NULL;
}

/* Category 9: large messages, whole and in fragments. */
static void
test_large(void)
{
	static const size_t fragments[] = { 4096, 65536, 1 << 20 };
	struct base_buf bytes, content;
	size_t i, at, total = 4u << 20;
	char *words;

	base_buf_init(&bytes);
	base_buf_init(&content);
	for (i = 0; i < 3; i++) {
		base_buf_reset(&bytes);
		base_buf_reset(&content);
		for (at = 0; at < total; at += fragments[i]) {
			struct frame f = { .len = fragments[i], .fill = 'a' };

			f.first = at == 0 ? TEXT_BEGIN : MORE;
			if (at + fragments[i] >= total)
				f.first |= FIN;
			f.fill = (char)('a' + at / fragments[i] % 26);
			frame_put(&bytes, &f);
		}
		words = feed_all(&bytes, 65536, LIMIT, &content);
		CU_ASSERT_STRING_EQUAL(words, "T4194304");
		CU_ASSERT(content.len == total);
		CU_ASSERT(content.data[0] == 'a');
		CU_ASSERT(content.data[fragments[i]] == 'b');
		base_free(words);
	}
	base_buf_fini(&bytes);
	base_buf_fini(&content);
}

/* Category 10: 65,536 bytes in fragments of 1,300. */
static void
test_auto_fragments(void)
{
	struct base_buf bytes;
	size_t at, n, total = 65536;
	char *words;

	base_buf_init(&bytes);
	for (at = 0; at < total; at += n) {
		struct frame f = { .fill = '*' };

		n = total - at < 1300 ? total - at : 1300;
		f.len = n;
		f.first = at == 0 ? TEXT_BEGIN : MORE;
		if (at + n == total)
			f.first |= FIN;
		frame_put(&bytes, &f);
	}
	words = feed_all(&bytes, SIZE_MAX, LIMIT, NULL);
	CU_ASSERT_STRING_EQUAL(words, "T65536");
	base_free(words);
	base_buf_fini(&bytes);
}

static void
limit_check(const struct frame *frames, unsigned count, uint64_t limit,
    const char *want)
{
	struct base_buf bytes;
	char *words;
	unsigned i;

	base_buf_init(&bytes);
	for (i = 0; i < count; i++)
		frame_put(&bytes, &frames[i]);
	words = feed_all(&bytes, SIZE_MAX, limit, NULL);
	CU_ASSERT_STRING_EQUAL(words, want);
	base_free(words);
	words = feed_all(&bytes, 1, limit, NULL);
	CU_ASSERT_STRING_EQUAL(words, want);
	base_free(words);
	base_buf_fini(&bytes);
}

static void
test_limit(void)
{
	const struct frame whole[] = { { TEXT, NULL, 100, 'x', false } };
	const struct frame parts[] = { { TEXT_BEGIN, NULL, 60, 'x', false },
		{ PING, NULL, 100, 'p', false },
		{ LAST, NULL, 40, 'x', false } };
	/* Forty times the letter x. */
	const struct frame squeezed =
	    P(TEXT | RSV1, "\xaa\xa8\x20\x0e\x00\x00");

	limit_check(whole, 1, 100, "T100");
	limit_check(whole, 1, 99, "X1009");
	limit_check(parts, 3, 100, "P100 T100");
	limit_check(parts, 3, 99, "P100 X1009");
	deflate = push_deflate_new();
	limit_check(&packed_rows[0].frames[0], 1, 7, "T5");
	limit_check(&packed_rows[0].frames[0], 1, 6, "X1009"); /* as it is */
	limit_check(&squeezed, 1, 40, "T40");
	limit_check(&squeezed, 1, 39, "X1009");
	push_deflate_free(deflate);
	deflate = NULL;
}

static enum push_ws_result
feed_raw(const char *bytes, size_t len, struct push_ws_item *item, size_t *used)
{
	struct push_websocket ws;
	enum push_ws_result result;
	uint8_t copy[64];

	memcpy(copy, bytes, len);
	push_websocket_init(&ws, 65536);
	result = push_websocket_feed(&ws, copy, len, used, item);
	push_websocket_fini(&ws);
	return result;
}

/* A frame that announces too much fails by its header, and one whose length is
 * written too long, or negative, by the rule. */
static void
test_lengths(void)
{
	struct push_ws_item item;
	size_t used;

	CU_ASSERT(feed_raw(S("\x81\xff\0\0\0\0\0\x01\0\x01\x01\x02\x03\x04"),
		      &item, &used) == PUSH_WS_BAD);
	CU_ASSERT(item.code == 1009);
	CU_ASSERT(feed_raw(S("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
			     "\x01\x02\x03\x04"),
		      &item, &used) == PUSH_WS_BAD);
	CU_ASSERT(item.code == 1009);
	CU_ASSERT(feed_raw(S("\x81\xff\x80\0\0\0\0\0\0\0\x01\x02\x03\x04"),
		      &item, &used) == PUSH_WS_BAD);
	CU_ASSERT(item.code == 1002);
	CU_ASSERT(feed_raw(S("\x81\xfe\0\x7d\x01\x02\x03\x04"), &item, &used) ==
	    PUSH_WS_BAD);
	CU_ASSERT(item.code == 1002);
	CU_ASSERT(feed_raw(S("\x81\xff\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04"),
		      &item, &used) == PUSH_WS_BAD);
	CU_ASSERT(item.code == 1002);
}

/* 6.4.3 and 6.4.4: bad text fails with its first bad byte, in the middle of a
 * frame that is still coming; a bad header fails with its second, or with its
 * length. */
static void
test_fail_fast(void)
{
	struct push_ws_item item;
	struct base_buf bytes;
	const struct frame f = { TEXT,
		S(GREEK "\xf4\x90\x80\x80"
			"edited"),
		0, false };
	size_t used, bad = 6 + sizeof(GREEK) - 1 + 1;

	base_buf_init(&bytes);
	frame_put(&bytes, &f);
	CU_ASSERT(feed_raw(bytes.data, bad, &item, &used) == PUSH_WS_NEED_MORE);
	CU_ASSERT(feed_raw(bytes.data, bad + 1, &item, &used) == PUSH_WS_BAD);
	CU_ASSERT(item.code == 1007);
	base_buf_fini(&bytes);

	CU_ASSERT(feed_raw(S("\x83"), &item, &used) == PUSH_WS_NEED_MORE);
	CU_ASSERT(feed_raw(S("\x83\x80"), &item, &used) == PUSH_WS_BAD);
	CU_ASSERT(feed_raw(S("\x81\x05"), &item, &used) == PUSH_WS_BAD);

	/* A length needs no mask to be too much. */
	CU_ASSERT(feed_raw(S("\x81\xff\x7f\xff\xff\xff\xff\xff\xff"), &item,
		      &used) == PUSH_WS_NEED_MORE);
	CU_ASSERT(feed_raw(S("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"), &item,
		      &used) == PUSH_WS_BAD);
	CU_ASSERT(item.code == 1009);
}

/* A message that lies whole in the input is given out where it lies. */
static void
test_no_copy(void)
{
	struct push_websocket ws;
	struct push_ws_item item;
	struct base_buf bytes;
	const struct frame f = P(TEXT, "hello");
	size_t used;

	base_buf_init(&bytes);
	frame_put(&bytes, &f);
	push_websocket_init(&ws, 100);
	CU_ASSERT(push_websocket_feed(&ws, (uint8_t *)bytes.data, bytes.len,
		      &used, &item) == PUSH_WS_GOT);
	CU_ASSERT(item.data == bytes.data + 6 && item.len == 5);
	CU_ASSERT(memcmp(item.data, "hello", 5) == 0);
	CU_ASSERT(push_websocket_idle(&ws) && ws.message.data == NULL);
	push_websocket_fini(&ws);
	base_buf_fini(&bytes);
}

static void
test_handshake(void)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	char out[PUSH_WS_ACCEPT_SIZE];

	push_websocket_accept(key, out);
	CU_ASSERT_STRING_EQUAL(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	CU_ASSERT(push_websocket_check("websocket", "Upgrade", "13", key) ==
	    PUSH_WS_HANDSHAKE_OK);
	CU_ASSERT(push_websocket_check("WebSocket", "keep-alive, Upgrade",
		      " 13 ", key) == PUSH_WS_HANDSHAKE_OK);
	CU_ASSERT(push_websocket_check("h2c", "Upgrade", "13", key) ==
	    PUSH_WS_HANDSHAKE_NOT_UPGRADE);
	CU_ASSERT(push_websocket_check("websocket", "close", "13", key) ==
	    PUSH_WS_HANDSHAKE_NOT_UPGRADE);
	CU_ASSERT(push_websocket_check(NULL, NULL, NULL, NULL) ==
	    PUSH_WS_HANDSHAKE_NOT_UPGRADE);
	CU_ASSERT(push_websocket_check("websocket", "Upgrade", "8", key) ==
	    PUSH_WS_HANDSHAKE_BAD_VERSION);
	CU_ASSERT(push_websocket_check("websocket", "Upgrade", NULL, key) ==
	    PUSH_WS_HANDSHAKE_BAD_VERSION);
	CU_ASSERT(push_websocket_check("websocket", "Upgrade", "13", NULL) ==
	    PUSH_WS_HANDSHAKE_BAD_KEY);
	CU_ASSERT(push_websocket_check("websocket", "Upgrade", "13",
		      "c2hvcnQ=") == PUSH_WS_HANDSHAKE_BAD_KEY);
	CU_ASSERT(push_websocket_check("websocket", "Upgrade", "13",
		      "dGhlIHNhbXBsZSBub25jZQ=!") == PUSH_WS_HANDSHAKE_BAD_KEY);
}

static void
test_subprotocol(void)
{
	static const char list[] = " chat , parley.v1,bearer.abc.def.ghi ";
	const char *p;
	size_t len;

	p = push_websocket_offered(list, "parley.v1", false, &len);
	CU_ASSERT(p == list + 8 && len == 9);
	p = push_websocket_offered(list, "bearer.", true, &len);
	CU_ASSERT(p != NULL && len == 18 && memcmp(p, "bearer.abc", 10) == 0);
	CU_ASSERT(push_websocket_offered(list, "parley", false, &len) == NULL);
	CU_ASSERT(push_websocket_offered(NULL, "x", false, &len) == NULL);
	CU_ASSERT(push_websocket_offered(" ,, ", "x", true, &len) == NULL);
}

static void
test_frames_out(void)
{
	uint8_t out[PUSH_WS_CLOSE_SIZE];
	char why[200];
	unsigned n;

	CU_ASSERT(push_websocket_header(out, PUSH_WS_TEXT, 125) == 2);
	CU_ASSERT(push_websocket_header(out, PUSH_WS_TEXT, 126) == 4);
	CU_ASSERT(memcmp(out, "\x81\x7e\x00\x7e", 4) == 0);
	CU_ASSERT(push_websocket_header(out, PUSH_WS_TEXT, 65536) == 10);
	CU_ASSERT(memcmp(out, "\x81\x7f\0\0\0\0\0\x01\0\0", 10) == 0);

	CU_ASSERT(push_websocket_close(out, 1005, "x") == 2);
	CU_ASSERT(memcmp(out, "\x88\x00", 2) == 0);
	CU_ASSERT(push_websocket_close(out, 4408, "slow") == 8);
	CU_ASSERT(memcmp(out, "\x88\x06\x11\x38slow", 8) == 0);

	/* Cut between characters: 61 of two bytes and no half. */
	memset(why, 0, sizeof(why));
	for (n = 0; n < 80; n++)
		memcpy(why + 2 * n, "\xc3\xa9", 2);
	CU_ASSERT(push_websocket_close(out, 1000, why) == 4 + 122);
	CU_ASSERT(out[1] == 124);
}

TEST_MAIN("push_websocket", { "cases", test_cases },
    { "compressed", test_compressed }, { "large", test_large },
    { "auto fragments", test_auto_fragments }, { "limit", test_limit },
    { "lengths", test_lengths }, { "fail fast", test_fail_fast },
    { "no copy", test_no_copy }, { "handshake", test_handshake },
    { "subprotocol", test_subprotocol }, { "frames out", test_frames_out })
