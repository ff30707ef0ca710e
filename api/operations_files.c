/* SPDX-License-Identifier: ISC */
/* Files: uploads and what is served of them. */
#include "api/operations_private.h"

/* clang-format off */

static const char *const variants[] = { "original", "thumbnail", "preview", "avatar", "source",
	NULL };

static const struct api_param uploads_create[] = {
	IN_QUERY("filename", API_STRING, 1, 255, "Of a raw body; a form's field has its own"),
};

static const struct api_param uploads_get[] = {
	IN_PATH("upload_id", API_UUID, "The upload"),
};

static const struct api_param files_get[] = {
	IN_PATH("upload_id", API_UUID, "The upload"),
	{ .name = "variant", .place = API_IN_PATH, .type = API_ENUM, .required = true,
	  .values = variants, .summary = "Which form of it" },
	IN_QUERY("download", API_BOOL, 0, 0, "true: to be saved, not shown"),
};

static const struct api_operation rows[] = {
	{ ROW("uploads.create", "POST", "/v1/uploads"),
	  EVERYBODY, .rate = API_RATE_UPLOAD, .status = 201,
	  .flags = API_ON_FASTCGI | API_HOOKED | API_HTTP_ONLY | API_RAW_BODY | API_NO_KEY,
	  .statement = "uploads.create", PARAMS(uploads_create), .answer = "upload", .made = "uploads.get",
	  .summary = "Store a file",
	  .detail = "multipart/form-data with one field `file`, or the file itself as the body "
	      "with `filename` in the query. The type is found from the content." },
	{ ROW("uploads.get", "GET", "/v1/uploads/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "uploads.get", PARAMS(uploads_get), .answer = "upload",
	  .summary = "What is known of a file" },
	{ ROW("files.get", "GET", "/v1/files/{upload_id}/{variant}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_ON_FASTCGI | API_HOOKED | API_HTTP_ONLY,
	  .statement = "files.get", PARAMS(files_get),
	  .summary = "A file's bytes",
	  .detail = "For its owner and the members of conversations it was sent to. Answers Range "
	      "and If-None-Match. Pictures have `original` (at most 2,000 pixels wide, without what the "
	      "camera wrote), `thumbnail` (at most 300) and `avatar` (64 x 64); PDFs have `preview` and "
	      "these two of their first page. Who names image/webp in Accept gets that, but "
	      "for animations. `source` is the file as it came, for its owner, where the service keeps it." },
};

/* clang-format on */

const struct operations_table api_operations_files = TABLE(rows);
