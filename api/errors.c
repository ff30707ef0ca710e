/* SPDX-License-Identifier: ISC */
/* The table of error codes, and problem objects (RFC 9457) made from it. */
#include "api/errors.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"
#include "base/json.h"

/* Sorted by status, then code.  Codes are part of the interface: they may be
 * added, never renamed. */
/* clang-format off */
static const struct api_error errors[] = {
	{ "bad_json", 400, "The body is not well-formed JSON" },
	{ "bad_path", 400, "The path is malformed" },
	{ "bad_request", 400, "The request is malformed" },
	{ "body_incomplete", 400, "The body ended too early" },
	{ "http_only", 400, "This operation is called over HTTP only" },
	{ "malformed_body", 400, "The body is malformed" },
	{ "unauthorized", 401, "Valid credentials are needed" },
	{ "as_not_allowed", 403, "Only services act for a user" },
	{ "direct_conversation", 403, "A direct conversation keeps its two members" },
	{ "forbidden", 403, "Not allowed" },
	{ "not_a_member", 403, "Only members do that" },
	{ "origin_not_allowed", 403, "Pages of this origin may not call" },
	{ "signature_expired", 403, "The address is good no longer" },
	{ "signature_invalid", 403, "The signature does not belong to this address" },
	{ "too_late", 403, "The time for that is over" },
	{ "quota_exceeded", 403, "No more files are taken of this user" },
	{ "user_suspended", 403, "The user is suspended" },
	{ "not_found", 404, "Not found" },
	{ "unknown_operation", 404, "There is no such operation" },
	{ "method_not_allowed", 405, "The method does not fit the path" },
	{ "not_acceptable", 406, "The answer has another type" },
	{ "request_timeout", 408, "The request did not arrive in time" },
	{ "conflict", 409, "It conflicts with what is there" },
	{ "in_use", 409, "Something still shows the file" },
	{ "id_conflict", 409, "The id belongs to another message" },
	{ "idempotency_in_flight", 409, "The first of these is still running" },
	{ "last_owner", 409, "A conversation keeps one owner at least" },
	{ "message_deleted", 409, "The message is deleted" },
	{ "name_taken", 409, "There is a channel of that name" },
	{ "offset_conflict", 409, "The upload has another number of bytes" },
	{ "upload_gone", 410, "The upload is over" },
	{ "length_required", 411, "The length of the body must be known" },
	{ "precondition_failed", 412, "The file is another one" },
	{ "tus_version", 412, "This version of tus is not spoken here" },
	{ "file_too_large", 413, "The file is too large" },
	{ "payload_too_large", 413, "The body is too large" },
	{ "uri_too_long", 414, "The address is too long" },
	{ "unsupported_media_type", 415, "The body has the wrong type" },
	{ "unsupported_type", 415, "Files of this type are not taken" },
	{ "range_not_satisfiable", 416, "The file has no such range" },
	{ "expectation_failed", 417, "That expectation is not met here" },
	{ "archive_too_large", 422, "The archive unpacks to too much" },
	{ "bad_conversation", 422, "Neither an id nor a channel's name" },
	{ "bad_emoji", 422, "Neither one emoji nor a name between colons" },
	{ "bad_encoding", 422, "It is not percent-encoded UTF-8" },
	{ "bad_text", 422, "The text has characters that it may not have" },
	{ "bad_time", 422, "It is no time in RFC 3339" },
	{ "bad_uuid", 422, "It is no UUID" },
	{ "duplicate", 422, "The same element twice" },
	{ "file_empty", 422, "The file has no bytes" },
	{ "file_missing", 422, "There is no file in the form" },
	{ "idempotency_mismatch", 422, "The key was used for another request" },
	{ "image_too_large", 422, "The picture has too many pixels" },
	{ "invalid", 422, "Some arguments are not valid" },
	{ "invalid_cursor", 422, "The cursor is not one of ours" },
	{ "not_allowed", 422, "No value of this argument, or it does not go with another one" },
	{ "null", 422, "It may be left out, but not be null" },
	{ "out_of_range", 422, "The number is too small or too large" },
	{ "repeated", 422, "It is given twice" },
	{ "required", 422, "An argument is missing" },
	{ "too_few", 422, "Too few elements" },
	{ "too_long", 422, "The text is too long" },
	{ "too_many", 422, "Too many elements" },
	{ "too_short", 422, "The text is too short" },
	{ "undecodable_file", 422, "The file cannot be decoded" },
	{ "unknown_field", 422, "There is no such field" },
	{ "unknown_message", 422, "There is no such message in the conversation" },
	{ "unknown_upload", 422, "There is no such upload of yours" },
	{ "unknown_user", 422, "There is no such user" },
	{ "unreadable_archive", 422, "The archive cannot be read" },
	{ "unreadable_document", 422, "The document cannot be read" },
	{ "unreadable_image", 422, "The picture cannot be read" },
	{ "wrong_type", 422, "It is of another JSON type" },
	{ "upload_locked", 423, "Another request is at this upload" },
	{ "upgrade_required", 426, "This path speaks WebSocket only" },
	{ "rate_limited", 429, "Too many requests" },
	{ "headers_too_large", 431, "The header fields are too large" },
	{ "checksum_mismatch", 460, "The bytes do not fit their checksum" },
	{ "internal", 500, "Something went wrong here" },
	{ "method_not_implemented", 501, "There is no such method here" },
	{ "not_here", 501, "This server does not offer it" },
	{ "bad_gateway", 502, "The file service ended before it answered" },
	{ "connection_unreachable", 503, "The process of the connection does not hear now" },
	{ "database_unavailable", 503, "The database is not available" },
	{ "files_unavailable", 503, "Files cannot be handled now" },
	{ "outcome_unknown", 503, "It is not known whether it happened" },
	{ "overloaded", 503, "Too busy" },
	{ "storage_unavailable", 503, "The place for files is not available" },
	{ "timeout", 503, "It took too long" },
	{ "gateway_timeout", 504, "The file service did not answer in time" },
	{ "http_version", 505, "This version of HTTP is not spoken here" },
	{ "storage_full", 507, "There is no room for the file" },
};
/* clang-format on */

