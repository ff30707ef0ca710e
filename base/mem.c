/* SPDX-License-Identifier: ISC */
/* The heap: malloc(3), so that the sanitizers see it, without failure. */

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void
out_of_memory(void)
{
	static const char text[] = "out of memory\n";

	/* No formatting and no log: both may want memory. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		abort();
	abort();
}

void *
base_alloc(size_t size)
{
	void *mem = calloc(1, size > 0 ? size : 1);

	if (mem == NULL)
		out_of_memory();
	return mem;
}

void *
base_alloc_array(size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		out_of_memory();
	return base_alloc(total);
}

void *
base_realloc(void *mem, size_t size)
{
	void *moved = realloc(mem, size > 0 ? size : 1);

	if (moved == NULL)
		out_of_memory();
	return moved;
}

char *
base_strdup(const char *s)
{
	return s == NULL ? NULL : base_strndup(s, strlen(s));
}

char *
base_strndup(const char *s, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		out_of_memory();
	copy = malloc(len + 1);
	if (copy == NULL)
		out_of_memory();
	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void
base_free(void *mem)
{
	free(mem);
}
