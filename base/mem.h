/* SPDX-License-Identifier: ISC */
/*
 * The heap.  Running out of it ends the process, so nothing here returns NULL
 * and callers have no such branch; a size that comes from the network is
 * bounded before it gets here.
 */

#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* `size` zeroed bytes (at least one), owned by the caller: base_free(). */
MUST_USE void *base_alloc(size_t size);

/* `count * size` zeroed bytes; ends the process when the product overflows. */
MUST_USE void *base_alloc_array(size_t count, size_t size);

/* As realloc(3).  Bytes beyond the old size are not zeroed. */
MUST_USE void *base_realloc(void *mem, size_t size);

/* A copy of the string `s`; of NULL it is NULL. */
MUST_USE char *base_strdup(const char *s);

/* A NUL-terminated copy of the `len` bytes at `s`, which need no NUL. */
MUST_USE char *base_strndup(const char *s, size_t len);

/* Gives back what the functions above returned; NULL is fine. */
void base_free(void *mem);

#endif
