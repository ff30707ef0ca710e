/* SPDX-License-Identifier: ISC */
/* The store that the settings name, and addresses in it. */

#include "api/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/config.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "upload/store_s3.h"

enum {
	SECRET_MAX = 1024,
	INNER_S = 60 /* an address for our own proxy */
};

/* One PUT takes no more. */
#define OBJECT_MAX (INT64_C(5) * 1024 * 1024 * 1024)

struct api_storage {
	struct upload_store *store; /* owned */
	/* Both NULL unless the store is S3: where we, and where clients reach
	 * it; owned. */
	struct upload_s3_url *inner, *outer;
	unsigned link_s;
};

struct upload_store *
api_storage_store(const struct api_storage *s)
{
	return s->store;
}

bool
api_storage_has_links(const struct api_storage *s)
{
	return s->outer != NULL;
}

void
api_storage_free(struct api_storage *s)
{
	if (s == NULL)
		return;
	upload_store_free(s->store);
	upload_s3_url_free(s->inner);
	upload_s3_url_free(s->outer);
	base_free(s);
}

struct api_storage *
api_storage_directory_new(
    const char *dir, const char *tmp_dir, char *err, size_t err_size)
{
	struct api_storage *s = base_alloc(sizeof(*s));
	bool has_tmp = tmp_dir != NULL && *tmp_dir != '\0';

	s->store = upload_store_new(dir, has_tmp ? tmp_dir : NULL);
	if (s->store != NULL)
		return s;
	if (errno == EXDEV)
		snprintf(err, err_size,
		    "PARLEY_UPLOAD_TMP_DIR must be on the file system of "
		    "PARLEY_UPLOAD_DIR: files are renamed from one to the "
		    "other");
	else
		snprintf(err, err_size, "PARLEY_UPLOAD_DIR %s: %s", dir,
		    strerror(errno));
	base_free(s);
	return NULL;
}

/* The secret as it is set, or the first line of its file. */
static bool
secret_read(const struct api_config *c, char secret[SECRET_MAX], char *err,
    size_t err_size)
{
	ssize_t n;
	int fd;

	if (*c->s3_secret_file == '\0') {
		snprintf(secret, SECRET_MAX, "%s", c->s3_secret);
		return true;
	}
	if ((fd = open(c->s3_secret_file, O_RDONLY | O_CLOEXEC)) == -1 ||
	    (n = read(fd, secret, SECRET_MAX - 1)) == -1) {
		snprintf(err, err_size, "PARLEY_S3_SECRET_KEY_FILE %s: %s",
		    c->s3_secret_file, strerror(errno));
		if (fd != -1)
			close(fd);
		return false;
	}
	close(fd);
	secret[n] = '\0';
	secret[strcspn(secret, "\r\n")] = '\0';
	return true;
}

/* What fits not together. */
static const char *
settings_check(const struct api_config *c)
{
	if (c->max_upload_bytes > OBJECT_MAX)
		return "PARLEY_MAX_UPLOAD_BYTES: an S3-compatible store takes "
		       "5 GiB at once";
	if (!c->s3_redirect && *c->accel_prefix == '\0')
		return "PARLEY_S3_REDIRECT off needs PARLEY_ACCEL_PREFIX: "
		       "Nginx fetches the files then";
	return NULL;
}

static bool
s3_open(struct api_storage *s, const struct api_config *c, const char *secret,
    char *err, size_t err_size)
{
	struct upload_store_s3_params params = {
		.at = {
			.endpoint = c->s3_endpoint,
			.bucket = c->s3_bucket,
			.region = c->s3_region,
			.key_id = c->s3_key_id,
			.secret = secret,
			.prefix = c->s3_prefix,
			.path_style = c->s3_path_style,
		},
		.seconds = (unsigned)c->s3_seconds,
	};
	char why[200];

	s->link_s = (unsigned)c->s3_url_seconds;
	s->store =
	    upload_store_s3_new(&params, c->upload_tmp_dir, why, sizeof(why));
	if (s->store != NULL) {
		s->inner = upload_s3_url_new(&params.at, why, sizeof(why));
		if (*c->s3_public_endpoint != '\0')
			params.at.endpoint = c->s3_public_endpoint;
		s->outer = upload_s3_url_new(&params.at, why, sizeof(why));
	}
	if (s->outer != NULL)
		return true;
	snprintf(err, err_size, "PARLEY_S3_*: %s", why);
	return false;
}

struct api_storage *
api_storage_new(const struct api_config *c, char *err, size_t err_size)
{
	const char *wrong;
	char secret[SECRET_MAX];
	struct api_storage *s;

	if (*c->s3_endpoint == '\0')
		return api_storage_directory_new(
		    c->upload_dir, c->upload_tmp_dir, err, err_size);
	if ((wrong = settings_check(c)) != NULL) {
		snprintf(err, err_size, "%s", wrong);
		return NULL;
	}
	s = base_alloc(sizeof(*s));
	if (secret_read(c, secret, err, err_size) &&
	    s3_open(s, c, secret, err, err_size))
		return s;
	api_storage_free(s);
	return NULL;
}

/* Signed as of the last half of its time that began, an address stays the same
 * that long, and is good for the other half at least. */
int64_t
api_storage_link_append(const struct api_storage *s,
    const struct api_storage_link *link, struct base_buf *out)
{
	int64_t now_s = base_clock_wall_us() / 1000000;
	int64_t half_s = s->link_s / 2, begun_s;
	struct upload_s3_grant grant = {
		.is_head = link->is_head,
		.now_s = now_s,
		.seconds = s->link_s,
		.type = link->type,
		.disposition = link->disposition,
		.cache = link->cache,
	};
	char rel[UPLOAD_STORE_REL_LEN + 1];
	struct base_buf url = { 0 };

	if (!upload_store_relative(link->hash, rel))
		return 0;
	if (link->is_inner) {
		grant.seconds = INNER_S;
		upload_s3_url_sign(s->inner, rel, &grant, &url);
		base_buf_append_str(
		    out, strchr(strstr(base_buf_str(&url), "//") + 2, '/') + 1);
		base_buf_fini(&url);
		return 0;
	}
	begun_s = half_s > 0 ? now_s - now_s % half_s : now_s;
	if (link->most_s > 0 && now_s + link->most_s < begun_s + s->link_s) {
		grant.seconds = (unsigned)link->most_s;
		upload_s3_url_sign(s->outer, rel, &grant, out);
		return 0;
	}
	grant.now_s = begun_s;
	upload_s3_url_sign(s->outer, rel, &grant, out);
	return begun_s + half_s - now_s;
}
