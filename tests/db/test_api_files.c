/* SPDX-License-Identifier: ISC */
/* Files through the CGI door: api/cgi.c, api/upload_ops.c and
 * api/file_answer.c over a real database and a real directory. */

#include "tests/unit/harness.h"

#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/cgi.h"
#include "api/config.h"
#include "api/file_link.h"
#include "api/storage.h"
#include "api/upload_ops.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "tests/db/engine_fixture.h"
#include "tests/db/exchange.h"
#include "upload/seats.h"

static struct fixture f;
static struct api_config config;
static struct api_storage *storage;
static struct api_uploads *uploads;
static struct upload_seats *seats; /* the one that there is */
static char dir[] = "/tmp/parley-files-XXXXXX";
static unsigned decodes; /* begun and ended */

static const char *
content(const struct exchange *x, size_t *n)
{
	const char *p = strstr(base_buf_str(&x->out), "\r\n\r\n");

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	*n = x->out.len - (size_t)(p + 4 - x->out.data);
	return (p + 4);
}

/* The JSON string `key` of an answer, base_free(). */
static char *
text_of(const struct exchange *x, const char *key)
{
	struct base_buf start = { 0 };
	const char *p;
	char *text;

	base_buf_printf(&start, "\"%s\":\"", key);
	p = strstr(base_buf_str(&x->out), base_buf_str(&start));
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	p += start.len;
	text = base_strndup(p, strcspn(p, "\""));
	base_buf_fini(&start);
	return (text);
}

static void
on_decode(void *arg, const char *request_id, const char *hash)
{
	(void)arg;
	CU_ASSERT_EQUAL(request_id == NULL, hash == NULL);
	decodes++;
}

static struct api_uploads *
uploads_new(struct api_storage *where, const char *accel_prefix, bool redirects)
{
	static char decoder[512];
	const struct api_uploads_params params = { .storage = where,
		.redirects = redirects,
		.accel_prefix = accel_prefix,
		.max_bytes = 100000,
		.decoder = decoder,
		.decoding = { .seconds = 20,
		    .memory = 1536ull << 20,
		    .kinds = UPLOAD_KINDS_ALL },
		.seats = seats,
		.on_decode = on_decode };
	const char *build = getenv("PARLEY_BUILD");

	snprintf(decoder, sizeof(decoder), "%s/parley-decode",
	    build != NULL ? build : ".");
	return (api_uploads_new(&params));
}

