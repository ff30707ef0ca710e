/* SPDX-License-Identifier: ISC */
/* See frames.h. */

#include "tests/bench/frames.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (16u << 20)

enum bench_frames_status
bench_frames_websocket(const char *p, size_t n, struct bench_unit *unit)
{
	const unsigned char *u = (const unsigned char *)p;
	uint64_t len;
	size_t head = 2;

	if (n < 2)
		return BENCH_FRAMES_MORE;
	if (u[1] & 0x80)
		return BENCH_FRAMES_BAD;
	len = u[1];
	if (len == 126) {
		head = 4;
		if (n < head)
			return BENCH_FRAMES_MORE;
		len = (uint64_t)u[2] << 8 | u[3];
	} else if (len == 127) {
		head = 10;
		if (n < head)
			return BENCH_FRAMES_MORE;
		memcpy(&len, p + 2, sizeof(len));
		len = be64toh(len);
	}
	if (len > FRAME_MAX)
		return BENCH_FRAMES_BAD;
	if (n - head < len)
		return BENCH_FRAMES_MORE;
	unit->opcode = u[0] & 0x0f;
	unit->payload = p + head;
	unit->len = (size_t)len;
	unit->size = head + (size_t)len;
	return BENCH_FRAMES_OK;
}

enum bench_frames_status
bench_frames_sse(const char *p, size_t n, struct bench_unit *unit)
{
	const char *end = memmem(p, n, "\n\n", 2);

	if (end == NULL)
		return n > FRAME_MAX ? BENCH_FRAMES_BAD : BENCH_FRAMES_MORE;
	unit->payload = p;
	unit->len = (size_t)(end - p);
	unit->size = unit->len + 2;
	return BENCH_FRAMES_OK;
}

enum bench_frames_status
bench_frames_head(const char *p, size_t n, struct bench_unit *unit)
{
	const char *end = memmem(p, n, "\r\n\r\n", 4);

	if (end == NULL)
		return n > 65536 ? BENCH_FRAMES_BAD : BENCH_FRAMES_MORE;
	if (end - p < 12 || strncmp(p, "HTTP/1.", 7) != 0)
		return BENCH_FRAMES_BAD;
	unit->payload = p;
	unit->len = unit->size = (size_t)(end - p) + 4;
	unit->status = atoi(p + 9);
	return BENCH_FRAMES_OK;
}

/* The value of the header `name` (with its colon), or NULL. */
static const char *
header(const struct bench_unit *head, const char *name)
{
	const char *p = head->payload, *end = head->payload + head->len;
	size_t len = strlen(name);

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		p++;
		if ((size_t)(end - p) > len && strncasecmp(p, name, len) == 0)
			return p + len;
	}
	return NULL;
}

bool
bench_frames_head_has(const struct bench_unit *head, const char *line_start)
{
	return header(head, line_start) != NULL;
}

enum bench_frames_status
bench_frames_response(const char *p, size_t n, struct bench_unit *unit)
{
	enum bench_frames_status status = bench_frames_head(p, n, unit);
	const char *length;
	size_t body = 0;

	if (status != BENCH_FRAMES_OK)
		return status;
	if ((length = header(unit, "Content-Length:")) != NULL)
		body = strtoul(length, NULL, 10);
	else if (header(unit, "Transfer-Encoding:") != NULL)
		return BENCH_FRAMES_BAD;
	if (body > FRAME_MAX)
		return BENCH_FRAMES_BAD;
	if (n - unit->size < body)
		return BENCH_FRAMES_MORE;
	unit->last = header(unit, "Connection: close\r") != NULL;
	unit->payload = p + unit->size;
	unit->len = body;
	unit->size += body;
	return BENCH_FRAMES_OK;
}

/* One character of the line before a chunk (or of the end of the last). */
static void
chunk_line(struct bench_chunks *c, char ch)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;

	if (ch == '\n') {
		c->in_chunk = c->any && c->left > 0;
		c->any = c->digits_done = false;
		return;
	}
	digit = ch == '\0' ? NULL : strchr(digits, ch | 0x20);
	if (c->digits_done || digit == NULL) {
		c->digits_done = c->any;
		return;
	}
	c->left = (c->any ? c->left << 4 : 0) | (uint64_t)(digit - digits);
	c->any = true;
}

size_t
bench_frames_unchunk(struct bench_chunks *c, char *p, size_t n)
{
	size_t in = 0, out = 0, take;

	while (in < n) {
		if (!c->in_chunk) {
			chunk_line(c, p[in++]);
			continue;
		}
		take = n - in < c->left ? n - in : (size_t)c->left;
		memmove(p + out, p + in, take);
		in += take;
		out += take;
		c->left -= take;
		c->in_chunk = c->left > 0;
	}
	return out;
}

void
bench_frames_websocket_append(
    struct base_buf *out, int opcode, const void *payload, size_t len)
{
	static const unsigned char key[4] = { 0x5a, 0xc3, 0x17, 0x88 };
	const unsigned char *p = payload;
	size_t i;
	char *to;

	base_buf_append_char(out, (char)(0x80 | opcode));
	if (len < 126) {
		base_buf_append_char(out, (char)(0x80 | len));
	} else {
		base_buf_append_char(out, (char)(0x80 | 126));
		base_buf_append_char(out, (char)(len >> 8));
		base_buf_append_char(out, (char)len);
	}
	base_buf_append(out, key, sizeof(key));
	base_buf_reserve(out, len);
	to = out->data + out->len;
	for (i = 0; i < len; i++)
		to[i] = (char)(p[i] ^ key[i & 3]);
	base_buf_added(out, len);
}
