/* SPDX-License-Identifier: ISC */
/* A body on its way to the disk. */

#include "upload/receive.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "upload/filename.h"
#include "upload/hash.h"
#include "upload/multipart.h"

enum {
	/* Gathered before it is written: the form reader emits small pieces. */
	WRITE_BYTES = 64 * 1024,
	/* What a form adds to its file. */
	FORM_BYTES = UPLOAD_MULTIPART_SLACK_MAX + UPLOAD_MULTIPART_HEADER_MAX
};

struct upload_receive {
	enum upload_status status;     /* the first failure, kept */
	struct upload_multipart *form; /* owned; NULL: a raw body */
	struct upload_temp temp;       /* owned */
	struct upload_hash *hash;      /* owned */
	struct base_buf pending;       /* of the file, not yet written */
	struct base_buf filename;      /* cleaned */
	struct base_buf field;	       /* what a refusal is about */
	uint64_t announced_bytes;
	uint64_t max_bytes;
	uint64_t body_bytes; /* came so far */
	uint64_t file_bytes; /* of them the file's */
	bool has_file;
};

static enum upload_status
pending_write(struct upload_receive *r)
{
	enum upload_status status;

	if (r->pending.len == 0)
		return UPLOAD_OK;
	upload_hash_add(r->hash, r->pending.data, r->pending.len);
	status =
	    upload_store_temp_write(&r->temp, r->pending.data, r->pending.len);
	base_buf_reset(&r->pending);
	return status;
}

static enum upload_status
on_data(void *arg, const char *p, size_t n)
{
	struct upload_receive *r = arg;

	r->file_bytes += n;
	if (r->file_bytes > r->max_bytes)
		return UPLOAD_TOO_LARGE;
	base_buf_append(&r->pending, p, n);
	return r->pending.len < WRITE_BYTES ? UPLOAD_OK : pending_write(r);
}

static void
field_set(struct upload_receive *r, const char *name, size_t n)
{
	base_buf_reset(&r->field);
	upload_filename_clean(&r->field, name, n);
}

static enum upload_status
on_part(void *arg, const struct upload_part *part)
{
	struct upload_receive *r = arg;
	const char *name = base_buf_str(&part->name);

	if (strcmp(name, "file") != 0 || r->has_file) {
		field_set(r, name, part->name.len);
		return UPLOAD_UNKNOWN_FIELD;
	}
	r->has_file = true;
	upload_filename_clean(
	    &r->filename, base_buf_str(&part->filename), part->filename.len);
	return UPLOAD_OK;
}

static enum upload_status
on_part_end(void *arg)
{
	(void)arg;
	return UPLOAD_OK;
}

static const struct upload_multipart_events events = {
	.part = on_part,
	.data = on_data,
	.part_end = on_part_end,
};

enum upload_status
upload_receive_new(
    const struct upload_receive_params *params, struct upload_receive **out)
{
	struct upload_receive *r = base_alloc(sizeof(*r));
	bool is_form = upload_multipart_matches(params->content_type);
	const char *name = params->filename != NULL ? params->filename : "";

	*out = NULL;
	r->temp.fd = -1;
	r->announced_bytes = params->announced_bytes;
	r->max_bytes = params->max_bytes;
	base_buf_append_str(&r->field, "file");
	if (r->announced_bytes != UPLOAD_LENGTH_UNKNOWN &&
	    r->announced_bytes > r->max_bytes + (is_form ? FORM_BYTES : 0))
		r->status = UPLOAD_TOO_LARGE;
	else if (is_form &&
	    (r->form = upload_multipart_new(
		 params->content_type, &events, r)) == NULL)
		r->status = UPLOAD_MALFORMED;
	else
		r->status = upload_store_temp_open(params->store, &r->temp);
	if (r->status != UPLOAD_OK) {
		enum upload_status status = r->status;

		upload_receive_free(r);
		return status;
	}
	r->hash = upload_hash_new();
	if (!is_form) {
		r->has_file = true;
		upload_filename_clean(&r->filename, name, strlen(name));
	}
	*out = r;
	return UPLOAD_OK;
}

enum upload_status
upload_receive_feed(struct upload_receive *r, const char *p, size_t n)
{
	if (r->status != UPLOAD_OK)
		return r->status;
	r->body_bytes += n;
	if (r->body_bytes > r->announced_bytes)
		r->status = UPLOAD_MALFORMED;
	else if (r->form != NULL)
		r->status = upload_multipart_feed(r->form, p, n);
	else
		r->status = on_data(r, p, n);
	return r->status;
}

static enum upload_status
complete(struct upload_receive *r)
{
	if (r->announced_bytes != UPLOAD_LENGTH_UNKNOWN &&
	    r->body_bytes < r->announced_bytes)
		return UPLOAD_SHORT;
	if (r->form != NULL && upload_multipart_finish(r->form) != UPLOAD_OK)
		return UPLOAD_MALFORMED;
	if (!r->has_file)
		return UPLOAD_NO_FILE;
	if (r->file_bytes == 0)
		return UPLOAD_EMPTY;
	return pending_write(r);
}

enum upload_status
upload_receive_finish(struct upload_receive *r, struct upload_received *out)
{
	if (r->status == UPLOAD_OK)
		r->status = complete(r);
	if (r->status != UPLOAD_OK)
		return r->status;
	out->temp = r->temp;
	out->filename = base_buf_str(&r->filename);
	out->size = r->file_bytes;
	upload_hash_finish(r->hash, out->hash);
	r->hash = NULL;
	r->temp.fd = -1;
	r->temp.path = NULL;
	return UPLOAD_OK;
}

const char *
upload_receive_field(const struct upload_receive *r)
{
	return base_buf_str(&r->field);
}

void
upload_receive_free(struct upload_receive *r)
{
	if (r == NULL)
		return;
	upload_multipart_free(r->form);
	upload_store_temp_discard(&r->temp);
	upload_hash_free(r->hash);
	base_buf_fini(&r->pending);
	base_buf_fini(&r->filename);
	base_buf_fini(&r->field);
	base_free(r);
}
