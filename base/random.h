/* SPDX-License-Identifier: ISC */
/* Random numbers from the kernel, fit for secrets. */

#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out` with `len` random bytes.  Ends the process when the kernel
 * cannot give them. */
void base_random_bytes(void *out, size_t len);

/* A number from 0 to `bound` - 1, all equally likely; `bound` > 0. */
uint32_t base_random_below(uint32_t bound);

/* Writes `chars` characters of a-z and 2-7 (five random bits each) and a NUL:
 * `out` has room for `chars` + 1. */
void base_random_base32(char *out, size_t chars);

#endif
