/* SPDX-License-Identifier: ISC */
/* Addresses of objects, and their signature. */

#include "upload/s3_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/hmac.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "upload/hash.h"

enum {
	MAC_BYTES = 32,
	STAMP_SIZE = 17 /* 20260131T235959Z */
};

struct upload_s3_url {
	char *scheme; /* "https://"; all owned */
	char *host;   /* with the port unless it is the scheme's own */
	char *path;   /* before the key: "/", "/bucket/", with the prefix */
	char *bucket_path; /* without: of the bucket itself */
	char *prefix;
	char *region, *key_id, *secret;
};

static const char name_chars[] = "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static bool
consists(const char *text, const char *also)
{
	for (; *text != '\0'; text++)
		if (strchr(name_chars, *text) == NULL &&
		    strchr(also, *text) == NULL)
			return false;
	return true;
}

/* What is put into addresses as it is must need no encoding; what libcurl and
 * we sign then is what the other side sees. */
static const char *
params_check(const struct upload_s3_url_params *p)
{
	const char *rest = p->endpoint;

	if (strncmp(rest, "https://", 8) == 0)
		rest += 8;
	else if (strncmp(rest, "http://", 7) == 0)
		rest += 7;
	else
		return "the endpoint must begin with https:// or http://";
	if (*rest == '\0' || *rest == '/' || !consists(rest, ":/[]"))
		return "the endpoint must be a host, a port if need be, and a "
		       "path";
	if (*p->bucket == '\0' || !consists(p->bucket, ""))
		return "the bucket's name must be of a-z, 0-9, '.', '_' and "
		       "'-'";
	if (*p->region == '\0' || !consists(p->region, ""))
		return "the region must be of a-z, 0-9 and '-'";
	if (*p->key_id == '\0' || *p->secret == '\0')
		return "a key id and a secret key are needed";
	if (p->prefix != NULL &&
	    (*p->prefix == '/' || !consists(p->prefix, "/") ||
		strstr(p->prefix, "//") != NULL ||
		strstr(p->prefix, "..") != NULL))
		return "the prefix must be of a-z, 0-9, '.', '_', '-' and "
		       "'/', and begin with none of the latter";
	return NULL;
}

/* A port that goes without saying is not said in Host. */
static void
host_set(struct upload_s3_url *u, const struct upload_s3_url_params *p,
    const char *host, size_t n)
{
	const char *own = u->scheme[4] == 's' ? ":443" : ":80";
	struct base_buf text = { 0 };
	size_t len = strlen(own);

	if (n > len && memcmp(host + n - len, own, len) == 0)
		n -= len;
	if (!p->path_style)
		base_buf_printf(&text, "%s.", p->bucket);
	base_buf_append(&text, host, n);
	u->host = base_buf_take(&text);
}

static void
paths_set(struct upload_s3_url *u, const struct upload_s3_url_params *p,
    const char *path)
{
	struct base_buf text = { 0 };
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		n--;
	base_buf_append(&text, path, n);
	base_buf_append_char(&text, '/');
	if (p->path_style)
		base_buf_append_str(&text, p->bucket);
	u->bucket_path = base_strdup(base_buf_str(&text));
	if (p->path_style)
		base_buf_append_char(&text, '/');
	base_buf_append_str(&text, u->prefix);
	u->path = base_buf_take(&text);
}

struct upload_s3_url *
upload_s3_url_new(
    const struct upload_s3_url_params *p, char *err, size_t err_size)
{
	const char *wrong = params_check(p), *host;
	struct base_buf prefix = { 0 };
	struct upload_s3_url *u;
	size_t n;

	if (wrong != NULL) {
		snprintf(err, err_size, "%s", wrong);
		return NULL;
	}
	u = base_alloc(sizeof(*u));
	host = strstr(p->endpoint, "//") + 2;
	n = strcspn(host, "/");
	u->scheme = base_strndup(p->endpoint, (size_t)(host - p->endpoint));
	if (p->prefix != NULL)
		base_buf_append_str(&prefix, p->prefix);
	if (prefix.len > 0 && prefix.data[prefix.len - 1] != '/')
		base_buf_append_char(&prefix, '/');
	u->prefix = base_buf_take(&prefix);
	host_set(u, p, host, n);
	paths_set(u, p, host + n);
	u->region = base_strdup(p->region);
	u->key_id = base_strdup(p->key_id);
	u->secret = base_strdup(p->secret);
	return u;
}

