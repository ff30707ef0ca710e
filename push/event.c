/* SPDX-License-Identifier: ISC */
/* Making events: the JSON object and both wire forms in one block. */

#include "push/event.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/recycle.h"
#include "push/sse.h"
#include "push/websocket.h"

/* Where events are put together before they are copied into a block of their
 * size. */
static struct base_buf scratch;

static struct push_event *
block_get(size_t size)
{
	struct push_event *e = base_recycle_get(size);

	memset(e, 0, sizeof(*e));
	e->refs = 1;
	e->seq = PUSH_SEQ_NONE;
	e->bytes = (uint32_t)size;
	return e;
}

uint64_t
push_topic_hash(const char *topic)
{
	return base_hash(topic, strlen(topic));
}

static void
object_write(const struct push_event_fields *f)
{
	struct base_json j;

	base_json_init(&j, &scratch);
	base_json_object_begin(&j);
	base_json_put_str(&j, "event", f->type);
	if (f->id > 0)
		base_json_put_int(&j, "id", f->id);
	if (f->topic != NULL) {
		base_json_put_str(&j, "topic", f->topic);
		base_json_put_str(&j, "origin", f->origin);
	}
	if (f->time != NULL)
		base_json_put_str(&j, "time", f->time);
	if (f->data == NULL)
		base_json_put_null(&j, "data");
	else
		base_json_put_raw(&j, "data", f->data,
		    f->data_len > 0 ? f->data_len : strlen(f->data));
	base_json_object_end(&j);
}

/* Inside strings newlines are escaped, so a bare one is white space; an SSE
 * `data:` line cannot hold it. */
static void
newlines_blank(char *p, size_t len)
{
	char *end = p + len, *at;

	for (at = p; (at = memchr(at, '\n', (size_t)(end - at))) != NULL;)
		*at = ' ';
	for (at = p; (at = memchr(at, '\r', (size_t)(end - at))) != NULL;)
		*at = ' ';
}

static size_t
text_size(const char *s)
{
	return s == NULL ? 0 : strlen(s) + 1;
}

/* Copies a string to `*at` and moves it behind. */
static const char *
text_put(char **at, const char *s)
{
	char *copy = *at;
	size_t size = text_size(s);

	if (s == NULL)
		return NULL;
	memcpy(copy, s, size);
	*at += size;
	return copy;
}

/* The wire part, after the strings: SSE prefix, WebSocket frame header, object,
 * "\n\n".  `prefix` bytes of the scratch buffer are the prefix. */
static void
wire_put(struct push_event *e, char *at, size_t prefix, const uint8_t *header)
{
	e->sse = at;
	e->sse_len = (uint32_t)prefix;
	memcpy(at, scratch.data, prefix);
	at += prefix;
	memcpy(at, header, e->ws_header_len);
	at += e->ws_header_len;
	e->json = at;
	memcpy(at, scratch.data + prefix, e->json_len);
	memcpy(at + e->json_len, "\n\n", 2);
}

struct push_event *
push_event_new(const struct push_event_fields *f)
{
	uint8_t header[PUSH_WS_HEADER_MAX];
	struct push_event *e;
	size_t prefix, len, strings, size;
	unsigned header_len;
	char *at;

	base_buf_reset(&scratch);
	push_sse_prefix(&scratch, f->id > 0 ? f->id : f->sse_id,
	    f->id > 0 || f->has_sse_id, f->retry_ms, f->type);
	prefix = scratch.len;
	object_write(f);
	len = scratch.len - prefix;
	assert(len < UINT32_MAX / 2);
	newlines_blank(scratch.data + prefix, len);
	header_len = push_websocket_header(header, PUSH_WS_TEXT, len);

	strings = text_size(f->topic) + text_size(f->type) +
	    text_size(f->origin) + text_size(f->effect_topic);
	size = sizeof(*e) + strings + scratch.len + header_len + 2;
	e = block_get(size);
	e->id = f->id;
	e->effect = (int8_t)(f->effect_topic != NULL ? f->effect : 0);
	e->skip_origin = f->skip_origin && f->origin != NULL;
	e->ephemeral = f->id == 0 && f->topic != NULL;
	e->seq = push_seq_of(f->seq);
	e->ws_header_len = (uint8_t)header_len;
	e->json_len = (uint32_t)len;
	at = (char *)(e + 1);
	e->topic = text_put(&at, f->topic);
	e->type = text_put(&at, f->type);
	e->origin = text_put(&at, f->origin);
	e->effect_topic = text_put(&at, f->effect_topic);
	wire_put(e, at, prefix, header);
	if (e->topic != NULL)
		e->topic_hash = push_topic_hash(e->topic);
	if (e->effect_topic != NULL)
		e->effect_hash = push_topic_hash(e->effect_topic);
	return e;
}

