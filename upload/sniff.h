/* SPDX-License-Identifier: ISC */
/*
 * What a file is, decided by its content.  Of binary formats two must agree:
 * our allow-list by leading bytes, which is short enough to be sure of, and
 * libmagic.  Text is UTF-8 without control characters, or what libmagic calls
 * text in an older encoding; the name only tells Markdown from plain text,
 * which are the same to a browser.  SVG, HTML and XML are text with a meaning
 * that we do not want: refused.
 */
#ifndef UPLOAD_SNIFF_H
#define UPLOAD_SNIFF_H

#include "base/attr.h"
#include "upload/kind.h"
#include "upload/status.h"

struct upload_sniffer;

/* One per process; NULL when libmagic's database cannot be read. */
struct upload_sniffer *upload_sniffer_new(void);

void upload_sniffer_free(struct upload_sniffer *s);

/*
 * The kind of the file open at `fd` (its offset may move); `filename` is
 * cleaned.  UPLOAD_BAD_TYPE when it is none of ours.
 */
MUST_USE enum upload_status upload_sniff_file(struct upload_sniffer *s, int fd,
    const char *filename, enum upload_kind *kind);

#endif
