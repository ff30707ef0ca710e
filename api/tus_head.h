/* SPDX-License-Identifier: ISC */
/* What every answer of the tus protocol says of it (API_TUS), so that doors
 * without files can answer for it as well. */
#ifndef API_TUS_HEAD_H
#define API_TUS_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#define API_TUS_VERSION "1.0.0"

/* Header fields that browsers show to pages, and that pages may send; after
 * those of all answers. */
#define API_TUS_EXPOSED                                                 \
	", Upload-Offset, Upload-Length, Upload-Defer-Length, "         \
	"Upload-Metadata, Upload-Expires, Tus-Resumable, Tus-Version, " \
	"Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm"
#define API_TUS_ACCEPTED                                                       \
	", Tus-Resumable, Upload-Length, Upload-Defer-Length, Upload-Offset, " \
	"Upload-Metadata, Upload-Checksum, X-HTTP-Method-Override, "           \
	"X-Requested-With"

struct api_call;

/* To an answer with that status; `is_options`: what is offered. */
void api_tus_head_add(
    struct api_call *call, int status, bool is_options, int64_t max_bytes);

#endif
