/* SPDX-License-Identifier: ISC */
/*
 * libFuzzer target: the decoder of push/websocket.c.  What a client sends is
 * fed whole and in pieces whose size the input's first byte gives; both must
 * see the same.  That byte also says whether messages may be compressed.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "push/websocket.h"

#define LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Notes what came and checks what the decoder promises; false when the
 * connection is over. */
static bool
note(struct base_buf *seen, enum push_ws_result result,
    const struct push_ws_item *item)
{
	if (result == PUSH_WS_BAD) {
		base_buf_printf(seen, "[bad %u]", item->code);
		return false;
	}
	if (item->opcode == PUSH_WS_TEXT &&
	    !base_utf8_valid(item->data, item->len))
		abort();
	if (item->len >
	    (item->opcode <= PUSH_WS_BINARY ? LIMIT : PUSH_WS_CONTROL_MAX))
		abort();
	base_buf_printf(seen, "[%d ", item->opcode);
	if (item->opcode == PUSH_WS_CLOSE) {
		if (item->code != 1005 &&
		    !push_websocket_code_valid(item->code))
			abort();
		base_buf_printf(seen, "%u ", item->code);
	}
	if (item->len > 0)
		base_buf_append(seen, item->data, item->len);
	base_buf_append_char(seen, ']');
	return item->opcode != PUSH_WS_CLOSE;
}

static void
read_all(const uint8_t *data, size_t size, size_t step,
    struct push_deflate *deflate, struct base_buf *seen)
{
	struct push_websocket ws;
	struct push_ws_item item;
	enum push_ws_result result;
	bool open = true;
	size_t at, n, done, used;

	push_websocket_init(&ws, LIMIT);
	ws.deflate = deflate;
	for (at = 0; open && at < size; at += n) {
		uint8_t *copy;

		n = size - at < step ? size - at : step;
		copy = base_alloc(n);
		memcpy(copy, data + at, n);
		for (done = 0; open && done < n; done += used) {
			result = push_websocket_feed(
			    &ws, copy + done, n - done, &used, &item);
			if (result == PUSH_WS_NEED_MORE && done + used < n)
				abort();
			if (result != PUSH_WS_NEED_MORE)
				open = note(seen, result, &item);
		}
		base_free(copy);
	}
	push_websocket_fini(&ws);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_buf whole, pieces;
	struct push_deflate *deflate = NULL;

	if (size < 2)
		return 0;
	if (data[0] & 0x10)
		deflate = push_deflate_new();
	base_buf_init(&whole);
	base_buf_init(&pieces);
	read_all(data + 1, size - 1, SIZE_MAX, deflate, &whole);
	read_all(data + 1, size - 1, 1 + data[0] % 16U, deflate, &pieces);
	if (whole.len != pieces.len ||
	    (whole.len > 0 && memcmp(whole.data, pieces.data, whole.len) != 0))
		abort();
	base_buf_fini(&whole);
	base_buf_fini(&pieces);
	push_deflate_free(deflate);
	return 0;
}
