/* SPDX-License-Identifier: ISC */
/* The bytes of an upload that comes in pieces. */

#include "api/tus_private.h"

#include "api/body.h"
#include "api/call.h"
#include "api/upload_ops_private.h"

enum {
	PIECE_BYTES = 64 * 1024
};

/* A sender who says nothing, or takes long while others wait, may come again,
 * since what came is kept; but not of what has a checksum, so that its sender
 * must be slow as well.  Asked in the context of a signal. */
static bool
is_over(void *arg)
{
	struct api_tus *t = arg;

	if (upload_partial_wanted(t->partial))
		t->later = "upload_locked";
	else if (api_pace_is_slow(&t->pace) ||
	    (t->checksum == NULL && api_pace_had_turn(&t->pace)))
		t->later = "overloaded";
	return t->later != NULL;
}

static void
guard(struct api_tus *t, bool (*over)(void *))
{
	const struct api_body *body = api_call_door_arg(t->call);

	if (body->guard != NULL)
		body->guard(body->arg, over, t);
}

/* The most bytes that it may have. */
static uint64_t
most_get(const struct api_tus *t)
{
	return t->length != API_TUS_LENGTH_UNKNOWN ?
	    t->length :
	    t->uploads->params.max_bytes;
}

static enum upload_status
bytes_take(struct api_tus *t, uint64_t *came)
{
	const struct api_body *body = api_call_door_arg(t->call);
	uint64_t room = most_get(t) - upload_partial_size(t->partial);
	enum upload_status status = UPLOAD_OK;
	char piece[PIECE_BYTES];
	ssize_t n;

	for (*came = 0; status == UPLOAD_OK; *came += (uint64_t)n) {
		n = body->read(body->arg, piece, sizeof(piece));
		if (n == -1) /* too slow for one request */
			t->later = "overloaded";
		if (n <= 0)
			break;
		api_pace_heard(&t->pace, (size_t)n);
		if ((uint64_t)n > room - *came)
			return UPLOAD_TOO_LARGE;
		if (t->checksum != NULL)
			upload_checksum_add(t->checksum, piece, (size_t)n);
		status = upload_partial_write(t->partial, piece, (size_t)n);
	}
	return status;
}

/* What came without a checksum counts, however it ended; what came with one
 * counts whole or not at all. */
static enum upload_status
bytes_settle(struct api_tus *t, enum upload_status status, uint64_t came)
{
	const struct api_body *body = api_call_door_arg(t->call);
	enum upload_status settled;

	if (t->checksum != NULL && status == UPLOAD_OK &&
	    body->announced_bytes != API_BODY_LENGTH_UNKNOWN &&
	    came < body->announced_bytes)
		status = UPLOAD_SHORT;
	if (t->checksum != NULL && status == UPLOAD_OK &&
	    !upload_checksum_fits(t->checksum))
		status = UPLOAD_MISMATCH;
	settled = t->checksum != NULL && status != UPLOAD_OK ?
	    upload_partial_revert(t->partial) :
	    upload_partial_sync(t->partial);
	return status != UPLOAD_OK ? status : settled;
}

enum api_hook_next
api_tus_receive(struct api_tus *t)
{
	const struct api_body *body = api_call_door_arg(t->call);
	uint64_t size = upload_partial_size(t->partial), came = 0;
	uint64_t most = most_get(t);
	enum upload_status status = UPLOAD_OK;

	if (size > most ||
	    (body->announced_bytes != API_BODY_LENGTH_UNKNOWN &&
		body->announced_bytes > most - size))
		return api_tus_refuse(t, UPLOAD_TOO_LARGE);
	if (t->checksum != NULL)
		status = upload_partial_hold(t->partial);
	api_pace_begin(&t->pace, body);
	guard(t, is_over);
	if (status == UPLOAD_OK)
		status = bytes_take(t, &came);
	guard(t, NULL);
	status = bytes_settle(t, status, came);
	if (status != UPLOAD_OK)
		return api_tus_refuse(t, status);
	return t->later == NULL ?
	    api_tus_go_on(t) :
	    api_call_refuse(t->call, t->later, NULL, NULL);
}
