/* SPDX-License-Identifier: ISC */
/* Keys in PEM files. */
#ifndef API_KEY_FILE_H
#define API_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* The file's text in base_alloc() memory.  NULL: `err` says why, naming the
 * `setting` that holds the path. */
MUST_USE char *api_key_file_read(
    const char *setting, const char *path, char *err, size_t err_size);

/* Is it a public key of the right kind (RSA of 2048 bits and more, or P-256)? */
MUST_USE bool api_key_check_public(
    const char *setting, const char *pem, bool rsa, char *err, size_t err_size);

#endif