static struct push_event *
raw_new(const void *head, size_t head_len, const void *body, size_t len)
{
	struct push_event *e;
	size_t size = sizeof(*e) + head_len + len;
	char *at;

	assert(size < UINT32_MAX / 2);
	e = block_get(size);
	at = (char *)(e + 1);
	e->json = at;
	e->json_len = (uint32_t)(head_len + len);
	memcpy(at, head, head_len);
	if (len > 0)
		memcpy(at + head_len, body, len);
	return e;
}

struct push_event *
push_event_raw(const void *bytes, size_t len)
{
	return raw_new(bytes, len, NULL, 0);
}

static struct push_event *
frame_new(const void *payload, size_t len, uint8_t mark)
{
	uint8_t header[PUSH_WS_HEADER_MAX];
	unsigned n = push_websocket_header(header, PUSH_WS_TEXT, len);

	header[0] |= mark;
	return raw_new(header, n, payload, len);
}

/* The compressed frame of a text, or NULL. */
static struct push_event *
packed_new(const char *text, size_t len, struct push_deflate *deflate,
    unsigned window_bits)
{
	const struct base_buf *packed;

	if (window_bits == 0 || !push_deflate_fits(window_bits, len))
		return NULL;
	packed = push_deflate_pack(deflate, text, len);
	if (packed == NULL)
		return NULL;
	return frame_new(packed->data, packed->len, PUSH_WS_PACKED);
}

struct push_event *
push_event_text(const char *text, size_t len, struct push_deflate *deflate,
    unsigned window_bits)
{
	struct push_event *e = packed_new(text, len, deflate, window_bits);

	return e != NULL ? e : frame_new(text, len, 0);
}

struct push_event *
push_event_pack(
    struct push_event *e, struct push_deflate *deflate, unsigned window_bits)
{
	struct push_event *twin;

	if (window_bits == 0 || e->type == NULL || e->plain ||
	    !push_deflate_fits(window_bits, e->json_len))
		return push_event_ref(e);
	if (e->twin != NULL)
		return push_event_ref(e->twin);
	twin = packed_new(e->json, e->json_len, deflate, window_bits);
	if (twin == NULL) {
		e->plain = true;
		return push_event_ref(e);
	}
	twin->ephemeral = e->ephemeral;
	twin->twin = e;
	e->twin = twin;
	return twin;
}

void
push_event_keep(struct push_event *e)
{
	if (e->twin == NULL || e->kept)
		return;
	e->kept = true;
	e->bytes += push_event_ref(e->twin)->bytes;
}

bool
push_event_shuts(const struct push_event *e)
{
	return e->effect < 0 && e->effect_hash == e->topic_hash &&
	    strcmp(e->effect_topic, e->topic) == 0;
}

struct push_event *
push_event_ref(struct push_event *e)
{
	e->refs++;
	return e;
}

void
push_event_unref(struct push_event *e)
{
	uint32_t size;

	if (e == NULL)
		return;
	assert(e->refs > 0);
	if (--e->refs > 0)
		return;
	if (e->twin != NULL)
		e->twin->twin = NULL;
	size = e->bytes;
	if (e->kept) {
		size -= e->twin->bytes;
		push_event_unref(e->twin);
	}
	base_recycle_put(e, size);
}

size_t
push_event_size(const struct push_event *e, enum push_kind kind)
{
	size_t size = e->json_len;

	if (e->type == NULL || kind == PUSH_SINK)
		return size;
	if (kind == PUSH_SSE)
		return size + e->sse_len + 2;
	return size + e->ws_header_len;
}

static struct iovec
iov_make(const char *bytes, size_t len)
{
	struct iovec iov;

	memcpy(&iov.iov_base, &bytes, sizeof(bytes)); /* sheds the const */
	iov.iov_len = len;
	return iov;
}

unsigned
push_event_iov(const struct push_event *e, enum push_kind kind, size_t skip,
    struct iovec iov[2])
{
	size_t size = push_event_size(e, kind), body = e->json_len + 2;

	if (skip >= size)
		return 0;
	if (e->type == NULL || kind != PUSH_SSE) {
		iov[0] =
		    iov_make(e->json + e->json_len - size + skip, size - skip);
		return 1;
	}
	if (skip >= e->sse_len) {
		skip -= e->sse_len;
		iov[0] = iov_make(e->json + skip, body - skip);
		return 1;
	}
	iov[0] = iov_make(e->sse + skip, e->sse_len - skip);
	iov[1] = iov_make(e->json, body);
	return 2;
}
