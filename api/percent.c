/* SPDX-License-Identifier: ISC */
/* Percent-encoding, both ways. */
#include "api/percent.h"

#include <string.h>

#include "base/buf.h"
#include "base/hex.h"

bool
api_percent_decode_n(
    char *out, size_t size, const char *in, size_t len, bool plus)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = in[i];

		if (n + 1 >= size)
			return false;
		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < len ? base_hex_value(in[i + 1]) : -1;
			int low = i + 2 < len ? base_hex_value(in[i + 2]) : -1;

			if (high < 0 || low < 0 || (high | low) == 0)
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return true;
}

bool
api_percent_decode(char *out, const char *in, size_t size, bool plus)
{
	return api_percent_decode_n(out, size, in, strlen(in), plus);
}

static bool
is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
}

void
api_percent_encode(struct base_buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (is_unreserved(*s))
			base_buf_append_char(out, *s);
		else
			base_buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}
