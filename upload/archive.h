/* SPDX-License-Identifier: ISC */
/*
 * A look at a ZIP file's list of contents (PKWARE's APPNOTE.TXT 4.3): whoever
 * unpacks what we pass on should not be harmed by it.  Nothing is unpacked.
 */
#ifndef UPLOAD_ARCHIVE_H
#define UPLOAD_ARCHIVE_H

#include "base/attr.h"
#include "upload/job.h"
#include "upload/status.h"

enum {
	UPLOAD_ARCHIVE_ENTRIES = 20000,
	/* Honest data hardly shrinks to less, unless there is little of it. */
	UPLOAD_ARCHIVE_RATIO = 200,
	UPLOAD_ARCHIVE_SMALL = 16 * 1024 * 1024,
	/* An archive within that shrinks more than so is made to. */
	UPLOAD_ARCHIVE_NESTED_RATIO = 10,
	UPLOAD_ARCHIVE_NESTED_SMALL = 64 * 1024
};

/*
 * UPLOAD_OK; UPLOAD_BAD_ARCHIVE when the list cannot be read, does not fit the
 * file or has parts that overlap; UPLOAD_BOMB when it would unpack to too
 * much.  `reason` says more, for the log.
 */
MUST_USE enum upload_status upload_archive_check(
    int fd, char reason[UPLOAD_REASON_MAX]);

#endif