static void
test_starts(void)
{
	char err[200], why[200];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	setenv("PARLEY_URL_KEYS",
	    "now:0123456789abcdef0123456789abcdef "
	    "before:fedcba9876543210fedcba9876543210",
	    1);
	fixture_start(&f, NULL);
	CU_ASSERT_FATAL(
	    api_config_load(&config, API_CONFIG_SERVICE, err, sizeof(err)));
	storage = api_storage_directory_new(dir, NULL, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
	seats = upload_seats_open(dir, 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(seats);
	uploads = uploads_new(storage, NULL, false);
	api_engine_hooks_add(f.engine, api_upload_hooks, api_upload_hook_count);
	api_engine_uploads_set(f.engine, uploads);
	CU_ASSERT(api_uploads_ready(uploads, why, sizeof(why)));
}

/* Upload `bytes` raw; the id, base_free(). */
static char *
upload(const char *user, const char *name, const char *bytes)
{
	struct exchange x;
	char *id;

	exchange_begin(&x, &config, user, "POST", "/v1/uploads");
	exchange_param(&x, "QUERY_STRING", name);
	exchange_body(&x, "application/octet-stream", bytes, strlen(bytes));
	CU_ASSERT_EQUAL_FATAL(exchange_serve(&x, &f), 201);
	id = text_of(&x, "id");
	exchange_end(&x);
	return (id);
}

static void
target(char out[80], const char *id, const char *variant)
{
	snprintf(out, 80, "/v1/files/%s/%s", id, variant);
}

static void
test_text_comes_back(void)
{
	char *id = upload("alice", "filename=n%C3%B6te.txt", "just words\n");
	const char *p;
	char path[80];
	struct exchange x;
	size_t n;

	target(path, id, "original");
	exchange_begin(&x, &config, "alice", "GET", path);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	p = content(&x, &n);
	CU_ASSERT_EQUAL(n, 11);
	CU_ASSERT_EQUAL(memcmp(p, "just words\n", 11), 0);
	CU_ASSERT(exchange_has(&x, "Status: 200 OK\r\n"));
	CU_ASSERT(exchange_has(&x, "Content-Type: text/plain\r\n"));
	CU_ASSERT(exchange_has(&x, "Content-Length: 11\r\n"));
	CU_ASSERT(exchange_has(&x,
	    "Content-Disposition: attachment; "
	    "filename=\"n_te.txt\"; "
	    "filename*=UTF-8''n%C3%B6te.txt\r\n"));
	CU_ASSERT(exchange_has(&x, "X-Content-Type-Options: nosniff\r\n"));
	CU_ASSERT(exchange_has(&x,
	    "Content-Security-Policy: sandbox; "
	    "default-src 'none'\r\n"));
	/* What it is saved as may change. */
	CU_ASSERT(exchange_has(&x, "Cache-Control: private, no-cache\r\n"));
	exchange_end(&x);

	exchange_begin(&x, &config, "alice", "HEAD", path);
	exchange_param(&x, "HTTP_RANGE", "bytes=0-1");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	(void)content(&x, &n);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT(exchange_has(&x, "Content-Length: 11\r\n"));
	exchange_end(&x);
	base_free(id);
}

/* base_free() */
static char *
etag_of(const char *path)
{
	struct exchange x;
	const char *p;
	char *etag;

	exchange_begin(&x, &config, "alice", "GET", path);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	p = strstr(x.out.data, "ETag: ");
	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	etag = base_strndup(p + 6, strcspn(p + 6, "\r"));
	exchange_end(&x);
	return (etag);
}

/* What the client has is not sent again, nor what it does not ask for. */
static void
test_conditions_and_ranges(void)
{
	char *id = upload("alice", "filename=c.txt", "just words\n");
	char path[80], *etag;
	const char *p;
	struct exchange x;
	size_t n;

	target(path, id, "original");
	etag = etag_of(path);
	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_IF_NONE_MATCH", etag);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 304);
	(void)content(&x, &n);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_FALSE(exchange_has(&x, "Content-Length"));
	CU_ASSERT(exchange_has(&x, "Content-Disposition: attachment; "));
	CU_ASSERT(exchange_has(&x, "ETag: "));
	exchange_end(&x);

	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_RANGE", "bytes=5-9");
	exchange_param(&x, "HTTP_IF_RANGE", etag);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 206);
	p = content(&x, &n);
	CU_ASSERT_EQUAL(n, 5);
	CU_ASSERT_EQUAL(memcmp(p, "words", 5), 0);
	CU_ASSERT(exchange_has(&x, "Content-Range: bytes 5-9/11\r\n"));
	exchange_end(&x);

	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_RANGE", "bytes=11-");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 416);
	CU_ASSERT(exchange_has(&x, "Content-Range: bytes */11\r\n"));
	exchange_end(&x);

	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_RANGE", "bytes=0-1,3-4");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "Content-Length: 11\r\n"));
	exchange_end(&x);

	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_IF_MATCH", "\"another\"");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 412);
	CU_ASSERT(exchange_has(&x, "\"precondition_failed\""));
	exchange_end(&x);
	base_free(etag);
	base_free(id);
}

