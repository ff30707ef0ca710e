/* SPDX-License-Identifier: ISC */
/* What the files behind api/tus_ops.h share: one request, what is asked of it
 * (tus_ops.c), the bytes that come with it (tus_body.c), and its answer
 * (tus_answer.c). */
#ifndef API_TUS_PRIVATE_H
#define API_TUS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "api/hook.h"
#include "api/pace.h"
#include "upload/checksum.h"
#include "upload/partial.h"
#include "upload/status.h"

struct api_call;
struct api_config;
struct api_uploads;

#define API_TUS_LENGTH_UNKNOWN UINT64_MAX

/* One request. */
struct api_tus {
	struct api_call *call;
	struct api_uploads *uploads;
	struct upload_partial *partial;	  /* owned; NULL: none is open */
	struct upload_checksum *checksum; /* owned; NULL: none came */
	bool is_made;  /* of one that is created: there is a row */
	bool has_body; /* bytes come with it */
	/* Why not all of them were taken, or NULL. */
	const char *volatile later;
	struct api_pace pace;
	uint64_t offset; /* announced */
	uint64_t length;
	const char *id, *filename, *metadata, *expires;
	enum upload_status status; /* that is answered when it has ended */
};

/* The request of the call. */
struct api_tus *api_tus_of(const struct api_call *call);

const struct api_config *api_tus_config(const struct api_tus *t);

/* Refuse for what became of the file, or was to. */
enum api_hook_next api_tus_refuse(
    const struct api_tus *t, enum upload_status status);

/* Take the bytes of the request, as many as fit, and answer or go on. */
enum api_hook_next api_tus_receive(struct api_tus *t);

/* How far it is: `offset` bytes are there. */
enum api_hook_next api_tus_answer(struct api_tus *t, uint64_t offset);

/* Answer; or, when all bytes are there, make an upload of them first. */
enum api_hook_next api_tus_go_on(struct api_tus *t);

#endif
