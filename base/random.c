/* SPDX-License-Identifier: ISC */
/*
 * Random numbers: straight from the kernel each time.  A pool of our own would
 * be copied by fork(2), and two children would draw the same.
 */

#include "base/random.h"

#include <sys/random.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void
base_random_bytes(void *out, size_t len)
{
	unsigned char *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

uint32_t
base_random_below(uint32_t bound)
{
	uint32_t value, limit;

	assert(bound > 0);
	/* Values from `limit` up would make small results likelier. */
	limit = UINT32_MAX - UINT32_MAX % bound;
	do
		base_random_bytes(&value, sizeof(value));
	while (value >= limit);
	return value % bound;
}

void
base_random_base32(char *out, size_t chars)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

	base_random_bytes(out, chars);
	for (size_t i = 0; i < chars; i++)
		out[i] = alphabet[(unsigned char)out[i] & 31];
	out[chars] = '\0';
}
