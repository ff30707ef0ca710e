/* SPDX-License-Identifier: ISC */
/* api/tus_ops.c: the tus protocol through the CGI door, over a real database
 * and a real directory. */

#include "tests/unit/harness.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/storage.h"
#include "api/tus_ops.h"
#include "api/upload_ops.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "tests/db/exchange.h"
#include "tests/db/sql.h"
#include "upload/partial.h"
#include "upload/store.h"

static struct fixture f;
static struct api_config config;
static struct api_storage *storage;
static struct api_uploads *uploads;
static struct sql *s;
static char dir[] = "/tmp/parley-tus-XXXXXX";
static char tmp[40];
static char at[50]; /* of the upload that was begun last */

#define BYTES "application/offset+octet-stream"
#define TEXT "just words, and more of them\n"
#define SIZE (sizeof(TEXT) - 1)

/* A request; header parameters follow, name and value, NULL at the end.
 * Answers its status; the answer stays in `last`. */
static struct exchange last;

static int
ask(const char *user, const char *method, const char *target, const char *bytes,
    size_t n, ...)
{
	va_list headers;
	const char *name;

	exchange_end(&last);
	exchange_begin(&last, &config, user, method, target);
	exchange_param(&last, "HTTP_TUS_RESUMABLE", "1.0.0");
	if (bytes != NULL)
		exchange_body(&last, BYTES, bytes, n);
	va_start(headers, n);
	while ((name = va_arg(headers, const char *)) != NULL)
		exchange_param(&last, name, va_arg(headers, const char *));
	va_end(headers);
	return (exchange_serve(&last, &f));
}

static bool
said(const char *name, const char *value)
{
	char *found = exchange_header(&last, name);
	bool same = found != NULL && strcmp(found, value) == 0;

	if (!same)
		printf("%s: %s\n", name, found != NULL ? found : "(none)");
	base_free(found);
	return (same);
}

/* Begin one; its address into `at`. */
static void
begin(const char *length)
{
	char *location;

	CU_ASSERT_EQUAL_FATAL(
	    ask("alice", "POST", "/v1/tus", NULL, 0, "HTTP_UPLOAD_LENGTH",
		length, "HTTP_UPLOAD_METADATA",
		"name YQ==,filename bsO2dGUudHh0,is_secret", NULL),
	    201);
	location = exchange_header(&last, "Location");
	CU_ASSERT_PTR_NOT_NULL_FATAL(location);
	CU_ASSERT_FATAL(strstr(location, "/v1/tus/") != NULL);
	snprintf(at, sizeof(at), "%s", strstr(location, "/v1/tus/"));
	base_free(location);
}

static const char *
id(void)
{
	return (at + strlen("/v1/tus/"));
}

static int
patch(const char *offset, const char *bytes, size_t n)
{
	return (ask("alice", "PATCH", at, bytes, n, "HTTP_UPLOAD_OFFSET",
	    offset, NULL));
}

static int
head(void)
{
	return (ask("alice", "HEAD", at, NULL, 0, NULL));
}

/* Files that are neither stored nor gone. */
static unsigned
unfinished(void)
{
	unsigned n = 0;
	DIR *d = opendir(tmp);

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n - 2);
}

