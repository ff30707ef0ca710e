/* SPDX-License-Identifier: ISC */
/* The C part of uploads.create: a body becomes files and statement values. */

#include "api/upload_ops.h"

#include <sys/resource.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/body.h"
#include "api/call.h"
#include "api/file_answer.h"
#include "api/metrics.h"
#include "api/upload_ops_private.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "upload/image.h"
#include "upload/receive.h"
#include "upload/sniff.h"

enum {
	PIECE_BYTES = 16 * 1024,
	SWEEP_AGE_S = 10,
	/* No kept picture is larger; more is a decoder gone wild. */
	IMAGE_FILE_BYTES = 256 * 1024 * 1024
};

/* One upload on its way through the call. */
struct work {
	struct api_uploads *uploads;	 /* borrowed */
	struct api_call *call;		 /* borrowed */
	struct upload_receive *receive;	 /* owned */
	struct upload_received received; /* its temp is owned */
	enum upload_kind kind;
	struct upload_image image;
	struct upload_temp kept, thumbnail; /* owned */
	char hash[UPLOAD_HASH_LEN + 1];
	char thumbnail_hash[UPLOAD_HASH_LEN + 1];
	uint64_t size, thumbnail_size;
};

struct api_uploads *
api_uploads_new(
    const struct api_uploads_params *params, char *err, size_t err_size)
{
	struct api_uploads *u = base_alloc(sizeof(*u));
	bool has_tmp = params->tmp_dir != NULL && *params->tmp_dir != '\0';

	u->params = *params;
	u->store =
	    upload_store_new(params->dir, has_tmp ? params->tmp_dir : NULL);
	if (u->store != NULL)
		return u;
	if (errno == EXDEV)
		snprintf(err, err_size,
		    "PARLEY_UPLOAD_TMP_DIR must be on the file system of "
		    "PARLEY_UPLOAD_DIR: files are renamed from one to the "
		    "other");
	else
		snprintf(err, err_size, "PARLEY_UPLOAD_DIR %s: %s", params->dir,
		    strerror(errno));
	base_free(u);
	return NULL;
}

void
api_uploads_free(struct api_uploads *u)
{
	if (u == NULL)
		return;
	upload_sniffer_free(u->sniffer);
	upload_store_free(u->store);
	base_free(u);
}

bool
api_uploads_warm(struct api_uploads *u)
{
	if (u->sniffer == NULL)
		u->sniffer = upload_sniffer_new();
	if (!u->has_images)
		u->has_images = upload_image_setup();
	return u->sniffer != NULL && u->has_images;
}

void
api_uploads_sweep(struct api_uploads *u)
{
	unsigned removed = upload_store_sweep(u->store, SWEEP_AGE_S);

	if (removed > 0)
		base_log_info(
		    "unfinished uploads removed", "files=%u", removed);
}

