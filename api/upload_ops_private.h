/* SPDX-License-Identifier: ISC */
/* What the files behind api/upload_ops.h share. */
#ifndef API_UPLOAD_OPS_PRIVATE_H
#define API_UPLOAD_OPS_PRIVATE_H

#include <stdbool.h>

#include "api/upload_ops.h"
#include "db/query.h"
#include "upload/decoder.h"
#include "upload/status.h"
#include "upload/store.h"

struct api_uploads {
	struct api_uploads_params params;  /* strings borrowed */
	struct upload_store *store;	   /* borrowed: of the storage */
	struct upload_decoder *decoder;	   /* owned */
	struct upload_decoder_hello hello; /* what it can */

	/* What the one call of this process asks the database. */
	struct db_query *query; /* non-NULL = in flight */
	struct api_call *asker; /* borrowed */
	db_query_cb *on_answer;
};

struct api_call;

/* Can files be handled here and now?  Else the call is refused. */
enum api_hook_next api_upload_begin(struct api_call *call);

/* Refuse for what became of a file, logged when it is our fault. */
enum api_hook_next api_upload_refuse(
    struct api_call *call, enum upload_status status, const char *field);

/* The parameters quota_* of a statement. */
void api_upload_quota_set(struct api_call *call);

void api_upload_number_set(
    struct api_call *call, const char *name, uint64_t value);

/* Run a statement with the call's values before, or after, its own.  The
 * process has one request at a time: the answer comes before the call ends.
 * `cb` gets the call and resumes it. */
void api_upload_ask(struct api_call *call, const char *name, db_query_cb *cb);

/* upload.failed, for a call that is refused already because of what the file is:
 * the user's other devices hear of it as well.  `id` NULL: it was to have none
 * yet.  The call waits for it, so that it is told when the caller knows. */
enum api_hook_next api_upload_failed(struct api_call *call, const char *id,
    const char *filename, enum upload_status status);

#endif
