/* SPDX-License-Identifier: ISC */
/* RFC 6455, the server's side.  Section numbers are those of the RFC. */

#include "push/websocket.h"

#include <openssl/evp.h>

#include <assert.h>
#include <string.h>
#include <strings.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_LEN 24 /* 16 bytes in base64 */

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80

/*
 * Opening handshake
 */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next element of a comma-separated list, without blanks around it.  NULL
 * at the end. */
static const char *
list_next(const char **at, size_t *len)
{
	const char *p = *at, *end;

	while (is_blank(*p) || *p == ',')
		p++;
	if (*p == '\0')
		return NULL;
	end = p + strcspn(p, ",");
	*at = end;
	while (is_blank(end[-1]))
		end--;
	*len = (size_t)(end - p);
	return p;
}

static bool
list_has(const char *list, const char *token)
{
	const char *p;
	size_t len;

	if (list == NULL)
		return false;
	while ((p = list_next(&list, &len)) != NULL)
		if (len == strlen(token) && strncasecmp(p, token, len) == 0)
			return true;
	return false;
}

static const char *
trimmed(const char *s, size_t *len)
{
	while (is_blank(*s))
		s++;
	*len = strlen(s);
	while (*len > 0 && is_blank(s[*len - 1]))
		(*len)--;
	return s;
}

static bool
key_valid(const char *key)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len;

	key = trimmed(key, &len);
	return len == KEY_LEN && strspn(key, digits) == KEY_LEN - 2 &&
	    key[KEY_LEN - 2] == '=' && key[KEY_LEN - 1] == '=';
}

enum push_ws_handshake
push_websocket_check(const char *upgrade, const char *connection,
    const char *version, const char *key)
{
	size_t len;

	if (!list_has(upgrade, "websocket") || !list_has(connection, "upgrade"))
		return PUSH_WS_HANDSHAKE_NOT_UPGRADE;
	if (version == NULL)
		return PUSH_WS_HANDSHAKE_BAD_VERSION;
	version = trimmed(version, &len);
	if (len != 2 || memcmp(version, "13", 2) != 0)
		return PUSH_WS_HANDSHAKE_BAD_VERSION;
	if (key == NULL || !key_valid(key))
		return PUSH_WS_HANDSHAKE_BAD_KEY;
	return PUSH_WS_HANDSHAKE_OK;
}

void
push_websocket_accept(const char *key, char out[PUSH_WS_ACCEPT_SIZE])
{
	unsigned char text[KEY_LEN + sizeof(GUID) - 1];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;
	size_t len;
	int done;

	key = trimmed(key, &len);
	assert(len == KEY_LEN);
	memcpy(text, key, KEY_LEN);
	memcpy(text + KEY_LEN, GUID, sizeof(GUID) - 1);
	done = EVP_Digest(
	    text, sizeof(text), digest, &digest_len, EVP_sha1(), NULL);
	assert(done == 1 && digest_len == 20);
	(void)done;
	EVP_EncodeBlock((unsigned char *)out, digest, (int)digest_len);
}

const char *
push_websocket_offered(
    const char *offered, const char *name, bool prefix, size_t *len)
{
	size_t want = strlen(name);
	const char *p;

	if (offered == NULL)
		return NULL;
	while ((p = list_next(&offered, len)) != NULL)
		if ((prefix ? *len >= want : *len == want) &&
		    memcmp(p, name, want) == 0)
			return p;
	return NULL;
}

/*
 * Decoder
 */

void
push_websocket_init(struct push_websocket *ws, uint64_t limit)
{
	memset(ws, 0, sizeof(*ws));
	ws->limit = limit;
}

void
push_websocket_fini(struct push_websocket *ws)
{
	base_buf_fini(&ws->message);
}

bool
push_websocket_idle(const struct push_websocket *ws)
{
	return ws->header_len == 0 && ws->kind == 0;
}

