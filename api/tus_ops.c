/* SPDX-License-Identifier: ISC */
/* Uploads that come in pieces. */

#include "api/tus_ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/body.h"
#include "api/call.h"
#include "api/config.h"
#include "api/tus_head.h"
#include "api/upload_ops_private.h"
#include "api/upload_work.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "db/result.h"
#include "upload/checksum.h"
#include "upload/partial.h"
#include "upload/tus_metadata.h"

enum {
	PIECE_BYTES = 64 * 1024,
	/* A request that was left behind lets go sooner. */
	WAIT_MS = 3000,
	/* What came is kept, so that a sender who says nothing for so long, or
	 * is slow while others wait, may come again. */
	IDLE_MS = 25 * 1000,
	TURN_MS = 5 * 1000
};

#define LENGTH_UNKNOWN UINT64_MAX
#define CONTENT_TYPE "application/offset+octet-stream"

/* One request. */
struct tus {
	struct api_call *call;
	struct api_uploads *uploads;
	struct upload_partial *partial;	  /* owned; NULL: none is open */
	struct upload_checksum *checksum; /* owned; NULL: none came */
	bool is_made;  /* of one that is created: there is a row */
	bool has_body; /* bytes come with it */
	/* Why not all of them were taken, or NULL. */
	const char *volatile later;
	uint64_t began_ms; /* to take them */
	volatile uint64_t heard_ms;
	uint64_t offset; /* announced */
	uint64_t length;
	const char *id, *filename, *metadata, *expires;
	enum upload_status status; /* that is answered when it has ended */
};

static const struct api_config *
config_of(const struct tus *t)
{
	return api_engine_config(api_call_engine(t->call));
}

static const char *
dir_of(const struct tus *t)
{
	return upload_store_tmp(t->uploads->store);
}

static const char *
header(const struct tus *t, const char *name)
{
	return api_call_request_header(t->call, name);
}

static struct tus *
tus_of(const struct api_call *call)
{
	return api_call_at_end_arg(call);
}

/* What is not finished is let go; what was never begun is nothing. */
static void
tus_end(void *arg)
{
	struct tus *t = arg;

	if (t->partial != NULL && !t->is_made)
		upload_partial_remove(t->partial);
	upload_partial_close(t->partial);
	upload_checksum_free(t->checksum);
}

/* --- refusals --- */

static enum api_hook_next
bad(const struct tus *t, const char *detail)
{
	return api_call_refuse(t->call, "bad_request", NULL, detail);
}

static enum api_hook_next
too_large(const struct tus *t)
{
	return api_upload_refuse(t->call, UPLOAD_TOO_LARGE, NULL);
}

static enum api_hook_next
refuse(const struct tus *t, enum upload_status status)
{
	/* The row says that it is there: somebody removed its file. */
	if (status == UPLOAD_MISSING)
		return api_call_refuse(t->call, "upload_gone", NULL, NULL);
	return api_upload_refuse(t->call, status, NULL);
}

/* --- what is asked --- */

