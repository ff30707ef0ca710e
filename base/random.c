/* SPDX-License-Identifier: ISC */
/*
 * Random numbers: the kernel's, fetched for several calls at a time (every
 * request draws an id).  fork(2) would copy what was fetched, and two children
 * would draw the same: they begin with nothing.
 */

#include "base/random.h"

#include <sys/random.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct {
	unsigned char bytes[512]; /* the last `left` of them are unused */
	size_t left;
	bool watched; /* forget() is called in children */
} fetched;

static void
forget(void)
{
	memset(fetched.bytes, 0, sizeof(fetched.bytes));
	fetched.left = 0;
}

static void
fetch(void *out, size_t len)
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

void
base_random_bytes(void *out, size_t len)
{
	unsigned char *from;

	if (!fetched.watched && pthread_atfork(NULL, NULL, forget) != 0)
		abort();
	fetched.watched = true;
	if (len > sizeof(fetched.bytes) / 4) {
		fetch(out, len);
		return;
	}
	if (len > fetched.left) {
		fetch(fetched.bytes, sizeof(fetched.bytes));
		fetched.left = sizeof(fetched.bytes);
	}
	from = fetched.bytes + sizeof(fetched.bytes) - fetched.left;
	memcpy(out, from, len);
	memset(from, 0, len); /* nobody finds it out later */
	fetched.left -= len;
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
