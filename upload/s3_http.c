/* SPDX-License-Identifier: ISC */
/* Requests through libcurl, one after the other over a connection it keeps. */

#include "upload/s3_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "upload/s3_list.h"

enum {
	CONNECT_MS = 3000,
	/* Slower than so many bytes a second for so long is no progress. */
	SLOW_BYTES = 1024,
	SLOW_S = 10,
	ATTEMPTS = 4,
	PAUSE_MS = 100,		    /* doubled each time, and some chance */
	BODY_MAX = 4 * 1024 * 1024, /* a page of a list has 0.5 MiB */
	FIELD_SIZE = 96
};

/* SHA-256 of nothing. */
#define EMPTY_HASH \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct upload_s3_http {
	CURL *curl;	       /* owned */
	char *signer;	       /* for libcurl: who signs how; owned */
	char *key_id, *secret; /* owned */
	unsigned seconds;
	uint64_t until_ms; /* of patience; 0 = none was told */
	bool overwrites;   /* the store does not know If-None-Match */
};

/* One attempt. */
struct attempt {
	const struct upload_s3_request *request; /* borrowed */
	CURL *curl;				 /* borrowed */
	off_t at;				 /* in from_fd or into_fd */
	struct upload_hash *hash; /* of what came for into_fd; owned */
	struct base_buf error;	  /* what the store says of a refusal */
	int write_error;	  /* errno of into_fd */
	CURLcode result;
	long status;
};

/* What became of an attempt. */
enum outcome {
	DONE,	   /* `status` of upload_s3_http_do() is known */
	REPEATABLE /* the same may succeed a little later */
};

struct upload_s3_http *
upload_s3_http_new(const struct upload_s3_http_params *params)
{
	struct upload_s3_http *h = base_alloc(sizeof(*h));
	struct base_buf signer = { 0 };

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (h->curl = curl_easy_init()) == NULL)
		abort(); /* only for want of memory */
	base_buf_printf(&signer, "aws:amz:%s:s3", params->region);
	h->signer = base_buf_take(&signer);
	h->key_id = base_strdup(params->key_id);
	h->secret = base_strdup(params->secret);
	h->seconds = params->seconds;
	return h;
}

void
upload_s3_http_free(struct upload_s3_http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	base_free(h->signer);
	base_free(h->key_id);
	base_free(h->secret);
	base_free(h);
}

void
upload_s3_http_patience(struct upload_s3_http *h, unsigned ms)
{
	h->until_ms = base_clock_ms() + ms;
}

static size_t
on_read(char *p, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	ssize_t got;

	do
		got = pread(a->request->from_fd, p, size * n, a->at);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return CURL_READFUNC_ABORT;
	a->at += got;
	return (size_t)got;
}

static int
on_seek(void *arg, curl_off_t offset, int origin)
{
	struct attempt *a = arg;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_FAIL;
	a->at = (off_t)offset;
	return CURL_SEEKFUNC_OK;
}

static bool
file_append(struct attempt *a, const char *p, size_t n)
{
	ssize_t done;

	upload_hash_add(a->hash, p, n);
	for (; n > 0; p += done, n -= (size_t)done, a->at += done) {
		done = pwrite(a->request->into_fd, p, n, a->at);
		if (done == -1 && errno == EINTR)
			done = 0;
		else if (done == -1) {
			a->write_error = errno;
			return false;
		}
	}
	return true;
}

/* Anything but `n` ends the attempt. */
static size_t
on_write(char *p, size_t size, size_t n, void *arg)
{
	struct attempt *a = arg;
	struct base_buf *body = &a->error;
	long status = 0;

	n *= size;
	curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status / 100 == 2) {
		if (a->request->into_fd != -1)
			return file_append(a, p, n) ? n : 0;
		if (a->request->body == NULL)
			return n;
		body = a->request->body;
	}
	if (body->len + n > BODY_MAX)
		return 0;
	base_buf_append(body, p, n);
	return n;
}

/* Names in lower case and no field without a value: this libcurl signs the
 * fields as they are given, in the order of bytes, also such as it does not
 * send. */
static struct curl_slist *
fields_make(const struct upload_s3_request *r, bool overwrites)
{
	struct curl_slist *fields = NULL;
	char hash[FIELD_SIZE];

	snprintf(hash, sizeof(hash), "x-amz-content-sha256: %.64s",
	    r->hash != NULL && r->into_fd == -1 ? r->hash : EMPTY_HASH);
	if (strcmp(r->method, "PUT") == 0) {
		/* For whoever gets at it past us: nothing to show. */
		fields = curl_slist_append(
		    fields, "content-disposition: attachment");
		fields = curl_slist_append(
		    fields, "content-type: application/octet-stream");
		if (!overwrites)
			fields = curl_slist_append(fields, "if-none-match: *");
	}
	return curl_slist_append(fields, hash);
}

static void
method_set(CURL *c, struct attempt *a)
{
	const struct upload_s3_request *r = a->request;

	if (strcmp(r->method, "PUT") == 0) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(c, CURLOPT_READDATA, a);
		curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(c, CURLOPT_SEEKDATA, a);
		curl_easy_setopt(
		    c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->size);
	} else if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	} else if (strcmp(r->method, "GET") != 0) {
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	}
}

static void
attempt_run(struct upload_s3_http *h, struct attempt *a, uint64_t ms)
{
	struct curl_slist *fields = fields_make(a->request, h->overwrites);
	CURL *c = h->curl;

	curl_easy_reset(c); /* its connections stay */
	curl_easy_setopt(c, CURLOPT_URL, a->request->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)ms);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
	curl_easy_setopt(c, CURLOPT_AWS_SIGV4, h->signer);
	curl_easy_setopt(c, CURLOPT_USERNAME, h->key_id);
	curl_easy_setopt(c, CURLOPT_PASSWORD, h->secret);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "parley");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, a);
	method_set(c, a);
	a->curl = c;
	a->result = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a->status);
	curl_slist_free_all(fields);
}

