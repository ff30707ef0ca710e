/* SPDX-License-Identifier: ISC */
/* What is done with one file. */

#include "upload/decode.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "upload/archive.h"
#include "upload/image.h"

/* May the file open at `fd` be locked by a password?  Then it is no fault of
 * it that nobody can draw its page.  The key of its dictionaries is never
 * packed. */
static bool
is_encrypted(int fd)
{
	static const char key[] = "/Encrypt";
	char piece[32768 + sizeof(key)];
	size_t kept = 0;
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, piece + kept, 32768, at)) > 0) {
		if (memmem(piece, kept + (size_t)n, key, sizeof(key) - 1) !=
		    NULL)
			return true;
		at += n;
		n += (ssize_t)kept;
		kept =
		    (size_t)n < sizeof(key) - 2 ? (size_t)n : sizeof(key) - 2;
		memmove(piece, piece + n - kept, kept);
	}
	return false;
}

static enum upload_status
picture_make(const struct upload_job *job, const int *files,
    struct upload_report *report)
{
	enum upload_status status;

	if (job->nfiles != UPLOAD_JOB_FILES)
		return UPLOAD_FAILED;
	status =
	    upload_image_process(files[0], report->kind, files + 1, report);
	if (status == UPLOAD_BAD_DOCUMENT && is_encrypted(files[0]))
		status = UPLOAD_OK;
	return status;
}

static enum upload_status
kind_look(const struct upload_job *job, const int *files,
    struct upload_report *report)
{
	if (upload_kind_is_image(report->kind))
		return picture_make(job, files, report);
	if (report->kind == UPLOAD_PDF && job->is_page)
		return picture_make(job, files, report);
	if (report->kind == UPLOAD_ZIP)
		return upload_archive_check(files[0], report->reason);
	return UPLOAD_OK;
}

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
	report->status = UPLOAD_BAD_TYPE;
	if ((kinds & UPLOAD_KIND_BIT(kind)) == 0)
		snprintf(report->reason, sizeof(report->reason),
		    "%s is not among PARLEY_UPLOAD_TYPES",
		    upload_kind_mime(kind));
	else if (kind != UPLOAD_ZIP && upload_archive_follows(files[0]))
		snprintf(report->reason, sizeof(report->reason),
		    "%s is a ZIP file as well", upload_kind_mime(kind));
	else
		report->status = kind_look(job, files, report);
}
