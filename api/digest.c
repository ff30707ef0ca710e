/* SPDX-License-Identifier: ISC */
/* SHA-256 by libcrypto. */
#include "api/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

void
api_digest_hex(const void *bytes, size_t len, char out[API_DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned int n;

	if (EVP_Digest(bytes, len, sum, &n, EVP_sha256(), NULL) != 1)
		abort(); /* only without memory */
	for (unsigned int i = 0; i < n; i++) {
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[2 * n] = '\0';
}
