/* SPDX-License-Identifier: ISC */
/* See token.h.  Made without the service's own code, as a host would. */

#include "tests/bench/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TTL_S 3600

static void
base64url(struct base_buf *out, const void *bytes, size_t n)
{
	size_t start = out->len, i, len;

	base_buf_reserve(out, 4 * (n / 3 + 1) + 1);
	len = (size_t)EVP_EncodeBlock(
	    (unsigned char *)out->data + start, bytes, (int)n);
	while (len > 0 && out->data[start + len - 1] == '=')
		len--;
	base_buf_added(out, len);
	for (i = start; i < out->len; i++) {
		if (out->data[i] == '+')
			out->data[i] = '-';
		else if (out->data[i] == '/')
			out->data[i] = '_';
	}
}

void
bench_token_append(struct base_buf *out, const char *secret, const char *user)
{
	static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned mac_len;
	size_t start = out->len;
	char claims[256];
	int n;

	n = snprintf(claims, sizeof(claims),
	    "{\"sub\":\"%s\",\"iat\":%lld,\"exp\":%lld}", user,
	    (long long)time(NULL), (long long)time(NULL) + TTL_S);
	base64url(out, head, sizeof(head) - 1);
	base_buf_append_char(out, '.');
	base64url(out, claims, (size_t)n);
	HMAC(EVP_sha256(), secret, (int)strlen(secret),
	    (const unsigned char *)out->data + start, out->len - start, mac,
	    &mac_len);
	base_buf_append_char(out, '.');
	base64url(out, mac, mac_len);
}