bool
api_uploads_ready(void *arg, char *why, size_t why_size)
{
	struct api_uploads *u = arg;

	if (upload_store_ready(u->store))
		return true;
	snprintf(why, why_size, "the directory for files cannot be written");
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

/* Only while decoding: the limit is for every file, the log's too. */
static rlim_t
file_limit_set(rlim_t bytes)
{
	struct rlimit limit;
	rlim_t before;

	if (getrlimit(RLIMIT_FSIZE, &limit) == -1)
		return bytes;
	before = limit.rlim_cur;
	if (limit.rlim_max == RLIM_INFINITY || bytes <= limit.rlim_max)
		limit.rlim_cur = bytes;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
	return before;
}

static enum upload_status
image_process(struct work *w)
{
	struct upload_store *store = w->uploads->store;
	enum upload_status status;
	rlim_t limit;

	status = upload_store_temp_open(store, &w->kept);
	if (status == UPLOAD_OK)
		status = upload_store_temp_open(store, &w->thumbnail);
	if (status != UPLOAD_OK)
		return status;

	decode_tell(w, true);
	limit = file_limit_set(IMAGE_FILE_BYTES);
	status = upload_image_process(
	    w->received.temp.path, w->kind, &w->kept, &w->thumbnail, &w->image);
	(void)file_limit_set(limit);
	decode_tell(w, false);

	if (status == UPLOAD_OK)
		status = upload_store_temp_hash(&w->kept, w->hash, &w->size);
	if (status == UPLOAD_OK)
		status = upload_store_temp_hash(
		    &w->thumbnail, w->thumbnail_hash, &w->thumbnail_size);
	if (status == UPLOAD_OK)
		status =
		    upload_store_keep(store, &w->thumbnail, w->thumbnail_hash);
	if (status == UPLOAD_OK)
		status = upload_store_keep(store, &w->kept, w->hash);
	return status;
}

/* From a body to files in their places. */
static enum upload_status
work_do(struct work *w)
{
	enum upload_status status = receive(w);

	if (status == UPLOAD_OK)
		status = upload_sniff_file(w->uploads->sniffer,
		    w->received.temp.fd, w->received.filename, &w->kind);
	if (status != UPLOAD_OK)
		return status;
	if (upload_kind_is_image(w->kind))
		return image_process(w);
	memcpy(w->hash, w->received.hash, sizeof(w->hash));
	w->size = w->received.size;
	return upload_store_keep(w->uploads->store, &w->received.temp, w->hash);
}

static void
number_set(struct api_call *call, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	api_call_value_set(call, name, text);
}

static void
values_set(const struct work *w)
{
	struct api_call *call = w->call;
	char id[BASE_UUID_TEXT];

	base_uuid_v7(id);
	api_call_value_set(call, "id", id);
	api_call_value_set(call, "filename", w->received.filename);
	api_call_value_set(call, "type", upload_kind_mime(w->kind));
	api_call_value_set(call, "sha256", w->hash);
	number_set(call, "size", w->size);
	if (!upload_kind_is_image(w->kind))
		return;
	number_set(call, "width", (uint64_t)w->image.width);
	number_set(call, "height", (uint64_t)w->image.height);
	api_call_value_set(call, "thumbnail_sha256", w->thumbnail_hash);
	api_call_value_set(
	    call, "thumbnail_type", upload_kind_mime(w->image.thumbnail_kind));
	number_set(call, "thumbnail_size", w->thumbnail_size);
	number_set(call, "thumbnail_width", (uint64_t)w->image.thumbnail_width);
	number_set(
	    call, "thumbnail_height", (uint64_t)w->image.thumbnail_height);
}

static void
work_count(const struct work *w)
{
	struct api_metrics *m = api_engine_metrics(api_call_engine(w->call));

	api_metrics_count(m, API_COUNT_UPLOADS, 1);
	api_metrics_count(m, API_COUNT_UPLOAD_BYTES, w->received.size);
	if (upload_kind_is_image(w->kind))
		api_metrics_count(m, API_COUNT_THUMBNAILS, 1);
}

static void
work_free(struct work *w)
{
	upload_store_temp_discard(&w->received.temp);
	upload_store_temp_discard(&w->kept);
	upload_store_temp_discard(&w->thumbnail);
	upload_receive_free(w->receive);
}

static enum api_hook_next
refuse(const struct work *w, enum upload_status status)
{
	bool of_form = status == UPLOAD_NO_FILE ||
	    status == UPLOAD_UNKNOWN_FIELD || status == UPLOAD_EMPTY;
	const char *field = NULL;

	if (status == UPLOAD_NO_SPACE || status == UPLOAD_FAILED)
		base_log_error("upload not stored", "request=%s code=%s",
		    api_call_request_id(w->call), upload_status_code(status));
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
		.kept.fd = -1,
		.thumbnail.fd = -1,
	};
	enum api_hook_next next = API_HOOK_GO_ON;
	enum upload_status status;

	if (w.uploads == NULL || !api_uploads_warm(w.uploads))
		return api_call_refuse(call, "files_unavailable", NULL, NULL);
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
	{ .operation = "files.get", .after = api_file_answer },
};
const size_t api_upload_hook_count = ARRAY_LEN(api_upload_hooks);
