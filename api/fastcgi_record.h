/* SPDX-License-Identifier: ISC */
/*
 * FastCGI 1.0 as its client speaks it: records out, records in.  One request
 * at a time on a connection, so the request id is always 1.
 */
#ifndef API_FASTCGI_RECORD_H
#define API_FASTCGI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct base_buf;

/* Of the records that concern us. */
enum api_fastcgi_type {
	API_FASTCGI_BEGIN = 1,
	API_FASTCGI_END = 3,
	API_FASTCGI_PARAMS = 4,
	API_FASTCGI_STDIN = 5,
	API_FASTCGI_STDOUT = 6,
	API_FASTCGI_STDERR = 7
};

#define API_FASTCGI_CONTENT_MAX 65535

/* Appends BEGIN_REQUEST as responder; the connection ends with the answer. */
void api_fastcgi_record_begin(struct base_buf *out);

/* Appends one name-value pair to the bytes of a PARAMS stream. */
void api_fastcgi_record_param(struct base_buf *params, const char *name,
    size_t name_len, const char *value, size_t value_len);

/* Appends `len` bytes of a stream, in as many records as it takes; 0 bytes end
 * the stream. */
void api_fastcgi_record_stream(struct base_buf *out, enum api_fastcgi_type type,
    const void *bytes, size_t len);

enum api_fastcgi_status {
	API_FASTCGI_OK = 0,
	API_FASTCGI_MORE, /* all given bytes are used up */
	API_FASTCGI_BROKEN
};

/* Decoder of what the responder sends.  Zeroed storage is ready for use. */
struct api_fastcgi_decoder {
	uint8_t header[8];
	size_t header_len;
	uint32_t content_left;
	uint32_t padding_left;
	uint8_t type;
	uint8_t end[8]; /* content of END_REQUEST */
	size_t end_len;
	bool ended;
};

/* A piece of a stream, as it lies in the given bytes. */
struct api_fastcgi_piece {
	uint8_t type; /* STDOUT, STDERR or END; others are skipped */
	const char *bytes;
	size_t len;
};

/* Takes bytes from *bytes on (moving *bytes and *len past what it took) up to
 * the next piece.  An END piece has no bytes and comes once; what follows it
 * is BROKEN, as is another version, or an END that says the request was not
 * carried out. */
MUST_USE enum api_fastcgi_status api_fastcgi_record_next(
    struct api_fastcgi_decoder *d, const char **bytes, size_t *len,
    struct api_fastcgi_piece *piece);

#endif
