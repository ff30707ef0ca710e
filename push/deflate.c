/* SPDX-License-Identifier: ISC */
/* RFC 7692.  Section numbers are those of the RFC. */

#include "push/deflate.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/utf8.h"

#define NAME "permessage-deflate"
#define BITS_MIN 8
#define BITS_MAX 15
#define WINDOW ((size_t)1 << BITS_MAX)

/* Shorter ones gain little: tests/unit/test_push_deflate.c has figures. */
#define TEXT_MIN 128
#define LEVEL 2	 /* on a page of messages 5 takes twice as long for 1 % */
#define MEMORY 6 /* 32 KiB of hashes; more only takes longer to clear */

#define PIECE 8192		 /* of output between two looks at it */
#define FINALS_MAX 8		 /* final blocks in a message; one is rare */
#define KEPT (size_t)(256 << 10) /* of a buffer, to the next message */

/* Every message ends in this, which is not sent (7.2.1). */
static const uint8_t tail[4] = { 0x00, 0x00, 0xff, 0xff };

struct push_deflate {
	z_stream packer;
	z_stream unpacker;
	bool packs; /* the streams are made */
	bool unpacks;
	struct base_buf packed;
	struct base_buf unpacked;
};

/*
 * Handshake: extension-list of RFC 6455, 9.1.
 */

struct slice {
	const char *text;
	size_t len;
};

/* An offer being read. */
struct offer {
	bool declined;
	bool bits_named; /* server_max_window_bits was there */
	unsigned seen;	 /* parameters, as bits */
	unsigned window_bits;
};

enum param_value {
	VALUE_NONE,
	VALUE_MAYBE,
	VALUE_BITS
};

static const struct {
	const char *name;
	enum param_value value;
} params[] = {
	{ "server_no_context_takeover", VALUE_NONE },
	{ "client_no_context_takeover", VALUE_NONE },
	{ "client_max_window_bits", VALUE_MAYBE },
	{ "server_max_window_bits", VALUE_BITS },
};

static const char *
blanks_skip(const char *at)
{
	return at + strspn(at, " \t");
}

/* Moves behind `c`, if that comes next. */
static bool
take(const char **at, char c)
{
	const char *p = blanks_skip(*at);

	if (*p != c)
		return false;
	*at = p + 1;
	return true;
}

static bool
take_token(const char **at, struct slice *out)
{
	static const char letters[] = "!#$%&'*+-.^_`|~0123456789"
				      "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	out->text = blanks_skip(*at);
	out->len = strspn(out->text, letters);
	*at = out->text + out->len;
	return out->len > 0;
}

/* A value, in quotes or not; what is quoted must be a token too, and none of
 * those that we know has a character to be escaped. */
static bool
take_value(const char **at, struct slice *out)
{
	if (!take(at, '"'))
		return take_token(at, out);
	out->text = *at;
	out->len = strcspn(*at, "\"\\");
	*at += out->len;
	return take(at, '"');
}

static bool
is_named(const struct slice *s, const char *name)
{
	return s->len == strlen(name) && memcmp(s->text, name, s->len) == 0;
}

/* 8 to 15, without a leading zero (7.1.2); else 0. */
static unsigned
bits_read(const struct slice *value)
{
	unsigned bits = 0;
	size_t i;

	if (value->len == 0 || value->len > 2 || value->text[0] == '0')
		return 0;
	for (i = 0; i < value->len; i++) {
		if (value->text[i] < '0' || value->text[i] > '9')
			return 0;
		bits = bits * 10 + (unsigned)(value->text[i] - '0');
	}
	return bits >= BITS_MIN && bits <= BITS_MAX ? bits : 0;
}

