/* SPDX-License-Identifier: ISC */
/*
 * RFC 6455: large and fragmented messages (categories 9 and 10 of the Autobahn
 * test suite), limits and lengths, the handshake, and frames as we send them.
 * The cases of single frames are in test_push_websocket_cases.c.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "push/websocket.h"
#include "tests/unit/harness.h"
#include "tests/unit/websocket_frames.h"

#define LIMIT (16u << 20)

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
		words = frames_feed(&bytes, 65536, LIMIT, NULL, &content);
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
	words = frames_feed(&bytes, SIZE_MAX, LIMIT, NULL, NULL);
	CU_ASSERT_STRING_EQUAL(words, "T65536");
	base_free(words);
	base_buf_fini(&bytes);
}

static void
limit_check(const struct frame *frames, unsigned count, uint64_t limit,
    struct push_deflate *deflate, const char *want)
{
	struct base_buf bytes;
	char *words;
	unsigned i;

	base_buf_init(&bytes);
	for (i = 0; i < count; i++)
		frame_put(&bytes, &frames[i]);
	words = frames_feed(&bytes, SIZE_MAX, limit, deflate, NULL);
	CU_ASSERT_STRING_EQUAL(words, want);
	base_free(words);
	words = frames_feed(&bytes, 1, limit, deflate, NULL);
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
	const struct frame packed = P(TEXT | RSV1, DEFLATED);
	/* Forty times the letter x. */
	const struct frame squeezed =
	    P(TEXT | RSV1, "\xaa\xa8\x20\x0e\x00\x00");
	const struct frame endless = { TEXT | RSV1, NULL, 200, 'x', false };
	struct push_deflate *deflate;

	limit_check(whole, 1, 100, NULL, "T100");
	limit_check(whole, 1, 99, NULL, "X1009");
	limit_check(parts, 3, 100, NULL, "P100 T100");
	limit_check(parts, 3, 99, NULL, "P100 X1009");
	deflate = push_deflate_new();
	limit_check(&packed, 1, 5, deflate, "T5"); /* of seven bytes */
	limit_check(&packed, 1, 4, deflate, "X1009");
	limit_check(&endless, 1, 40, deflate, "X1009"); /* unread */
	limit_check(&squeezed, 1, 40, deflate, "T40");
	limit_check(&squeezed, 1, 39, deflate, "X1009");
	push_deflate_free(deflate);
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

TEST_MAIN("push_websocket", { "large", test_large },
    { "auto fragments", test_auto_fragments }, { "limit", test_limit },
    { "lengths", test_lengths }, { "fail fast", test_fail_fast },
    { "no copy", test_no_copy }, { "handshake", test_handshake },
    { "subprotocol", test_subprotocol }, { "frames out", test_frames_out })
