/* SPDX-License-Identifier: ISC */
/* How a stored file is answered. */

#include "api/file_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/call.h"
#include "api/conditional.h"
#include "api/config.h"
#include "api/file_link.h"
#include "api/storage.h"
#include "api/upload_ops_private.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/result.h"
#include "upload/filename.h"

/* A file that was found, and what the client gets of it. */
struct found {
	const char *hash, *filename, *variant;
	enum upload_kind kind;
	uint64_t size;
	int64_t left_s; /* of a signed address; 0: it was none */
	char etag[UPLOAD_HASH_LEN + 3];
};

static const char *
column(const struct db_result *rows, const char *name)
{
	int col = db_result_column(rows, name);
	const char *value = col < 0 ? NULL : db_result_value(rows, 0, col);

	return value != NULL ? value : "";
}

static bool
is_true(const char *value)
{
	return value != NULL && (*value == 't' || *value == '1');
}

/* Is `p` (what follows a type) a weight of zero? */
static bool
is_refusal(const char *p)
{
	p += strspn(p, "; \t");
	if (strncasecmp(p, "q=0", 3) != 0)
		return false;
	p += 3 + strspn(p + 3, ".0");
	return *p == '\0' || strchr(",; \t", *p) != NULL;
}

/* Named in so many words: a star says nothing of what is newer than the
 * client. */
static bool
accepts(const char *accept, const char *type)
{
	size_t n = strlen(type);
	const char *p = accept;

	while (p != NULL && *p != '\0') {
		p += strspn(p, ", \t");
		if (strncasecmp(p, type, n) == 0 &&
		    (p[n] == '\0' || strchr(",; \t", p[n]) != NULL))
			return !is_refusal(p + n);
		p += strcspn(p, ",");
	}
	return false;
}

/* A signed address needs no credentials, and does not count: whoever may hand
 * out so many decides how often they are used. */
static enum api_hook_next
signature_look(struct api_call *call)
{
	const struct api_config *c = api_engine_config(api_call_engine(call));
	const struct api_file_link link = {
		.upload_id = api_call_value(call, "upload_id"),
		.variant = api_call_value(call, "variant"),
		.expires = api_call_value(call, "expires"),
		.key = api_call_value(call, "key"),
		.signature = api_call_value(call, "signature"),
	};
	enum api_file_link_state state = api_file_link_check(
	    c->url_keys, &link, base_clock_wall_us() / 1000000);

	api_call_value_set(
	    call, "signed", state == API_FILE_LINK_GOOD ? "true" : "false");
	if (state == API_FILE_LINK_GOOD)
		api_call_uncount(call);
	else if (api_call_identity(call) == NULL)
		return api_call_refuse(call,
		    state == API_FILE_LINK_EXPIRED ? "signature_expired" :
						     "signature_invalid",
		    NULL, NULL);
	return API_HOOK_GO_ON;
}

enum api_hook_next
api_file_ask(struct api_call *call)
{
	api_call_value_set(call, "webp",
	    accepts(api_call_request_header(call, "Accept"), "image/webp") ?
		"true" :
		"false");
	return signature_look(call);
}

/* What the file is called: its own name with the extension of what is sent,
 * and what is made of it by what it is. */
static void
name_append(struct base_buf *out, const struct found *f)
{
	const char *extension = upload_kind_extension(f->kind);

	if (strcmp(f->variant, "original") != 0 &&
	    strcmp(f->variant, "source") != 0)
		base_buf_printf(out, "%s%s", f->variant, extension);
	else if (upload_kind_is_image(f->kind))
		upload_filename_rename(out, f->filename, extension);
	else
		base_buf_append_str(out, f->filename);
}

/* Pictures that we have written may be shown; everything else is for saving. */
static bool
is_shown(const struct found *f)
{
	return upload_kind_is_shown(f->kind) &&
	    strcmp(f->variant, "source") != 0;
}

static const char *
disposition_get(
    const struct api_call *call, const struct found *f, struct base_buf *value)
{
	struct base_buf name = { 0 };

	name_append(&name, f);
	upload_filename_disposition(value,
	    is_shown(f) && !is_true(api_call_value(call, "download")),
	    base_buf_str(&name));
	base_buf_fini(&name);
	return base_buf_str(value);
}

static void
disposition_add(struct api_call *call, const struct found *f)
{
	struct base_buf value = { 0 };

	api_call_header_add(
	    call, "Content-Disposition", disposition_get(call, f, &value));
	base_buf_fini(&value);
}

/* The bytes under one address never change; who may see them can, and what they
 * are saved as.  A signed address is for whoever has it, to its end. */