static void
test_starts(void)
{
	static char decoder[512];
	struct api_uploads_params params = { .max_bytes = 100000,
		.quota = { .bytes = 150000 },
		.decoder = decoder,
		.decoding = { .seconds = 20,
		    .memory = 1536ull << 20,
		    .kinds = UPLOAD_KINDS_ALL } };
	const char *build = getenv("PARLEY_BUILD");
	char err[200];

	snprintf(decoder, sizeof(decoder), "%s/parley-decode",
	    build != NULL ? build : ".");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(tmp, sizeof(tmp), "%s/tmp", dir);
	fixture_start(&f,
	    (const char *const[]){ "PARLEY_ORIGINS=https://app.example",
		"PARLEY_MAX_UPLOAD_BYTES=100000", "PARLEY_RATE_LIMITS=off",
		NULL });
	CU_ASSERT_FATAL(
	    api_config_load(&config, API_CONFIG_SERVICE, err, sizeof(err)));
	storage = api_storage_directory_new(dir, NULL, err, sizeof(err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(storage);
	params.storage = storage;
	uploads = api_uploads_new(&params);
	api_engine_hooks_add(f.engine, api_upload_hooks, api_upload_hook_count);
	api_engine_hooks_add(f.engine, api_tus_hooks, api_tus_hook_count);
	api_engine_uploads_set(f.engine, uploads);
	s = sql_open(f.cluster);
}

static void
test_what_is_offered(void)
{
	CU_ASSERT_EQUAL(ask(NULL, "OPTIONS", "/v1/tus", NULL, 0, "HTTP_ORIGIN",
			    "https://app.example", NULL),
	    204);
	CU_ASSERT(said("Tus-Version", "1.0.0"));
	CU_ASSERT(said("Tus-Resumable", "1.0.0"));
	CU_ASSERT(said("Tus-Max-Size", "100000"));
	CU_ASSERT(said("Tus-Extension",
	    "creation,creation-with-upload,creation-defer-length,expiration,"
	    "checksum,termination"));
	CU_ASSERT(said("Tus-Checksum-Algorithm", "sha1,sha256,md5"));
	CU_ASSERT(exchange_has(&last, "Upload-Metadata"));
	CU_ASSERT_EQUAL(ask(NULL, "OPTIONS", "/v1/me", NULL, 0, NULL), 204);
	CU_ASSERT_FALSE(exchange_has(&last, "Tus-"));
}

static void
test_pieces_become_an_upload(void)
{
	char path[250], *expires;

	begin("29");
	CU_ASSERT_EQUAL(SIZE, 29);
	CU_ASSERT(said("Tus-Resumable", "1.0.0"));
	expires = exchange_header(&last, "Upload-Expires");
	CU_ASSERT_PTR_NOT_NULL_FATAL(expires);
	CU_ASSERT_EQUAL(strlen(expires), 29);
	base_free(expires);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "0"));
	CU_ASSERT(said("Upload-Length", "29"));
	CU_ASSERT(said(
	    "Upload-Metadata", "name YQ==,filename bsO2dGUudHh0,is_secret"));
	CU_ASSERT(said("Cache-Control", "no-store"));

	CU_ASSERT_EQUAL(patch("0", TEXT, 10), 204);
	CU_ASSERT(said("Upload-Offset", "10"));
	CU_ASSERT_EQUAL(patch("0", TEXT, 10), 409);
	CU_ASSERT_EQUAL(patch("11", TEXT, 10), 409);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "10"));
	snprintf(path, sizeof(path), "/v1/uploads/%s", id());
	CU_ASSERT_EQUAL(ask("alice", "GET", path, NULL, 0, NULL), 404);

	CU_ASSERT_EQUAL(patch("10", TEXT + 10, SIZE - 10), 204);
	CU_ASSERT(said("Upload-Offset", "29"));
	CU_ASSERT_EQUAL(unfinished(), 0);
	CU_ASSERT_EQUAL(ask("alice", "GET", path, NULL, 0, NULL), 200);
	CU_ASSERT(exchange_has(&last, "\"filename\":\"nöte.txt\""));
	CU_ASSERT(exchange_has(&last, "\"size\":29"));
	snprintf(path, sizeof(path), "/v1/files/%s/original", id());
	CU_ASSERT_EQUAL(ask("alice", "GET", path, NULL, 0, NULL), 200);
	CU_ASSERT(exchange_has(&last, "\r\n\r\n" TEXT));

	/* Whoever did not hear of it asks again. */
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "29"));
	CU_ASSERT_EQUAL(patch("10", TEXT + 10, SIZE - 10), 409);
	CU_ASSERT_EQUAL(patch("29", "", 0), 204);
}

static void
test_only_its_owner(void)
{
	begin("29");
	CU_ASSERT_EQUAL(ask("bob", "HEAD", at, NULL, 0, NULL), 404);
	CU_ASSERT_EQUAL(ask("bob", "PATCH", at, TEXT, SIZE,
			    "HTTP_UPLOAD_OFFSET", "0", NULL),
	    404);
	CU_ASSERT_EQUAL(ask("bob", "DELETE", at, NULL, 0, NULL), 404);
	CU_ASSERT_EQUAL(ask(NULL, "HEAD", at, NULL, 0, NULL), 401);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT_EQUAL(ask("alice", "DELETE", at, NULL, 0, NULL), 204);
	CU_ASSERT_EQUAL(head(), 404);
	CU_ASSERT_EQUAL(patch("0", TEXT, SIZE), 404);
	CU_ASSERT_EQUAL(unfinished(), 0);
}

