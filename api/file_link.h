/* SPDX-License-Identifier: ISC */
/* Addresses of files that need no credentials:
 * /v1/files/ID/VARIANT?expires=…&key=…&signature=…  The signature (HMAC-SHA256)
 * covers the file, the variant and the end; nothing else of the query.  Keys are
 * those of PARLEY_URL_KEYS, `name:secret` each: the first one signs, all are
 * good, so that a key can be changed while its addresses are in use. */
#ifndef API_FILE_LINK_H
#define API_FILE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "api/hook.h"
#include "base/attr.h"
#include "base/buf.h"

struct api_config;

struct api_file_link {
	const char *upload_id; /* in small letters */
	const char *variant;
	const char *expires; /* seconds of Unix time, in digits */
	const char *key;
	const char *signature;
};

enum api_file_link_state {
	API_FILE_LINK_NONE, /* no signature */
	API_FILE_LINK_GOOD,
	API_FILE_LINK_EXPIRED,
	API_FILE_LINK_BAD
};

/* Is one item of PARLEY_URL_KEYS a name and a secret that is long enough? */
MUST_USE bool api_file_link_key_fine(const char *item);

/* Append the query, with its `?`, that makes a file's address good until
 * `expires`.  There must be a key. */
void api_file_link_append(struct base_buf *out, char *const *keys,
    const char *upload_id, const char *variant, int64_t expires);

/* Compares in the same time whatever differs. */
MUST_USE enum api_file_link_state api_file_link_check(
    char *const *keys, const struct api_file_link *link, int64_t now);

/* When addresses made at `now` for `seconds` end: the next full half of that
 * and another half, so that all made for a while are the same and are found in
 * caches. */
int64_t api_file_link_end(int64_t now, int64_t seconds);

/* With PARLEY_SIGN_URLS: append the JSON text `json[0..len)` to `out` with every
 * file's address that is the value of a member whose name ends in `url` signed.
 * (A string's own quotes are escaped, so nothing that people write is taken for
 * one.)  False, with nothing appended, when there is nothing to sign. */
MUST_USE bool api_file_link_json(struct base_buf *out,
    const struct api_config *config, const char *json, size_t len);

extern const struct api_hook api_file_link_hooks[];
extern const size_t api_file_link_hook_count;

#endif
