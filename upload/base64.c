/* SPDX-License-Identifier: ISC */
/* base64 with padding. */

#include "upload/base64.h"

#include <stdint.h>
#include <string.h>

static int
digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

bool
upload_base64_decode(struct base_buf *out, const char *p, size_t n)
{
	size_t begin = out->len, padding = 0;
	uint32_t bits = 0;
	int d;

	if (n % 4 != 0)
		return false;
	while (padding < 2 && n > padding && p[n - padding - 1] == '=')
		padding++;
	for (size_t i = 0; i < n; i++) {
		d = i < n - padding ? digit(p[i]) : 0;
		if (d == -1) {
			out->len = begin;
			return false;
		}
		bits = bits << 6 | (uint32_t)d;
		if (i % 4 != 3)
			continue;
		base_buf_append_char(out, (char)(bits >> 16 & 0xff));
		base_buf_append_char(out, (char)(bits >> 8 & 0xff));
		base_buf_append_char(out, (char)(bits & 0xff));
	}
	out->len -= padding;
	return true;
}