static void
test_a_body_that_breaks_off_is_kept(void)
{
	begin("29");
	exchange_end(&last);
	exchange_begin(&last, &config, "alice", "PATCH", at);
	exchange_param(&last, "HTTP_TUS_RESUMABLE", "1.0.0");
	exchange_body(&last, BYTES, TEXT, 12);
	snprintf(last.length, sizeof(last.length), "29");
	exchange_param(&last, "HTTP_UPLOAD_OFFSET", "0");
	CU_ASSERT_EQUAL(exchange_serve(&last, &f), 204);
	CU_ASSERT(said("Upload-Offset", "12"));
	CU_ASSERT_EQUAL(patch("12", TEXT + 12, SIZE - 12), 204);
	CU_ASSERT(said("Upload-Offset", "29"));
}

static int
patch_checked(const char *offset, const char *bytes, size_t n, const char *sum)
{
	return (ask("alice", "PATCH", at, bytes, n, "HTTP_UPLOAD_OFFSET",
	    offset, "HTTP_UPLOAD_CHECKSUM", sum, NULL));
}

static void
test_checksums(void)
{
	/* Of the first ten bytes, of the others. */
	static const char first[] = "sha1 P9tytZffpJPZ1whl1xTjCNXFSUI=";
	static const char rest[] = "md5 27S7YSP7ER7DWS2Xls9OHA==";

	begin("29");
	CU_ASSERT_EQUAL(patch_checked("0", TEXT, 10, rest), 460);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "0"));
	CU_ASSERT_EQUAL(patch_checked("0", TEXT, 10, "crc32 AAAA"), 400);
	CU_ASSERT_EQUAL(patch_checked("0", TEXT, 10, "sha1 AAAA"), 400);
	CU_ASSERT_EQUAL(patch_checked("0", TEXT, 10, "sha1 !"), 400);
	CU_ASSERT_EQUAL(patch_checked("0", TEXT, 10, first), 204);
	CU_ASSERT(said("Upload-Offset", "10"));
	CU_ASSERT_EQUAL(patch_checked("10", TEXT + 10, SIZE - 10, first), 460);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "10"));
	CU_ASSERT_EQUAL(patch_checked("10", TEXT + 10, SIZE - 10, rest), 204);
	CU_ASSERT(said("Upload-Offset", "29"));
	CU_ASSERT_EQUAL(unfinished(), 0);
}

static void
test_bytes_with_the_creation(void)
{
	CU_ASSERT_EQUAL(ask("alice", "POST", "/v1/tus", TEXT, 9,
			    "HTTP_UPLOAD_LENGTH", "29", NULL),
	    201);
	CU_ASSERT(said("Upload-Offset", "9"));
	CU_ASSERT_EQUAL(ask("alice", "POST", "/v1/tus", TEXT, SIZE,
			    "HTTP_UPLOAD_LENGTH", "29", NULL),
	    201);
	CU_ASSERT(said("Upload-Offset", "29"));
	CU_ASSERT_EQUAL(ask("alice", "POST", "/v1/tus", TEXT, SIZE,
			    "HTTP_UPLOAD_LENGTH", "28", NULL),
	    413);
}

static void
test_a_length_that_is_told_later(void)
{
	char *location;

	CU_ASSERT_EQUAL(ask("alice", "POST", "/v1/tus", NULL, 0,
			    "HTTP_UPLOAD_DEFER_LENGTH", "1", NULL),
	    201);
	location = exchange_header(&last, "Location");
	snprintf(at, sizeof(at), "%s", strstr(location, "/v1/tus/"));
	base_free(location);
	CU_ASSERT_EQUAL(patch("0", TEXT, 10), 204);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Defer-Length", "1"));
	CU_ASSERT(said("Upload-Offset", "10"));
	CU_ASSERT_FALSE(exchange_has(&last, "Upload-Length"));
	CU_ASSERT_EQUAL(
	    ask("alice", "PATCH", at, TEXT + 10, SIZE - 10,
		"HTTP_UPLOAD_OFFSET", "10", "HTTP_UPLOAD_LENGTH", "29", NULL),
	    204);
	CU_ASSERT(said("Upload-Offset", "29"));
}

