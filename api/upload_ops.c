/* SPDX-License-Identifier: ISC */
/* The C part of uploads.create: a body becomes files and statement values. */

#include "api/upload_ops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/body.h"
#include "api/call.h"
#include "api/file_answer.h"
#include "api/pace.h"
#include "api/storage.h"
#include "api/upload_ops_private.h"
#include "api/upload_work.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "db/query.h"
#include "upload/receive.h"

enum {
	PIECE_BYTES = 16 * 1024,
	SWEEP_AGE_S = 10
};

struct api_uploads *
api_uploads_new(const struct api_uploads_params *params)
{
	struct api_uploads *u = base_alloc(sizeof(*u));

	u->params = *params;
	u->store = api_storage_store(params->storage);
	u->decoder = upload_decoder_new(params->decoder, &params->decoding);
	return u;
}

void
api_uploads_free(struct api_uploads *u)
{
	if (u == NULL)
		return;
	db_query_cancel(u->query);
	upload_decoder_free(u->decoder);
	base_free(u);
}

bool
api_uploads_warm(struct api_uploads *u, char *err, size_t err_size)
{
	const struct upload_decoder_hello *hello = &u->hello;
	const char *why = NULL;

	if (!upload_decoder_start(u->decoder, &u->hello)) {
		snprintf(err, err_size, "%s does not start%s%s",
		    u->params.decoder, errno != 0 ? ": " : "",
		    errno != 0 ? strerror(errno) : "");
		return false;
	}
	if (!hello->has_magic)
		why = "libmagic does not start";
	else if (!hello->has_images)
		why = "libvips does not start";
	else if (!hello->has_seccomp && u->params.decoding.is_strict)
		why = "PARLEY_SANDBOX is strict, and the kernel or the "
		      "container takes no seccomp filter";
	if (why != NULL)
		snprintf(err, err_size, "%s", why);
	return why == NULL;
}

void
api_uploads_lack_log(const struct api_uploads *u)
{
	upload_kinds pages = UPLOAD_KIND_BIT(UPLOAD_PDF);

	if (!u->hello.has_seccomp)
		base_log_warn("files are decoded without a sandbox",
		    "why=\"the kernel or the container takes no seccomp "
		    "filter\"");
	if ((u->params.decoding.kinds & pages) != 0 && !u->hello.has_fonts)
		base_log_warn("pages are drawn with their own fonts only",
		    "why=\"the kernel has no Landlock\"");
	for (unsigned i = 0; i < UPLOAD_KIND_COUNT; i++)
		if ((u->hello.lacking & UPLOAD_KIND_BIT(i)) != 0)
			base_log_warn("libvips cannot read a type", "type=%s",
			    upload_kind_mime(i));
}

void
api_uploads_sweep(struct api_uploads *u)
{
	unsigned removed = upload_store_sweep(u->store, SWEEP_AGE_S);

	if (removed > 0)
		base_log_info(
		    "unfinished uploads removed", "files=%u", removed);
}

struct upload_store *
api_uploads_store(const struct api_uploads *u)
{
	return u->store;
}

bool
api_uploads_ready(void *arg, char *why, size_t why_size)
{
	struct api_uploads *u = arg;

	if (upload_store_ready(u->store))
		return true;
	snprintf(why, why_size, "the place for files cannot be used");
	return false;
}

void
api_upload_number_set(struct api_call *call, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	api_call_value_set(call, name, text);
}

void
api_upload_quota_set(struct api_call *call)
{
	const struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	const struct api_uploads_quota *q = &u->params.quota;

	api_upload_number_set(call, "quota_bytes", (uint64_t)q->bytes);
	api_upload_number_set(call, "quota_files", (uint64_t)q->files);
	api_upload_number_set(call, "quota_day_bytes", (uint64_t)q->day_bytes);
	api_upload_number_set(call, "quota_day_files", (uint64_t)q->day_files);
}

enum api_hook_next
api_upload_refuse(
    struct api_call *call, enum upload_status status, const char *field)
{
	if (upload_status_is_ours(status))
		base_log_error("upload not stored", "request=%s code=%s",
		    api_call_request_id(call), upload_status_code(status));
	return api_call_refuse(call, upload_status_code(status), field,
	    upload_status_detail(status));
}

static void
on_asked(const struct db_result *r, void *arg)
{
	struct api_uploads *u = arg;

	u->query = NULL;
	u->on_answer(r, u->asker);
}

void
api_upload_ask(struct api_call *call, const char *name, db_query_cb *cb)
{
	struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	const struct db_statement *s = db_statement_find(name);
	struct api_identity *subject = api_call_subject(call);
	const char **values = base_arena_alloc(
	    api_call_arena(call), ((size_t)s->nparams + 1) * sizeof(*values));

	for (int i = 0; i < s->nparams; i++) {
		if (strcmp(s->params[i], "caller") == 0)
			values[i] = subject->user;
		else if (strcmp(s->params[i], "caller_role") == 0)
			values[i] = api_role_name(subject->role);
		else
			values[i] = api_call_value(call, s->params[i]);
	}
	u->asker = call;
	u->on_answer = cb;
	u->query = db_query_start(
	    api_engine_pool(api_call_engine(call)), s, values, on_asked, u);
}

static void
on_failed(const struct db_result *r, void *arg)
{
	struct api_call *call = arg;

	if (r->status != DB_OK)
		base_log_warn("refused upload not told of", "request=%s",
		    api_call_request_id(call));
	api_call_resume(call, API_HOOK_REFUSED);
}

