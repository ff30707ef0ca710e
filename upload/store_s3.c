/* SPDX-License-Identifier: ISC */
/* Files in an S3-compatible service. */

#include "upload/store_s3.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "upload/s3_http.h"
#include "upload/s3_list.h"
#include "upload/store_private.h"

enum {
	READY_MS = 2000,      /* for an answer */
	READY_KEEP_MS = 10000 /* it is good for */
};

struct s3 {
	struct upload_store *store;  /* borrowed: for temporary files */
	struct upload_s3_url *url;   /* owned */
	struct upload_s3_http *http; /* owned */
	bool is_ready;		     /* was, at that time */
	uint64_t ready_ms;
};

static void
s3_free(void *place)
{
	struct s3 *s3 = place;

	upload_s3_url_free(s3->url);
	upload_s3_http_free(s3->http);
	base_free(s3);
}

/* One request for the object of `hash`. */
static enum upload_status
object_do(struct s3 *s3, struct upload_s3_request *request, const char *hash)
{
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct base_buf url = { 0 };
	enum upload_status status;

	upload_store_layout(hash, rel);
	upload_s3_url_append(s3->url, rel, &url);
	request->url = base_buf_str(&url);
	request->hash = hash;
	status = upload_s3_http_do(s3->http, request);
	base_buf_fini(&url);
	return status;
}

/* May we list what is there?  Asked now and then only. */
static bool
s3_ready(void *place)
{
	struct s3 *s3 = place;
	struct upload_s3_request request = { .method = "GET", .into_fd = -1 };
	struct base_buf url = { 0 };

	if (s3->ready_ms != 0 && base_clock_ms() < s3->ready_ms + READY_KEEP_MS)
		return s3->is_ready;
	upload_s3_url_append(s3->url, NULL, &url);
	base_buf_append_str(&url, "?list-type=2&max-keys=1&prefix=");
	upload_s3_url_encode(&url, upload_s3_url_prefix(s3->url));
	request.url = base_buf_str(&url);
	upload_s3_http_patience(s3->http, READY_MS);
	s3->is_ready = upload_s3_http_do(s3->http, &request) == UPLOAD_OK;
	s3->ready_ms = base_clock_ms();
	base_buf_fini(&url);
	return s3->is_ready;
}

static enum upload_status
bucket_missing(void)
{
	base_log_error("store has no such bucket", "why=PARLEY_S3_BUCKET");
	return UPLOAD_UNAVAILABLE;
}

static enum upload_status
s3_keep(void *place, struct upload_temp *temp, const char *hash)
{
	struct upload_s3_request request = {
		.method = "PUT",
		.from_fd = temp->fd,
		.into_fd = -1,
	};
	enum upload_status status;
	struct stat st;

	if (fstat(temp->fd, &st) == -1)
		return UPLOAD_FAILED;
	request.size = (uint64_t)st.st_size;
	status = object_do(place, &request, hash);
	return status == UPLOAD_MISSING ? bucket_missing() : status;
}

/* By way of a temporary file, whose name is gone at once. */
static enum upload_status
s3_open(void *place, const char *hash, int *fd, uint64_t *size)
{
	struct upload_s3_request request = { .method = "GET" };
	struct upload_temp temp = { .fd = -1 };
	enum upload_status status;
	struct s3 *s3 = place;
	struct stat st;

	status = upload_store_temp_open(s3->store, &temp);
	if (status != UPLOAD_OK)
		return status;
	request.into_fd = temp.fd;
	status = object_do(s3, &request, hash);
	if (status == UPLOAD_OK && fstat(temp.fd, &st) == -1)
		status = UPLOAD_FAILED;
	if (status == UPLOAD_OK) {
		*size = (uint64_t)st.st_size;
		*fd = temp.fd;
		temp.fd = -1;
	}
	upload_store_temp_discard(&temp);
	return status;
}

static enum upload_status
s3_has(void *place, const char *hash)
{
	struct upload_s3_request request = { .method = "HEAD", .into_fd = -1 };

	return object_do(place, &request, hash);
}

static enum upload_drop
s3_drop(void *place, const char *hash, unsigned age_s)
{
	struct upload_s3_request request = { .method = "DELETE",
		.into_fd = -1 };
	enum upload_status status;

	(void)age_s; /* who asks has made sure by other means */
	status = object_do(place, &request, hash);
	return status == UPLOAD_OK || status == UPLOAD_MISSING ?
	    UPLOAD_DROPPED :
	    UPLOAD_UNCERTAIN;
}

