/* SPDX-License-Identifier: ISC */
/* Any bytes as the head of a request: every slice lies within them. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
inside(const char *bytes, size_t size, const char *slice, size_t len)
{
	if (slice < bytes || slice + len >= bytes + size)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct api_http_head head;
	char *bytes = malloc(size + 1);
	enum api_http_head_status status;

	memcpy(bytes, data, size);
	bytes[size] = '\0';
	status = api_http_head_parse(&head, bytes, size);
	if ((status != API_HTTP_HEAD_OK && status != API_HTTP_HEAD_MORE) !=
	    (head.wrong != NULL))
		abort();
	if (status == API_HTTP_HEAD_OK) {
		inside(bytes, size, head.path, head.path_len);
		if (head.query != NULL)
			inside(bytes, size, head.query, head.query_len);
		if (head.len > size || (!head.has_body && head.body_len > 0))
			abort();
	}
	for (size_t i = 0; i < head.nfields; i++)
		inside(bytes, size, head.fields[i].value,
		    head.fields[i].value_len);
	api_http_head_terminate(&head, bytes);
	(void)api_http_head_value(&head, "X-Request-Id");
	free(bytes);
	return 0;
}
