/* SPDX-License-Identifier: ISC */
/*
 * A look into a ZIP file (PKWARE's APPNOTE.TXT 4.3): whoever unpacks what we
 * pass on should not be harmed by it.  First the list of contents must be
 * sound and within bounds; then what is listed is unpacked, in memory and no
 * further than the list says, and archives within are looked into likewise.
 *
 * Only in a process that may die.
 */
#ifndef UPLOAD_ARCHIVE_H
#define UPLOAD_ARCHIVE_H

#include <stdbool.h>

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
	UPLOAD_ARCHIVE_NESTED_SMALL = 64 * 1024,
	/* Levels of archives within archives. */
	UPLOAD_ARCHIVE_DEPTH = 3,
	/* An entry within which we look for archives. */
	UPLOAD_ARCHIVE_KEPT = 64 * 1024 * 1024,
	/* Bytes unpacked after which the lists are believed: a matter of the
	 * time it takes. */
	UPLOAD_ARCHIVE_READ = 1024 * 1024 * 1024
};

/*
 * UPLOAD_OK; UPLOAD_BAD_ARCHIVE when the list cannot be read, does not fit the
 * file or names places outside, or a file in it is damaged; UPLOAD_BOMB when it
 * would unpack to too much, to more than it says, or to archives within
 * archives.  `reason` says more, for the log.
 */
MUST_USE enum upload_status upload_archive_check(
    int fd, char reason[UPLOAD_REASON_MAX]);

/* Does a file of another kind end as a ZIP file does?  Programs that unpack
 * look there, so it would be two things at once. */
MUST_USE bool upload_archive_follows(int fd);

#endif