/* The picture of the documentation, in a form. */
static void
form_append(struct base_buf *form)
{
	const char *source = getenv("PARLEY_SOURCE");
	char path[512], piece[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/docs/demo.jpg",
	    source != NULL ? source : ".");
	base_buf_append_str(form,
	    "--b\r\nContent-Disposition: form-data; "
	    "name=\"file\"; filename=\"a/b.jpg\"\r\n\r\n");
	file = fopen(path, "rb");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		base_buf_append(form, piece, n);
	fclose(file);
	base_buf_append_str(form, "\r\n--b--\r\n");
}

static void
test_a_picture_has_a_thumbnail(void)
{
	struct base_buf form = { 0 };
	struct exchange x;
	char *original, *thumbnail;
	const char *p;
	size_t n;

	form_append(&form);
	exchange_begin(&x, &config, "alice", "POST", "/v1/uploads");
	exchange_body(
	    &x, "multipart/form-data; boundary=b", form.data, form.len);
	decodes = 0;
	CU_ASSERT_EQUAL_FATAL(exchange_serve(&x, &f), 201);
	CU_ASSERT_EQUAL(decodes, 2);
	CU_ASSERT(exchange_has(&x, "\"filename\":\"b.jpg\""));
	CU_ASSERT(exchange_has(&x, "\"type\":\"image/jpeg\""));
	CU_ASSERT(exchange_has(&x, "\"width\":1200"));
	CU_ASSERT(exchange_has(&x, "\"height\":800"));
	original = text_of(&x, "url");
	thumbnail = text_of(&x, "thumbnail_url");
	exchange_end(&x);

	exchange_begin(&x, &config, "alice", "GET", thumbnail);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	p = content(&x, &n);
	CU_ASSERT(n > 1000 && n < 40000);
	CU_ASSERT_EQUAL(memcmp(p, "\xff\xd8\xff", 3), 0);
	CU_ASSERT(exchange_has(&x, "inline; filename=\"thumbnail.jpg\""));
	exchange_end(&x);

	exchange_begin(&x, &config, "alice", "GET", original);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "inline; filename=\"b.jpg\""));
	CU_ASSERT(exchange_has(&x, "Vary: Accept\r\n"));
	CU_ASSERT(exchange_has(&x,
	    "Cache-Control: private, max-age=31536000, "
	    "immutable\r\n"));
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "GET", original);
	exchange_param(&x, "QUERY_STRING", "download=true");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "attachment; filename=\"b.jpg\""));
	exchange_end(&x);
	base_free(original);
	base_free(thumbnail);
	base_buf_fini(&form);
}

/* The demo picture, while others make one.  By somebody who uploads nothing
 * else: uploads have a rate. */
static void
test_pictures_take_turns(void)
{
	struct upload_seats *other = upload_seats_open(dir, 1);
	struct base_buf form = { 0 };
	struct exchange x;

	CU_ASSERT_PTR_NOT_NULL_FATAL(other);
	CU_ASSERT(upload_seats_take(other, 0));
	form_append(&form);
	exchange_begin(&x, &config, "carol", "POST", "/v1/uploads");
	exchange_body(
	    &x, "multipart/form-data; boundary=b", form.data, form.len);
	decodes = 0;
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 503);
	CU_ASSERT(exchange_has(&x, "\"code\":\"overloaded\""));
	CU_ASSERT(exchange_has(&x, "Retry-After: "));
	CU_ASSERT_EQUAL(decodes, 0);
	exchange_end(&x);
	/* What is no picture waits for nobody. */
	base_free(upload("carol", "filename=a.txt", "just words\n"));

	upload_seats_leave(other);
	exchange_begin(&x, &config, "carol", "POST", "/v1/uploads");
	exchange_body(
	    &x, "multipart/form-data; boundary=b", form.data, form.len);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 201);
	exchange_end(&x);
	/* And it is free again. */
	CU_ASSERT(upload_seats_take(other, 0));
	upload_seats_close(other);
	base_buf_fini(&form);
}

static int
status_of(const char *user, const char *path)
{
	struct exchange x;
	int status;

	exchange_begin(&x, &config, user, "GET", path);
	status = exchange_serve(&x, &f);
	exchange_end(&x);
	return (status);
}

