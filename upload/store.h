/* SPDX-License-Identifier: ISC */
/*
 * Files by their content: `<root>/ab/cd/<sha256>`, one copy however often it
 * is sent.  A file is written beside (in the temporary directory on the same
 * file system), fsynced, renamed into place, and its directory fsynced: what
 * stands under its hash is complete, whenever the power went.
 */
#ifndef UPLOAD_STORE_H
#define UPLOAD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "upload/hash.h"
#include "upload/status.h"

enum {
	UPLOAD_STORE_REL_LEN = 70 /* "ab/cd/<hash>" */
};

struct upload_store;

/* A file being written.  It is gone unless upload_store_keep() took it. */
struct upload_temp {
	int fd;	    /* owned; -1 = none */
	char *path; /* owned; NULL = none */
};

/*
 * Open the store at `root` with its temporary directory `tmp` (NULL:
 * `<root>/tmp`); both are made when missing, mode 0750.  NULL with `errno`
 * set on failure; EXDEV when the two are on different file systems.
 */
struct upload_store *upload_store_new(const char *root, const char *tmp);

void upload_store_free(struct upload_store *store);

/* Can the store be written at this moment? (readiness) */
bool upload_store_ready(struct upload_store *store);

/* A temporary file, mode 0640, open for reading and writing. */
MUST_USE enum upload_status upload_store_temp_open(
    struct upload_store *store, struct upload_temp *temp);

/* Append all of `p[0..n)`. */
MUST_USE enum upload_status upload_store_temp_write(
    struct upload_temp *temp, const char *p, size_t n);

/* Close and remove it; fine on one that is gone already. */
void upload_store_temp_discard(struct upload_temp *temp);

/*
 * SHA-256 of the whole file as lower-case hex, and its size; for files that
 * something else (libvips) wrote.
 */
MUST_USE enum upload_status upload_store_temp_hash(
    struct upload_temp *temp, char hash[UPLOAD_HASH_LEN + 1], uint64_t *size);

/*
 * Give the finished file its place under `hash`.  The temporary file is gone
 * afterwards, with success and without.  A file that is there already is
 * kept.
 */
MUST_USE enum upload_status upload_store_keep(
    struct upload_store *store, struct upload_temp *temp, const char *hash);

/* "ab/cd/<hash>" into `rel`; false when `hash` is not 64 hex digits. */
MUST_USE bool upload_store_relative(
    const char *hash, char rel[UPLOAD_STORE_REL_LEN + 1]);

/*
 * Open the file of `hash` for reading: its descriptor (the caller closes it)
 * and size.  UPLOAD_MISSING when there is none.
 */
MUST_USE enum upload_status upload_store_open(
    struct upload_store *store, const char *hash, int *fd, uint64_t *size);

/* The full path of `hash`'s file; owned by the caller (base_free). */
char *upload_store_path(struct upload_store *store, const char *hash);

/*
 * Give `each` the hash of every file whose name begins with the two hex digits
 * of `outer` (0 to 255) and that has not been given or used for `age_s`
 * seconds.
 */
void upload_store_list(struct upload_store *store, unsigned outer,
    unsigned age_s, void (*each)(void *arg, const char *hash), void *arg);

/* Is the file of `hash` there? */
bool upload_store_has(struct upload_store *store, const char *hash);

/*
 * Remove the file of `hash` unless somebody has kept the same within `age_s`
 * seconds: upload_store_keep() makes a file young again, and the two wait for
 * each other.  So a file that a row is about to name stays, if that row comes
 * within `age_s`.  False when it stayed.
 */
bool upload_store_drop(
    struct upload_store *store, const char *hash, unsigned age_s);

/*
 * Remove temporary files that a process left behind when it was killed: those
 * nobody holds open, not changed for `age_s` seconds (some are enough).  How
 * many.
 */
unsigned upload_store_sweep(struct upload_store *store, unsigned age_s);

#endif