static enum push_ws_result
bad(struct push_ws_item *item, unsigned code, const char *why)
{
	item->code = code;
	item->why = why;
	return PUSH_WS_BAD;
}

static bool
is_control(uint8_t opcode)
{
	return (opcode & 8) != 0;
}

/* What the first two bytes already tell.  NULL if they are right. */
static const char *
header_fault(const struct push_websocket *ws)
{
	uint8_t first = ws->header[0], opcode = first & 0x0f;
	uint8_t len = ws->header[1] & 0x7f, known = 0;

	if (ws->deflate != NULL &&
	    (opcode == PUSH_WS_TEXT || opcode == PUSH_WS_BINARY))
		known = PUSH_WS_PACKED;
	if (first & RESERVED & ~known)
		return "reserved bits are set";
	if ((opcode > PUSH_WS_BINARY && opcode < PUSH_WS_CLOSE) ||
	    opcode > PUSH_WS_PONG)
		return "reserved opcode";
	if (!(ws->header[1] & MASKED))
		return "frame is not masked";
	if (is_control(opcode)) {
		if (!(first & FIN))
			return "control frame is fragmented";
		if (len > PUSH_WS_CONTROL_MAX)
			return "control frame is too long";
		if (opcode == PUSH_WS_CLOSE && len == 1)
			return "close frame with half a code";
		return NULL;
	}
	if (opcode == PUSH_WS_CONTINUATION && ws->kind == 0)
		return "continuation of nothing";
	if (opcode != PUSH_WS_CONTINUATION && ws->kind != 0)
		return "new message inside a fragmented one";
	return NULL;
}

static unsigned
header_size(uint8_t second)
{
	switch (second & 0x7f) {
	case 126:
		return 2 + 2 + 4;
	case 127:
		return 2 + 8 + 4;
	default:
		return 2 + 4;
	}
}

static uint64_t
length_read(const uint8_t *header)
{
	unsigned n = header_size(header[1]) - 6, i;
	uint64_t len = 0;

	if (n == 0)
		return header[1] & 0x7f;
	for (i = 0; i < n; i++)
		len = len << 8 | header[2 + i];
	return len;
}

/* How long a message may be as it comes.  What does not shrink is longer when it
 * is compressed: by zlib's compressBound(), for the smallest of windows. */
static uint64_t
wire_limit(const struct push_websocket *ws)
{
	bool packed =
	    ws->kind != 0 ? ws->packed : (ws->header[0] & PUSH_WS_PACKED) != 0;

	return packed ? ws->limit + ws->limit / 8 + ws->limit / 64 + 64 :
			ws->limit;
}

/* The length is known; the mask need not be. */
static enum push_ws_result
length_check(const struct push_websocket *ws, struct push_ws_item *item)
{
	unsigned size = header_size(ws->header[1]);
	uint64_t len = length_read(ws->header), limit = wire_limit(ws);

	if (len >> 63 != 0 || (size == 8 && len < 126) ||
	    (size == 14 && len <= UINT16_MAX))
		return bad(item, 1002, "length is not minimal");
	if (!is_control(ws->header[0]) &&
	    (len > limit || ws->message.len > limit - len))
		return bad(item, 1009, "message is too long");
	return PUSH_WS_NEED_MORE;
}

/* The header is complete: begins the payload. */
static void
frame_begin(struct push_websocket *ws)
{
	unsigned size = header_size(ws->header[1]);

	ws->opcode = ws->header[0] & 0x0f;
	ws->fin = (ws->header[0] & FIN) != 0;
	ws->left = length_read(ws->header);
	ws->phase = 0;
	memcpy(ws->mask, ws->header + size - 4, 4);
	ws->in_payload = true;
	if (is_control(ws->opcode)) {
		ws->control_len = 0;
	} else if (ws->opcode != PUSH_WS_CONTINUATION) {
		ws->kind = ws->opcode;
		ws->packed = (ws->header[0] & PUSH_WS_PACKED) != 0;
		memset(&ws->utf8, 0, sizeof(ws->utf8));
	}
}

