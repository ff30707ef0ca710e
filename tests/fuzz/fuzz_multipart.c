/* SPDX-License-Identifier: ISC */
/*
 * libFuzzer target: upload/multipart.c.  The body is read whole and in pieces
 * whose sizes the input's first byte gives; both must see the same.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "upload/filename.h"
#include "upload/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum upload_status
on_part(void *arg, const struct upload_part *part)
{
	struct base_buf *seen = arg;

	base_buf_append_char(seen, '[');
	upload_filename_clean(
	    seen, base_buf_str(&part->filename), part->filename.len);
	if (part->name.len > 1000)
		return (UPLOAD_UNKNOWN_FIELD);
	return (UPLOAD_OK);
}

static enum upload_status
on_data(void *arg, const char *p, size_t n)
{
	base_buf_append(arg, p, n);
	return (UPLOAD_OK);
}

static enum upload_status
on_part_end(void *arg)
{
	base_buf_append_char(arg, ']');
	return (UPLOAD_OK);
}

static const struct upload_multipart_events events = { on_part, on_data,
	on_part_end };

static enum upload_status
read_body(const char *p, size_t n, size_t step, struct base_buf *seen)
{
	struct upload_multipart *m = upload_multipart_new(
	    "multipart/form-data; boundary=b", &events, seen);
	enum upload_status status;
	size_t piece;

	for (; n > 0; p += piece, n -= piece) {
		piece = n < step ? n : step;
		if (upload_multipart_feed(m, p, piece) != UPLOAD_OK)
			break;
	}
	status = upload_multipart_finish(m);
	upload_multipart_free(m);
	return (status);
}

/* The Content-Type is the sender's as well. */
static void
read_type(const char *p, size_t n)
{
	struct base_buf type = { 0 }, seen = { 0 };
	struct upload_multipart *m;

	base_buf_append_str(&type, "multipart/form-data;");
	base_buf_append(&type, p, n);
	m = upload_multipart_new(base_buf_str(&type), &events, &seen);
	upload_multipart_free(m);
	base_buf_fini(&type);
	base_buf_fini(&seen);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct base_buf whole = { 0 }, pieces = { 0 };
	const char *body = (const char *)data + 1;

	if (size == 0)
		return (0);
	if (read_body(body, size - 1, SIZE_MAX, &whole) !=
	    read_body(body, size - 1, 1 + data[0] % 16, &pieces))
		abort();
	if (whole.len != pieces.len ||
	    memcmp(base_buf_str(&whole), base_buf_str(&pieces), whole.len) != 0)
		abort();
	base_buf_fini(&whole);
	base_buf_fini(&pieces);
	read_type(body, size - 1);
	return (0);
}
