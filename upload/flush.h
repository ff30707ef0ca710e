/* SPDX-License-Identifier: ISC */
/* fsync(2) that others can wait for. */
#ifndef UPLOAD_FLUSH_H
#define UPLOAD_FLUSH_H

#include "base/attr.h"

/* Bring the file open at `fd` to the disk as fsync(2) does, 0 or -1 with errno,
 * but piece by piece: the database's log is often on the same disk, and each of
 * its commits would wait behind the whole of a large file. */
MUST_USE int upload_flush(int fd);

#endif