static void
caching_add(struct api_call *call, const struct found *f)
{
	char value[64];

	if (f->left_s > 0) {
		snprintf(value, sizeof(value), "public, max-age=%" PRId64,
		    f->left_s);
		api_call_header_add(call, "Cache-Control", value);
	} else if (is_shown(f)) {
		api_call_header_add(call, "Cache-Control",
		    "private, max-age=31536000, immutable");
	} else {
		api_call_header_add(call, "Cache-Control", "private, no-cache");
	}
}

/* A 304 has them too: what is kept is brought up to date by it. */
static void
headers_add(struct api_call *call, const struct found *f)
{
	disposition_add(call, f);
	caching_add(call, f);
	api_call_header_add(call, "ETag", f->etag);
	if (upload_kind_is_image(f->kind))
		api_call_header_add(call, "Vary", "Accept");
	api_call_header_add(call, "X-Content-Type-Options", "nosniff");
	api_call_header_add(
	    call, "Content-Security-Policy", "sandbox; default-src 'none'");
}

static enum api_hook_next
range_refuse(struct api_call *call, const struct found *f)
{
	char value[40];

	snprintf(value, sizeof(value), "bytes */%" PRIu64, f->size);
	api_call_header_add(call, "Content-Range", value);
	return api_call_refuse(call, "range_not_satisfiable", NULL, NULL);
}

/* A range is for GET only (RFC 9110, 14.2). */
static enum api_range
range_find(const struct api_call *call, const struct found *f, uint64_t *offset,
    uint64_t *length)
{
	const char *range = api_call_is_head(call) ?
	    NULL :
	    api_call_request_header(call, "Range");

	return api_conditional_range(range,
	    api_call_request_header(call, "If-Range"), f->etag, f->size, offset,
	    length);
}

/* Nginx looks at Range itself, with HEAD too; but it refuses what need not be
 * heeded, with a page of its own, and does not know our ETag. */
static bool
nginx_can(const struct api_call *call, const struct found *f)
{
	uint64_t offset, length;

	if (api_call_request_header(call, "If-Match") != NULL)
		return false;
	if (api_call_request_header(call, "Range") == NULL)
		return true;
	return api_call_request_header(call, "If-Range") == NULL &&
	    range_find(call, f, &offset, &length) == API_RANGE_PART;
}

static void
accel_begin(const struct api_uploads *u, struct base_buf *path)
{
	const char *prefix = u->params.accel_prefix;
	size_t len = strlen(prefix);

	base_buf_printf(
	    path, "%s%s", prefix, prefix[len - 1] == '/' ? "" : "/");
}

/* Nginx sends the file. */
static enum api_hook_next
answer_by_nginx(
    struct api_call *call, const struct api_uploads *u, const struct found *f)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct base_buf path = { 0 };

	if (!upload_store_relative(f->hash, rel))
		return api_call_refuse(call, "not_found", NULL, NULL);
	accel_begin(u, &path);
	base_buf_append_str(&path, rel);
	headers_add(call, f);
	api_call_header_add(call, "X-Accel-Redirect", base_buf_str(&path));
	api_call_body_set(call, upload_kind_mime(f->kind), "", 0);
	base_buf_fini(&path);
	return API_HOOK_GO_ON;
}

static enum api_hook_next
answer_by_us(
    struct api_call *call, const struct api_uploads *u, const struct found *f)
{
	uint64_t offset, length;
	char value[80], *path;

	switch (range_find(call, f, &offset, &length)) {
	case API_RANGE_NONE:
		return range_refuse(call, f);
	case API_RANGE_PART:
		snprintf(value, sizeof(value),
		    "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, offset,
		    offset + length - 1, f->size);
		api_call_header_add(call, "Content-Range", value);
		api_call_status_set(call, 206);
		break;
	case API_RANGE_WHOLE:
		break;
	}
	headers_add(call, f);
	api_call_header_add(call, "Accept-Ranges", "bytes");
	path = upload_store_path(u->store, f->hash);
	api_call_file_set(call, upload_kind_mime(f->kind), path, (off_t)offset,
	    (off_t)length);
	base_free(path);
	return API_HOOK_GO_ON;
}

/* The client fetches it from the store, at an address that is good for a while;
 * a signed one of ours is good no longer for that.  The store knows neither our
 * ETag nor header fields beyond these: validators are its own there. */
