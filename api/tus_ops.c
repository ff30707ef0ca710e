/* SPDX-License-Identifier: ISC */
/* Uploads that come in pieces: the operations, and what is asked with them. */

#include "api/tus_ops.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/body.h"
#include "api/call.h"
#include "api/config.h"
#include "api/tus_head.h"
#include "api/tus_private.h"
#include "api/upload_ops_private.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/uuid.h"
#include "db/result.h"
#include "upload/tus_metadata.h"

/* A request that was left behind lets go sooner. */
#define WAIT_MS 3000
#define CONTENT_TYPE "application/offset+octet-stream"

static const char *
dir_of(const struct api_tus *t)
{
	return upload_store_tmp(t->uploads->store);
}

static const char *
header(const struct api_tus *t, const char *name)
{
	return api_call_request_header(t->call, name);
}

/* What is not finished is let go; what was never begun is nothing. */
static void
tus_end(void *arg)
{
	struct api_tus *t = arg;

	if (t->partial != NULL && !t->is_made)
		upload_partial_remove(t->partial);
	upload_partial_close(t->partial);
	upload_checksum_free(t->checksum);
}

static enum api_hook_next
bad(const struct api_tus *t, const char *detail)
{
	return api_call_refuse(t->call, "bad_request", NULL, detail);
}

/* --- what is asked --- */

/* A number in a header: -1 when it is none, 0 when there is no header. */
static int
number_read(const struct api_tus *t, const char *name, uint64_t *value)
{
	const char *text = header(t, name);

	if (text == NULL)
		return 0;
	if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
		return -1;
	*value = strtoull(text, NULL, 10);
	return 1;
}

/* The request, once it is one that we understand; else NULL, refused. */
static struct api_tus *
tus_begin(struct api_call *call)
{
	struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	struct api_tus *t = base_arena_alloc(api_call_arena(call), sizeof(*t));
	const char *version;

	memset(t, 0, sizeof(*t));
	t->call = call;
	t->uploads = u;
	t->length = API_TUS_LENGTH_UNKNOWN;
	version = header(t, "Tus-Resumable");
	if (version == NULL || strcmp(version, API_TUS_VERSION) != 0) {
		(void)api_call_refuse(call, "tus_version", NULL,
		    "Tus-Resumable must be " API_TUS_VERSION ".");
		return NULL;
	}
	if (u == NULL) {
		(void)api_call_refuse(call, "files_unavailable", NULL, NULL);
		return NULL;
	}
	api_call_at_end(call, tus_end, t);
	return t;
}

/* Upload-Length, for the statement too: it is known from here on. */
static enum api_hook_next
length_take(struct api_tus *t)
{
	int found = number_read(t, "Upload-Length", &t->length);

	if (found == -1)
		return bad(t, "Upload-Length is not a number.");
	if (found == 0)
		return API_HOOK_GO_ON;
	if (t->length > t->uploads->params.max_bytes)
		return api_tus_refuse(t, UPLOAD_TOO_LARGE);
	if (t->length == 0)
		return api_tus_refuse(t, UPLOAD_EMPTY);
	api_upload_number_set(t->call, "length", t->length);
	return API_HOOK_GO_ON;
}

/* Bytes may come with it: of what type, with which checksum? */
static enum api_hook_next
body_announced(struct api_tus *t)
{
	const char *checksum = header(t, "Upload-Checksum");
	const char *type = header(t, "Content-Type");

	if (type == NULL || strcasecmp(type, CONTENT_TYPE) != 0)
		return api_call_refuse(t->call, "unsupported_media_type", NULL,
		    "Bytes come with Content-Type: " CONTENT_TYPE ".");
	t->has_body = true;
	if (checksum == NULL)
		return API_HOOK_GO_ON;
	t->checksum = upload_checksum_new(checksum);
	return t->checksum != NULL ?
	    API_HOOK_GO_ON :
	    bad(t, "Upload-Checksum is none of " UPLOAD_CHECKSUMS ".");
}

/* --- tus.create --- */

static enum api_hook_next
create_check(struct api_tus *t)
{
	const struct api_body *body = api_call_door_arg(t->call);
	const char *deferred = header(t, "Upload-Defer-Length");
	enum api_hook_next next = length_take(t);

	if (next == API_HOOK_REFUSED)
		return next;
	if (deferred != NULL && strcmp(deferred, "1") != 0)
		return bad(t, "Upload-Defer-Length can only be 1.");
	if ((deferred == NULL) == (t->length == API_TUS_LENGTH_UNKNOWN))
		return bad(t, "Either Upload-Length or Upload-Defer-Length.");
	/* Some clients name the type of the bytes that will come. */
	if (body->announced_bytes == 0 ||
	    (body->announced_bytes == API_BODY_LENGTH_UNKNOWN &&
		header(t, "Content-Type") == NULL))
		return API_HOOK_GO_ON;
	return body_announced(t);
}

