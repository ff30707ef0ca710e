/* SPDX-License-Identifier: ISC */
/* The CGI door over a real database and a real directory of files, for the tests
 * of files (test_api_files), of who gets them (test_api_file_rights), and of the
 * door itself (test_api_cgi_door). */
#ifndef TESTS_DB_FILES_FIXTURE_H
#define TESTS_DB_FILES_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/storage.h"
#include "api/upload_ops.h"
#include "base/buf.h"
#include "base/mem.h"
#include "tests/db/engine_fixture.h"
#include "tests/db/exchange.h"
#include "tests/unit/harness.h"
#include "upload/seats.h"

static struct fixture f;
static struct api_config config;
static struct api_storage *storage;
static struct api_uploads *uploads;
static struct upload_seats *seats; /* the one that there is */
static char dir[] = "/tmp/parley-files-XXXXXX";
static unsigned decodes; /* begun and ended */

/* The JSON string `key` of an answer, base_free(). */
static inline char *
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

static inline void
on_decode(void *arg, const char *request_id, const char *hash)
{
	(void)arg;
	CU_ASSERT_EQUAL(request_id == NULL, hash == NULL);
	decodes++;
}

static inline struct api_uploads *
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

static inline void
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
static inline char *
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

static inline void
target(char out[80], const char *id, const char *variant)
{
	snprintf(out, 80, "/v1/files/%s/%s", id, variant);
}

static inline int
status_of(const char *user, const char *path)
{
	struct exchange x;
	int status;

	exchange_begin(&x, &config, user, "GET", path);
	status = exchange_serve(&x, &f);
	exchange_end(&x);
	return (status);
}

static inline void
test_ends(void)
{
	api_uploads_free(uploads);
	upload_seats_close(seats);
	api_storage_free(storage);
	fixture_stop(&f);
	api_config_fini(&config);
}

#endif
