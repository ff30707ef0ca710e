/* SPDX-License-Identifier: ISC */
/* A file that came becomes files of the store and values of a row. */

#include "api/upload_work.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/call.h"
#include "api/metrics.h"
#include "api/upload_ops_private.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "upload/filename.h"
#include "upload/seats.h"

/* One upload on its way through the call. */
struct work {
	struct api_uploads *uploads;	  /* borrowed */
	struct api_call *call;		  /* borrowed */
	struct upload_received *received; /* borrowed; its temp is taken */
	struct upload_report report;
	struct file {
		struct upload_temp temp; /* owned */
		char hash[UPLOAD_HASH_LEN + 1];
		uint64_t size;
	} made[UPLOAD_VARIANTS], sent; /* `sent`: as it came */
	bool keeps_sent;
	uint64_t stored_ms; /* when the store was first given one */
};

/* What is made of a file, as the rows have it; NULL: of a picture, the file
 * itself.  The WebP beside it has the same name. */
static const char *const variants[UPLOAD_VARIANTS] = {
	[UPLOAD_KEPT] = NULL,
	[UPLOAD_KEPT_WEBP] = "original",
	[UPLOAD_THUMBNAIL] = "thumbnail",
	[UPLOAD_THUMBNAIL_WEBP] = "thumbnail",
	[UPLOAD_AVATAR] = "avatar",
	[UPLOAD_AVATAR_WEBP] = "avatar",
};

static void
decode_tell(const struct work *w, bool begins)
{
	const struct api_uploads_params *p = &w->uploads->params;

	if (p->on_decode == NULL)
		return;
	if (begins)
		p->on_decode(
		    p->arg, api_call_request_id(w->call), w->received->hash);
	else
		p->on_decode(p->arg, NULL, NULL);
}

/* The empty files that a decoder fills, when there may be pictures to make. */
static enum upload_status
files_open(struct work *w, struct upload_job *job, int files[UPLOAD_JOB_FILES])
{
	enum upload_status status = UPLOAD_OK;
	char head[UPLOAD_KIND_HEAD];
	enum upload_kind guess;
	ssize_t n = pread(w->received->temp.fd, head, sizeof(head), 0);

	if (n == -1)
		return upload_status_from_errno(errno);
	guess = upload_kind_guess(head, (size_t)n);
	job->is_page = guess == UPLOAD_PDF &&
	    (w->uploads->hello.lacking & UPLOAD_KIND_BIT(UPLOAD_PDF)) == 0;
	job->nfiles = 1;
	if (!job->is_page && !upload_kind_is_image(guess))
		return UPLOAD_OK;
	for (int i = 0; status == UPLOAD_OK && i < UPLOAD_VARIANTS; i++) {
		status =
		    upload_store_temp_open(w->uploads->store, &w->made[i].temp);
		files[job->nfiles++] = w->made[i].temp.fd;
	}
	return status;
}

/* A crash or a time-out is for the operator: which file was it? */
static void
death_note(const struct work *w)
{
	struct api_metrics *m = api_engine_metrics(api_call_engine(w->call));
	const struct upload_report *r = &w->report;
	bool timed_out = r->death == UPLOAD_TIMED_OUT;
	char reason[2 * UPLOAD_REASON_MAX];

	if (r->death == UPLOAD_ALIVE)
		return;
	api_metrics_count(m,
	    timed_out ? API_COUNT_DECODER_TIMEOUTS : API_COUNT_DECODER_CRASHES,
	    1);
	base_log_error(timed_out ? "decoder took too long" : "decoder died",
	    "request=%s upload_sha256=%s signal=%d how=%s",
	    api_call_request_id(w->call), w->received->hash, r->signal,
	    base_log_quote(reason, sizeof(reason), r->reason));
}

/* The decoder's word on it.  Pictures take turns with those of others, and all
 * the rest is done in a moment. */
static enum upload_status
decode(struct work *w, const struct upload_job *job, const int *files)
{
	const struct api_uploads_params *p = &w->uploads->params;
	struct upload_seats *seats = job->nfiles > 1 ? p->seats : NULL;

	if (!upload_seats_take(seats, p->seat_wait_ms))
		return UPLOAD_BUSY;
	decode_tell(w, true);
	if (!upload_decoder_run(w->uploads->decoder, job, files, &w->report)) {
		w->report.death = UPLOAD_CRASHED;
		w->report.status = UPLOAD_UNDECODABLE;
	}
	decode_tell(w, false);
	upload_seats_leave(seats);
	death_note(w);
	return w->report.status;
}