static void
test_refusals(void)
{
	static char much[100001];
	unsigned before = unfinished();

	memset(much, 'x', sizeof(much));
	exchange_end(&last);
	exchange_begin(&last, &config, "alice", "POST", "/v1/tus");
	exchange_param(&last, "HTTP_UPLOAD_LENGTH", "29");
	CU_ASSERT_EQUAL(exchange_serve(&last, &f), 412);
	CU_ASSERT(said("Tus-Version", "1.0.0"));
#define CREATE(...) ask("alice", "POST", "/v1/tus", NULL, 0, __VA_ARGS__, NULL)
	CU_ASSERT_EQUAL(CREATE("HTTP_UPLOAD_LENGTH", "100001"), 413);
	CU_ASSERT_EQUAL(CREATE("HTTP_UPLOAD_LENGTH", "0"), 422);
	CU_ASSERT_EQUAL(CREATE("HTTP_UPLOAD_LENGTH", "-1"), 400);
	CU_ASSERT_EQUAL(CREATE("HTTP_X", ""), 400);
	CU_ASSERT_EQUAL(CREATE("HTTP_UPLOAD_LENGTH", "1",
			    "HTTP_UPLOAD_METADATA", "filename !"),
	    400);
	CU_ASSERT_EQUAL(unfinished(), before);

	/* 150,000 bytes are allowed, and what was begun counts. */
	begin("99000");
	CU_ASSERT_EQUAL(CREATE("HTTP_UPLOAD_LENGTH", "60000"), 403);
	CU_ASSERT(exchange_has(&last, "quota_exceeded"));
	CU_ASSERT_EQUAL(unfinished(), before + 1);
	CU_ASSERT_EQUAL(
	    ask("alice", "POST", "/v1/uploads", much, 60000, NULL), 403);
	CU_ASSERT_EQUAL(last.body_len, 60000); /* not asked for */
	CU_ASSERT_EQUAL(patch("0", much, 99001), 413);
	CU_ASSERT_EQUAL(patch("x", much, 99000), 400);
	CU_ASSERT_EQUAL(ask("alice", "PATCH", at, NULL, 0, "HTTP_UPLOAD_OFFSET",
			    "0", "CONTENT_TYPE", "text/plain", NULL),
	    415);
	CU_ASSERT_EQUAL(ask("alice", "POST", at, NULL, 0,
			    "HTTP_X_HTTP_METHOD_OVERRIDE", "DELETE", NULL),
	    204);
	CU_ASSERT_EQUAL(ask("alice", "POST", at, NULL, 0,
			    "HTTP_X_HTTP_METHOD_OVERRIDE", "HEAD", NULL),
	    404);
	CU_ASSERT_EQUAL(unfinished(), before);
}

/* What the content is refused for ends it. */
static void
test_a_bad_file_is_over(void)
{
	unsigned before = unfinished();

	begin("6");
	CU_ASSERT_EQUAL(patch("0", "<svg/>", 6), 415);
	CU_ASSERT(exchange_has(&last, "unsupported_type"));
	CU_ASSERT_EQUAL(head(), 404);
	CU_ASSERT_EQUAL(unfinished(), before);
}

static void
test_one_too_many_is_over(void)
{
	unsigned before = unfinished();

	begin("29");
	RUN(s,
	    "insert into uploads (id, owner_id, filename, type, size, sha256,"
	    " stored) values ('00000000-0000-7000-8000-000000000001', 'alice',"
	    " 'a', 'text/plain', 1, repeat('0', 64), 149990)");
	CU_ASSERT_EQUAL(patch("0", TEXT, SIZE), 403);
	CU_ASSERT(exchange_has(&last, "quota_exceeded"));
	CU_ASSERT_EQUAL(head(), 404);
	CU_ASSERT_EQUAL(unfinished(), before);
	RUN(s, "delete from uploads where stored = 149990");
}

