/* SPDX-License-Identifier: ISC */
/*
 * Files by their content: `ab/cd/<sha256>`, one copy however often it is sent,
 * in a place that is chosen when the store is opened: a directory
 * (upload_store_new()) or an S3-compatible service (upload/store_s3.h).  A file
 * is written beside first, into a directory for temporary files; what stands
 * under its hash is complete, whenever the power went.
 *
 * Calls wait for the disk, and for the network within bounded time.
 */
#ifndef UPLOAD_STORE_H
#define UPLOAD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "upload/hash.h"
#include "upload/status.h"

enum {
	UPLOAD_STORE_REL_LEN = 70 /* "ab/cd/<hash>" */
};

/* How the names of temporary files begin. */
#define UPLOAD_STORE_TEMP "up-"

struct upload_store;

/* A file being written.  It is gone unless upload_store_keep() took it. */
struct upload_temp {
	int fd;	    /* owned; -1 = none */
	char *path; /* owned; NULL = none */
};

/*
 * The directory `root` as a store, with its temporary directory `tmp` (NULL:
 * `<root>/tmp`); both are made when missing, mode 0750.  A file is renamed into
 * place, and its directory fsynced.  NULL with `errno` set on failure; EXDEV
 * when the two are on different file systems.
 */
struct upload_store *upload_store_new(const char *root, const char *tmp);

void upload_store_free(struct upload_store *store);

/* Where its temporary files are. */
const char *upload_store_tmp(const struct upload_store *store);

/* Can the store be written at this moment? (readiness) */
bool upload_store_ready(struct upload_store *store);

/* All calls from now on wait for a network no longer than so, together. */
void upload_store_patience(struct upload_store *store, unsigned ms);

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
 * kept.  UPLOAD_UNAVAILABLE: the store could not be reached or refused us;
 * nothing is known then.
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

/* The full path of `hash`'s file, owned by the caller (base_free); NULL when
 * the store is no directory. */
char *upload_store_path(struct upload_store *store, const char *hash);

/* Is the file of `hash` there?  UPLOAD_OK, UPLOAD_MISSING, or why that is not
 * known. */
MUST_USE enum upload_status upload_store_has(
    struct upload_store *store, const char *hash);

/* A page of the list of all files; all zero before the first. */
struct upload_page {
	/* It tells of every hash h with from < h <= to, byte by byte. */
	char from[UPLOAD_HASH_LEN + 1], to[UPLOAD_HASH_LEN + 1];
	struct base_buf all; /* hashes, one right after the other */
	struct base_buf old; /* those not given or used for a while */
	bool is_last;
	char *token; /* of the store; owned */
};

/* The page after this one; `age_s` is what makes a file old.  With another
 * status than UPLOAD_OK the list has ended early. */
MUST_USE enum upload_status upload_store_list(
    struct upload_store *store, struct upload_page *page, unsigned age_s);

/* All zero again. */
void upload_page_fini(struct upload_page *page);

/* Do keeping and dropping the same file wait for each other?  When not, a row
 * that names a kept file says how long ago that was (`store_ms` of
 * uploads.create), and only who has asked the database drops one. */
bool upload_store_locks(const struct upload_store *store);

enum upload_drop {
	UPLOAD_DROPPED, /* it is not there (any more) */
	UPLOAD_STAYED,	/* it is young, or somebody is at it */
	UPLOAD_UNCERTAIN
};

/*
 * Remove the file of `hash` unless somebody has kept the same within `age_s`
 * seconds, as far as the store can tell: in a directory upload_store_keep()
 * makes a file young again, and the two wait for each other.
 */
enum upload_drop upload_store_drop(
    struct upload_store *store, const char *hash, unsigned age_s);

/*
 * Remove temporary files that a process left behind when it was killed: those
 * nobody holds open, not changed for `age_s` seconds (some are enough).  How
 * many.
 */
unsigned upload_store_sweep(struct upload_store *store, unsigned age_s);

#endif
