/* SPDX-License-Identifier: ISC */
/*
 * A file that comes in pieces, across requests, processes and restarts.  Its
 * bytes lie in the store's directory for temporary files, under its id; how
 * many there are is its length, and nothing else knows it.  Whoever has one
 * open is alone with it.
 */
#ifndef UPLOAD_PARTIAL_H
#define UPLOAD_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "upload/status.h"
#include "upload/store.h"

struct upload_partial; /* one that is open */

/* Make an empty one with room on the disk for `bytes` (0: not known), and open
 * it.  `id` is a UUID in its canonical form, here and below. */
MUST_USE enum upload_status upload_partial_new(const char *dir, const char *id,
    uint64_t bytes, struct upload_partial **out);

/*
 * Open one.  A process that has it now is told that it is wanted, and waited
 * for, `wait_ms` at most: then UPLOAD_LOCKED.  UPLOAD_MISSING: there is none.
 * What it has is on the disk.
 */
MUST_USE enum upload_status upload_partial_open(const char *dir, const char *id,
    unsigned wait_ms, struct upload_partial **out);

/* How many bytes it has. */
uint64_t upload_partial_size(const struct upload_partial *p);

/* Append.  What did not go in is not there. */
MUST_USE enum upload_status upload_partial_write(
    struct upload_partial *p, const char *bytes, size_t n);

/* Does another process want it?  Then it should be let go soon. */
bool upload_partial_wanted(const struct upload_partial *p);

/* What is written from here on does not count until upload_partial_sync(),
 * whoever is killed meanwhile. */
MUST_USE enum upload_status upload_partial_hold(struct upload_partial *p);

/* All that was written is on the disk and counts. */
MUST_USE enum upload_status upload_partial_sync(struct upload_partial *p);

/* Forget what was written since upload_partial_hold(). */
MUST_USE enum upload_status upload_partial_revert(struct upload_partial *p);

/* The file by another name, for upload_store_keep(), so that this one stays
 * until it is removed.  Nothing may be written any more. */
MUST_USE enum upload_status upload_partial_share(
    struct upload_partial *p, struct upload_temp *out);

/* Remove it from the disk; it stays open. */
void upload_partial_remove(struct upload_partial *p);

/* Remove one that nobody has open.  False when it stayed. */
bool upload_partial_drop(const char *dir, const char *id);

/* Let it go.  NULL is fine. */
void upload_partial_close(struct upload_partial *p);

/* Give `each` the id of every one that has not changed for `age_s` seconds. */
void upload_partial_list(const char *dir, unsigned age_s,
    void (*each)(void *arg, const char *id), void *arg);

#endif
