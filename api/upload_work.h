/* SPDX-License-Identifier: ISC */
/* A file that came, whichever way, becomes files of the store and the values of
 * uploads.create: looked into, made pictures of, kept under its content.  Waits
 * for the process that looks. */
#ifndef API_UPLOAD_WORK_H
#define API_UPLOAD_WORK_H

#include "base/attr.h"
#include "upload/receive.h"
#include "upload/status.h"

struct api_call;

/* Takes `received->temp`.  With UPLOAD_OK all files are in their places, and
 * the call has a value for each parameter of uploads.create that is about the
 * file, `id` among them.  Anything else has left nothing. */
MUST_USE enum upload_status api_upload_work(
    struct api_call *call, struct upload_received *received, const char *id);

#endif