static void
test_only_those_it_was_sent_to(void)
{
	char *id = upload("alice", "filename=secret.txt", "a secret\n");
	char path[80], conversation[64], text[200], send[128];
	struct reply r;

	target(path, id, "original");
	CU_ASSERT_EQUAL(status_of("alice", path), 200);
	CU_ASSERT_EQUAL(status_of("bob", path), 404);
	CU_ASSERT_EQUAL(status_of(NULL, path), 401);

	r = http(&f, "alice", "POST", "/v1/conversations",
	    "{\"type\": \"direct\", \"user_id\": \"bob\"}");
	CU_ASSERT_EQUAL(r.status, 201);
	snprintf(conversation, sizeof(conversation), "%s", member(&r, "id"));
	reply_fini(&r);
	snprintf(text, sizeof(text),
	    "{\"text\": \"look\", \"attachments\": [\"%s\"]}", id);
	snprintf(
	    send, sizeof(send), "/v1/conversations/%s/messages", conversation);
	r = http(&f, "alice", "POST", send, text);
	CU_ASSERT_EQUAL(r.status, 201);
	reply_fini(&r);
	CU_ASSERT_EQUAL(status_of("bob", path), 200);
	CU_ASSERT_EQUAL(status_of("eve", path), 404);

	/* There is no thumbnail of it, and no other variant of anything. */
	target(path, id, "thumbnail");
	CU_ASSERT_EQUAL(status_of("alice", path), 404);
	target(path, id, "..%2Foriginal");
	CU_ASSERT_EQUAL(status_of("alice", path), 422);
	base_free(id);
}

/* What files.sign gives `user` for these files: the first address, or NULL;
 * base_free(). */
static char *
signed_url(const char *user, const char *ids, const char *more)
{
	struct base_buf text = { 0 };
	struct exchange x;
	char *url = NULL;

	base_buf_printf(&text, "{\"upload_ids\":[%s]%s}", ids, more);
	exchange_begin(&x, &config, user, "POST", "/v1/files/sign");
	exchange_body(&x, "application/json", text.data, text.len);
	CU_ASSERT_EQUAL_FATAL(exchange_serve(&x, &f), 200);
	if (exchange_has(&x, "\"url\""))
		url = text_of(&x, "url");
	exchange_end(&x);
	base_buf_fini(&text);
	return (url);
}

static void
test_a_signed_address_needs_no_credentials(void)
{
	char *id = upload("alice", "filename=shared.txt", "to be seen\n");
	char ids[128], *url, *p;
	struct exchange x;

	snprintf(ids, sizeof(ids), "\"%s\"", id);
	CU_ASSERT_PTR_NULL(signed_url("eve", ids, ""));
	/* A text has no thumbnail to sign. */
	CU_ASSERT_PTR_NULL(
	    signed_url("alice", ids, ",\"variant\":\"thumbnail\""));
	url = signed_url("alice", ids, ",\"seconds\":600");
	CU_ASSERT_PTR_NOT_NULL_FATAL(url);
	exchange_begin(&x, &config, NULL, "GET", url);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "to be seen\n"));
	CU_ASSERT(exchange_has(&x, "Cache-Control: public, max-age="));
	CU_ASSERT_FALSE(exchange_has(&x, "RateLimit: "));
	exchange_end(&x);
	/* Who may not see it by themselves. */
	CU_ASSERT_EQUAL(status_of("eve", url), 200);

	p = strstr(url, "signature=") + 10;
	*p = *p == '0' ? '1' : '0';
	exchange_begin(&x, &config, NULL, "GET", url);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 403);
	CU_ASSERT(exchange_has(&x, "\"signature_invalid\""));
	exchange_end(&x);
	CU_ASSERT_EQUAL(status_of("eve", url), 404);
	CU_ASSERT_EQUAL(status_of("alice", url), 200);
	base_free(url);
	base_free(id);
}

