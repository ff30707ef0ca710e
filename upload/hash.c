/* SPDX-License-Identifier: ISC */
/* SHA-256 through libcrypto, which uses what the processor has for it. */

#include "upload/hash.h"

#include <stdlib.h>

#include <openssl/evp.h>

#include "base/hex.h"
#include "base/mem.h"

struct upload_hash {
	EVP_MD_CTX *context; /* owned */
};

/* Fails only for want of memory, and then as base_alloc() does. */
static void
must(int ok)
{
	if (!ok)
		abort();
}

struct upload_hash *
upload_hash_new(void)
{
	struct upload_hash *h = base_alloc(sizeof(*h));

	h->context = EVP_MD_CTX_new();
	must(h->context != NULL);
	must(EVP_DigestInit_ex(h->context, EVP_sha256(), NULL));
	return h;
}

void
upload_hash_add(struct upload_hash *h, const void *p, size_t n)
{
	must(EVP_DigestUpdate(h->context, p, n));
}

void
upload_hash_finish(struct upload_hash *h, char hex[UPLOAD_HASH_LEN + 1])
{
	unsigned char bytes[UPLOAD_HASH_LEN / 2];

	must(EVP_DigestFinal_ex(h->context, bytes, NULL));
	*base_hex_put(hex, bytes, sizeof(bytes)) = '\0';
	upload_hash_free(h);
}

void
upload_hash_free(struct upload_hash *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->context);
	base_free(h);
}
