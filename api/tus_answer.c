/* SPDX-License-Identifier: ISC */
/* What an upload that comes in pieces is answered, and what is made of it once
 * all of it is there. */

#include "api/tus_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/call.h"
#include "api/config.h"
#include "api/upload_ops_private.h"
#include "api/upload_work.h"
#include "base/buf.h"
#include "db/result.h"

struct api_tus *
api_tus_of(const struct api_call *call)
{
	return api_call_at_end_arg(call);
}

const struct api_config *
api_tus_config(const struct api_tus *t)
{
	return api_engine_config(api_call_engine(t->call));
}

enum api_hook_next
api_tus_refuse(const struct api_tus *t, enum upload_status status)
{
	/* The row says that it is there: somebody removed its file. */
	if (status == UPLOAD_MISSING)
		return api_call_refuse(t->call, "upload_gone", NULL, NULL);
	return api_upload_refuse(t->call, status, NULL);
}

static void
number_add(const struct api_tus *t, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	api_call_header_add(t->call, name, text);
}

static void
location_add(const struct api_tus *t)
{
	struct base_buf at = { 0 };

	base_buf_printf(
	    &at, "%s/v1/tus/%s", api_tus_config(t)->public_url, t->id);
	api_call_header_add(t->call, "Location", base_buf_str(&at));
	base_buf_fini(&at);
}

enum api_hook_next
api_tus_answer(struct api_tus *t, uint64_t offset)
{
	const char *method = api_call_operation(t->call)->method;

	if (strcmp(method, "POST") == 0)
		location_add(t);
	if (strcmp(method, "HEAD") == 0) {
		if (t->length != API_TUS_LENGTH_UNKNOWN)
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
	struct api_tus *t = api_tus_of(arg);

	if (r->status == DB_OK)
		upload_partial_remove(t->partial);
	api_call_resume(t->call, API_HOOK_REFUSED);
}

static void
on_finished(const struct db_result *r, void *arg)
{
	struct api_tus *t = api_tus_of(arg);
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
		next = r->rows > 0 ? api_tus_answer(t, t->length) :
				     api_tus_refuse(t, UPLOAD_MISSING);
	}
	api_call_resume(t->call, next);
}

static void
on_dropped(const struct db_result *r, void *arg)
{
	struct api_tus *t = api_tus_of(arg);

	/* Without a database it stays until it expires. */
	if (r->status == DB_OK)
		upload_partial_remove(t->partial);
	(void)api_tus_refuse(t, t->status);
	api_call_resume(
	    t->call, api_upload_failed(t->call, t->id, t->filename, t->status));
}

/* Make an upload of it.  What is refused for its content is at its end; what
 * failed through no fault of its own may be asked for again. */
static enum api_hook_next
finish(struct api_tus *t)
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
		return api_tus_refuse(t, t->status);
	if (t->status != UPLOAD_OK) {
		api_upload_ask(t->call, "tus.end", on_dropped);
	} else {
		api_upload_quota_set(t->call);
		api_upload_ask(t->call, "tus.finish", on_finished);
	}
	return API_HOOK_PENDING;
}

enum api_hook_next
api_tus_go_on(struct api_tus *t)
{
	uint64_t size = upload_partial_size(t->partial);

	return size == t->length ? finish(t) : api_tus_answer(t, size);
}
