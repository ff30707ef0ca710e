/* SPDX-License-Identifier: ISC */
/* Frames, and what the decoder makes of them: see websocket_frames.h. */

#include "tests/unit/websocket_frames.h"

#include "base/buf.h"
#include "base/mem.h"
#include "push/websocket.h"
#include "tests/unit/harness.h"

void
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

char *
frames_feed(const struct base_buf *bytes, size_t piece, uint64_t limit,
    struct push_deflate *deflate, struct base_buf *content)
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
