/* SPDX-License-Identifier: ISC */
/* Orders to streams: what the operations connections.* and presence.* on a
 * stream end in.  One is carried out at once when this process holds the
 * stream, else sent out by the statement connections.control, which also checks
 * that the caller may give it; the holder obeys.  For these files only:
 *
 *	order.c           an order of a call: whose, where to, sent
 *	order_obey.c      what becomes of it at the stream
 *	connection_ops.c  operations connections.*
 *	presence_ops.c    operations presence.* */
#ifndef API_ORDER_PRIVATE_H
#define API_ORDER_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "api/auth.h"
#include "api/call.h"
#include "api/hook.h"
#include "api/stream_private.h"

struct db_query;
struct db_result;

/* One call, in its arena. */
struct api_order {
	struct api_call *call;
	struct api_engine *engine;
	const char *op; /* "subscribe", …: the operation's last word */
	const char *connection;
	const char *args; /* what is sent: JSON */
	unsigned asked;	  /* how often */
	const char *row;  /* the connection's, when it was sent: JSON */
	const char *kept; /* the id under which it is kept until it is obeyed */
	uint64_t kept_ms; /* since when */
	uint32_t look_ms; /* from one look for it to the next */
	/* Told what came of it; NULL: it was obeyed. */
	void (*sent)(struct api_order *o, const struct db_result *r);
	/* Told when the call is answered; may be NULL. */
	void (*ended)(struct api_order *o);
	/* Non-NULL = in flight; one at a time. */
	struct api_topics_query *naming;
	struct api_identify *identify;
	struct db_query *query;
	struct base_timer *again;
	struct api_registry_waiter written;
	const char **watched; /* topics, of which `told` are sent on */
	size_t watched_count, told;
};

/* What an order says; by `op` some of it. */
struct api_order_terms {
	const char **topics;
	const int64_t *from; /* of each the first message that the caller sees;
			      * NULL: not said */
	size_t topic_count;
	size_t visit_count; /* subscribe: the first of them, for visits */
	int64_t checked;    /* subscribe: when the rights were looked up */
	const char *platform;
	const char *app_version;
	const char *user; /* whose new token it is, and its role */
	const char *holds;
	int64_t expires_at;
};

/* The order of this call, ended with it; NULL when it names no connection and
 * comes through none: refused. */
struct api_order *api_order_new(struct api_call *call);

/* The role that counts for it. */
enum api_role api_order_role(const struct api_call *call);

/* The stream, if it is here and the caller's to command. */
struct api_stream *api_order_stream(const struct api_order *o);

/* Carries the order out or sends it on; true: it is done, the answer set. */
bool api_order_give(struct api_order *o, const struct api_order_terms *t);

/* Sends it on and waits for the holder of the stream to obey; `sent` is told
 * that, or why it was not sent: no row = there is no such connection.  When the
 * holder does not hear, the call is refused instead.  A stream that has just been
 * opened is looked for more than once: it is not in the table yet. */
void api_order_send(struct api_order *o, const struct api_order_terms *t,
    void (*sent)(struct api_order *o, const struct db_result *r));

/* For `sent`: answers what the table has of the connection, or why the order was
 * not given. */
void api_order_sent(struct api_order *o, const struct db_result *r);

/* The answer of what this process has of it. */
void api_order_answer(struct api_order *o, const struct api_stream *s);

/* At the stream. */
void api_order_obey(
    struct api_stream *s, const char *op, const struct api_order_terms *t);

#endif
