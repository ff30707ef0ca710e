/* SPDX-License-Identifier: ISC */
/*
 * The WebSocket protocol, server's side (RFC 6455): opening handshake, decoder,
 * frame heads.  Knows no socket.  A decoder holds something only between the
 * first byte of a frame and the last of a message; in between it can be thrown
 * away, so an idle connection needs none.
 */

#ifndef PUSH_WEBSOCKET_H
#define PUSH_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "push/deflate.h"

enum push_ws_opcode {
	PUSH_WS_CONTINUATION = 0,
	PUSH_WS_TEXT = 1,
	PUSH_WS_BINARY = 2,
	PUSH_WS_CLOSE = 8,
	PUSH_WS_PING = 9,
	PUSH_WS_PONG = 10,
};

#define PUSH_WS_CONTROL_MAX 125
#define PUSH_WS_REASON_MAX 123
#define PUSH_WS_HEADER_MAX 10 /* of what a server sends */

/* Opening handshake (4.2). */

enum push_ws_handshake {
	PUSH_WS_HANDSHAKE_OK,
	PUSH_WS_HANDSHAKE_NOT_UPGRADE, /* 426: no or another upgrade */
	PUSH_WS_HANDSHAKE_BAD_VERSION, /* 426, Sec-WebSocket-Version: 13 */
	PUSH_WS_HANDSHAKE_BAD_KEY,     /* 400 */
};

/* Values of the four header fields; NULL when absent. */
MUST_USE enum push_ws_handshake push_websocket_check(const char *upgrade,
    const char *connection, const char *version, const char *key);

/* Sec-WebSocket-Accept for a key that push_websocket_check() liked. */
#define PUSH_WS_ACCEPT_SIZE 29
void push_websocket_accept(const char *key, char out[PUSH_WS_ACCEPT_SIZE]);

/* Looks for a subprotocol in the list that a client offers (`offered` may be
 * NULL).  With `prefix` false the whole name must match, else its beginning.
 * Returns the name in the list, borrowed, with its length; or NULL. */
const char *push_websocket_offered(
    const char *offered, const char *name, bool prefix, size_t *len);

/* Decoder (5). */

enum push_ws_result {
	PUSH_WS_NEED_MORE, /* all bytes used, nothing complete */
	PUSH_WS_GOT,	   /* a message or control frame is in the item */
	PUSH_WS_BAD,	   /* fail the connection with item.code */
};

/* Something complete.  The bytes are borrowed until the next call, or until
 * the input is overwritten. */
struct push_ws_item {
	enum push_ws_opcode opcode; /* TEXT or BINARY for a whole message */
	const char *data;	    /* CLOSE: the reason */
	size_t len;
	unsigned code;	 /* CLOSE: its code or 1005; BAD: 1002, 1007, 1009 */
	const char *why; /* BAD: a constant */
};

/* In the caller's storage; zeroed storage with `limit` set is the start.
 * `deflate` may be set between messages. */
struct push_websocket {
	struct push_deflate *deflate; /* borrowed; NULL: not agreed on */
	uint64_t limit;		      /* longest message in bytes */
	uint64_t left;		 /* payload bytes of this frame still to come */
	struct base_buf message; /* what came of the message before */
	struct base_utf8 utf8;
	uint8_t header[14];
	uint8_t header_len; /* bytes of it that came; 0: between frames */
	uint8_t opcode;	    /* of this frame */
	uint8_t kind;	    /* of the message; 0: none under way */
	uint8_t phase;	    /* of the mask */
	bool fin;
	bool in_payload;
	bool packed; /* the message is compressed */
	bool handed; /* `message` was given out: empty it first */
	uint8_t control_len;
	uint8_t mask[4];
	char control[PUSH_WS_CONTROL_MAX];
};

void push_websocket_init(struct push_websocket *ws, uint64_t limit);
void push_websocket_fini(struct push_websocket *ws);

/* Whether nothing is under way, so that the decoder could be thrown away. */
bool push_websocket_idle(const struct push_websocket *ws);

/*
 * Takes bytes as they come, unmasking them in place; `*used` says how many of
 * them were consumed (all of them unless something is complete).  Call again
 * with the rest until NEED_MORE.  UTF-8 is checked as it arrives, so a bad
 * message fails at its first bad byte (a compressed one when it is whole), and
 * one that announces more than the limit before it is read.  After BAD or a
 * CLOSE the rest is meaningless.
 */
MUST_USE enum push_ws_result push_websocket_feed(struct push_websocket *ws,
    uint8_t *bytes, size_t len, size_t *used, struct push_ws_item *item);

/* Encoder: frames of a server are not masked. */

/* Writes the head of a final frame and returns its length: 2, 4 or 10. */
unsigned push_websocket_header(
    uint8_t out[PUSH_WS_HEADER_MAX], enum push_ws_opcode opcode, uint64_t len);

/* Set in the first byte of a head: the message is compressed. */
#define PUSH_WS_PACKED 0x40

/* Whether a close frame may carry this code (7.4). */
bool push_websocket_code_valid(unsigned code);

/* Writes a close frame and returns its length.  1005: without a code.  The
 * reason is cut at 123 bytes, between characters. */
#define PUSH_WS_CLOSE_SIZE (2 + PUSH_WS_CONTROL_MAX)
unsigned push_websocket_close(
    uint8_t out[PUSH_WS_CLOSE_SIZE], unsigned code, const char *why);

#endif
