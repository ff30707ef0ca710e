/* SPDX-License-Identifier: ISC */
/* How a stored file is answered. */

#include "api/file_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/call.h"
#include "api/conditional.h"
#include "api/upload_ops_private.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/result.h"
#include "upload/filename.h"

/* A file that was found, and what the client gets of it. */
struct found {
	const char *hash, *filename, *variant;
	enum upload_kind kind;
	uint64_t size;
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

enum api_hook_next
api_file_accept(struct api_call *call)
{
	api_call_value_set(call, "webp",
	    accepts(api_call_request_header(call, "Accept"), "image/webp") ?
		"true" :
		"false");
	return API_HOOK_GO_ON;
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
static void
disposition_add(struct api_call *call, const struct found *f)
{
	struct base_buf value = { 0 }, name = { 0 };
	bool is_inline = upload_kind_is_shown(f->kind) &&
	    strcmp(f->variant, "source") != 0 &&
	    !is_true(api_call_value(call, "download"));

	name_append(&name, f);
	upload_filename_disposition(&value, is_inline, base_buf_str(&name));
	api_call_header_add(call, "Content-Disposition", base_buf_str(&value));
	base_buf_fini(&value);
	base_buf_fini(&name);
}

/* The bytes under one address never change; who may see them can. */
static void
headers_add(struct api_call *call, const struct found *f)
{
	api_call_header_add(call, "ETag", f->etag);
	api_call_header_add(
	    call, "Cache-Control", "private, max-age=31536000, immutable");
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

/* Nginx looks at Range itself; but it refuses what need not be heeded, with a
 * page of its own, and does not know our ETag. */
static bool
nginx_can(const struct api_call *call, const struct found *f)
{
	const char *range = api_call_request_header(call, "Range");
	uint64_t offset, length;

	if (range == NULL)
		return true;
	return api_call_request_header(call, "If-Range") == NULL &&
	    api_conditional_range(range, NULL, f->etag, f->size, &offset,
		&length) == API_RANGE_PART;
}

/* Nginx sends the file. */
static enum api_hook_next
answer_by_nginx(
    struct api_call *call, const struct api_uploads *u, const struct found *f)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct base_buf path = { 0 };
	const char *prefix = u->params.accel_prefix;
	size_t len = strlen(prefix);

	if (!upload_store_relative(f->hash, rel))
		return api_call_refuse(call, "not_found", NULL, NULL);
	base_buf_printf(
	    &path, "%s%s%s", prefix, prefix[len - 1] == '/' ? "" : "/", rel);
	disposition_add(call, f);
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

	switch (api_conditional_range(api_call_request_header(call, "Range"),
	    api_call_request_header(call, "If-Range"), f->etag, f->size,
	    &offset, &length)) {
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
	disposition_add(call, f);
	headers_add(call, f);
	api_call_header_add(call, "Accept-Ranges", "bytes");
	path = upload_store_path(u->store, f->hash);
	api_call_file_set(call, upload_kind_mime(f->kind), path, (off_t)offset,
	    (off_t)length);
	base_free(path);
	return API_HOOK_GO_ON;
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

enum api_hook_next
api_file_answer(struct api_call *call, const struct db_result *rows)
{
	struct api_uploads *u = api_engine_uploads(api_call_engine(call));
	const char *variant = api_call_value(call, "variant");
	struct found f = { 0 };

	if (rows->rows == 0)
		return api_call_refuse(call, "not_found", NULL, NULL);
	if (u == NULL)
		return api_call_refuse(call, "files_unavailable", NULL, NULL);
	f.hash = column(rows, "sha256");
	f.filename = column(rows, "filename");
	f.kind = upload_kind_find(column(rows, "type"));
	f.variant = variant != NULL ? variant : "original";
	snprintf(f.etag, sizeof(f.etag), "\"%.64s\"", f.hash);
	if (!file_look(u, &f)) {
		base_log_error("stored file missing", "request=%s sha256=%s",
		    api_call_request_id(call), f.hash);
		return api_call_refuse(call, "not_found", NULL, NULL);
	}
	if (api_conditional_none_match(
		api_call_request_header(call, "If-None-Match"), f.etag)) {
		headers_add(call, &f);
		api_call_status_set(call, 304);
		api_call_body_none(call);
		return API_HOOK_GO_ON;
	}
	if (u->params.accel_prefix != NULL && *u->params.accel_prefix != '\0' &&
	    nginx_can(call, &f))
		return answer_by_nginx(call, u, &f);
	return answer_by_us(call, u, &f);
}