static void
test_it_expires(void)
{
	begin("29");
	CU_ASSERT_EQUAL(patch("0", TEXT, 10), 204);
	RUN(s, "update tus_uploads set expires_at = now()");
	CU_ASSERT_EQUAL(head(), 410);
	CU_ASSERT_EQUAL(patch("10", TEXT, 10), 410);
	CU_ASSERT(exchange_has(&last, "upload_gone"));
}

/* As a process that was killed leaves it: bytes in the file, whole or not, that
 * nobody told of. */
static void
test_whatever_is_left_behind(void)
{
	struct upload_partial *p;
	char path[250], file[250];
	int fd;

	/* All are there, and nobody looked into them. */
	begin("29");
	CU_ASSERT_EQUAL(patch("0", TEXT, 10), 204);
	CU_ASSERT_EQUAL(upload_partial_open(tmp, id(), 0, &p), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    upload_partial_write(p, TEXT + 10, SIZE - 10), UPLOAD_OK);
	upload_partial_close(p);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "29"));
	snprintf(path, sizeof(path), "/v1/uploads/%s", id());
	CU_ASSERT_EQUAL(ask("alice", "GET", path, NULL, 0, NULL), 200);

	/* With a checksum that was not compared. */
	begin("29");
	CU_ASSERT_EQUAL(upload_partial_open(tmp, id(), 0, &p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_write(p, TEXT, 5), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_hold(p), UPLOAD_OK);
	CU_ASSERT_EQUAL(upload_partial_write(p, TEXT + 5, 9), UPLOAD_OK);
	upload_partial_close(p);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "5"));

	/* It has its place already, and no row yet. */
	CU_ASSERT_EQUAL(patch("5", TEXT + 5, 10), 204);
	CU_ASSERT_EQUAL(upload_partial_open(tmp, id(), 0, &p), UPLOAD_OK);
	CU_ASSERT_EQUAL(
	    upload_partial_write(p, TEXT + 15, SIZE - 15), UPLOAD_OK);
	upload_partial_close(p);
	RUN(s, "select sha256 from uploads where size = 29 limit 1");
	snprintf(path, sizeof(path), "%s/%.2s/%.2s/%s", dir,
	    sql_text(s, 0, "sha256"), sql_text(s, 0, "sha256") + 2,
	    sql_text(s, 0, "sha256"));
	snprintf(file, sizeof(file), "%s/tus-%s", tmp, id());
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(link(file, path), 0);
	CU_ASSERT_EQUAL(head(), 200);
	CU_ASSERT(said("Upload-Offset", "29"));
	fd = open(path, O_RDONLY);
	CU_ASSERT_NOT_EQUAL(fd, -1);
	close(fd);
	CU_ASSERT_EQUAL(access(file, F_OK), -1);

	/* Its file is gone. */
	begin("29");
	snprintf(file, sizeof(file), "%s/tus-%s", tmp, id());
	CU_ASSERT_EQUAL(unlink(file), 0);
	CU_ASSERT_EQUAL(head(), 410);
}

static int
on_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static void
test_ends(void)
{
	exchange_end(&last);
	sql_close(s);
	api_uploads_free(uploads);
	api_storage_free(storage);
	fixture_stop(&f);
	api_config_fini(&config);
	nftw(dir, on_remove, 8, FTW_DEPTH | FTW_PHYS);
}

TEST_MAIN("api_tus", { "starts", test_starts },
    { "what is offered", test_what_is_offered },
    { "pieces become an upload", test_pieces_become_an_upload },
    { "only its owner", test_only_its_owner },
    { "a body that breaks off is kept", test_a_body_that_breaks_off_is_kept },
    { "checksums", test_checksums },
    { "bytes with the creation", test_bytes_with_the_creation },
    { "a length that is told later", test_a_length_that_is_told_later },
    { "refusals", test_refusals },
    { "a bad file is over", test_a_bad_file_is_over },
    { "one too many is over", test_one_too_many_is_over },
    { "it expires", test_it_expires },
    { "whatever is left behind", test_whatever_is_left_behind },
    { "ends", test_ends })
