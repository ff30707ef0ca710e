/* SPDX-License-Identifier: ISC */
/* Signed addresses of files, and the operation that makes them. */
#include "api/file_link.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/config.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/uuid.h"
#include "db/result.h"

#define NAME_MAX_BYTES 16
#define SECRET_MIN_BYTES 32
#define SIGNATURE_HEX 64
#define ID_AT 10 /* behind "/v1/files/" */
#define VARIANT_AT (ID_AT + BASE_UUID_TEXT)
#define VARIANT_BYTES 33
#define PLAIN                        \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"abcdefghijklmnopqrstuvwxyz0123456789-_"

bool
api_file_link_key_fine(const char *item)
{
	size_t name = strspn(item, PLAIN);

	return name > 0 && name <= NAME_MAX_BYTES && item[name] == ':' &&
	    strlen(item + name + 1) >= SECRET_MIN_BYTES;
}

/* By the secret of `item`, in hex. */
static void
signature_make(const char *item, const char *upload_id, const char *variant,
    const char *expires, char out[SIGNATURE_HEX + 1])
{
	const char *secret = strchr(item, ':') + 1;
	unsigned char mac[EVP_MAX_MD_SIZE];
	struct base_buf text = { 0 };
	unsigned int n;

	/* None of them has a line feed, so this cannot be read in two ways. */
	base_buf_printf(
	    &text, "parley file\n%s\n%s\n%s", upload_id, variant, expires);
	if (HMAC(EVP_sha256(), secret, (int)strlen(secret),
		(const unsigned char *)text.data, text.len, mac, &n) == NULL)
		abort(); /* only without memory */
	*base_hex_put(out, mac, n) = '\0';
	base_buf_fini(&text);
}

void
api_file_link_append(struct base_buf *out, char *const *keys,
    const char *upload_id, const char *variant, int64_t expires)
{
	char signature[SIGNATURE_HEX + 1], end[24];

	snprintf(end, sizeof(end), "%" PRId64, expires);
	signature_make(*keys, upload_id, variant, end, signature);
	base_buf_printf(out, "?expires=%s&key=%.*s&signature=%s", end,
	    (int)strcspn(*keys, ":"), *keys, signature);
}

static const char *
key_find(char *const *keys, const char *name)
{
	size_t len = strlen(name);

	for (; *keys != NULL; keys++) {
		if (strncmp(*keys, name, len) == 0 && (*keys)[len] == ':')
			return *keys;
	}
	return NULL;
}

enum api_file_link_state
api_file_link_check(
    char *const *keys, const struct api_file_link *link, int64_t now)
{
	char signature[SIGNATURE_HEX + 1];
	const char *item;

	if (link->signature == NULL)
		return API_FILE_LINK_NONE;
	if (link->key == NULL || link->expires == NULL ||
	    strlen(link->signature) != SIGNATURE_HEX)
		return API_FILE_LINK_BAD;
	item = key_find(keys, link->key);
	if (item == NULL)
		return API_FILE_LINK_BAD;
	signature_make(
	    item, link->upload_id, link->variant, link->expires, signature);
	if (CRYPTO_memcmp(signature, link->signature, SIGNATURE_HEX) != 0)
		return API_FILE_LINK_BAD;
	return strtoll(link->expires, NULL, 10) > now ? API_FILE_LINK_GOOD :
							API_FILE_LINK_EXPIRED;
}

int64_t
api_file_link_end(int64_t now, int64_t seconds)
{
	int64_t half = seconds / 2;

	return half > 0 ? (now / half + 2) * half : now + seconds;
}

/* --- addresses in JSON --- */

/* Is there, behind a member's name that ends in `url`, a whole address of a file?
 * Where it begins, or NULL; `*end` is its closing quote. */
static const char *
address_find(const char *p, const char *stop, const char **end)
{
	static const char start[] = "\"/v1/files/";
	size_t n;

	while (p < stop && (*p == ' ' || *p == ':'))
		p++;
	if ((size_t)(stop - p) < sizeof(start) + BASE_UUID_TEXT ||
	    memcmp(p, start, sizeof(start) - 1) != 0)
		return NULL;
	p++;
	*end = memchr(p, '"', (size_t)(stop - p));
	n = *end != NULL ? (size_t)(*end - p) : 0;
	return n > VARIANT_AT && n < VARIANT_AT + VARIANT_BYTES &&
		strspn(p + ID_AT, "0123456789abcdef-") == BASE_UUID_TEXT - 1 &&
		p[VARIANT_AT - 1] == '/' &&
		strspn(p + VARIANT_AT, "abcdefghijklmnopqrstuvwxyz") ==
		    n - VARIANT_AT ?
	    p :
	    NULL;
}