static void
test_a_signed_address_ends(void)
{
	const char *key = config.url_keys[0];
	char *id = upload("alice", "filename=old.txt", "gone\n");
	char *const keys[] = { (char *)(uintptr_t)key, NULL };
	struct base_buf url = { 0 };
	struct exchange x;

	base_buf_printf(&url, "/v1/files/%s/original", id);
	api_file_link_append(
	    &url, keys, id, "original", base_clock_wall_us() / 1000000 - 1);
	exchange_begin(&x, &config, NULL, "GET", base_buf_str(&url));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 403);
	CU_ASSERT(exchange_has(&x, "\"signature_expired\""));
	exchange_end(&x);
	base_buf_fini(&url);
	base_free(id);
}

static unsigned
unfinished(void)
{
	char path[80];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/tmp", dir);
	d = opendir(path);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n - 2);
}

/* What is refused leaves nothing. */
static void
expect_refused(
    const char *type, const char *bytes, size_t n, int status, const char *code)
{
	struct exchange x;

	exchange_begin(&x, &config, "alice", "POST", "/v1/uploads");
	exchange_body(&x, type, bytes, n);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), status);
	CU_ASSERT(
	    exchange_has(&x, "Content-Type: application/problem+json\r\n"));
	CU_ASSERT(exchange_has(&x, code));
	exchange_end(&x);
	CU_ASSERT_EQUAL(unfinished(), 0);
}

static void
test_refusals(void)
{
	static const char form[] = "multipart/form-data; boundary=b";
	static const char other[] =
	    "--b\r\nContent-Disposition: form-data; name=photo\r\n\r\n1";
	static char much[100001];
	struct exchange x;

	memset(much, 'x', sizeof(much));
	expect_refused("a/b", "", 0, 422, "\"code\":\"file_empty\"");
	expect_refused("a/b", "<svg/>", 6, 415, "\"unsupported_type\"");
	expect_refused("a/b", "\x89PNG\r\n\x1a\n", 8, 415, "unsupported_type");
	expect_refused(
	    "a/b", "\xff\xd8\xff\xe0\0\20JFIF", 10, 422, "unreadable_image");
	expect_refused("a/b", much, sizeof(much), 413, "file_too_large");
	expect_refused(
	    form, other, sizeof(other) - 1, 422, "\"field\":\"photo\"");
	expect_refused(form, "--b", 3, 400, "malformed_body");
	expect_refused(form, "--b--", 5, 422, "file_missing");
	expect_refused("multipart/form-data", "x", 1, 400, "malformed_body");

	exchange_begin(&x, &config, "alice", "POST", "/v1/uploads");
	exchange_body(&x, "text/plain", "hello", 5);
	exchange_param(&x, "HTTP_X", "y");
	snprintf(x.length, sizeof(x.length), "50");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 400);
	CU_ASSERT(exchange_has(&x, "body_incomplete"));
	exchange_end(&x);
	CU_ASSERT_EQUAL(unfinished(), 0);
	exchange_begin(&x, &config, NULL, "POST", "/v1/uploads");
	exchange_body(&x, "text/plain", "hello", 5);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 401);
	CU_ASSERT_EQUAL(x.body_len, 5);
	exchange_end(&x);
}

static void
test_nginx_sends_files(void)
{
	struct api_uploads *by_nginx = uploads_new(storage, "/_files/", false);
	char *id = upload("alice", "filename=x.txt", "by nginx\n"), path[80];
	struct exchange x;

	api_engine_uploads_set(f.engine, by_nginx);
	target(path, id, "original");
	exchange_begin(&x, &config, "alice", "GET", path);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "X-Accel-Redirect: /_files/"));
	CU_ASSERT(exchange_has(&x, "Content-Type: text/plain\r\n"));
	CU_ASSERT_FALSE(exchange_has(&x, "by nginx"));
	exchange_end(&x);

	/* What it would refuse by itself stays here. */
	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_RANGE", "bytes=3-5");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "X-Accel-Redirect: /_files/"));
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_RANGE", "bytes=99-");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 416);
	CU_ASSERT(exchange_has(&x, "range_not_satisfiable"));
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "GET", path);
	exchange_param(&x, "HTTP_RANGE", "bytes=5-2");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "by nginx"));
	exchange_end(&x);
	api_engine_uploads_set(f.engine, uploads);
	api_uploads_free(by_nginx);
	base_free(id);
}

