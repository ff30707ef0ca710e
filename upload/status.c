/* SPDX-License-Identifier: ISC */
/* The table behind enum upload_status. */

#include "upload/status.h"

#include <errno.h>
#include <stddef.h>

#include "base/attr.h"

struct row {
	const char *code;
	const char *detail;
};

static const struct row rows[] = {
	[UPLOAD_OK] = { "ok", "" },
	[UPLOAD_MALFORMED] = { "malformed_body",
	    "The body does not fit its Content-Type or Content-Length." },
	[UPLOAD_SHORT] = { "body_incomplete",
	    "The body ended before all announced bytes had come." },
	[UPLOAD_NO_FILE] = { "file_missing",
	    "The form has no field \"file\" with a file." },
	[UPLOAD_UNKNOWN_FIELD] = { "unknown_field",
	    "Send one field \"file\" and no other." },
	[UPLOAD_EMPTY] = { "file_empty", "The file has no bytes." },
	[UPLOAD_TOO_LARGE] = { "file_too_large",
	    "The file has more bytes than are taken." },
	[UPLOAD_BAD_TYPE] = { "unsupported_type",
	    "Files of this type are not taken; the content decides, not "
	    "the name." },
	[UPLOAD_BAD_IMAGE] = { "unreadable_image",
	    "The picture is damaged or cannot be read." },
	[UPLOAD_TOO_MANY_PIXELS] = { "image_too_large",
	    "The picture has more pixels or frames than are taken." },
	[UPLOAD_BAD_DOCUMENT] = { "unreadable_document",
	    "The document is damaged or cannot be read." },
	[UPLOAD_BAD_ARCHIVE] = { "unreadable_archive",
	    "The ZIP file is damaged or not whole." },
	[UPLOAD_BOMB] = { "archive_too_large",
	    "The ZIP file would unpack to far more than it is." },
	[UPLOAD_UNDECODABLE] = { "undecodable_file",
	    "The file cannot be decoded within reasonable time and "
	    "memory." },
	[UPLOAD_NO_SPACE] = { "storage_full",
	    "There is no room for the file at the moment." },
	[UPLOAD_UNAVAILABLE] = { "storage_unavailable",
	    "The place for files cannot be reached at the moment." },
	[UPLOAD_MISSING] = { "not_found", "There is no such file." },
	[UPLOAD_LOCKED] = { "upload_locked",
	    "Another request is at this upload." },
	[UPLOAD_BUSY] = { "overloaded",
	    "Too many pictures are being made at the moment." },
	[UPLOAD_MISMATCH] = { "checksum_mismatch",
	    "The bytes are not those that the checksum is of." },
	[UPLOAD_FAILED] = { "internal", "The file could not be stored." },
};

static const struct row *
row_get(enum upload_status status)
{
	if ((size_t)status >= ARRAY_LEN(rows))
		return &rows[UPLOAD_FAILED];
	return &rows[status];
}

const char *
upload_status_code(enum upload_status status)
{
	return row_get(status)->code;
}

const char *
upload_status_detail(enum upload_status status)
{
	return row_get(status)->detail;
}

bool
upload_status_is_ours(enum upload_status status)
{
	return status == UPLOAD_NO_SPACE || status == UPLOAD_FAILED ||
	    status == UPLOAD_UNAVAILABLE || status == UPLOAD_BUSY;
}

enum upload_status
upload_status_from_errno(int error)
{
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		return UPLOAD_NO_SPACE;
	return UPLOAD_FAILED;
}