static void
answer_by_redirect(
    struct api_call *call, const struct api_uploads *u, const struct found *f)
{
	struct base_buf url = { 0 }, disposition = { 0 };
	const struct api_storage_link link = {
		.hash = f->hash,
		.is_head = api_call_is_head(call),
		.most_s = f->left_s,
		.type = upload_kind_mime(f->kind),
		.disposition = disposition_get(call, f, &disposition),
		.cache = is_shown(f) ? "private, max-age=31536000, immutable" :
				       "private, no-cache",
	};
	char cache[64];
	int64_t again_s;

	again_s = api_storage_link_append(u->params.storage, &link, &url);
	snprintf(cache, sizeof(cache), "%s, max-age=%" PRId64,
	    f->left_s > 0 ? "public" : "private", again_s);
	api_call_header_add(call, "Location", base_buf_str(&url));
	api_call_header_add(
	    call, "Cache-Control", again_s > 0 ? cache : "no-store");
	if (upload_kind_is_image(f->kind))
		api_call_header_add(call, "Vary", "Accept");
	api_call_status_set(call, 302);
	api_call_body_none(call);
	base_buf_fini(&url);
	base_buf_fini(&disposition);
}

/* Nginx fetches it from the store; it passes on what the client says of ranges
 * and of what it has. */
static void
answer_by_proxy(
    struct api_call *call, const struct api_uploads *u, const struct found *f)
{
	struct base_buf path = { 0 };
	const struct api_storage_link link = {
		.hash = f->hash,
		.is_head = api_call_is_head(call),
		.is_inner = true,
		.type = upload_kind_mime(f->kind),
	};

	accel_begin(u, &path);
	(void)api_storage_link_append(u->params.storage, &link, &path);
	headers_add(call, f);
	api_call_header_add(call, "X-Accel-Redirect", base_buf_str(&path));
	api_call_body_set(call, upload_kind_mime(f->kind), "", 0);
	base_buf_fini(&path);
}

/* Size of the file; false when its bytes are gone. */
static bool
file_look(const struct api_uploads *u, struct found *f)
{
	int fd;

	if (upload_store_open(u->store, f->hash, &fd, &f->size) != UPLOAD_OK)
		return false;
	close(fd);
	return true;
}

/* 304, when the client has it already. */
static enum api_hook_next
answer_same(struct api_call *call, const struct found *f)
{
	headers_add(call, f);
	api_call_status_set(call, 304);
	api_call_body_none(call);
	return API_HOOK_GO_ON;
}

static void
found_set(
    struct found *f, const struct api_call *call, const struct db_result *rows)
{
	const char *variant = api_call_value(call, "variant");

	f->hash = column(rows, "sha256");
	f->filename = column(rows, "filename");
	f->kind = upload_kind_find(column(rows, "type"));
	f->variant = variant != NULL ? variant : "original";
	snprintf(f->etag, sizeof(f->etag), "\"%.64s\"", f->hash);
	if (is_true(api_call_value(call, "signed")))
		f->left_s = strtoll(api_call_value(call, "expires"), NULL, 10) -
		    base_clock_wall_us() / 1000000;
}

/* It is in a store that clients can be sent to. */
static enum api_hook_next
answer_elsewhere(
    struct api_call *call, const struct api_uploads *u, const struct found *f)
{
	if (api_conditional_none_match(
		api_call_request_header(call, "If-None-Match"), f->etag))
		return answer_same(call, f);
	if (u->params.redirects)
		answer_by_redirect(call, u, f);
	else
		answer_by_proxy(call, u, f);
	return API_HOOK_GO_ON;
}

enum api_hook_next
api_file_answer(struct api_call *call, const struct db_result *rows)
{
	struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	struct found f = { 0 };

	if (rows->rows == 0)
		return api_call_refuse(call, "not_found", NULL, NULL);
	if (u == NULL)
		return api_call_refuse(call, "files_unavailable", NULL, NULL);
	found_set(&f, call, rows);
	if (api_storage_has_links(u->params.storage))
		return answer_elsewhere(call, u, &f);
	if (!file_look(u, &f)) {
		base_log_error("stored file missing", "request=%s sha256=%s",
		    api_call_request_id(call), f.hash);
		return api_call_refuse(call, "not_found", NULL, NULL);
	}
	if (!api_conditional_match(
		api_call_request_header(call, "If-Match"), f.etag))
		return api_call_refuse(call, "precondition_failed", NULL, NULL);
	if (api_conditional_none_match(
		api_call_request_header(call, "If-None-Match"), f.etag))
		return answer_same(call, &f);
	if (u->params.accel_prefix != NULL && *u->params.accel_prefix != '\0' &&
	    nginx_can(call, &f))
		return answer_by_nginx(call, u, &f);
	return answer_by_us(call, u, &f);
}
