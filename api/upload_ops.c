/* SPDX-License-Identifier: ISC */
/* The C part of uploads.create: a body becomes files and statement values. */

#include "api/upload_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/body.h"
#include "api/call.h"
#include "api/file_answer.h"
#include "api/metrics.h"
#include "api/storage.h"
#include "api/upload_ops_private.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "upload/filename.h"
#include "upload/receive.h"

enum {
	PIECE_BYTES = 16 * 1024,
	SWEEP_AGE_S = 10
};

/* One upload on its way through the call. */
struct work {
	struct api_uploads *uploads;	 /* borrowed */
	struct api_call *call;		 /* borrowed */
	struct upload_receive *receive;	 /* owned */
	struct upload_received received; /* its temp is owned */
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

static enum upload_status
body_read(struct work *w, const struct api_body *body)
{
	enum upload_status status = UPLOAD_OK;
	char piece[PIECE_BYTES];
	ssize_t n;

	while (status == UPLOAD_OK &&
	    (n = body->read(body->arg, piece, sizeof(piece))) > 0)
		status = upload_receive_feed(w->receive, piece, (size_t)n);
	return status;
}

static enum upload_status
receive(struct work *w)
{
	const struct api_body *body = api_call_door_arg(w->call);
	const struct upload_receive_params params = {
		.store = w->uploads->store,
		.content_type =
		    api_call_request_header(w->call, "Content-Type"),
		.filename = api_call_value(w->call, "filename"),
		.announced_bytes = body->announced_bytes,
		.max_bytes = w->uploads->params.max_bytes,
	};
	enum upload_status status;

	status = upload_receive_new(&params, &w->receive);
	if (status == UPLOAD_OK)
		status = body_read(w, body);
	if (status == UPLOAD_OK)
		status = upload_receive_finish(w->receive, &w->received);
	return status;
}

static void
decode_tell(const struct work *w, bool begins)
{
	const struct api_uploads_params *p = &w->uploads->params;

	if (p->on_decode == NULL)
		return;
	if (begins)
		p->on_decode(
		    p->arg, api_call_request_id(w->call), w->received.hash);
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
	ssize_t n = pread(w->received.temp.fd, head, sizeof(head), 0);

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
	    api_call_request_id(w->call), w->received.hash, r->signal,
	    base_log_quote(reason, sizeof(reason), r->reason));
}

static enum upload_status
look(struct work *w)
{
	struct upload_job job = { .nfiles = 0 };
	int files[UPLOAD_JOB_FILES];
	enum upload_status status;

	/* For reading only, in whatever hands. */
	files[0] = open(w->received.temp.path, O_RDONLY | O_CLOEXEC);
	if (files[0] == -1)
		return upload_status_from_errno(errno);
	snprintf(
	    job.filename, sizeof(job.filename), "%s", w->received.filename);
	status = files_open(w, &job, files);
	if (status == UPLOAD_OK) {
		decode_tell(w, true);
		if (!upload_decoder_run(
			w->uploads->decoder, &job, files, &w->report)) {
			w->report.death = UPLOAD_CRASHED;
			w->report.status = UPLOAD_UNDECODABLE;
		}
		decode_tell(w, false);
		death_note(w);
		status = w->report.status;
	}
	close(files[0]);
	return status;
}

static void
refusal_log(const struct work *w, enum upload_status status)
{
	char reason[2 * UPLOAD_REASON_MAX];

	if (w->report.reason[0] != '\0')
		base_log_info("upload refused",
		    "request=%s code=%s upload_sha256=%s reason=%s",
		    api_call_request_id(w->call), upload_status_code(status),
		    w->received.hash,
		    base_log_quote(reason, sizeof(reason), w->report.reason));
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
	memcpy(f->hash, w->received.hash, sizeof(f->hash));
	f->size = w->received.size;
	return upload_store_keep(w->uploads->store, &w->received.temp, f->hash);
}

