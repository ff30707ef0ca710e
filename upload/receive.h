/* SPDX-License-Identifier: ISC */
/*
 * A body on its way to the disk: raw, or the field `file` of a form.  Never
 * whole in memory, hashed as it passes, cut off at the size limit.
 */
#ifndef UPLOAD_RECEIVE_H
#define UPLOAD_RECEIVE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "upload/status.h"
#include "upload/store.h"

#define UPLOAD_LENGTH_UNKNOWN UINT64_MAX

struct upload_receive;

struct upload_receive_params {
	struct upload_store *store; /* borrowed until _free() */
	const char *content_type;   /* NULL: raw */
	const char *filename;	    /* of a raw body; NULL: none */
	uint64_t announced_bytes;   /* Content-Length, or _UNKNOWN */
	uint64_t max_bytes;	    /* of the file itself */
};

/* What came.  Borrowed from the receiver, except what the caller takes. */
struct upload_received {
	struct upload_temp temp; /* owned by the caller from here */
	const char *filename;	 /* cleaned; never NULL or empty */
	uint64_t size;
	char hash[UPLOAD_HASH_LEN + 1];
};

/*
 * Begin.  Refuses at once a form without a boundary and a body announced as
 * too large; `*out` is NULL then.
 */
MUST_USE enum upload_status upload_receive_new(
    const struct upload_receive_params *params, struct upload_receive **out);

/* The next piece of the body.  After a failure every call repeats it. */
MUST_USE enum upload_status upload_receive_feed(
    struct upload_receive *r, const char *p, size_t n);

/*
 * The body has ended: check that all of it came and hand the file over
 * (`out->temp` is the caller's from here).
 */
MUST_USE enum upload_status upload_receive_finish(
    struct upload_receive *r, struct upload_received *out);

/* The field that a refusal is about: "file", or an unknown one's name. */
const char *upload_receive_field(const struct upload_receive *r);

/* Removes what was received unless _finish() handed it over.  NULL is fine. */
void upload_receive_free(struct upload_receive *r);

#endif
