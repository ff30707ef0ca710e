/* SPDX-License-Identifier: ISC */
/* Files: uploads and what is served of them. */
#include "api/operations_private.h"

/* clang-format off */

static const char *const variants[] = { "original", "thumbnail", "preview", "avatar", "source",
	NULL };
static const char *const kinds[] = { "image", "video", "audio", "file", NULL };

static const struct api_param uploads_create[] = {
	IN_QUERY("filename", API_STRING, 1, 255, "Of a raw body; a form's field has its own"),
};

static const struct api_param uploads_list[] = {
	IN_QUERY("conversation_id", API_CONVERSATION, 0, 0,
	    "What was sent in this conversation and its threads, or in this thread; default: the caller's own"),
	{ .name = "kind", .place = API_IN_QUERY, .type = API_ENUM, .values = kinds,
	  .summary = "Only of this kind" },
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_variant uploads_list_in[] = {
	{ "conversation_id", "uploads.list_in" },
};

static const struct api_param uploads_update[] = {
	IN_PATH("upload_id", API_UUID, "The upload"),
	IN_BODY("filename", API_STRING, 1, 255, "What it is called; made harmless, and the ending stays"),
	NULLABLE("alt", API_TEXT, 1, 1000, "What is to be seen or heard, in words"),
};

static const struct api_param uploads_get[] = {
	IN_PATH("upload_id", API_UUID, "The upload"),
};

static const struct api_param files_get[] = {
	IN_PATH("upload_id", API_UUID, "The upload"),
	{ .name = "variant", .place = API_IN_PATH, .type = API_ENUM, .required = true,
	  .values = variants, .summary = "Which form of it" },
	IN_QUERY("download", API_BOOL, 0, 0, "true: to be saved, not shown"),
	IN_QUERY("expires", API_INT, 1, 99999999999, "Of a signed address: its end"),
	IN_QUERY("key", API_STRING, 1, 16, "Of a signed address: what it is signed with"),
	IN_QUERY("signature", API_STRING, 1, 128, "Of a signed address, in the place of credentials"),
};

static const struct api_param files_sign[] = {
	NEEDED("upload_ids", API_UUID_LIST, 1, 100, "The uploads"),
	{ .name = "variant", .place = API_IN_BODY, .type = API_ENUM, .values = variants,
	  .fallback = "original", .summary = "Which form of them" },
	IN_BODY("seconds", API_INT, 1, 604800,
	    "How long the addresses are good; default: PARLEY_URL_SECONDS, half of it at least"),
};

static const struct api_head file_heads[] = {
	{ "Accept", false, "image/webp among others: pictures come as that" },
	{ "Range", false, "A part: bytes=0-99" },
	{ "If-Range", false, "The part only if the ETag is this one" },
	{ "If-Match", false, "412 unless the ETag is among these" },
	{ "If-None-Match", false, "304 if the ETag is among these" },
};

static const struct api_also file_also[] = {
	{ 206, "A part of the file, as Range says" },
	{ 302, "The file is at Location, in an S3-compatible store" },
	{ 304, "As If-None-Match says" },
};

static const char *const file_refusals[] = { "signature_expired", "signature_invalid",
	"not_found", "precondition_failed", "range_not_satisfiable", "files_unavailable", NULL };

#define CONTENT_REFUSALS \
	"unsupported_type", "archive_too_large", "file_empty", "image_too_large", \
	"undecodable_file", "unreadable_archive", "unreadable_document", "unreadable_image"
#define PLACE_REFUSALS "files_unavailable", "storage_unavailable", "storage_full"

static const char *const create_refusals[] = { "body_incomplete", "malformed_body",
	"quota_exceeded", "length_required", "file_too_large", "file_missing", "unknown_field",
	CONTENT_REFUSALS, PLACE_REFUSALS, NULL };

#define TUS_RESUMABLE { "Tus-Resumable", true, "1.0.0" }
#define UPLOAD_CHECKSUM { "Upload-Checksum", false, \
	"Algorithm and sum, in base64, of the bytes of this request: those of Tus-Checksum-Algorithm" }

static const struct api_head tus_heads[] = { TUS_RESUMABLE };

static const struct api_head tus_create_heads[] = {
	TUS_RESUMABLE,
	{ "Upload-Length", false, "Bytes of the whole file; this, or" },
	{ "Upload-Defer-Length", false, "1: that is said later" },
	{ "Upload-Metadata", false, "Names and values in base64: filename is what the file is called" },
	UPLOAD_CHECKSUM,
};

static const struct api_head tus_patch_heads[] = {
	TUS_RESUMABLE,
	{ "Upload-Offset", true, "Bytes that are there already" },
	{ "Upload-Length", false, "Where it was to be said later" },
	UPLOAD_CHECKSUM,
};

#define PIECE_REFUSALS \
	"body_incomplete", "quota_exceeded", "tus_version", "file_too_large", \
	"unsupported_media_type", "upload_locked", "checksum_mismatch", CONTENT_REFUSALS, \
	PLACE_REFUSALS

static const char *const tus_create_refusals[] = { PIECE_REFUSALS, NULL };
static const char *const tus_patch_refusals[] = { PIECE_REFUSALS, "not_found",
	"offset_conflict", "upload_gone", NULL };
static const char *const tus_head_refusals[] = { "quota_exceeded", "tus_version", "not_found",
	"upload_gone", "upload_locked", CONTENT_REFUSALS, PLACE_REFUSALS, NULL };
static const char *const tus_end_refusals[] = { "tus_version", "not_found", "in_use",
	"upload_locked", "upload_gone", PLACE_REFUSALS, NULL };

/* Its hooks look at header fields only. */
#define TUS (API_ON_FASTCGI | API_HOOKED | API_HTTP_ONLY | API_RAW_BODY | API_TUS)

