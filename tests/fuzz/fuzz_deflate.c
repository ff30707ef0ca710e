/* SPDX-License-Identifier: ISC */
/*
 * libFuzzer target: push/deflate.c.  The input is taken as a compressed
 * message, as a text to compress and decompress, and as what a client offers.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "push/deflate.h"

#define LIMIT 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
unpack_check(
    struct push_deflate *d, const uint8_t *data, size_t size, bool text)
{
	struct push_deflate_input in = { data, size, LIMIT, text };
	const struct base_buf *out;
	unsigned code = push_deflate_unpack(d, &in, &out);

	if (code != 0 && code != 1009 && (code != 1007))
		abort();
	/* Behind the limit only what one look at the output brings. */
	if (out->len > LIMIT + 8192)
		abort();
	if (code == 0 &&
	    (out->len > LIMIT ||
		(text && !base_utf8_valid(out->data, out->len))))
		abort();
}

static void
pack_check(struct push_deflate *d, const uint8_t *data, size_t size)
{
	struct push_deflate_input in = { NULL, 0, size, false };
	const struct base_buf *out;

	out = push_deflate_pack(d, (const char *)data, size);
	if (out == NULL)
		return;
	if (out->len >= size)
		abort();
	in.bytes = out->data;
	in.len = out->len;
	if (push_deflate_unpack(d, &in, &out) != 0 || out->len != size ||
	    memcmp(out->data, data, size) != 0)
		abort();
}

static void
offer_check(const uint8_t *data, size_t size)
{
	struct base_buf answer = { 0 };
	char *offer = base_strndup((const char *)data, size);
	bool named, again;
	unsigned bits = push_deflate_choose(offer, &named);

	if (bits != 0) {
		if (bits < 8 || bits > 15)
			abort();
		/* What we agree to could have been offered so. */
		push_deflate_agree(&answer, bits, named);
		if (push_deflate_choose(answer.data, &again) != bits ||
		    again != named)
			abort();
	}
	base_buf_fini(&answer);
	base_free(offer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct push_deflate *d = push_deflate_new();

	unpack_check(d, data, size, true);
	unpack_check(d, data, size, false);
	pack_check(d, data, size);
	offer_check(data, size);
	push_deflate_free(d);
	return 0;
}