static enum upload_status
look(struct work *w)
{
	struct upload_job job = { .nfiles = 0 };
	int files[UPLOAD_JOB_FILES];
	enum upload_status status;

	/* For reading only, in whatever hands. */
	files[0] = open(w->received->temp.path, O_RDONLY | O_CLOEXEC);
	if (files[0] == -1)
		return upload_status_from_errno(errno);
	snprintf(
	    job.filename, sizeof(job.filename), "%s", w->received->filename);
	status = files_open(w, &job, files);
	if (status == UPLOAD_OK)
		status = decode(w, &job, files);
	close(files[0]);
	return status;
}

/* What the decoder wrote is taken by its content, not by what it said. */
static enum upload_status
files_keep(struct work *w)
{
	enum upload_status status = UPLOAD_OK;
	struct file *f;

	/* The kept one last: what is there is whole. */
	for (int i = UPLOAD_VARIANTS - 1; status == UPLOAD_OK && i >= 0; i--) {
		f = &w->made[i];
		if (w->report.made[i].kind == UPLOAD_KIND_COUNT)
			continue;
		if (f->temp.fd == -1)
			return UPLOAD_FAILED;
		status = upload_store_temp_hash(&f->temp, f->hash, &f->size);
		if (status == UPLOAD_OK)
			status = upload_store_keep(
			    w->uploads->store, &f->temp, f->hash);
	}
	return status;
}

/* The file as it came, when there is no picture that stands for it. */
static enum upload_status
sent_keep(struct work *w)
{
	bool is_image = upload_kind_is_image(w->report.kind);
	struct file *f = &w->sent;

	w->keeps_sent = !is_image || w->uploads->params.keeps_originals;
	if (!w->keeps_sent)
		return UPLOAD_OK;
	memcpy(f->hash, w->received->hash, sizeof(f->hash));
	f->size = w->received->size;
	return upload_store_keep(
	    w->uploads->store, &w->received->temp, f->hash);
}

/* A name says what is kept: photo.heic, kept as JPEG, is photo.jpg. */
static void
filename_set(const struct work *w, enum upload_kind kind)
{
	const char *name = w->received->filename;
	struct base_buf renamed = { 0 };

	if (kind != w->report.kind) {
		upload_filename_rename(
		    &renamed, name, upload_kind_extension(kind));
		name = base_buf_str(&renamed);
	}
	api_call_value_set(w->call, "filename", name);
	base_buf_fini(&renamed);
}

static void
variant_write(struct base_json *j, const char *name, enum upload_kind kind,
    const struct file *f, const struct upload_made *made)
{
	base_json_object_begin(j);
	base_json_put_str(j, "variant", name);
	base_json_put_str(j, "type", upload_kind_mime(kind));
	base_json_put_str(j, "sha256", f->hash);
	base_json_put_int(j, "size", (int64_t)f->size);
	if (made != NULL) {
		base_json_put_int(j, "width", made->width);
		base_json_put_int(j, "height", made->height);
	}
	base_json_object_end(j);
}

/* All but the file itself and its thumbnail, which have columns of their
 * own. */
static void
variants_set(const struct work *w, bool is_image)
{
	struct base_buf text = { 0 };
	struct base_json j;

	base_json_init(&j, &text);
	base_json_array_begin(&j);
	for (int i = 0; i < UPLOAD_VARIANTS; i++) {
		const struct upload_made *made = &w->report.made[i];
		bool is_kept = i == UPLOAD_KEPT || i == UPLOAD_KEPT_WEBP;

		if (made->kind == UPLOAD_KIND_COUNT || i == UPLOAD_THUMBNAIL ||
		    (i == UPLOAD_KEPT && is_image))
			continue;
		variant_write(&j,
		    is_kept && !is_image ? "preview" : variants[i], made->kind,
		    &w->made[i], made);
	}
	if (is_image && w->keeps_sent)
		variant_write(&j, "source", w->report.kind, &w->sent, NULL);
	base_json_array_end(&j);
	api_call_value_set(w->call, "variants", base_buf_str(&text));
	base_buf_fini(&text);
}

