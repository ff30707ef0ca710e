/* SPDX-License-Identifier: ISC */
/* What every answer of the tus protocol says of it. */

#include "api/tus_head.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/call.h"

#define EXTENSIONS                                                        \
	"creation,creation-with-upload,creation-defer-length,expiration," \
	"checksum,termination"
/* As upload/checksum.c has them. */
#define CHECKSUMS "sha1,sha256,md5"

void
api_tus_head_add(
    struct api_call *call, int status, bool is_options, int64_t max_bytes)
{
	char size[24];

	api_call_header_add(call, "Tus-Resumable", API_TUS_VERSION);
	if (is_options || status == 412)
		api_call_header_add(call, "Tus-Version", API_TUS_VERSION);
	if (!is_options)
		return;
	snprintf(size, sizeof(size), "%" PRId64, max_bytes);
	api_call_header_add(call, "Tus-Extension", EXTENSIONS);
	api_call_header_add(call, "Tus-Max-Size", size);
	api_call_header_add(call, "Tus-Checksum-Algorithm", CHECKSUMS);
}
