/* SPDX-License-Identifier: ISC */
/* What can become of an upload: the one status of this room. */
#ifndef UPLOAD_STATUS_H
#define UPLOAD_STATUS_H

#include <stdbool.h>

enum upload_status {
	UPLOAD_OK = 0,
	UPLOAD_MALFORMED,	/* the body breaks the rules of its format */
	UPLOAD_SHORT,		/* fewer bytes came than were announced */
	UPLOAD_NO_FILE,		/* a form without the field `file` */
	UPLOAD_UNKNOWN_FIELD,	/* a form field that is not ours */
	UPLOAD_EMPTY,		/* the file has no bytes */
	UPLOAD_TOO_LARGE,	/* the file has more bytes than allowed */
	UPLOAD_BAD_TYPE,	/* the content is of no type that we take */
	UPLOAD_BAD_IMAGE,	/* a picture that cannot be read */
	UPLOAD_TOO_MANY_PIXELS, /* a picture too large to decode */
	UPLOAD_BAD_DOCUMENT,	/* a PDF whose first page cannot be drawn */
	UPLOAD_BAD_ARCHIVE,	/* a ZIP file that cannot be read */
	UPLOAD_BOMB,		/* a ZIP file that unpacks to too much */
	UPLOAD_UNDECODABLE,	/* its decoder crashed or took too long */
	UPLOAD_NO_SPACE,	/* the disk or the quota is full */
	UPLOAD_UNAVAILABLE,	/* the store cannot be reached, or refuses us */
	UPLOAD_MISSING,		/* no such stored file */
	UPLOAD_LOCKED,		/* another request is at it */
	UPLOAD_BUSY,		/* too many pictures are being made */
	UPLOAD_MISMATCH,	/* not what its checksum says */
	UPLOAD_FAILED		/* our fault; errno or the log says more */
};

/* The stable code of `status` for an error answer, e.g. "file_too_large"; the
 * HTTP status that goes with it is in api/errors.c. */
const char *upload_status_code(enum upload_status status);

/* One sentence for the sender. */
const char *upload_status_detail(enum upload_status status);

/* Is it no fault of the file, and may go well the next time? */
bool upload_status_is_ours(enum upload_status status);

/* UPLOAD_NO_SPACE when `error` (an errno) says so, else UPLOAD_FAILED. */
enum upload_status upload_status_from_errno(int error);

#endif
