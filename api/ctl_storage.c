/* SPDX-License-Identifier: ISC */
/* Trying the store, and moving from a directory to another. */

#include "api/ctl_storage.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/config.h"
#include "api/storage.h"
#include "base/buf.h"
#include "base/random.h"
#include "upload/store.h"

enum {
	SAMPLE_CHARS = 40,
	SHOWN_EVERY = 1000 /* files copied */
};

static bool
complain(const char *what)
{
	fprintf(stderr, "parleyctl storage: %s\n", what);
	return false;
}

/* --- check --- */

struct check {
	struct upload_store *store; /* borrowed */
	char hash[UPLOAD_HASH_LEN + 1];
	char sample[SAMPLE_CHARS + 1];
};

static enum upload_status
check_put(struct check *c)
{
	struct upload_temp temp = { .fd = -1 };
	enum upload_status status;
	uint64_t size;

	base_random_base32(c->sample, SAMPLE_CHARS);
	status = upload_store_temp_open(c->store, &temp);
	if (status == UPLOAD_OK)
		status =
		    upload_store_temp_write(&temp, c->sample, SAMPLE_CHARS);
	if (status == UPLOAD_OK)
		status = upload_store_temp_hash(&temp, c->hash, &size);
	if (status == UPLOAD_OK)
		return upload_store_keep(c->store, &temp, c->hash);
	upload_store_temp_discard(&temp);
	return status;
}

static enum upload_status
check_has(struct check *c)
{
	return upload_store_has(c->store, c->hash);
}

static enum upload_status
check_get(struct check *c)
{
	char read_back[SAMPLE_CHARS];
	enum upload_status status;
	uint64_t size;
	int fd;

	status = upload_store_open(c->store, c->hash, &fd, &size);
	if (status != UPLOAD_OK)
		return status;
	if (size != SAMPLE_CHARS ||
	    pread(fd, read_back, SAMPLE_CHARS, 0) != SAMPLE_CHARS ||
	    memcmp(read_back, c->sample, SAMPLE_CHARS) != 0)
		status = UPLOAD_FAILED;
	close(fd);
	return status;
}

static enum upload_status
check_list(struct check *c)
{
	struct upload_page page = { .is_last = false };
	enum upload_status status;

	status = upload_store_list(c->store, &page, 0);
	upload_page_fini(&page);
	return status;
}

static enum upload_status
check_drop(struct check *c)
{
	if (upload_store_drop(c->store, c->hash, 0) == UPLOAD_DROPPED &&
	    upload_store_has(c->store, c->hash) == UPLOAD_MISSING)
		return UPLOAD_OK;
	return UPLOAD_FAILED;
}

static const struct {
	const char *name;
	enum upload_status (*run)(struct check *c);
} checks[] = {
	{ "store a file", check_put },
	{ "look for it", check_has },
	{ "read it", check_get },
	{ "list files", check_list },
	{ "remove it", check_drop },
};

bool
api_ctl_storage_check(const struct api_config *config)
{
	enum upload_status status = UPLOAD_OK;
	struct api_storage *storage;
	struct check c;
	char err[300];

	if ((storage = api_storage_new(config, err, sizeof(err))) == NULL)
		return complain(err);
	c.store = api_storage_store(storage);
	for (size_t i = 0; status == UPLOAD_OK && i < ARRAY_LEN(checks); i++) {
		status = checks[i].run(&c);
		printf("%-14s %s\n", checks[i].name,
		    status == UPLOAD_OK ? "ok" : upload_status_code(status));
	}
	api_storage_free(storage);
	return status == UPLOAD_OK;
}

/* --- copy --- */

struct copy {
	struct upload_store *from, *to; /* borrowed */
	unsigned long copied, there, failed;
};

static void
file_copy(struct copy *c, const char *hash)
{
	struct upload_temp temp = { .fd = -1 };
	enum upload_status status;
	uint64_t size;

	status = upload_store_has(c->to, hash);
	if (status == UPLOAD_OK) {
		c->there++;
		return;
	}
	if (status == UPLOAD_MISSING)
		status = upload_store_open(c->from, hash, &temp.fd, &size);
	/* It has no name of its own that would go with it. */
	if (status == UPLOAD_OK)
		status = upload_store_keep(c->to, &temp, hash);
	if (status == UPLOAD_OK && ++c->copied % SHOWN_EVERY == 0)
		printf("%lu copied\n", c->copied);
	if (status == UPLOAD_OK)
		return;
	c->failed++;
	fprintf(stderr, "%s: %s\n", hash, upload_status_code(status));
}

/* All files of a page; false when the list ended early. */
static bool
page_copy(struct copy *c, struct upload_page *page)
{
	char hash[UPLOAD_HASH_LEN + 1] = "";

	if (upload_store_list(c->from, page, 0) != UPLOAD_OK)
		return false;
	for (size_t at = 0; at < page->all.len; at += UPLOAD_HASH_LEN) {
		memcpy(hash, page->all.data + at, UPLOAD_HASH_LEN);
		file_copy(c, hash);
	}
	return true;
}

bool
api_ctl_storage_copy(const struct api_config *config)
{
	struct api_storage *from = NULL, *to = NULL;
	struct upload_page page = { .is_last = false };
	struct copy c = { .copied = 0 };
	char err[300] = "";
	bool ok = true;

	if (*config->s3_endpoint == '\0')
		return complain("PARLEY_S3_ENDPOINT is not set");
	if (*config->upload_dir == '\0')
		return complain("PARLEY_UPLOAD_DIR is not set");
	from = api_storage_directory_new(
	    config->upload_dir, config->upload_tmp_dir, err, sizeof(err));
	if (from != NULL)
		to = api_storage_new(config, err, sizeof(err));
	if (to == NULL) {
		api_storage_free(from);
		return complain(err);
	}
	c.from = api_storage_store(from);
	c.to = api_storage_store(to);
	while (ok && !page.is_last)
		ok = page_copy(&c, &page);
	printf("%lu copied, %lu were there, %lu failed\n", c.copied, c.there,
	    c.failed);
	upload_page_fini(&page);
	api_storage_free(from);
	api_storage_free(to);
	return ok && c.failed == 0;
}