/* Whether the parameter may be agreed to. */
static bool
param_read(struct offer *o, const struct slice *name, const struct slice *value)
{
	unsigned i, bits = value == NULL ? 0 : bits_read(value);

	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++)
		if (is_named(name, params[i].name))
			break;
	if (i == sizeof(params) / sizeof(params[0]) || (o->seen & 1U << i) != 0)
		return false;
	o->seen |= 1U << i;
	if (params[i].value == VALUE_NONE)
		return value == NULL;
	if (value == NULL)
		return params[i].value == VALUE_MAYBE;
	if (params[i].value == VALUE_BITS) {
		o->window_bits = bits;
		o->bits_named = true;
	}
	return bits != 0;
}

/* One element of the list; false when it is not written as one. */
static bool
offer_read(const char **at, struct offer *o)
{
	struct slice name, value;
	bool valued;

	memset(o, 0, sizeof(*o));
	o->window_bits = BITS_MAX;
	if (!take_token(at, &name))
		return false;
	o->declined = !is_named(&name, NAME);
	while (take(at, ';')) {
		if (!take_token(at, &name))
			return false;
		valued = take(at, '=');
		if (valued && !take_value(at, &value))
			return false;
		if (!param_read(o, &name, valued ? &value : NULL))
			o->declined = true;
	}
	*at = blanks_skip(*at);
	return **at == ',' || **at == '\0';
}

unsigned
push_deflate_choose(const char *offered, bool *named)
{
	struct offer o;

	*named = false;
	if (offered == NULL)
		return 0;
	for (;;) {
		while (take(&offered, ','))
			;
		if (!offer_read(&offered, &o))
			return 0;
		if (!o.declined) {
			*named = o.bits_named;
			return o.window_bits;
		}
	}
}

void
push_deflate_agree(struct base_buf *out, unsigned window_bits, bool named)
{
	base_buf_append_str(out,
	    NAME "; server_no_context_takeover; client_no_context_takeover");
	if (named)
		base_buf_printf(
		    out, "; server_max_window_bits=%u", window_bits);
}

/*
 * Messages
 */

struct push_deflate *
push_deflate_new(void)
{
	return base_alloc(sizeof(struct push_deflate));
}

void
push_deflate_free(struct push_deflate *d)
{
	if (d == NULL)
		return;
	if (d->packs)
		deflateEnd(&d->packer);
	if (d->unpacks)
		inflateEnd(&d->unpacker);
	base_buf_fini(&d->packed);
	base_buf_fini(&d->unpacked);
	base_free(d);
}

static void *
zlib_alloc(void *unused, unsigned count, unsigned size)
{
	(void)unused;
	return base_alloc_array(count, size);
}

static void
zlib_free(void *unused, void *mem)
{
	(void)unused;
	base_free(mem);
}

static void
stream_begin(z_stream *z, bool *made, bool packer)
{
	int done;

	if (*made) {
		done = packer ? deflateReset(z) : inflateReset(z);
	} else {
		z->zalloc = zlib_alloc;
		z->zfree = zlib_free;
		done = packer ? deflateInit2(z, LEVEL, Z_DEFLATED, -BITS_MAX,
				    MEMORY, Z_DEFAULT_STRATEGY) :
				inflateInit2(z, -BITS_MAX);
	}
	assert(done == Z_OK);
	(void)done;
	*made = true;
}

/* Empties a buffer, and lets go of it after a message of unusual size. */
static void
buf_begin(struct base_buf *b)
{
	if (b->cap > KEPT)
		base_buf_fini(b);
	base_buf_reset(b);
}

static void
input_set(z_stream *z, const void *bytes, size_t len)
{
	assert(len <= UINT32_MAX);
	memcpy(&z->next_in, &bytes, sizeof(bytes)); /* sheds the const */
	z->avail_in = (uInt)len;
}

static void
output_set(z_stream *z, struct base_buf *b, size_t room)
{
	base_buf_reserve(b, room);
	z->next_out = (Bytef *)b->data + b->len;
	z->avail_out = (uInt)room;
}

