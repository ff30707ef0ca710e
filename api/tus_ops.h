/* SPDX-License-Identifier: ISC */
/*
 * Uploads that come in pieces, by the protocol tus 1.0 with creation,
 * creation-with-upload, creation-defer-length, expiration, checksum and
 * termination.  As api/upload_ops.h only for a process that has one request at
 * a time.
 *
 * How far one is is the length of its file (upload/partial.h); the database
 * knows whose it is and until when.  Once all bytes are there, the request that
 * brought the last, or the next one that asks, makes an upload of them, with
 * the same id, as uploads.create does.
 */
#ifndef API_TUS_OPS_H
#define API_TUS_OPS_H

#include <stddef.h>

#include "api/hook.h"

extern const struct api_hook api_tus_hooks[];
extern const size_t api_tus_hook_count;

#endif
