/* SPDX-License-Identifier: ISC */
/* How a stored file is answered: validators, ranges, and the header fields
 * that keep a stranger's file from acting in our name. */
#ifndef API_FILE_ANSWER_H
#define API_FILE_ANSWER_H

#include "api/hook.h"

/* The `before` hook of files.get: does the client take WebP, and is the address
 * a signed one? */
enum api_hook_next api_file_ask(struct api_call *call);

/* The `after` hook of files.get: its row has filename, sha256 and type. */
enum api_hook_next api_file_answer(
    struct api_call *call, const struct db_result *rows);

#endif
