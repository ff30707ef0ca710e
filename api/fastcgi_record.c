/* SPDX-License-Identifier: ISC */
/* FastCGI records, as the client writes and reads them. */
#include "api/fastcgi_record.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"

#define VERSION 1
#define REQUEST_ID 1
#define ROLE_RESPONDER 1
#define REQUEST_COMPLETE 0 /* of END_REQUEST's protocol status */

static void
header(struct base_buf *out, enum api_fastcgi_type type, size_t len)
{
	const uint8_t bytes[8] = { VERSION, (uint8_t)type, 0, REQUEST_ID,
		(uint8_t)(len >> 8), (uint8_t)len, 0, 0 };

	base_buf_append(out, bytes, sizeof(bytes));
}

void
api_fastcgi_record_begin(struct base_buf *out)
{
	/* Without the flag "keep connection" the responder closes. */
	const uint8_t body[8] = { 0, ROLE_RESPONDER, 0, 0, 0, 0, 0, 0 };

	header(out, API_FASTCGI_BEGIN, sizeof(body));
	base_buf_append(out, body, sizeof(body));
}

static void
param_length(struct base_buf *params, size_t len)
{
	const uint8_t wide[4] = { (uint8_t)(len >> 24 | 0x80),
		(uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len };

	assert(len <= INT32_MAX);
	if (len < 0x80)
		base_buf_append_char(params, (char)len);
	else
		base_buf_append(params, wide, sizeof(wide));
}

void
api_fastcgi_record_param(struct base_buf *params, const char *name,
    size_t name_len, const char *value, size_t value_len)
{
	param_length(params, name_len);
	param_length(params, value_len);
	base_buf_append(params, name, name_len);
	base_buf_append(params, value, value_len);
}

void
api_fastcgi_record_stream(struct base_buf *out, enum api_fastcgi_type type,
    const void *bytes, size_t len)
{
	const char *at = bytes;

	if (len == 0)
		header(out, type, 0);
	while (len > 0) {
		size_t n = len;

		if (n > API_FASTCGI_CONTENT_MAX)
			n = API_FASTCGI_CONTENT_MAX;
		header(out, type, n);
		base_buf_append(out, at, n);
		at += n;
		len -= n;
	}
}

/* Takes up to `want` of the given bytes. */
static size_t
take(const char **bytes, size_t *len, size_t want, const char **taken)
{
	size_t n = want < *len ? want : *len;

	*taken = *bytes;
	*bytes += n;
	*len -= n;
	return n;
}

/* Gathers the header; OK when it is complete and sound. */
static enum api_fastcgi_status
take_header(struct api_fastcgi_decoder *d, const char **bytes, size_t *len)
{
	const char *piece;
	size_t n;

	n = take(bytes, len, sizeof(d->header) - d->header_len, &piece);
	memcpy(d->header + d->header_len, piece, n);
	d->header_len += n;
	if (d->header_len < sizeof(d->header))
		return API_FASTCGI_MORE;
	d->type = d->header[1];
	d->content_left = (uint32_t)d->header[4] << 8 | d->header[5];
	d->padding_left = d->header[6];
	if (d->header[0] != VERSION || d->header[2] != 0 ||
	    d->header[3] > REQUEST_ID)
		return API_FASTCGI_BROKEN;
	if (d->type == API_FASTCGI_END && d->content_left != sizeof(d->end))
		return API_FASTCGI_BROKEN;
	return API_FASTCGI_OK;
}

static void
take_content(struct api_fastcgi_decoder *d, const char **bytes, size_t *len,
    struct api_fastcgi_piece *piece)
{
	piece->type = d->type;
	piece->len = take(bytes, len, d->content_left, &piece->bytes);
	d->content_left -= (uint32_t)piece->len;
	if (d->type == API_FASTCGI_END) {
		memcpy(d->end + d->end_len, piece->bytes, piece->len);
		d->end_len += piece->len;
	}
}

static void
take_padding(struct api_fastcgi_decoder *d, const char **bytes, size_t *len)
{
	const char *skipped;

	d->padding_left -=
	    (uint32_t)take(bytes, len, d->padding_left, &skipped);
	if (d->padding_left == 0)
		d->header_len = 0;
}

enum api_fastcgi_status
api_fastcgi_record_next(struct api_fastcgi_decoder *d, const char **bytes,
    size_t *len, struct api_fastcgi_piece *piece)
{
	enum api_fastcgi_status status;

	while (*len > 0) {
		if (d->ended && d->padding_left == 0)
			return API_FASTCGI_BROKEN;
		if (d->header_len < sizeof(d->header)) {
			status = take_header(d, bytes, len);
			if (status != API_FASTCGI_OK)
				return status;
			if (d->content_left + d->padding_left == 0)
				d->header_len = 0;
			continue;
		}
		if (d->content_left == 0) {
			take_padding(d, bytes, len);
			continue;
		}
		take_content(d, bytes, len, piece);
		if (d->content_left + d->padding_left == 0)
			d->header_len = 0;
		if (d->end_len == sizeof(d->end)) {
			d->ended = true;
			piece->len = 0;
			return d->end[4] == REQUEST_COMPLETE ?
			    API_FASTCGI_OK :
			    API_FASTCGI_BROKEN;
		}
		if (piece->type == API_FASTCGI_STDOUT ||
		    piece->type == API_FASTCGI_STDERR)
			return API_FASTCGI_OK;
	}
	return API_FASTCGI_MORE;
}