/* The file first: a row always has one. */
static enum api_hook_next
create_before(struct api_call *call)
{
	struct api_tus *t = tus_begin(call);
	struct base_buf name = { 0 };
	enum upload_status status;
	char id[BASE_UUID_TEXT];

	if (t == NULL || create_check(t) == API_HOOK_REFUSED)
		return API_HOOK_REFUSED;
	t->metadata = header(t, "Upload-Metadata");
	if (!upload_tus_metadata_filename(&name, t->metadata))
		return bad(t, "Upload-Metadata is malformed or too long.");
	base_uuid_v7(id);
	api_call_value_set(call, "id", id);
	api_call_value_set(call, "filename", base_buf_str(&name));
	api_call_value_set(call, "metadata", t->metadata);
	api_upload_number_set(
	    call, "hours", (uint64_t)api_tus_config(t)->tus_hours);
	api_upload_number_set(
	    call, "unfinished", (uint64_t)api_tus_config(t)->tus_unfinished);
	api_upload_quota_set(call);
	base_buf_fini(&name);
	status = upload_partial_new(dir_of(t), id,
	    t->length != API_TUS_LENGTH_UNKNOWN ? t->length : 0, &t->partial);
	return status == UPLOAD_OK ? API_HOOK_GO_ON : api_tus_refuse(t, status);
}

static const char *
column(const struct api_tus *t, const struct db_result *r, const char *name)
{
	return base_arena_strdup(api_call_arena(t->call),
	    db_result_value(r, 0, db_result_column(r, name)));
}

/* What the row says. */
static void
row_take(struct api_tus *t, const struct db_result *r)
{
	const char *length = column(t, r, "length");

	t->is_made = true;
	t->id = column(t, r, "id");
	t->filename = column(t, r, "filename");
	t->metadata = column(t, r, "metadata");
	t->expires = column(t, r, "expires");
	t->length = length != NULL ? strtoull(length, NULL, 10) :
				     API_TUS_LENGTH_UNKNOWN;
}

static enum api_hook_next
create_after(struct api_call *call, const struct db_result *r)
{
	struct api_tus *t = api_tus_of(call);

	row_take(t, r);
	return t->has_body ? api_tus_receive(t) : api_tus_answer(t, 0);
}

/* --- tus.head, tus.patch --- */

static enum api_hook_next
head_before(struct api_call *call)
{
	return tus_begin(call) != NULL ? API_HOOK_GO_ON : API_HOOK_REFUSED;
}

static enum api_hook_next
patch_before(struct api_call *call)
{
	struct api_tus *t = tus_begin(call);

	if (t == NULL || body_announced(t) == API_HOOK_REFUSED)
		return API_HOOK_REFUSED;
	if (number_read(t, "Upload-Offset", &t->offset) != 1)
		return bad(t, "Upload-Offset must be a number.");
	return length_take(t);
}

static void on_again(const struct db_result *r, void *arg);

/* Whose bytes are here, or were: `has_none` after its file was gone. */
static enum api_hook_next
resume(struct api_tus *t, const struct db_result *r, bool has_none)
{
	enum upload_status status;
	const char *state;
	uint64_t size;

	if (r->rows == 0)
		return api_call_refuse(t->call, "not_found", NULL, NULL);
	row_take(t, r);
	state = column(t, r, "state");
	if (strcmp(state, "over") == 0 ||
	    (strcmp(state, "open") == 0 && has_none))
		return api_tus_refuse(t, UPLOAD_MISSING);
	size = t->length;
	if (strcmp(state, "open") == 0) {
		status =
		    upload_partial_open(dir_of(t), t->id, WAIT_MS, &t->partial);
		if (status == UPLOAD_MISSING) {
			/* Has it been finished while we waited? */
			api_upload_ask(t->call, "tus.resume", on_again);
			return API_HOOK_PENDING;
		}
		if (status != UPLOAD_OK)
			return api_tus_refuse(t, status);
		size = upload_partial_size(t->partial);
	}
	if (t->has_body && t->offset != size)
		return api_call_refuse(t->call, "offset_conflict", NULL, NULL);
	if (t->partial == NULL)
		return api_tus_answer(t, size);
	return t->has_body ? api_tus_receive(t) : api_tus_go_on(t);
}

static void
on_again(const struct db_result *r, void *arg)
{
	struct api_tus *t = api_tus_of(arg);

	api_call_resume(t->call,
	    r->status == DB_OK ?
		resume(t, r, true) :
		api_call_refuse_result(t->call, "tus.resume", r));
}

static enum api_hook_next
resume_after(struct api_call *call, const struct db_result *r)
{
	return resume(api_tus_of(call), r, false);
}

/* --- tus.end --- */

/* A request that still brings bytes finds no row when it is through. */
static enum api_hook_next
end_after(struct api_call *call, const struct db_result *r)
{
	struct api_tus *t = api_tus_of(call);

	if (r->rows == 0)
		return api_call_refuse(call, "not_found", NULL, NULL);
	t->is_made = true;
	t->id = column(t, r, "id");
	if (upload_partial_open(dir_of(t), t->id, WAIT_MS, &t->partial) ==
	    UPLOAD_OK)
		upload_partial_remove(t->partial);
	api_call_body_none(call);
	return API_HOOK_GO_ON;
}

const struct api_hook api_tus_hooks[] = {
	{ .operation = "tus.create",
	    .before = create_before,
	    .after = create_after },
	{ .operation = "tus.head",
	    .before = head_before,
	    .after = resume_after },
	{ .operation = "tus.patch",
	    .before = patch_before,
	    .after = resume_after },
	{ .operation = "tus.end", .before = head_before, .after = end_after },
};
const size_t api_tus_hook_count = ARRAY_LEN(api_tus_hooks);