/* A store that is not there: to send a client to it, or to have Nginx fetch a
 * file from it, no network is needed. */
static struct api_storage *
storage_elsewhere(void)
{
	static char endpoint[] = "http://10.0.0.1:9000",
		    public[] = "https://files.example", bucket[] = "b",
		    prefix[] = "chat", key[] = "id", secret[] = "secret";
	struct api_config c = config;
	struct api_storage *elsewhere;
	char err[200] = "";

	c.s3_endpoint = endpoint;
	c.s3_public_endpoint = public;
	c.s3_bucket = bucket;
	c.s3_prefix = prefix;
	c.s3_key_id = key;
	c.s3_secret = secret;
	c.upload_tmp_dir = dir;
	elsewhere = api_storage_new(&c, err, sizeof(err));
	CU_ASSERT_STRING_EQUAL(err, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL(elsewhere);
	c.s3_redirect = false;
	CU_ASSERT_PTR_NULL(api_storage_new(&c, err, sizeof(err)));
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "PARLEY_ACCEL_PREFIX"));
	c.s3_redirect = true;
	c.s3_bucket = prefix + strlen(prefix);
	CU_ASSERT_PTR_NULL(api_storage_new(&c, err, sizeof(err)));
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "bucket"));
	return (elsewhere);
}

static void
test_a_store_has_addresses_of_its_own(void)
{
	struct api_storage *elsewhere = storage_elsewhere();
	struct api_uploads *redirects = uploads_new(elsewhere, NULL, true),
			   *fetched = uploads_new(elsewhere, "/_s3", false);
	char *id = upload("alice", "filename=n%C3%B6te.txt", "elsewhere\n"),
	     path[80];
	struct exchange x;

	api_engine_uploads_set(f.engine, redirects);
	target(path, id, "original");
	exchange_begin(&x, &config, "alice", "GET", path);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 302);
	CU_ASSERT(exchange_has(&x, "Location: https://files.example/b/chat/"));
	CU_ASSERT(
	    exchange_has(&x, "&X-Amz-Expires=300&X-Amz-SignedHeaders=host&"));
	CU_ASSERT(
	    exchange_has(&x, "&response-content-disposition=attachment%3B"));
	CU_ASSERT(
	    exchange_has(&x, "&response-content-type=text%2Fplain&X-Amz-Sig"));
	CU_ASSERT(exchange_has(&x, "Cache-Control: private, max-age="));
	exchange_end(&x);
	exchange_begin(&x, &config, "bob", "GET", path);
	CU_ASSERT_EQUAL(
	    exchange_serve(&x, &f), 404); /* who may see it, we decide */
	exchange_end(&x);

	api_engine_uploads_set(f.engine, fetched);
	exchange_begin(&x, &config, "alice", "GET", path);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "X-Accel-Redirect: /_s3/b/chat/"));
	CU_ASSERT(exchange_has(&x, "&X-Amz-Expires=60&"));
	CU_ASSERT(exchange_has(&x, "Content-Disposition: attachment; "));
	CU_ASSERT(exchange_has(&x, "X-Content-Type-Options: nosniff\r\n"));
	CU_ASSERT_FALSE(exchange_has(&x, "10.0.0.1"));
	exchange_end(&x);
	api_engine_uploads_set(f.engine, uploads);
	api_uploads_free(redirects);
	api_uploads_free(fetched);
	api_storage_free(elsewhere);
	base_free(id);
}

static int
on_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

