/* SPDX-License-Identifier: ISC */
/*
 * permessage-deflate (RFC 7692), server's side.  Both sides always compress
 * each message by itself (server_no_context_takeover, client_no_context_takeover),
 * so no connection owns a window: one compressor and one decompressor serve a
 * process, and what is compressed once can be sent to many.
 */

#ifndef PUSH_DEFLATE_H
#define PUSH_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

/* Handshake. */

/*
 * Chooses from the extensions that a client offers (Sec-WebSocket-Extensions;
 * NULL: none) the first permessage-deflate whose parameters are all known,
 * unrepeated and within bounds.  Returns the bits of the window that the
 * client has for what we send, 8 to 15; 0: the extension is not used.
 * `*named`: the client named them.
 */
unsigned push_deflate_choose(const char *offered, bool *named);

/* Writes the field's value that agrees to such an offer: bits that were named
 * are named again, also when they are the most (7.1.2.1). */
void push_deflate_agree(struct base_buf *out, unsigned window_bits, bool named);

/* Messages. */

/* Its zlib streams, 160 and 40 KiB, are made when first needed. */
struct push_deflate;

MUST_USE struct push_deflate *push_deflate_new(void);
void push_deflate_free(struct push_deflate *d);

/* Whether a text of `len` bytes may be sent compressed to a client with this
 * window: none reaches farther back than its own length. */
bool push_deflate_fits(unsigned window_bits, size_t len);

/* The payload of a compressed message; NULL if the text is too short to gain
 * or does not get smaller.  Borrowed until the next call. */
const struct base_buf *push_deflate_pack(
    struct push_deflate *d, const char *text, size_t len);

/* A message as it came. */
struct push_deflate_input {
	const void *bytes;
	size_t len;
	uint64_t limit; /* of the message in bytes */
	bool text;	/* must be UTF-8 */
};

/*
 * Decompresses a whole message into `*out`, borrowed until the next call.
 * Returns 0, or the code to close with: 1007 for what is not a whole deflated
 * message or not UTF-8, 1009 as soon as there is more than the limit.
 */
MUST_USE unsigned push_deflate_unpack(struct push_deflate *d,
    const struct push_deflate_input *in, const struct base_buf **out);

#endif
