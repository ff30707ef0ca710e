/* SPDX-License-Identifier: ISC */
/* Upload-Metadata of the tus protocol: pairs of a key and a value in base64,
 * between commas. */
#ifndef UPLOAD_TUS_METADATA_H
#define UPLOAD_TUS_METADATA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

enum {
	UPLOAD_TUS_METADATA_MAX = 4096 /* bytes */
};

/* Append the cleaned name of the file (`filename`, else `name`; "file" when
 * there is neither).  False: it is malformed or too long.  NULL is an empty
 * one. */
MUST_USE bool upload_tus_metadata_filename(
    struct base_buf *out, const char *metadata);

#endif