size_t
api_error_count(void)
{
	return ARRAY_LEN(errors);
}

const struct api_error *
api_error_at(size_t i)
{
	assert(i < ARRAY_LEN(errors));
	return &errors[i];
}

const struct api_error *
api_error_find(const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		if (strcmp(errors[i].code, code) == 0)
			return &errors[i];
	}
	return NULL;
}

const struct api_error *
api_error_get(const char *code)
{
	const struct api_error *e = api_error_find(code);

	return e != NULL ? e : api_error_find("internal");
}

static void
write_fields(struct base_json *j, const struct api_problem *p)
{
	base_json_key(j, "errors");
	base_json_array_begin(j);
	for (size_t i = 0; i < p->nfields; i++) {
		base_json_object_begin(j);
		base_json_put_str(j, "field", p->fields[i].field);
		base_json_put_str(j, "code", p->fields[i].code);
		base_json_put_str(j, "detail", p->fields[i].detail);
		base_json_object_end(j);
	}
	base_json_array_end(j);
}

void
api_problem_write(struct base_buf *out, const struct api_problem *p)
{
	struct base_json j;

	base_json_init(&j, out);
	base_json_object_begin(&j);
	base_json_key(&j, "type");
	base_json_raw(&j, "\"urn:parley:error:", 18);
	base_buf_append_str(out, p->error->code);
	base_buf_append_char(out, '"');
	base_json_put_str(&j, "title", p->error->title);
	base_json_put_int(&j, "status", p->error->status);
	base_json_put_str(
	    &j, "detail", p->detail != NULL ? p->detail : p->error->title);
	base_json_put_str(&j, "code", p->error->code);
	base_json_put_str(&j, "request_id", p->request_id);
	if (p->nfields > 0)
		write_fields(&j, p);
	base_json_object_end(&j);
}