static const struct api_param tus_one[] = {
	IN_PATH("upload_id", API_UUID, "The upload that was begun"),
};

static const struct api_operation rows[] = {
	{ ROW("uploads.create", "POST", "/v1/uploads"),
	  EVERYBODY, .rate = API_RATE_UPLOAD, .status = 201,
	  .flags = API_ON_FASTCGI | API_HOOKED | API_HTTP_ONLY | API_RAW_BODY | API_NO_KEY,
	  .statement = "uploads.create", PARAMS(uploads_create), .answer = "upload", .made = "uploads.get",
	  .refusals = create_refusals,
	  .summary = "Store a file",
	  .detail = "multipart/form-data with one field `file`, or the file itself as the body "
	      "with `filename` in the query. The type is found from the content." },
	{ ROW("uploads.get", "GET", "/v1/uploads/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "uploads.get", PARAMS(uploads_get), .answer = "upload",
	  .summary = "What is known of a file" },
	{ ROW("uploads.list", "GET", "/v1/uploads"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST,
	  .statement = "uploads.list", VARIANTS(uploads_list_in), PARAMS(uploads_list),
	  .answer = "upload",
	  .summary = "Files, newest first: the caller's own, or a conversation's gallery",
	  .detail = "Of a conversation: what its messages show that the caller sees, and which message "
	      "it is (`shared`); a file that was sent twice is there twice." },
	{ ROW("uploads.update", "PATCH", "/v1/uploads/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .flags = API_HOOKED,
	  .statement = "uploads.update", PARAMS(uploads_update), .answer = "upload",
	  .summary = "Say what a file is called, and what is on it",
	  .detail = "For its owner and back ends. Messages that show it say so from then on: "
	      "message.updated." },
	{ ROW("uploads.delete", "DELETE", "/v1/uploads/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "uploads.delete", PARAMS(uploads_get), .answer = "upload_ref",
	  .summary = "Delete a file that nothing shows",
	  .detail = "For its owner and back ends. What messages show, or is a conversation's picture, is "
	      "409 `in_use`: a file goes with the last message that has it." },
	{ ROW("files.get", "GET", "/v1/files/{upload_id}/{variant}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_ON_FASTCGI | API_HOOKED | API_HTTP_ONLY | API_SIGNED,
	  .statement = "files.get", PARAMS(files_get), HEADS(file_heads), ALSO(file_also),
	  .refusals = file_refusals,
	  .summary = "A file's bytes",
	  .detail = "For its owner and the members of conversations it was sent to. Or for whoever "
	      "has a signed address. Answers Range, If-Range, If-Match and If-None-Match. Pictures have `original` (at most 2,000 pixels wide, without what the "
	      "camera wrote), `thumbnail` (at most 300) and `avatar` (64 x 64); PDFs have `preview` and "
	      "these two of their first page. Who names image/webp in Accept gets that, but "
	      "for animations. `source` is the file as it came, for its owner, where the service keeps it." },
	{ ROW("files.sign", "POST", "/v1/files/sign"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  .statement = "files.sign", PARAMS(files_sign), .answer = "file_links",
	  .summary = "Get addresses of files that need no credentials",
	  .detail = "For <img> tags, and for caches in between. An address is for one file in one "
	      "form; whoever has it sees that, until its end, also when the caller's right ends "
	      "before. The end of the file ends it, and so does taking its key from the settings. "
	      "What the caller may not see, or has no such form, is left out. 501 without "
	      "PARLEY_URL_KEYS." },
	{ ROW("tus.create", "POST", "/v1/tus"),
	  EVERYBODY, .rate = API_RATE_UPLOAD, .status = 201,
	  .flags = TUS | API_NO_KEY, .statement = "tus.create", HEADS(tus_create_heads),
	  .refusals = tus_create_refusals,
	  .summary = "Begin an upload in pieces",
	  .detail = "By the protocol tus 1.0 (https://tus.io), whose clients are given this address. "
	      "Needs `Upload-Length`, or `Upload-Defer-Length: 1`; the name is `filename` of "
	      "`Upload-Metadata`. First bytes may come with it. The `Location` ends in the id that the "
	      "upload has, here and, once its last byte came, at `/v1/uploads/{upload_id}`. OPTIONS "
	      "tells the extensions and the largest size." },
	{ ROW("tus.head", "HEAD", "/v1/tus/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = TUS | API_UPKEEP, .statement = "tus.resume", PARAMS(tus_one),
	  HEADS(tus_heads), .refusals = tus_head_refusals,
	  .summary = "How far an upload in pieces is",
	  .detail = "`Upload-Offset` bytes are kept. Where these are all, it is finished first." },
	{ ROW("tus.patch", "PATCH", "/v1/tus/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 204,
	  .flags = TUS | API_UPKEEP, .statement = "tus.resume", PARAMS(tus_one),
	  HEADS(tus_patch_heads), .refusals = tus_patch_refusals,
	  .summary = "The next piece of an upload",
	  .detail = "Bytes that came before a break are kept, unless they came with `Upload-Checksum`. The "
	      "last piece is answered when the file was looked into, with what uploads.create would "
	      "refuse it with. 409: other bytes are next; 410: it took too long, or it was refused; "
	      "423: another request is at it; 460: the checksum does not fit." },
	{ ROW("tus.end", "DELETE", "/v1/tus/{upload_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 204,
	  .flags = TUS, .statement = "tus.end", PARAMS(tus_one), HEADS(tus_heads),
	  .refusals = tus_end_refusals,
	  .summary = "Give up an upload in pieces",
	  .detail = "One that is finished goes as well, unless something refers to it." },
};

/* clang-format on */

const struct operations_table api_operations_files = TABLE(rows);