bool
push_deflate_fits(unsigned window_bits, size_t len)
{
	return window_bits == BITS_MAX || len <= (size_t)1 << window_bits;
}

const struct base_buf *
push_deflate_pack(struct push_deflate *d, const char *text, size_t len)
{
	z_stream *z = &d->packer;

	if (len < TEXT_MIN)
		return NULL;
	stream_begin(z, &d->packs, true);
	buf_begin(&d->packed);
	input_set(z, text, len);
	/* Room left over says that all is there. */
	output_set(z, &d->packed, len + sizeof(tail));
	if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_out == 0)
		return NULL;
	base_buf_added(&d->packed, len + sizeof(tail) - z->avail_out);
	assert(memcmp(d->packed.data + d->packed.len - sizeof(tail), tail,
		   sizeof(tail)) == 0);
	d->packed.len -= sizeof(tail);
	d->packed.data[d->packed.len] = '\0';
	return &d->packed;
}

/* Checks what was added behind `from`; 0 or the code. */
static unsigned
piece_check(const struct base_buf *b, size_t from,
    const struct push_deflate_input *in, struct base_utf8 *utf8)
{
	if (b->len > in->limit)
		return 1009;
	if (in->text && b->len > from &&
	    base_utf8_feed(utf8, b->data + from, b->len - from) ==
		BASE_UTF8_BAD)
		return 1007;
	return 0;
}

/* Whether the stream stands between two blocks, at a byte's edge. */
static bool
is_between_blocks(const z_stream *z)
{
	return (z->data_type & (128 | 7)) == 128;
}

/* A final block has ended, but the message has not: what follows may reach
 * back behind it (7.2.3.4). */
static bool
stream_continue(z_stream *z, const struct base_buf *b)
{
	size_t back = b->len < WINDOW ? b->len : WINDOW;

	return inflateReset(z) == Z_OK &&
	    (back == 0 ||
		inflateSetDictionary(z, (const Bytef *)b->data + b->len - back,
		    (uInt)back) == Z_OK);
}

/* Takes the next part of a message; 0 or the code. */
static unsigned
part_unpack(struct push_deflate *d, const struct push_deflate_input *in,
    struct base_utf8 *utf8)
{
	struct base_buf *b = &d->unpacked;
	z_stream *z = &d->unpacker;
	unsigned code, finals = 0;
	size_t from;
	int done;

	do {
		from = b->len;
		output_set(z, b, PIECE);
		done = inflate(z, Z_SYNC_FLUSH);
		base_buf_added(b, PIECE - z->avail_out);
		if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR)
			return 1007;
		code = piece_check(b, from, in, utf8);
		if (code != 0)
			return code;
		if (done == Z_STREAM_END &&
		    (++finals > FINALS_MAX || !stream_continue(z, b)))
			return 1007;
	} while (
	    z->avail_in > 0 || (z->avail_out == 0 && !is_between_blocks(z)));
	return 0;
}

unsigned
push_deflate_unpack(struct push_deflate *d, const struct push_deflate_input *in,
    const struct base_buf **out)
{
	struct base_utf8 utf8 = { 0 };
	z_stream *z = &d->unpacker;
	unsigned code;

	stream_begin(z, &d->unpacks, false);
	buf_begin(&d->unpacked);
	base_buf_reserve(&d->unpacked, 0);
	*out = &d->unpacked;
	/* Some send nothing at all for an empty message. */
	if (in->len == 0)
		return 0;
	input_set(z, in->bytes, in->len);
	code = part_unpack(d, in, &utf8);
	if (code != 0)
		return code;
	/* Nothing was taken since the last final block: that is the end. */
	if (z->total_in > 0) {
		input_set(z, tail, sizeof(tail));
		code = part_unpack(d, in, &utf8);
		if (code == 0 && !is_between_blocks(z))
			code = 1007;
	}
	return code == 0 && utf8.need > 0 ? 1007 : code;
}
