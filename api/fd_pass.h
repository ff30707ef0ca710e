/* SPDX-License-Identifier: ISC */
/* Open files over a unix socket (SCM_RIGHTS), beside the bytes. */
#ifndef API_FD_PASS_H
#define API_FD_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

/* Send `p[0..n)`, a few bytes, with `fd` at the first of them; the caller keeps
 * its own.  False with `errno`. */
MUST_USE bool api_fd_pass_send(int sock, const void *p, size_t n, int fd);

/* As recv(); a descriptor that came with the bytes goes into `*fd`, in the place
 * of one that came before, which is closed.  -1 there: none. */
ssize_t api_fd_pass_recv(int sock, void *p, size_t n, int *fd);

#endif
