/* SPDX-License-Identifier: ISC */
/* What is done with one file. */

#include "upload/decode.h"

#include <stdio.h>

#include "upload/archive.h"
#include "upload/image.h"

void
upload_decode(struct upload_sniffer *sniffer, upload_kinds kinds,
    const struct upload_job *job, const int *files,
    struct upload_report *report)
{
	enum upload_kind kind = UPLOAD_KIND_COUNT;

	report->status =
	    upload_sniff_file(sniffer, files[0], job->filename, &kind);
	if (report->status != UPLOAD_OK)
		return;
	report->kind = kind;
	if ((kinds & UPLOAD_KIND_BIT(kind)) == 0) {
		report->status = UPLOAD_BAD_TYPE;
		snprintf(report->reason, sizeof(report->reason),
		    "%s is not among PARLEY_UPLOAD_TYPES",
		    upload_kind_mime(kind));
	} else if (upload_kind_is_image(kind)) {
		report->status = job->nfiles == UPLOAD_JOB_FILES ?
		    upload_image_process(files[0], kind, files + 1,
			report->made, report->reason) :
		    UPLOAD_FAILED;
	} else if (kind == UPLOAD_ZIP) {
		report->status = upload_archive_check(files[0], report->reason);
	}
}