void
upload_s3_url_free(struct upload_s3_url *u)
{
	if (u == NULL)
		return;
	base_free(u->scheme);
	base_free(u->host);
	base_free(u->path);
	base_free(u->bucket_path);
	base_free(u->prefix);
	base_free(u->region);
	base_free(u->key_id);
	base_free(u->secret);
	base_free(u);
}

const char *
upload_s3_url_prefix(const struct upload_s3_url *u)
{
	return u->prefix;
}

void
upload_s3_url_append(
    const struct upload_s3_url *u, const char *key, struct base_buf *out)
{
	base_buf_printf(out, "%s%s", u->scheme, u->host);
	if (key != NULL)
		base_buf_printf(out, "%s%s", u->path, key);
	else
		base_buf_append_str(out, u->bucket_path);
}

void
upload_s3_url_encode(struct base_buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr(name_chars, *text) != NULL || *text == '~')
			base_buf_append_char(out, *text);
		else
			base_buf_printf(out, "%%%02X", (unsigned char)*text);
	}
}

static void
mac(const void *key, size_t key_len, const char *text,
    unsigned char out[MAC_BYTES])
{
	unsigned len = MAC_BYTES;

	/* Fails only for want of memory. */
	if (HMAC(EVP_sha256(), key, (int)key_len, (const unsigned char *)text,
		strlen(text), out, &len) == NULL)
		abort();
}

/* The key that signs on that day, for that region. */
static void
signing_key(const struct upload_s3_url *u, const char *day,
    unsigned char key[MAC_BYTES])
{
	struct base_buf first = { 0 };

	base_buf_printf(&first, "AWS4%s", u->secret);
	mac(first.data, first.len, day, key);
	base_buf_fini(&first);
	mac(key, MAC_BYTES, u->region, key);
	mac(key, MAC_BYTES, "s3", key);
	mac(key, MAC_BYTES, "aws4_request", key);
}

static void
override_append(struct base_buf *query, const char *name, const char *value)
{
	if (value == NULL)
		return;
	base_buf_printf(query, "&response-%s=", name);
	upload_s3_url_encode(query, value);
}

/* In the order of bytes, as it is signed. */
static void
query_append(struct base_buf *query, const struct upload_s3_url *u,
    const struct upload_s3_grant *g, const char *stamp)
{
	struct base_buf credential = { 0 };

	base_buf_printf(&credential, "%s/%.8s/%s/s3/aws4_request", u->key_id,
	    stamp, u->region);
	base_buf_append_str(
	    query, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
	upload_s3_url_encode(query, base_buf_str(&credential));
	base_buf_printf(query,
	    "&X-Amz-Date=%s&X-Amz-Expires=%u&X-Amz-SignedHeaders=host", stamp,
	    g->seconds);
	override_append(query, "cache-control", g->cache);
	override_append(query, "content-disposition", g->disposition);
	override_append(query, "content-type", g->type);
	base_buf_fini(&credential);
}

/* What the other side will compute as well, signed. */
static void
signature_append(struct base_buf *out, const struct upload_s3_url *u,
    const char *stamp, const char *request)
{
	struct upload_hash *h = upload_hash_new();
	unsigned char key[MAC_BYTES];
	char digest[UPLOAD_HASH_LEN + 1], day[9], signature[2 * MAC_BYTES + 1];
	struct base_buf text = { 0 };

	upload_hash_add(h, request, strlen(request));
	upload_hash_finish(h, digest);
	snprintf(day, sizeof(day), "%.8s", stamp);
	base_buf_printf(&text,
	    "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", stamp, day,
	    u->region, digest);
	signing_key(u, day, key);
	mac(key, MAC_BYTES, base_buf_str(&text), key);
	*base_hex_put(signature, key, MAC_BYTES) = '\0';
	base_buf_append_str(out, signature);
	base_buf_fini(&text);
}

void
upload_s3_url_sign(const struct upload_s3_url *u, const char *key,
    const struct upload_s3_grant *g, struct base_buf *out)
{
	struct base_buf query = { 0 }, request = { 0 };
	time_t now = (time_t)g->now_s;
	char stamp[STAMP_SIZE];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	query_append(&query, u, g, stamp);
	base_buf_printf(&request,
	    "%s\n%s%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD",
	    g->is_head ? "HEAD" : "GET", u->path, key, base_buf_str(&query),
	    u->host);
	upload_s3_url_append(u, key, out);
	base_buf_printf(out, "?%s&X-Amz-Signature=", base_buf_str(&query));
	signature_append(out, u, stamp, base_buf_str(&request));
	base_buf_fini(&query);
	base_buf_fini(&request);
}