/* The store's own word for what is wrong, if it said one. */
static const char *
error_code(const struct attempt *a, struct base_buf *out)
{
	if (a->error.len == 0 ||
	    !upload_s3_list_element(a->error.data, a->error.len, "Code", out))
		return "-";
	return base_buf_str(out);
}

static void
refusal_log(const struct attempt *a)
{
	bool ours = a->status == 401 || a->status == 403;
	char quoted[FIELD_SIZE];
	struct base_buf code = { 0 };

	base_log_error(
	    ours ? "store refuses our credentials" : "store refuses a request",
	    "method=%s status=%ld code=%s", a->request->method, a->status,
	    base_log_quote(quoted, sizeof(quoted), error_code(a, &code)));
	base_buf_fini(&code);
}

static void
failure_log(const struct attempt *a, unsigned attempts)
{
	char why[FIELD_SIZE];

	base_log_error("store not available",
	    "method=%s status=%ld attempts=%u why=%s", a->request->method,
	    a->status, attempts,
	    base_log_quote(why, sizeof(why), curl_easy_strerror(a->result)));
}

/* Did all of the object come, and is it what its name says? */
static bool
is_whole(struct attempt *a)
{
	char hash[UPLOAD_HASH_LEN + 1];

	if (a->request->into_fd == -1)
		return true;
	upload_hash_finish(a->hash, hash);
	a->hash = NULL;
	if (strcmp(hash, a->request->hash) == 0)
		return true;
	base_log_error("stored file is not what it was", "sha256=%s came=%s",
	    a->request->hash, hash);
	return false;
}

/* 400 RequestTimeout: what we sent came too slowly.  409: somebody stores the
 * same at this moment. */
static bool
may_pass(const struct attempt *a)
{
	struct base_buf code = { 0 };
	bool slow;

	slow = a->status == 400 &&
	    strcmp(error_code(a, &code), "RequestTimeout") == 0;
	base_buf_fini(&code);
	return slow || a->status == 409 || a->status == 429 ||
	    (a->status >= 500 && a->status != 501 && a->status != 507);
}

/* Some stores do not know what is asked of a PUT: then it writes over the same
 * bytes. */
static bool
overwrites_now(struct upload_s3_http *h, const struct attempt *a)
{
	if (a->status != 501 || h->overwrites ||
	    strcmp(a->request->method, "PUT") != 0)
		return false;
	h->overwrites = true;
	return true;
}

static enum outcome
attempt_judge(
    struct upload_s3_http *h, struct attempt *a, enum upload_status *status)
{
	*status = UPLOAD_UNAVAILABLE;
	if (a->write_error != 0) {
		*status = upload_status_from_errno(a->write_error);
		return DONE;
	}
	if (a->result != CURLE_OK)
		return a->result == CURLE_ABORTED_BY_CALLBACK ? DONE :
								REPEATABLE;
	if (a->status / 100 == 2) {
		if (!is_whole(a))
			return REPEATABLE;
		*status = UPLOAD_OK;
	} else if (a->status == 404) {
		*status = UPLOAD_MISSING;
	} else if (a->status == 412) {
		*status = UPLOAD_OK; /* it is there already */
	} else if (may_pass(a) || overwrites_now(h, a)) {
		return REPEATABLE;
	} else {
		if (a->status == 507)
			*status = UPLOAD_NO_SPACE;
		refusal_log(a);
	}
	return DONE;
}

static void
attempt_begin(struct attempt *a)
{
	*a = (struct attempt){ .request = a->request };
	if (a->request->body != NULL)
		base_buf_reset(a->request->body);
	if (a->request->into_fd == -1)
		return;
	a->hash = upload_hash_new();
	if (ftruncate(a->request->into_fd, 0) == -1)
		a->write_error = errno;
}

static void
attempt_end(struct attempt *a)
{
	upload_hash_free(a->hash);
	a->hash = NULL;
	base_buf_fini(&a->error);
}

static void
pause_make(unsigned attempt)
{
	unsigned ms = PAUSE_MS << attempt;
	struct timespec t;

	ms += base_random_below(ms);
	t.tv_sec = ms / 1000;
	t.tv_nsec = (long)(ms % 1000) * 1000000;
	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

enum upload_status
upload_s3_http_do(
    struct upload_s3_http *h, const struct upload_s3_request *request)
{
	uint64_t now_ms = base_clock_ms(),
		 until_ms = now_ms + h->seconds * UINT64_C(1000);
	enum upload_status status = UPLOAD_UNAVAILABLE;
	struct attempt a = { .result = CURLE_OPERATION_TIMEDOUT };
	enum outcome outcome = REPEATABLE;
	unsigned n = 0;

	if (h->until_ms != 0 && h->until_ms < until_ms)
		until_ms = h->until_ms;
	a.request = request;
	for (; outcome == REPEATABLE && n < ATTEMPTS; n++) {
		if (n > 0)
			pause_make(n - 1);
		now_ms = base_clock_ms();
		if (now_ms >= until_ms)
			break;
		attempt_begin(&a);
		attempt_run(h, &a, until_ms - now_ms);
		outcome = attempt_judge(h, &a, &status);
		attempt_end(&a);
	}
	if (outcome == REPEATABLE)
		failure_log(&a, n);
	return status;
}