/* A number in a header: -1 when it is none, 0 when there is no header. */
static int
number_read(const struct tus *t, const char *name, uint64_t *value)
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
static struct tus *
tus_begin(struct api_call *call)
{
	struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	struct tus *t = base_arena_alloc(api_call_arena(call), sizeof(*t));
	const char *version;

	memset(t, 0, sizeof(*t));
	t->call = call;
	t->uploads = u;
	t->length = LENGTH_UNKNOWN;
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
length_take(struct tus *t)
{
	int found = number_read(t, "Upload-Length", &t->length);

	if (found == -1)
		return bad(t, "Upload-Length is not a number.");
	if (found == 0)
		return API_HOOK_GO_ON;
	if (t->length > t->uploads->params.max_bytes)
		return too_large(t);
	if (t->length == 0)
		return refuse(t, UPLOAD_EMPTY);
	api_upload_number_set(t->call, "length", t->length);
	return API_HOOK_GO_ON;
}

/* Bytes may come with it: of what type, with which checksum? */
static enum api_hook_next
body_announced(struct tus *t)
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

/* --- the answer --- */

static void
number_add(const struct tus *t, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	api_call_header_add(t->call, name, text);
}

static void
location_add(const struct tus *t)
{
	struct base_buf at = { 0 };

	base_buf_printf(&at, "%s/v1/tus/%s", config_of(t)->public_url, t->id);
	api_call_header_add(t->call, "Location", base_buf_str(&at));
	base_buf_fini(&at);
}

static enum api_hook_next
answer(struct tus *t, uint64_t offset)
{
	const char *method = api_call_operation(t->call)->method;

	if (strcmp(method, "POST") == 0)
		location_add(t);
	if (strcmp(method, "HEAD") == 0) {
		if (t->length != LENGTH_UNKNOWN)
			number_add(t, "Upload-Length", t->length);
		else
			number_add(t, "Upload-Defer-Length", 1);
		if (t->metadata != NULL)
			api_call_header_add(
			    t->call, "Upload-Metadata", t->metadata);
	}
	number_add(t, "Upload-Offset", offset);
	api_call_header_add(t->call, "Upload-Expires", t->expires);
	api_call_body_none(t->call);
	/* Whoever hears of it may be back before the answer is sent. */
	upload_partial_close(t->partial);
	t->partial = NULL;
	return API_HOOK_GO_ON;
}

/* --- all of it is there --- */

static void
on_ended(const struct db_result *r, void *arg)
{
	struct tus *t = tus_of(arg);

	if (r->status == DB_OK)
		upload_partial_remove(t->partial);
	api_call_resume(t->call, API_HOOK_REFUSED);
}

static void
on_finished(const struct db_result *r, void *arg)
{
	struct tus *t = tus_of(arg);
	enum api_hook_next next;

	if (r->status == DB_REFUSED) {
		/* What was made of it is more than its sender may store. */
		(void)api_call_refuse_result(t->call, "tus.finish", r);
		api_upload_ask(t->call, "tus.end", on_ended);
		return;
	}
	if (r->status != DB_OK) {
		next = api_call_refuse_result(t->call, "tus.finish", r);
	} else {
		/* Nobody waits for its bytes any more, with a row or without. */
		upload_partial_remove(t->partial);
		next = r->rows > 0 ? answer(t, t->length) :
				     refuse(t, UPLOAD_MISSING);
	}
	api_call_resume(t->call, next);
}

static void
on_dropped(const struct db_result *r, void *arg)
{
	struct tus *t = tus_of(arg);

	/* Without a database it stays until it expires. */
	if (r->status == DB_OK)
		upload_partial_remove(t->partial);
	(void)refuse(t, t->status);
	api_call_resume(
	    t->call, api_upload_failed(t->call, t->id, t->filename, t->status));
}

/* Make an upload of it.  What is refused for its content is at its end; what
 * failed through no fault of its own may be asked for again. */
static enum api_hook_next
finish(struct tus *t)
{
	struct upload_received received = { .filename = t->filename };

	if (api_upload_begin(t->call) == API_HOOK_REFUSED)
		return API_HOOK_REFUSED;
	t->status = upload_partial_share(t->partial, &received.temp);
	if (t->status == UPLOAD_OK)
		t->status = upload_store_temp_hash(
		    &received.temp, received.hash, &received.size);
	if (t->status == UPLOAD_OK)
		t->status = api_upload_work(t->call, &received, t->id);
	else
		upload_store_temp_discard(&received.temp);
	if (t->status != UPLOAD_OK && upload_status_is_ours(t->status))
		return refuse(t, t->status);
	if (t->status != UPLOAD_OK) {
		api_upload_ask(t->call, "tus.end", on_dropped);
	} else {
		api_upload_quota_set(t->call);
		api_upload_ask(t->call, "tus.finish", on_finished);
	}
	return API_HOOK_PENDING;
}

static enum api_hook_next
go_on(struct tus *t)
{
	uint64_t size = upload_partial_size(t->partial);

	return size == t->length ? finish(t) : answer(t, size);
}

/* --- bytes --- */

/* A sender who says nothing, or is slow while others wait, may come again, since
 * what came is kept; but not of what has a checksum.  Asked in the context of a
 * signal. */
static bool
is_over(void *arg)
{
	struct tus *t = arg;
	const struct api_body *body = api_call_door_arg(t->call);
	uint64_t now = base_clock_ms();

	if (upload_partial_wanted(t->partial))
		t->later = "upload_locked";
	else if (now - t->heard_ms >= IDLE_MS ||
	    (now - t->began_ms >= TURN_MS && t->checksum == NULL &&
		body->contended != NULL && body->contended(body->arg)))
		t->later = "overloaded";
	return t->later != NULL;
}

static void
guard(struct tus *t, bool (*over)(void *))
{
	const struct api_body *body = api_call_door_arg(t->call);

	if (body->guard != NULL)
		body->guard(body->arg, over, t);
}

static enum upload_status
bytes_take(struct tus *t, uint64_t *came)
{
	const struct api_body *body = api_call_door_arg(t->call);
	uint64_t most = t->length != LENGTH_UNKNOWN ?
	    t->length :
	    t->uploads->params.max_bytes;
	uint64_t room = most - upload_partial_size(t->partial);
	enum upload_status status = UPLOAD_OK;
	char piece[PIECE_BYTES];
	ssize_t n;

	for (*came = 0; status == UPLOAD_OK; *came += (uint64_t)n) {
		t->heard_ms = base_clock_ms();
		n = body->read(body->arg, piece, sizeof(piece));
		if (n == -1) /* too slow for one request */
			t->later = "overloaded";
		if (n <= 0)
			break;
		if ((uint64_t)n > room - *came)
			return UPLOAD_TOO_LARGE;
		if (t->checksum != NULL)
			upload_checksum_add(t->checksum, piece, (size_t)n);
		status = upload_partial_write(t->partial, piece, (size_t)n);
	}
	return status;
}

/* What came without a checksum counts, however it ended; what came with one
 * counts whole or not at all. */
static enum upload_status
bytes_settle(struct tus *t, enum upload_status status, uint64_t came)
{
	const struct api_body *body = api_call_door_arg(t->call);
	enum upload_status settled;

	if (t->checksum != NULL && status == UPLOAD_OK &&
	    body->announced_bytes != API_BODY_LENGTH_UNKNOWN &&
	    came < body->announced_bytes)
		status = UPLOAD_SHORT;
	if (t->checksum != NULL && status == UPLOAD_OK &&
	    !upload_checksum_fits(t->checksum))
		status = UPLOAD_MISMATCH;
	settled = t->checksum != NULL && status != UPLOAD_OK ?
	    upload_partial_revert(t->partial) :
	    upload_partial_sync(t->partial);
	return status != UPLOAD_OK ? status : settled;
}

/* The bytes of a request, of as many as fit. */
static enum api_hook_next
receive(struct tus *t)
{
	const struct api_body *body = api_call_door_arg(t->call);
	uint64_t size = upload_partial_size(t->partial), came = 0;
	uint64_t most = t->length != LENGTH_UNKNOWN ?
	    t->length :
	    t->uploads->params.max_bytes;
	enum upload_status status = UPLOAD_OK;

	if (size > most ||
	    (body->announced_bytes != API_BODY_LENGTH_UNKNOWN &&
		body->announced_bytes > most - size))
		return too_large(t);
	if (t->checksum != NULL)
		status = upload_partial_hold(t->partial);
	t->began_ms = t->heard_ms = base_clock_ms();
	guard(t, is_over);
	if (status == UPLOAD_OK)
		status = bytes_take(t, &came);
	guard(t, NULL);
	status = bytes_settle(t, status, came);
	if (status != UPLOAD_OK)
		return refuse(t, status);
	return t->later == NULL ?
	    go_on(t) :
	    api_call_refuse(t->call, t->later, NULL, NULL);
}

/* --- tus.create --- */

static enum api_hook_next
create_check(struct tus *t)
{
	const struct api_body *body = api_call_door_arg(t->call);
	const char *deferred = header(t, "Upload-Defer-Length");
	enum api_hook_next next = length_take(t);

	if (next == API_HOOK_REFUSED)
		return next;
	if (deferred != NULL && strcmp(deferred, "1") != 0)
		return bad(t, "Upload-Defer-Length can only be 1.");
	if ((deferred == NULL) == (t->length == LENGTH_UNKNOWN))
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
	struct tus *t = tus_begin(call);
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
	api_upload_number_set(call, "hours", (uint64_t)config_of(t)->tus_hours);
	api_upload_number_set(
	    call, "unfinished", (uint64_t)config_of(t)->tus_unfinished);
	api_upload_quota_set(call);
	base_buf_fini(&name);
	status = upload_partial_new(dir_of(t), id,
	    t->length != LENGTH_UNKNOWN ? t->length : 0, &t->partial);
	return status == UPLOAD_OK ? API_HOOK_GO_ON : refuse(t, status);
}

static const char *
column(const struct tus *t, const struct db_result *r, const char *name)
{
	return base_arena_strdup(api_call_arena(t->call),
	    db_result_value(r, 0, db_result_column(r, name)));
}

/* What the row says. */
static void
row_take(struct tus *t, const struct db_result *r)
{
	const char *length = column(t, r, "length");

	t->is_made = true;
	t->id = column(t, r, "id");
	t->filename = column(t, r, "filename");
	t->metadata = column(t, r, "metadata");
	t->expires = column(t, r, "expires");
	t->length =
	    length != NULL ? strtoull(length, NULL, 10) : LENGTH_UNKNOWN;
}

static enum api_hook_next
create_after(struct api_call *call, const struct db_result *r)
{
	struct tus *t = tus_of(call);

	row_take(t, r);
	return t->has_body ? receive(t) : answer(t, 0);
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
	struct tus *t = tus_begin(call);

	if (t == NULL || body_announced(t) == API_HOOK_REFUSED)
		return API_HOOK_REFUSED;
	if (number_read(t, "Upload-Offset", &t->offset) != 1)
		return bad(t, "Upload-Offset must be a number.");
	return length_take(t);
}

static void on_again(const struct db_result *r, void *arg);

/* Whose bytes are here, or were: `has_none` after its file was gone. */
static enum api_hook_next
resume(struct tus *t, const struct db_result *r, bool has_none)
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
		return refuse(t, UPLOAD_MISSING);
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
			return refuse(t, status);
		size = upload_partial_size(t->partial);
	}
	if (t->has_body && t->offset != size)
		return api_call_refuse(t->call, "offset_conflict", NULL, NULL);
	if (t->partial == NULL)
		return answer(t, size);
	return t->has_body ? receive(t) : go_on(t);
}

static void
on_again(const struct db_result *r, void *arg)
{
	struct tus *t = tus_of(arg);

	api_call_resume(t->call,
	    r->status == DB_OK ?
		resume(t, r, true) :
		api_call_refuse_result(t->call, "tus.resume", r));
}

static enum api_hook_next
resume_after(struct api_call *call, const struct db_result *r)
{
	return resume(tus_of(call), r, false);
}

/* --- tus.end --- */

/* A request that still brings bytes finds no row when it is through. */
static enum api_hook_next
end_after(struct api_call *call, const struct db_result *r)
{
	struct tus *t = tus_of(call);

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
