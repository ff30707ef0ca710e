/* SPDX-License-Identifier: ISC */
/* Where files are, by the settings: a directory, or an S3-compatible store. */
#ifndef API_STORAGE_H
#define API_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct api_config;
struct base_buf;
struct upload_store;

struct api_storage;

/* Opens the store; after fork() only.  `config` must stay.  NULL with a message
 * for the operator, which names no secret, in `err`. */
MUST_USE struct api_storage *api_storage_new(
    const struct api_config *config, char *err, size_t err_size);

/* A directory, whatever else the settings say. */
MUST_USE struct api_storage *api_storage_directory_new(
    const char *dir, const char *tmp_dir, char *err, size_t err_size);

void api_storage_free(struct api_storage *s);

/* Borrowed. */
struct upload_store *api_storage_store(const struct api_storage *s);

/* Are files fetched from the store itself, at addresses that it takes for a
 * while? */
bool api_storage_has_links(const struct api_storage *s);

/* How a file shall be answered there. */
struct api_storage_link {
	const char *hash;
	bool is_head;
	bool is_inner;	/* for our own proxy: without the scheme and the host,
			* and no longer than a request needs */
	int64_t most_s; /* good for so long at most; 0 = as the settings say */
	const char *type, *disposition, *cache;
};

/* Append an address for it; for how many seconds it may be handed out again
 * (0: this once).  Needs no network.  The same file has the same address for a
 * while, so that caches know it again. */
int64_t api_storage_link_append(const struct api_storage *s,
    const struct api_storage_link *link, struct base_buf *out);

#endif
