/* SPDX-License-Identifier: ISC */
/*
 * Frames as a client sends them, for the tests of push/websocket.c, and what the
 * decoder makes of them.  That is written as words: T5 a text message of five
 * bytes, B a binary one, P a ping, O a pong, C1000 a close, X1002 a failure.
 */
#ifndef TESTS_UNIT_WEBSOCKET_FRAMES_H
#define TESTS_UNIT_WEBSOCKET_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct base_buf;
struct push_deflate;

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
#define RSV1 0x40

struct frame {
	uint8_t first;	  /* FIN, reserved bits, opcode */
	const char *text; /* NULL: `len` times `fill` */
	size_t len;
	char fill;
	bool unmasked;
};

/* clang-format off */
#define S(bytes) bytes, sizeof(bytes) - 1
#define P(first, bytes) { first, S(bytes), 0, false }
#define N(first, len, fill) { first, NULL, len, fill, false }
#define GREEK "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"
#define DEFLATED "\xf2\x48\xcd\xc9\xc9\x07\x00" /* Hello */
/* clang-format on */

/* Appends one frame. */
void frame_put(struct base_buf *out, const struct frame *f);

/* Feeds `bytes` in pieces of `piece` to a decoder that takes messages of up to
 * `limit` bytes; the words are the caller's to free.  `deflate`: if compression
 * is agreed to, else NULL.  `content`, if not NULL, collects the payloads of
 * messages. */
char *frames_feed(const struct base_buf *bytes, size_t piece, uint64_t limit,
    struct push_deflate *deflate, struct base_buf *content);

#endif