/* Takes header bytes; what is wrong is told as soon as it shows. */
static enum push_ws_result
header_take(struct push_websocket *ws, const uint8_t *bytes, size_t len,
    size_t *used, struct push_ws_item *item)
{
	const char *fault;
	unsigned size;

	while (*used < len) {
		ws->header[ws->header_len++] = bytes[(*used)++];
		if (ws->header_len == 2 && (fault = header_fault(ws)) != NULL)
			return bad(item, 1002, fault);
		if (ws->header_len < 2)
			continue;
		size = header_size(ws->header[1]);
		if (ws->header_len == size - 4 &&
		    length_check(ws, item) != PUSH_WS_NEED_MORE)
			return PUSH_WS_BAD;
		if (ws->header_len == size) {
			frame_begin(ws);
			break;
		}
	}
	return PUSH_WS_NEED_MORE;
}

/* Unmasks in place, eight bytes at a time. */
static void
unmask(struct push_websocket *ws, uint8_t *p, size_t len)
{
	uint8_t key[8];
	uint64_t wide, word;
	size_t i, n;

	for (i = 0; i < sizeof(key); i++)
		key[i] = ws->mask[(ws->phase + i) & 3];
	ws->phase = (uint8_t)((ws->phase + len) & 3);
	memcpy(&wide, key, sizeof(wide));
	for (n = len / 8; n > 0; n--, p += 8) {
		memcpy(&word, p, sizeof(word));
		word ^= wide;
		memcpy(p, &word, sizeof(word));
	}
	for (i = 0; i < len % 8; i++)
		p[i] ^= key[i];
}

static void
frame_end(struct push_websocket *ws)
{
	ws->in_payload = false;
	ws->header_len = 0;
}

static enum push_ws_result
close_end(struct push_websocket *ws, struct push_ws_item *item)
{
	const uint8_t *p = (const uint8_t *)ws->control;

	item->code = 1005;
	item->len = 0;
	if (ws->control_len == 0)
		return PUSH_WS_GOT;
	item->code = (unsigned)p[0] << 8 | p[1];
	item->data = ws->control + 2;
	item->len = ws->control_len - 2U;
	if (!push_websocket_code_valid(item->code))
		return bad(item, 1002, "invalid close code");
	if (!base_utf8_valid(item->data, item->len))
		return bad(item, 1007, "close reason is not UTF-8");
	return PUSH_WS_GOT;
}

static enum push_ws_result
control_take(struct push_websocket *ws, uint8_t *bytes, size_t n,
    struct push_ws_item *item)
{
	unmask(ws, bytes, n);
	memcpy(ws->control + ws->control_len, bytes, n);
	ws->control_len = (uint8_t)(ws->control_len + n);
	if (ws->left > 0)
		return PUSH_WS_NEED_MORE;
	frame_end(ws);
	item->opcode = ws->opcode;
	item->data = ws->control;
	item->len = ws->control_len;
	return ws->opcode == PUSH_WS_CLOSE ? close_end(ws, item) : PUSH_WS_GOT;
}

/* The message in the item is complete, but still compressed. */
static enum push_ws_result
message_unpack(struct push_websocket *ws, struct push_ws_item *item)
{
	struct push_deflate_input in = { item->data, item->len, ws->limit,
		ws->kind == PUSH_WS_TEXT };
	const struct base_buf *out;
	unsigned code = push_deflate_unpack(ws->deflate, &in, &out);

	if (code == 1009)
		return bad(item, code, "message is too long");
	if (code != 0)
		return bad(item, code, "message is not deflated text");
	item->data = out->data;
	item->len = out->len;
	return PUSH_WS_GOT;
}

/* Payload of a message.  One that lies whole in the input is handed out where
 * it lies; others are gathered. */