/* --- the list --- */

struct listing {
	struct upload_page *page;
	const char *prefix;
	int64_t newest; /* seconds since 1970 of what is old */
};

/* What is no file of ours is left alone. */
static void
on_key(void *arg, const char *key, int64_t wall_us)
{
	struct listing *l = arg;
	char rel[UPLOAD_STORE_REL_LEN + 1];
	size_t n = strlen(l->prefix), len = strlen(key);
	const char *hash;

	if (strncmp(key, l->prefix, n) != 0 || len != n + UPLOAD_STORE_REL_LEN)
		return;
	hash = key + len - UPLOAD_HASH_LEN;
	if (!upload_store_relative(hash, rel) || strcmp(rel, key + n) != 0)
		return;
	base_buf_append(&l->page->all, hash, UPLOAD_HASH_LEN);
	if (wall_us / 1000000 <= l->newest)
		base_buf_append(&l->page->old, hash, UPLOAD_HASH_LEN);
	if (strcmp(hash, l->page->to) > 0)
		snprintf(l->page->to, sizeof(l->page->to), "%s", hash);
}

static void
list_url(
    const struct s3 *s3, const struct upload_page *page, struct base_buf *url)
{
	const char *separator = "?";

	upload_s3_url_append(s3->url, NULL, url);
	if (page->token != NULL && *page->token != '\0') {
		base_buf_append_str(url, "?continuation-token=");
		upload_s3_url_encode(url, page->token);
		separator = "&";
	}
	base_buf_printf(url, "%slist-type=2&prefix=", separator);
	upload_s3_url_encode(url, upload_s3_url_prefix(s3->url));
}

static bool
list_read(const struct s3 *s3, struct upload_page *page, unsigned age_s,
    const struct base_buf *body)
{
	struct listing l = { .page = page,
		.prefix = upload_s3_url_prefix(s3->url),
		.newest = upload_store_time_before(age_s) };
	struct base_buf token = { 0 };
	bool ok;

	ok = upload_s3_list_parse(
	    base_buf_str(body), body->len, on_key, &l, &token);
	page->is_last = token.len == 0;
	/* Keys come in the order of bytes; "g" comes after all digits. */
	if (page->is_last)
		snprintf(page->to, sizeof(page->to), "g");
	base_free(page->token);
	page->token = base_buf_take(&token);
	return ok;
}

static enum upload_status
s3_list(void *place, struct upload_page *page, unsigned age_s)
{
	struct s3 *s3 = place;
	struct base_buf url = { 0 }, body = { 0 };
	struct upload_s3_request request = {
		.method = "GET", .into_fd = -1, .body = &body
	};
	enum upload_status status;

	list_url(s3, page, &url);
	request.url = base_buf_str(&url);
	status = upload_s3_http_do(s3->http, &request);
	if (status == UPLOAD_MISSING)
		status = bucket_missing();
	if (status == UPLOAD_OK && !list_read(s3, page, age_s, &body)) {
		base_log_error(
		    "store's list cannot be read", "bytes=%zu", body.len);
		status = UPLOAD_UNAVAILABLE;
	}
	base_buf_fini(&url);
	base_buf_fini(&body);
	return status;
}

static void
s3_patience(void *place, unsigned ms)
{
	struct s3 *s3 = place;

	upload_s3_http_patience(s3->http, ms);
}

static const struct upload_store_ops s3_ops = {
	.free = s3_free,
	.patience = s3_patience,
	.ready = s3_ready,
	.keep = s3_keep,
	.open = s3_open,
	.has = s3_has,
	.list = s3_list,
	.drop = s3_drop,
};

struct upload_store *
upload_store_s3_new(const struct upload_store_s3_params *params,
    const char *tmp, char *err, size_t err_size)
{
	const struct upload_s3_http_params http = {
		.region = params->at.region,
		.key_id = params->at.key_id,
		.secret = params->at.secret,
		.seconds = params->seconds,
	};
	struct s3 *s3 = base_alloc(sizeof(*s3));

	if ((s3->url = upload_s3_url_new(&params->at, err, err_size)) == NULL) {
		s3_free(s3);
		return NULL;
	}
	s3->http = upload_s3_http_new(&http);
	if ((s3->store = upload_store_begin(&s3_ops, tmp)) == NULL) {
		snprintf(err, err_size, "%s: %s", tmp, strerror(errno));
		s3_free(s3);
		return NULL;
	}
	s3->store->place = s3;
	return s3->store;
}
