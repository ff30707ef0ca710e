/* SPDX-License-Identifier: ISC */
/*
 * The process that looks into strangers' files, as the one that has them sees
 * it.  It is started when it is first needed, and again when it is gone.
 */
#ifndef UPLOAD_DECODER_H
#define UPLOAD_DECODER_H

#include <stdbool.h>

#include "base/attr.h"
#include "upload/job.h"

/* Where it finds the socket to us. */
enum {
	UPLOAD_DECODER_FD = 3
};

struct upload_decoder;

/* `program` is the path of parley-decode; copied. */
struct upload_decoder *upload_decoder_new(
    const char *program, const struct upload_decoder_settings *settings);

/* Ends the process.  NULL is fine. */
void upload_decoder_free(struct upload_decoder *d);

/* Start it unless it runs.  False, with `errno` of why or 0, when it does not
 * come up; `hello` says what it can. */
MUST_USE bool upload_decoder_start(
    struct upload_decoder *d, struct upload_decoder_hello *hello);

/*
 * Have it look at the file open at `files[0]`; for a picture, `files` goes on
 * with UPLOAD_VARIANTS empty files.  False when no report came: it could not
 * be started, or died itself; `report` is one of UPLOAD_FAILED then.
 */
MUST_USE bool upload_decoder_run(struct upload_decoder *d,
    const struct upload_job *job, const int *files,
    struct upload_report *report);

#endif
