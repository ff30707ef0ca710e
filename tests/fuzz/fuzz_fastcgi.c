/* SPDX-License-Identifier: ISC */
/* Any bytes as a responder's answer, in two pieces. */

#include <stdint.h>
#include <stdlib.h>

#include "api/fastcgi_message.h"
#include "api/fastcgi_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
feed(struct api_fastcgi_decoder *d, struct api_fastcgi_answer *a,
    const char *bytes, size_t len, struct base_buf *out)
{
	struct api_fastcgi_piece piece;
	enum api_fastcgi_status status;

	while ((status = api_fastcgi_record_next(d, &bytes, &len, &piece)) ==
	    API_FASTCGI_OK) {
		if (piece.type == API_FASTCGI_STDOUT)
			api_fastcgi_answer_feed(a, piece.bytes, piece.len, out);
	}
	return status == API_FASTCGI_MORE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
	struct api_http_head head;
	struct api_fastcgi_decoder d = { .type = 0 };
	struct api_fastcgi_answer a;
	struct base_buf out;
	size_t half = size > 0 ? data[0] % size : 0;
	const char *bytes = (const char *)data;

	if (api_http_head_parse(&head, request, sizeof(request) - 1) !=
	    API_HTTP_HEAD_OK)
		abort();
	base_buf_init(&out);
	api_fastcgi_answer_init(&a, &head);
	if (feed(&d, &a, bytes, half, &out))
		(void)feed(&d, &a, bytes + half, size - half, &out);
	/* What is whole has at least a head. */
	if (api_fastcgi_answer_end(&a, d.ended, &out) && out.len == 0)
		abort();
	api_fastcgi_answer_fini(&a);
	base_buf_fini(&out);
	return 0;
}
