/* SPDX-License-Identifier: ISC */
/* What a place for files is to upload/store.c: a table of functions.  Each
 * does what the function of upload/store.h of the same name says; a hash is 64
 * hex digits by then. */
#ifndef UPLOAD_STORE_PRIVATE_H
#define UPLOAD_STORE_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "upload/store.h"

struct upload_store_ops {
	bool locks; /* see upload_store_locks() */
	void (*free)(void *place);
	void (*patience)(void *place, unsigned ms); /* NULL: never waits */
	bool (*ready)(void *place);
	/* May take `temp->path`, by renaming the file and freeing the name. */
	enum upload_status (*keep)(
	    void *place, struct upload_temp *temp, const char *hash);
	enum upload_status (*open)(
	    void *place, const char *hash, int *fd, uint64_t *size);
	enum upload_status (*has)(void *place, const char *hash);
	enum upload_status (*list)(
	    void *place, struct upload_page *page, unsigned age_s);
	enum upload_drop (*drop)(void *place, const char *hash, unsigned age_s);
	char *(*path)(void *place, const char *hash); /* NULL: has no paths */
};

struct upload_store {
	const struct upload_store_ops *ops;
	void *place;	/* owned; by `ops->free` */
	int tmp;	/* owned: descriptor of the directory of temporaries */
	char *tmp_path; /* owned */
};

/* A store with its directory of temporary files, made when missing, and no
 * place yet.  NULL with `errno` set on failure. */
MUST_USE struct upload_store *upload_store_begin(
    const struct upload_store_ops *ops, const char *tmp);

/* Open a directory, made like mkdir -p; -1 with `errno` set. */
MUST_USE int upload_store_directory(const char *path);

/* "<prefix>ab/cd/<hash>" into `rel`, which has room for it. */
void upload_store_layout(const char *hash, char rel[UPLOAD_STORE_REL_LEN + 1]);

/* The last moment, in seconds of the clock, that is `age_s` old. */
int64_t upload_store_time_before(unsigned age_s);

#endif
