/* SPDX-License-Identifier: ISC */
/* UUIDs: version 7 (RFC 9562, 5.7) and the text form. */

#include "base/uuid.h"

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"

/* Milliseconds since 1970 above, twelve bits of a millisecond below.  One step
 * past the last one when the clock stood still or went back, so that the ids
 * of a process ascend (RFC 9562, 6.2, method 3). */
static uint64_t
next_time(void)
{
	static uint64_t last;
	const uint64_t us = (uint64_t)base_clock_wall_us();
	uint64_t now = us / 1000 << 12 | us % 1000 * 4096 / 1000;

	if (now <= last)
		now = last + 1;
	last = now;
	return now;
}

void
base_uuid_format(const unsigned char bytes[16], char out[BASE_UUID_TEXT])
{
	out = base_hex_put(out, bytes, 4);
	for (size_t i = 4; i < 10; i += 2) {
		*out++ = '-';
		out = base_hex_put(out, bytes + i, 2);
	}
	*out++ = '-';
	*base_hex_put(out, bytes + 10, 6) = '\0';
}

void
base_uuid_v7(char out[BASE_UUID_TEXT])
{
	const uint64_t time = next_time();
	const uint64_t ms = time >> 12;
	unsigned char bytes[16];

	base_random_bytes(bytes + 8, 8);
	for (int i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
	bytes[6] = (unsigned char)(0x70 | (time >> 8 & 0x0f));
	bytes[7] = (unsigned char)time;
	bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
	base_uuid_format(bytes, out);
}

/* The hexadecimal digit in lower case, or 0. */
static char
hex_digit(char c)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
		return c;
	if (c >= 'A' && c <= 'F')
		return (char)(c - 'A' + 'a');
	return 0;
}

bool
base_uuid_normalize(const char *s, char out[BASE_UUID_TEXT])
{
	size_t i;

	for (i = 0; i < BASE_UUID_TEXT - 1; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23)
			out[i] = (char)(s[i] == '-' ? '-' : 0);
		else
			out[i] = hex_digit(s[i]);
		if (out[i] == 0)
			break;
	}
	if (i == BASE_UUID_TEXT - 1 && s[i] == '\0') {
		out[i] = '\0';
		return true;
	}
	out[0] = '\0';
	return false;
}

bool
base_uuid_valid(const char *s)
{
	char lower[BASE_UUID_TEXT];

	return base_uuid_normalize(s, lower);
}
