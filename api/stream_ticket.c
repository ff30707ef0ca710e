/* SPDX-License-Identifier: ISC */
/*
 * The ticket of an SSE stream outlives its first use, since a browser that
 * lost the stream comes back with the URL it had.  It is then good only with
 * the key that the stream told behind its ids (push/sse.h): a URL is written
 * to logs, a Last-Event-ID is not.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/auth.h"
#include "api/digest.h"
#include "api/engine.h"
#include "api/stream_private.h"
#include "base/mem.h"
#include "base/random.h"
#include "db/query.h"

const char *
api_stream_ticket_key(struct api_stream *s)
{
	struct api_stream_opening *o = s->opening;
	const struct api_stream_request *r = &o->request;

	if (r->kind != API_STREAM_EVENTS || r->head || r->ticket == NULL ||
	    r->authorization != NULL)
		return NULL;
	if (r->ticket_key != NULL)
		memcpy(o->key, r->ticket_key, PUSH_SSE_KEY_LEN);
	else
		base_random_base32(o->key, PUSH_SSE_KEY_LEN);
	return o->key;
}

void
api_stream_ticket_taken(struct api_stream *s)
{
	const char *ticket = s->opening->request.ticket;

	if (s->opening->key[0] == '\0')
		return;
	s->opening->request.ticket_key = s->opening->key;
	s->ticket_hash = base_alloc(API_DIGEST_HEX);
	api_digest_hex(ticket, strlen(ticket), s->ticket_hash);
}

static void
told(const struct db_result *r, void *arg)
{
	(void)r;
	(void)arg;
}

/* Nobody waits for the answer. */
static struct db_query *
tell(struct api_stream *s, const char *statement, const char *const *values)
{
	if (s->ticket_hash == NULL)
		return NULL;
	return db_query_start(
	    s->streams->pool, db_statement_find(statement), values, told, NULL);
}

void
api_stream_ticket_renew(struct api_stream *s)
{
	char expires_at[24];
	const char *values[] = { s->ticket_hash, expires_at };

	(void)snprintf(expires_at, sizeof(expires_at), "%" PRId64,
	    s->identity->expires_at);
	(void)tell(s, "tickets.renew", values);
}

void
api_stream_ticket_end(struct api_stream *s)
{
	const char *values[] = { s->ticket_hash };

	(void)tell(s, "tickets.end", values);
}
