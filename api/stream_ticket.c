/* SPDX-License-Identifier: ISC */
/*
 * The ticket of an SSE stream outlives its first use, since a browser that
 * lost the stream comes back with the URL it had, and a Last-Event-ID.  It is
 * then good for the same client only, as far as its address, its program and
 * its page tell: a URL is written to logs.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/auth.h"
#include "api/digest.h"
#include "api/engine.h"
#include "api/stream_private.h"
#include "base/mem.h"
#include "db/query.h"

bool
api_stream_ticket_kept(const struct api_stream *s)
{
	const struct api_stream_request *r = &s->opening->request;

	return r->kind == API_STREAM_EVENTS && !r->head && r->ticket != NULL &&
	    r->authorization == NULL;
}

void
api_stream_ticket_taken(struct api_stream *s)
{
	const char *ticket = s->opening->request.ticket;

	if (!api_stream_ticket_kept(s))
		return;
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