/* The row is there, the file is not: 404 and not a wrong answer. */
static void
test_a_lost_file_is_not_found(void)
{
	char *id = upload("alice", "filename=x.txt", "lost\n"), path[80];

	nftw(dir, on_remove, 8, FTW_DEPTH | FTW_PHYS);
	target(path, id, "original");
	CU_ASSERT_EQUAL(status_of("alice", path), 404);
	base_free(id);
}

static void
test_other_operations(void)
{
	static char much[100000];
	struct exchange x;

	CU_ASSERT_EQUAL(status_of("alice", "/v1/me"), 200);
	CU_ASSERT_EQUAL(status_of("alice", "/v1/users/a%2Fb"), 404);
	CU_ASSERT_EQUAL(status_of("alice", "/nowhere"), 404);
	memset(much, 'x', sizeof(much));
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", much, sizeof(much));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 413);
	CU_ASSERT(exchange_has(&x, "payload_too_large"));
	CU_ASSERT(exchange_has(&x, "X-Request-Id: "));
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", "{}", 2);
	snprintf(x.length, sizeof(x.length), "3");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 400);
	CU_ASSERT(exchange_has(&x, "body_incomplete"));
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", "{}", 2);
	snprintf(x.length, sizeof(x.length), "-2");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 400);
	exchange_end(&x);
	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", "{}", 2);
	snprintf(x.length, sizeof(x.length), "99999999999999999999");
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 413);
	exchange_end(&x);
}

/* Positions of senders are written up to a second late, which a process that
 * ends does not have. */
static void
test_the_end_writes_what_is_owed(void)
{
	static const char group[] = "{\"type\":\"group\",\"name\":\"Own\"}";
	static const char text[] = "{\"text\":\"read by its sender\"}";
	char path[120], *id;
	struct exchange x;

	exchange_begin(&x, &config, "alice", "POST", "/v1/conversations");
	exchange_body(&x, "application/json", group, strlen(group));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 201);
	id = text_of(&x, "id");
	exchange_end(&x);
	snprintf(path, sizeof(path), "/v1/conversations/%s/messages", id);
	exchange_begin(&x, &config, "alice", "POST", path);
	exchange_body(&x, "application/json", text, strlen(text));
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 201);
	exchange_end(&x);
	CU_ASSERT(api_engine_pending(f.engine) > 0);
	api_cgi_finish(f.engine, f.loop);
	CU_ASSERT_EQUAL(api_engine_pending(f.engine), 0);
	snprintf(path, sizeof(path), "/v1/conversations/%s", id);
	exchange_begin(&x, &config, "alice", "GET", path);
	CU_ASSERT_EQUAL(exchange_serve(&x, &f), 200);
	CU_ASSERT(exchange_has(&x, "\"last_read_seq\":1,"));
	exchange_end(&x);
	base_free(id);
}

static void
test_ends(void)
{
	api_uploads_free(uploads);
	upload_seats_close(seats);
	api_storage_free(storage);
	fixture_stop(&f);
	api_config_fini(&config);
}

TEST_MAIN("api_files", { "starts", test_starts },
    { "text comes back", test_text_comes_back },
    { "conditions and ranges", test_conditions_and_ranges },
    { "a picture has a thumbnail", test_a_picture_has_a_thumbnail },
    { "pictures take turns", test_pictures_take_turns },
    { "only those it was sent to", test_only_those_it_was_sent_to },
    { "a signed address needs no credentials",
	test_a_signed_address_needs_no_credentials },
    { "a signed address ends", test_a_signed_address_ends },
    { "refusals", test_refusals },
    { "Nginx sends files", test_nginx_sends_files },
    { "a store has addresses of its own",
	test_a_store_has_addresses_of_its_own },
    { "a lost file is not found", test_a_lost_file_is_not_found },
    { "other operations", test_other_operations },
    { "the end writes what is owed", test_the_end_writes_what_is_owed },
    { "ends", test_ends })
