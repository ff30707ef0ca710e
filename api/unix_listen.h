/* SPDX-License-Identifier: ISC */
/* A listening unix socket of our own. */
#ifndef API_UNIX_LISTEN_H
#define API_UNIX_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

/* Connections that may wait. */
enum {
	API_UNIX_BACKLOG = 511
};

/* Listen at `path`, non-blocking, with exactly `mode`.  A socket that nobody
 * listens on any more is replaced; one that is alive is left alone.  The
 * descriptor, or -1 with a message for the operator in `err`. */
MUST_USE int api_unix_listen(
    const char *path, mode_t mode, char *err, size_t err_size);

#endif
