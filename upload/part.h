/* SPDX-License-Identifier: ISC */
/* The header of one part of a form (RFC 7578, RFC 2183). */
#ifndef UPLOAD_PART_H
#define UPLOAD_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

enum {
	UPLOAD_PART_LINES_MAX = 16
};

/* What the header says.  Zeroed storage is the start. */
struct upload_part {
	struct base_buf name;	  /* the field's, as sent */
	struct base_buf filename; /* as sent, unquoted; any bytes */
	struct base_buf type;	  /* Content-Type */
	bool has_disposition, has_name, has_filename, has_extended, has_type;
};

/*
 * Read the lines `p[0..n)`, each ended by CR LF.  False when one of them is
 * not a header line, when there is not exactly one `Content-Disposition:
 * form-data` with a name, or when an encoding changes the content.
 */
MUST_USE bool upload_part_parse(
    struct upload_part *part, const char *p, size_t n);

void upload_part_fini(struct upload_part *part);

#endif
