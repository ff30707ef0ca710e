/* SPDX-License-Identifier: ISC */
/* Files through the CGI door: api/upload_ops.c and api/file_answer.c. */

#include "tests/db/files_fixture.h"

#include <dirent.h>
#include <ftw.h>

static const char *
content(const struct exchange *x, size_t *n)
{
	const char *p = strstr(base_buf_str(&x->out), "\r\n\r\n");

	CU_ASSERT_PTR_NOT_NULL_FATAL(p);
	*n = x->out.len - (size_t)(p + 4 - x->out.data);
	return (p + 4);
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

TEST_MAIN("api_files", { "starts", test_starts },
    { "text comes back", test_text_comes_back },
    { "conditions and ranges", test_conditions_and_ranges },
    { "a picture has a thumbnail", test_a_picture_has_a_thumbnail },
    { "pictures take turns", test_pictures_take_turns },
    { "refusals", test_refusals },
    { "Nginx sends files", test_nginx_sends_files },
    { "a store has addresses of its own",
	test_a_store_has_addresses_of_its_own },
    { "a lost file is not found", test_a_lost_file_is_not_found },
    { "ends", test_ends })
