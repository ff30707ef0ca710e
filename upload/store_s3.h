/* SPDX-License-Identifier: ISC */
/*
 * An S3-compatible service as a store.  Keys are `<prefix>ab/cd/<sha256>`; all
 * requests are signed, files carry their hash, and so arrive whole or not at
 * all.  Temporary files are in a directory of this machine.
 *
 * The service can neither lock an object nor remove it unless: who keeps and
 * who drops agree by way of the database (upload_store_locks()).
 */
#ifndef UPLOAD_STORE_S3_H
#define UPLOAD_STORE_S3_H

#include "upload/s3_url.h"
#include "upload/store.h"

struct upload_store_s3_params {
	struct upload_s3_url_params at;
	unsigned seconds; /* for one file at most */
};

/* `tmp` is made when missing.  NULL with a message for the operator in `err`.
 * The service itself is not asked yet. */
MUST_USE struct upload_store *upload_store_s3_new(
    const struct upload_store_s3_params *params, const char *tmp, char *err,
    size_t err_size);

#endif