static enum push_ws_result
data_take(struct push_websocket *ws, uint8_t *bytes, size_t n,
    struct push_ws_item *item)
{
	bool complete = ws->left == 0 && ws->fin;

	unmask(ws, bytes, n);
	if (ws->kind == PUSH_WS_TEXT && !ws->packed) {
		if (base_utf8_feed(&ws->utf8, bytes, n) == BASE_UTF8_BAD ||
		    (complete && ws->utf8.need > 0))
			return bad(item, 1007, "text is not UTF-8");
	}
	item->data = (const char *)bytes;
	item->len = n;
	if (ws->message.len > 0 || !complete) {
		base_buf_append(&ws->message, bytes, n);
		item->data = base_buf_str(&ws->message);
		item->len = ws->message.len;
	}
	if (ws->left == 0)
		frame_end(ws);
	if (!complete)
		return PUSH_WS_NEED_MORE;
	if (ws->packed && message_unpack(ws, item) == PUSH_WS_BAD)
		return PUSH_WS_BAD;
	item->opcode = ws->kind;
	ws->kind = 0;
	ws->handed = true;
	return PUSH_WS_GOT;
}

enum push_ws_result
push_websocket_feed(struct push_websocket *ws, uint8_t *bytes, size_t len,
    size_t *used, struct push_ws_item *item)
{
	enum push_ws_result result;
	uint8_t *at;
	size_t n;

	*used = 0;
	if (ws->handed) {
		base_buf_reset(&ws->message);
		ws->handed = false;
	}
	for (;;) {
		if (!ws->in_payload) {
			result = header_take(ws, bytes, len, used, item);
			if (result != PUSH_WS_NEED_MORE || !ws->in_payload)
				return result;
		}
		n = len - *used;
		if (n > ws->left)
			n = (size_t)ws->left;
		if (n == 0 && ws->left > 0)
			return PUSH_WS_NEED_MORE;
		at = bytes + *used;
		*used += n;
		ws->left -= n;
		if (is_control(ws->opcode))
			result = control_take(ws, at, n, item);
		else
			result = data_take(ws, at, n, item);
		if (result != PUSH_WS_NEED_MORE)
			return result;
	}
}

/*
 * Encoder
 */

unsigned
push_websocket_header(
    uint8_t out[PUSH_WS_HEADER_MAX], enum push_ws_opcode opcode, uint64_t len)
{
	unsigned i;

	out[0] = (uint8_t)(FIN | opcode);
	if (len < 126) {
		out[1] = (uint8_t)len;
		return 2;
	}
	if (len <= UINT16_MAX) {
		out[1] = 126;
		out[2] = (uint8_t)(len >> 8);
		out[3] = (uint8_t)len;
		return 4;
	}
	out[1] = 127;
	for (i = 0; i < 8; i++)
		out[2 + i] = (uint8_t)(len >> (56 - 8 * i));
	return 10;
}

bool
push_websocket_code_valid(unsigned code)
{
	return (code >= 1000 && code <= 1003) ||
	    (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* At most `max` bytes of valid UTF-8 without cutting a character. */
static size_t
text_cut(const char *s, size_t max)
{
	size_t len = strlen(s);

	if (len <= max)
		return len;
	for (len = max; len > 0 && (s[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

unsigned
push_websocket_close(
    uint8_t out[PUSH_WS_CLOSE_SIZE], unsigned code, const char *why)
{
	size_t len = 0;

	if (code == 1005) {
		push_websocket_header(out, PUSH_WS_CLOSE, 0);
		return 2;
	}
	if (why != NULL)
		len = text_cut(why, PUSH_WS_REASON_MAX);
	push_websocket_header(out, PUSH_WS_CLOSE, 2 + len);
	out[2] = (uint8_t)(code >> 8);
	out[3] = (uint8_t)code;
	if (len > 0)
		memcpy(out + 4, why, len);
	return (unsigned)(4 + len);
}
