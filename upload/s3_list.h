/* SPDX-License-Identifier: ISC */
/* What ListObjectsV2 answers: XML, of which little is of interest. */
#ifndef UPLOAD_S3_LIST_H
#define UPLOAD_S3_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct base_buf;

/* Give `each` every object's key and the time it was stored, and `token` what
 * the next request is to carry ("" when this is the last page).  False when
 * the text is no such answer, or not a whole one. */
MUST_USE bool upload_s3_list_parse(const char *xml, size_t len,
    void (*each)(void *arg, const char *key, int64_t wall_us), void *arg,
    struct base_buf *token);

/* The text of the first element `name` into `out`, its entities resolved; for
 * the `Code` of an error.  False when there is none. */
MUST_USE bool upload_s3_list_element(
    const char *xml, size_t len, const char *name, struct base_buf *out);

#endif
