/* SPDX-License-Identifier: ISC */
/* Attributes and small macros that every room uses. */

#ifndef BASE_ATTR_H
#define BASE_ATTR_H

#include <stddef.h>

/* The result says whether it worked (or is owned by the caller): use it. */
#define MUST_USE __attribute__((warn_unused_result))

/* Argument `a` is a printf format whose arguments begin at `b` (from 1). */
#define PRINTF_LIKE(a, b) __attribute__((format(printf, a, b)))

/* Elements of an array; never of a pointer. */
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The `type` that holds the object `ptr` points to as its `member`. */
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