enum api_hook_next
api_upload_failed(struct api_call *call, const char *id, const char *filename,
    enum upload_status status)
{
	api_call_value_set(call, "origin", api_call_connection(call));
	api_call_value_set(call, "id", id);
	api_call_value_set(call, "filename", filename);
	api_call_value_set(call, "code", upload_status_code(status));
	api_call_value_set(call, "detail", upload_status_detail(status));
	api_upload_ask(call, "uploads.fail", on_failed);
	return API_HOOK_PENDING;
}

enum api_hook_next
api_upload_begin(struct api_call *call)
{
	struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	char err[200];

	if (u == NULL)
		return api_call_refuse(call, "files_unavailable", NULL, NULL);
	if (api_uploads_warm(u, err, sizeof(err)))
		return API_HOOK_GO_ON;
	base_log_error("cannot look into files", "why=\"%s\"", err);
	return api_call_refuse(call, "files_unavailable", NULL, NULL);
}

/* --- uploads.create --- */

/* A body while it comes. */
struct coming {
	struct api_pace pace;
	volatile bool is_late; /* its end was not waited for */
};

/* Asked in the context of a signal. */
static bool
is_over(void *arg)
{
	struct coming *c = arg;

	if (api_pace_is_slow(&c->pace))
		c->is_late = true;
	return c->is_late;
}

static void
guard(const struct api_body *body, bool (*over)(void *), void *arg)
{
	if (body->guard != NULL)
		body->guard(body->arg, over, arg);
}

static enum upload_status
body_read(struct upload_receive *receive, const struct api_body *body,
    struct coming *c)
{
	enum upload_status status = UPLOAD_OK;
	char piece[PIECE_BYTES];
	ssize_t n = 0;

	api_pace_begin(&c->pace, body);
	guard(body, is_over, c);
	while (status == UPLOAD_OK &&
	    (n = body->read(body->arg, piece, sizeof(piece))) > 0) {
		api_pace_heard(&c->pace, (size_t)n);
		status = upload_receive_feed(receive, piece, (size_t)n);
	}
	if (n == -1)
		c->is_late = true;
	guard(body, NULL, NULL);
	return status == UPLOAD_OK && c->is_late ? UPLOAD_SHORT : status;
}

static enum api_hook_next
refuse(struct api_call *call, enum upload_status status,
    const struct upload_receive *receive)
{
	bool of_form = status == UPLOAD_NO_FILE ||
	    status == UPLOAD_UNKNOWN_FIELD || status == UPLOAD_EMPTY;
	const char *field = NULL;

	if (of_form)
		field =
		    receive != NULL ? upload_receive_field(receive) : "file";
	return api_upload_refuse(call, status, field);
}

/* From a body to files in their places. */
static enum api_hook_next
body_take(struct api_call *call)
{
	struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	const struct api_body *body = api_call_door_arg(call);
	const struct upload_receive_params params = {
		.store = u->store,
		.content_type = api_call_request_header(call, "Content-Type"),
		.filename = api_call_value(call, "filename"),
		.announced_bytes = body->announced_bytes,
		.max_bytes = u->params.max_bytes,
	};
	enum api_hook_next next = API_HOOK_GO_ON;
	struct upload_receive *receive;
	struct upload_received received = { .filename = NULL };
	struct coming coming = { .is_late = false };
	char id[BASE_UUID_TEXT];
	enum upload_status status;

	status = upload_receive_new(&params, &receive);
	if (status == UPLOAD_OK)
		status = body_read(receive, body, &coming);
	if (status == UPLOAD_OK)
		status = upload_receive_finish(receive, &received);
	base_uuid_v7(id);
	if (status == UPLOAD_OK)
		status = api_upload_work(call, &received, id);
	if (status != UPLOAD_OK && coming.is_late)
		next = api_call_refuse(call, "request_timeout", NULL, NULL);
	else if (status != UPLOAD_OK)
		next = refuse(call, status, receive);
	if (status != UPLOAD_OK && !upload_status_is_ours(status) &&
	    received.filename != NULL)
		next = api_upload_failed(call, NULL, received.filename, status);
	upload_receive_free(receive);
	return next;
}

static void
on_quota(const struct db_result *r, void *arg)
{
	struct api_call *call = arg;

	api_call_resume(call,
	    r->status == DB_OK ?
		body_take(call) :
		api_call_refuse_result(call, "uploads.quota", r));
}

/* A body that its sender may not store is not taken. */
static enum api_hook_next
create_before(struct api_call *call)
{
	const struct api_body *body = api_call_door_arg(call);

	if (api_upload_begin(call) == API_HOOK_REFUSED)
		return API_HOOK_REFUSED;
	api_upload_number_set(call, "bytes",
	    body->announced_bytes == API_BODY_LENGTH_UNKNOWN ?
		0 :
		body->announced_bytes);
	api_upload_quota_set(call);
	api_upload_ask(call, "uploads.quota", on_quota);
	return API_HOOK_PENDING;
}

const struct api_hook api_upload_hooks[] = {
	{ .operation = "uploads.create", .before = create_before },
	{ .operation = "files.get",
	    .before = api_file_ask,
	    .after = api_file_answer },
};
const size_t api_upload_hook_count = ARRAY_LEN(api_upload_hooks);
