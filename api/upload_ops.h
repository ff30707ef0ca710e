/* SPDX-License-Identifier: ISC */
/* The C part of uploads.create and files.get.  It reads bodies within the
 * call and waits while another process looks into them: only for a process
 * that has one request at a time. */
#ifndef API_UPLOAD_OPS_H
#define API_UPLOAD_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/hook.h"
#include "base/attr.h"
#include "upload/job.h"

struct api_storage;
struct upload_seats;
struct api_uploads; /* one per process: api_engine_uploads_set() */

struct api_uploads_params {
	struct api_storage *storage; /* borrowed */
	bool redirects; /* to the store, when it has addresses of its own */
	unsigned store_seconds; /* an upload waits for the store at most */
	const char
	    *accel_prefix; /* NULL or "": files are sent by us; must stay */
	uint64_t max_bytes;
	bool keeps_originals; /* beside what is made of pictures */
	struct api_uploads_quota {
		int64_t bytes, files, day_bytes, day_files;
	} quota;	     /* of a user; 0 = none */
	const char *decoder; /* path of parley-decode */
	struct upload_decoder_settings decoding;
	struct upload_seats *seats; /* for pictures; borrowed, may be NULL */
	uint64_t seat_wait_ms;	    /* for one of them, at most */
	/* Before a stranger's file is looked into, and after it (NULL, NULL):
	 * for a watchdog and for whoever must explain a crash.  May be NULL. */
	void (*on_decode)(void *arg, const char *request_id, const char *hash);
	void *arg;
};

struct api_uploads *api_uploads_new(const struct api_uploads_params *params);
void api_uploads_free(struct api_uploads *u);

/* Start the decoder now instead of at the first upload; after fork() only.
 * False with a message for the operator when it cannot work, or not as
 * strictly as it must. */
MUST_USE bool api_uploads_warm(
    struct api_uploads *u, char *err, size_t err_size);

/* Say in the log what the decoder lacks here.  Once it is warm. */
void api_uploads_lack_log(const struct api_uploads *u);

/* Remove what a process that was killed left half-written; now and then. */
void api_uploads_sweep(struct api_uploads *u);

struct upload_store;

/* The store, for the upkeep of files; borrowed. */
struct upload_store *api_uploads_store(const struct api_uploads *u);

/* An api_ready_fn: can the store be written?  `arg` is the api_uploads. */
bool api_uploads_ready(void *arg, char *why, size_t why_size);

extern const struct api_hook api_upload_hooks[];
extern const size_t api_upload_hook_count;

#endif
