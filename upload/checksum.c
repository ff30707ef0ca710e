/* SPDX-License-Identifier: ISC */
/* Checksums of pieces, through libcrypto. */

#include "upload/checksum.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/mem.h"
#include "upload/base64.h"

struct upload_checksum {
	EVP_MD_CTX *context; /* owned */
	struct base_buf announced;
};

static const struct {
	const char *name;
	const EVP_MD *(*digest)(void);
} algorithms[] = {
	{ "sha1", EVP_sha1 },
	{ "sha256", EVP_sha256 },
	{ "md5", EVP_md5 },
};

static const EVP_MD *
digest_find(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
		if (strlen(algorithms[i].name) == n &&
		    memcmp(algorithms[i].name, name, n) == 0)
			return algorithms[i].digest();
	return NULL;
}

struct upload_checksum *
upload_checksum_new(const char *text)
{
	size_t n = strcspn(text, " ");
	const EVP_MD *digest = digest_find(text, n);
	struct upload_checksum *c;

	if (digest == NULL || text[n] != ' ')
		return NULL;
	c = base_alloc(sizeof(*c));
	text += n + 1;
	if (upload_base64_decode(&c->announced, text, strlen(text)) &&
	    c->announced.len == (size_t)EVP_MD_get_size(digest) &&
	    (c->context = EVP_MD_CTX_new()) != NULL &&
	    EVP_DigestInit_ex(c->context, digest, NULL) == 1)
		return c;
	upload_checksum_free(c);
	return NULL;
}

void
upload_checksum_add(struct upload_checksum *c, const void *p, size_t n)
{
	if (EVP_DigestUpdate(c->context, p, n) != 1)
		abort(); /* only for want of memory */
}

bool
upload_checksum_fits(struct upload_checksum *c)
{
	unsigned char found[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	return EVP_DigestFinal_ex(c->context, found, &n) == 1 &&
	    n == c->announced.len && memcmp(found, c->announced.data, n) == 0;
}

void
upload_checksum_free(struct upload_checksum *c)
{
	if (c == NULL)
		return;
	EVP_MD_CTX_free(c->context);
	base_buf_fini(&c->announced);
	base_free(c);
}