static void
address_sign(struct base_buf *out, const struct api_config *c, const char *p,
    const char *end, int64_t until)
{
	char id[BASE_UUID_TEXT], variant[VARIANT_BYTES];

	snprintf(id, sizeof(id), "%.36s", p + ID_AT);
	snprintf(variant, sizeof(variant), "%.*s", (int)(end - p - VARIANT_AT),
	    p + VARIANT_AT);
	api_file_link_append(out, c->url_keys, id, variant, until);
}

bool
api_file_link_json(struct base_buf *out, const struct api_config *c,
    const char *json, size_t len)
{
	static const char name[] = "url\"";
	const char *p = json, *done = json, *stop = json + len;
	const char *address, *end;
	int64_t until;

	if (!c->sign_urls)
		return false;
	until =
	    api_file_link_end(base_clock_wall_us() / 1000000, c->url_seconds);
	while ((p = memmem(p, (size_t)(stop - p), name, sizeof(name) - 1)) !=
	    NULL) {
		p += sizeof(name) - 1;
		address = address_find(p, stop, &end);
		if (address == NULL)
			continue;
		base_buf_append(out, done, (size_t)(end - done));
		address_sign(out, c, address, end, until);
		p = done = end;
	}
	if (done == json)
		return false;
	base_buf_append(out, done, (size_t)(stop - done));
	return true;
}

/* --- files.sign --- */

static enum api_hook_next
sign_before(struct api_call *call)
{
	const struct api_config *c = api_engine_config(api_call_engine(call));

	if (*c->url_keys == NULL)
		return api_call_refuse(
		    call, "not_here", NULL, "PARLEY_URL_KEYS is not set.");
	return API_HOOK_GO_ON;
}

static void
link_write(struct base_json *j, const struct api_config *c, const char *id,
    const char *variant, int64_t end)
{
	char at[BASE_CLOCK_TEXT];
	struct base_buf url = { 0 };

	base_clock_rfc3339(end * 1000000, at);
	base_buf_printf(&url, "/v1/files/%s/%s", id, variant);
	api_file_link_append(&url, c->url_keys, id, variant, end);
	base_json_object_begin(j);
	base_json_put_str(j, "upload_id", id);
	base_json_put_str(j, "variant", variant);
	base_json_put_strn(j, "url", url.data, url.len);
	base_json_put_str(j, "expires_at", at);
	base_json_object_end(j);
	base_buf_fini(&url);
}

static enum api_hook_next
sign_after(struct api_call *call, const struct db_result *rows)
{
	const struct api_config *c = api_engine_config(api_call_engine(call));
	const char *seconds = api_call_value(call, "seconds");
	const char *variant = api_call_value(call, "variant");
	int64_t now = base_clock_wall_us() / 1000000, end;
	int id = db_result_column(rows, "upload_id");
	struct base_buf out = { 0 };
	struct base_json j;

	end = seconds != NULL ? now + strtoll(seconds, NULL, 10) :
				api_file_link_end(now, c->url_seconds);
	base_json_init(&j, &out);
	base_json_object_begin(&j);
	base_json_key(&j, "data");
	base_json_array_begin(&j);
	for (int i = 0; i < rows->rows; i++) {
		const char *upload_id = db_result_value(rows, i, id);

		if (upload_id != NULL)
			link_write(&j, c, upload_id, variant, end);
	}
	base_json_array_end(&j);
	base_json_object_end(&j);
	api_call_body_set(call, "application/json", out.data, out.len);
	base_buf_fini(&out);
	return API_HOOK_GO_ON;
}

const struct api_hook api_file_link_hooks[] = {
	{ .operation = "files.sign",
	    .before = sign_before,
	    .after = sign_after },
};
const size_t api_file_link_hook_count = ARRAY_LEN(api_file_link_hooks);