static void
values_set(const struct work *w, const char *id)
{
	const struct upload_made *kept = &w->report.made[UPLOAD_KEPT];
	const struct upload_made *small = &w->report.made[UPLOAD_THUMBNAIL];
	bool is_image = upload_kind_is_image(w->report.kind);
	const struct file *f = is_image ? &w->made[UPLOAD_KEPT] : &w->sent;
	enum upload_kind kind = is_image ? kept->kind : w->report.kind;
	struct api_call *call = w->call;

	api_call_value_set(call, "id", id);
	filename_set(w, kind);
	api_call_value_set(call, "type", upload_kind_mime(kind));
	api_call_value_set(call, "sha256", f->hash);
	api_upload_number_set(call, "size", f->size);
	variants_set(w, is_image);
	if (!upload_store_locks(w->uploads->store))
		api_upload_number_set(
		    call, "store_ms", base_clock_ms() - w->stored_ms);
	if (kept->kind == UPLOAD_KIND_COUNT)
		return;
	api_upload_number_set(call, "width", (uint64_t)kept->width);
	api_upload_number_set(call, "height", (uint64_t)kept->height);
	api_call_value_set(call, "blurhash", w->report.blurhash);
	if (small->kind == UPLOAD_KIND_COUNT)
		return;
	api_call_value_set(
	    call, "thumbnail_sha256", w->made[UPLOAD_THUMBNAIL].hash);
	api_call_value_set(
	    call, "thumbnail_type", upload_kind_mime(small->kind));
	api_upload_number_set(
	    call, "thumbnail_size", w->made[UPLOAD_THUMBNAIL].size);
	api_upload_number_set(call, "thumbnail_width", (uint64_t)small->width);
	api_upload_number_set(
	    call, "thumbnail_height", (uint64_t)small->height);
}

static void
work_count(const struct work *w)
{
	struct api_metrics *m = api_engine_metrics(api_call_engine(w->call));

	api_metrics_count(m, API_COUNT_UPLOADS, 1);
	api_metrics_count(m, API_COUNT_UPLOAD_BYTES, w->received->size);
	if (w->report.made[UPLOAD_THUMBNAIL].kind != UPLOAD_KIND_COUNT)
		api_metrics_count(m, API_COUNT_THUMBNAILS, 1);
}

static void
work_free(struct work *w)
{
	upload_store_temp_discard(&w->received->temp);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		upload_store_temp_discard(&w->made[i].temp);
}

/* From what came to files in their places. */
static enum upload_status
work_do(struct work *w)
{
	enum upload_status status = look(w);

	if (status != UPLOAD_OK)
		return status;
	if (upload_kind_is_image(w->report.kind) &&
	    w->report.made[UPLOAD_KEPT].kind == UPLOAD_KIND_COUNT)
		return UPLOAD_FAILED;
	w->stored_ms = base_clock_ms();
	upload_store_patience(
	    w->uploads->store, w->uploads->params.store_seconds * 1000);
	status = files_keep(w);
	return status == UPLOAD_OK ? sent_keep(w) : status;
}

static void
refusal_log(const struct work *w, enum upload_status status)
{
	char reason[2 * UPLOAD_REASON_MAX];

	if (w->report.reason[0] != '\0')
		base_log_info("upload refused",
		    "request=%s code=%s upload_sha256=%s reason=%s",
		    api_call_request_id(w->call), upload_status_code(status),
		    w->received->hash,
		    base_log_quote(reason, sizeof(reason), w->report.reason));
}

enum upload_status
api_upload_work(
    struct api_call *call, struct upload_received *received, const char *id)
{
	struct work w = {
		.uploads = api_engine_uploads(api_call_engine(call)),
		.call = call,
		.received = received,
	};
	enum upload_status status;

	upload_report_init(&w.report);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		w.made[i].temp.fd = -1;
	status = work_do(&w);
	if (status == UPLOAD_OK) {
		values_set(&w, id);
		work_count(&w);
	} else if (!upload_status_is_ours(status)) {
		refusal_log(&w, status);
	}
	work_free(&w);
	return status;
}
