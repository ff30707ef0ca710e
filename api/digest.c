/* SPDX-License-Identifier: ISC */
/* SHA-256 by libcrypto. */
#include "api/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/hex.h"

void
api_digest_hex(const void *bytes, size_t len, char out[API_DIGEST_HEX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (EVP_Digest(bytes, len, sum, &n, EVP_sha256(), NULL) != 1)
		abort(); /* only without memory */
	*base_hex_put(out, sum, n) = '\0';
}
