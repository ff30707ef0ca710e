/* SPDX-License-Identifier: ISC */
/* What an operator does with the place for files. */
#ifndef API_CTL_STORAGE_H
#define API_CTL_STORAGE_H

#include <stdbool.h>

struct api_config;

/* Store a small file, look for it, read it, list, remove it, and print how each
 * went; true when all did. */
bool api_ctl_storage_check(const struct api_config *config);

/* Copy what is in PARLEY_UPLOAD_DIR to the S3-compatible store, but for what is
 * there already: as often as need be, also while the service runs.  True when
 * nothing is left to copy. */
bool api_ctl_storage_copy(const struct api_config *config);

#endif
