/* SPDX-License-Identifier: ISC */
/* What is done with one file, inside the sandbox: find out what it is, look
 * whether it is sound, make pictures of it. */
#ifndef UPLOAD_DECODE_H
#define UPLOAD_DECODE_H

#include "upload/job.h"
#include "upload/sniff.h"

/* `files[0]` is the file, the others the empty ones of `job`; `report` is
 * upload_report_init()ed. */
void upload_decode(struct upload_sniffer *sniffer, upload_kinds kinds,
    const struct upload_job *job, const int *files,
    struct upload_report *report);

#endif