/* From a body to files in their places. */
static enum upload_status
work_do(struct work *w)
{
	enum upload_status status = receive(w);

	if (status == UPLOAD_OK)
		status = look(w);
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
number_set(struct api_call *call, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	api_call_value_set(call, name, text);
}

/* A name says what is kept: photo.heic, kept as JPEG, is photo.jpg. */
static void
filename_set(const struct work *w, enum upload_kind kind)
{
	const char *name = w->received.filename;
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
quota_set(const struct work *w)
{
	const struct api_uploads_quota *q = &w->uploads->params.quota;

	number_set(w->call, "quota_bytes", (uint64_t)q->bytes);
	number_set(w->call, "quota_files", (uint64_t)q->files);
	number_set(w->call, "quota_day_bytes", (uint64_t)q->day_bytes);
	number_set(w->call, "quota_day_files", (uint64_t)q->day_files);
}

static void
values_set(const struct work *w)
{
	const struct upload_made *kept = &w->report.made[UPLOAD_KEPT];
	const struct upload_made *small = &w->report.made[UPLOAD_THUMBNAIL];
	bool is_image = upload_kind_is_image(w->report.kind);
	const struct file *f = is_image ? &w->made[UPLOAD_KEPT] : &w->sent;
	enum upload_kind kind = is_image ? kept->kind : w->report.kind;
	struct api_call *call = w->call;
	char id[BASE_UUID_TEXT];

	base_uuid_v7(id);
	api_call_value_set(call, "id", id);
	filename_set(w, kind);
	api_call_value_set(call, "type", upload_kind_mime(kind));
	api_call_value_set(call, "sha256", f->hash);
	number_set(call, "size", f->size);
	variants_set(w, is_image);
	quota_set(w);
	if (!upload_store_locks(w->uploads->store))
		number_set(call, "store_ms", base_clock_ms() - w->stored_ms);
	if (kept->kind == UPLOAD_KIND_COUNT)
		return;
	number_set(call, "width", (uint64_t)kept->width);
	number_set(call, "height", (uint64_t)kept->height);
	api_call_value_set(call, "blurhash", w->report.blurhash);
	if (small->kind == UPLOAD_KIND_COUNT)
		return;
	api_call_value_set(
	    call, "thumbnail_sha256", w->made[UPLOAD_THUMBNAIL].hash);
	api_call_value_set(
	    call, "thumbnail_type", upload_kind_mime(small->kind));
	number_set(call, "thumbnail_size", w->made[UPLOAD_THUMBNAIL].size);
	number_set(call, "thumbnail_width", (uint64_t)small->width);
	number_set(call, "thumbnail_height", (uint64_t)small->height);
}

static void
work_count(const struct work *w)
{
	struct api_metrics *m = api_engine_metrics(api_call_engine(w->call));

	api_metrics_count(m, API_COUNT_UPLOADS, 1);
	api_metrics_count(m, API_COUNT_UPLOAD_BYTES, w->received.size);
	if (w->report.made[UPLOAD_THUMBNAIL].kind != UPLOAD_KIND_COUNT)
		api_metrics_count(m, API_COUNT_THUMBNAILS, 1);
}

static void
work_free(struct work *w)
{
	upload_store_temp_discard(&w->received.temp);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		upload_store_temp_discard(&w->made[i].temp);
	upload_receive_free(w->receive);
}

static enum api_hook_next
refuse(const struct work *w, enum upload_status status)
{
	bool of_form = status == UPLOAD_NO_FILE ||
	    status == UPLOAD_UNKNOWN_FIELD || status == UPLOAD_EMPTY;
	const char *field = NULL;

	if (status == UPLOAD_NO_SPACE || status == UPLOAD_FAILED ||
	    status == UPLOAD_UNAVAILABLE)
		base_log_error("upload not stored", "request=%s code=%s",
		    api_call_request_id(w->call), upload_status_code(status));
	else
		refusal_log(w, status);
	if (of_form)
		field = w->receive != NULL ? upload_receive_field(w->receive) :
					     "file";
	return api_call_refuse(w->call, upload_status_code(status), field,
	    upload_status_detail(status));
}

static enum api_hook_next
create_before(struct api_call *call)
{
	struct work w = {
		.uploads = api_engine_uploads(api_call_engine(call)),
		.call = call,
		.received.temp.fd = -1,
	};
	enum api_hook_next next = API_HOOK_GO_ON;
	enum upload_status status;
	char err[200];

	if (w.uploads == NULL)
		return api_call_refuse(call, "files_unavailable", NULL, NULL);
	if (!api_uploads_warm(w.uploads, err, sizeof(err))) {
		base_log_error("cannot look into files", "why=\"%s\"", err);
		return api_call_refuse(call, "files_unavailable", NULL, NULL);
	}
	upload_report_init(&w.report);
	for (int i = 0; i < UPLOAD_VARIANTS; i++)
		w.made[i].temp.fd = -1;
	status = work_do(&w);
	if (status == UPLOAD_OK) {
		values_set(&w);
		work_count(&w);
	} else {
		next = refuse(&w, status);
	}
	work_free(&w);
	return next;
}

const struct api_hook api_upload_hooks[] = {
	{ .operation = "uploads.create", .before = create_before },
	{ .operation = "files.get",
	    .before = api_file_ask,
	    .after = api_file_answer },
};
const size_t api_upload_hook_count = ARRAY_LEN(api_upload_hooks);
