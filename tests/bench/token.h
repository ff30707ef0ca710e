/* SPDX-License-Identifier: ISC */
/* Signed tokens (HS256) for the load's users. */

#ifndef BENCH_TOKEN_H
#define BENCH_TOKEN_H

#include "base/buf.h"

/* Appends a token for `user`, good for an hour. */
void bench_token_append(
    struct base_buf *out, const char *secret, const char *user);

#endif
