/* SPDX-License-Identifier: ISC */
/*
 * Blocks of memory that come and go all the time: given back they are kept,
 * sorted by size, for the next that is as large, so that a service under an
 * even load asks the heap for nothing.  What is kept is bounded (4 MiB in a
 * process), and what is larger than 4 KiB goes to the heap at once.
 *
 * AddressSanitizer sees a block that was given back and is still used, but for
 * the first bytes of it (the list's link), as if it had gone to the heap.  It
 * does not see one that is given back twice.
 */

#ifndef BASE_RECYCLE_H
#define BASE_RECYCLE_H

#include <stddef.h>

#include "base/attr.h"

/* `size` bytes that are not zeroed; base_recycle_put() takes them back. */
MUST_USE void *base_recycle_get(size_t size);

/* The same `size` as when it was got.  NULL is fine. */
void base_recycle_put(void *mem, size_t size);

/* Bytes that are kept at this moment. */
size_t base_recycle_kept(void);

#endif
