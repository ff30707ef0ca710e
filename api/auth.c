/* SPDX-License-Identifier: ISC */
/* Credentials to identities. */
#include "api/auth.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/digest.h"
#include "api/engine_private.h"
#include "api/errors.h"
#include "api/limit.h"
#include "api/metrics.h"
#include "api/token.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/query.h"

#define TICKET_BYTES_MAX 128

static const char missing[] =
    "Send a token: Authorization: Bearer followed by the token.";
static const char refused[] = "The credentials are not valid or have expired.";

struct api_identify {
	struct api_engine *engine;
	struct api_identified found;
	struct db_query *query; /* of a ticket */
	struct base_task task;	/* of a token: tells in the same turn */
	char *remote_addr;	/* owned */
	api_identify_cb *cb;
	void *arg;
};

/* The token of an Authorization value: pointer into it and length, or NULL when
 * there is none. */
static const char *
bearer_token(const char *authorization, size_t *len)
{
	const char *token;

	if (authorization == NULL ||
	    strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	token = authorization + 7;
	token += strspn(token, " ");
	*len = strcspn(token, " \t");
	/* One token and nothing behind it. */
	return *len > 0 && token[*len + strspn(token + *len, " \t")] == '\0' ?
	    token :
	    NULL;
}

/* The same of a list of subprotocols. */
static const char *
subprotocol_token(const char *subprotocol, size_t *len)
{
	static const char prefix[] = "bearer.";
	const char *p = subprotocol;

	while (p != NULL && *p != '\0') {
		p += strspn(p, ", \t");
		*len = strcspn(p, ", \t");
		if (*len > sizeof(prefix) - 1 &&
		    strncmp(p, prefix, sizeof(prefix) - 1) == 0) {
			*len -= sizeof(prefix) - 1;
			return p + sizeof(prefix) - 1;
		}
		p += *len;
	}
	return NULL;
}

/* Count what failed against the address; too much of it is 429. */
static struct api_identified
fail(struct api_engine *e, enum api_rate rate, const char *detail,
    const char *remote_addr)
{
	struct api_identified f = { .error = api_error_get("unauthorized"),
		.detail = detail,
		.verdict =
		    api_limit_address(e->limits, rate, remote_addr, true) };

	if (!f.verdict.allowed) {
		f.error = api_error_get("rate_limited");
		f.detail = NULL;
		api_metrics_count(e->metrics, API_COUNT_RATE_LIMITED, 1);
	}
	return f;
}

static struct api_identified
refuse(struct api_engine *e, const char *why, const char *remote_addr)
{
	char shown[64];

	api_metrics_count(e->metrics, API_COUNT_AUTH_FAILED, 1);
	base_log_info("credentials refused", "why=%s remote=%s", why,
	    base_log_quote(shown, sizeof(shown), remote_addr));
	return fail(e, API_RATE_SIGNIN, refused, remote_addr);
}

static struct api_identified
check_token(struct api_engine *e, const char *token, size_t len,
    const char *remote_addr)
{
	struct api_identified f = { .error = NULL };
	enum api_token_status status = api_token_verify(
	    e->tokens, token, len, base_clock_wall_us() / 1000000, &f.identity);

	return status == API_TOKEN_OK ?
	    f :
	    refuse(e, api_token_status_name(status), remote_addr);
}

struct api_identified
api_auth_check(
    struct api_engine *e, const char *authorization, const char *remote_addr)
{
	const char *token;
	size_t len = 0;

	token = bearer_token(authorization, &len);
	if (token != NULL)
		return check_token(e, token, len, remote_addr);
	if (authorization != NULL)
		return refuse(e, "scheme", remote_addr);
	return fail(e, API_RATE_ADDRESS, missing, remote_addr);
}

/* --- tickets --- */

static void
identify_free(struct api_identify *a)
{
	base_task_cancel(&a->task);
	api_identity_unref(a->found.identity);
	base_free(a->remote_addr);
	base_free(a);
}

static void
tell(void *arg)
{
	struct api_identify *a = arg;
	struct api_identified f = a->found;
	api_identify_cb *cb = a->cb;

	arg = a->arg;
	a->found.identity = NULL; /* goes to the caller */
	identify_free(a);
	cb(&f, arg);
}

static const char *
column(const struct db_result *r, const char *name)
{
	return db_result_value(r, 0, db_result_column(r, name));
}

static struct api_identity *
identity_of_row(const struct db_result *r)
{
	const char *role = column(r, "role");

	return api_identity_new(
	    &(struct api_identity){ .user = column(r, "user_id"),
		.role = strcmp(role, "admin") == 0 ? API_ROLE_ADMIN :
		    strcmp(role, "service") == 0   ? API_ROLE_SERVICE :
						     API_ROLE_USER,
		.label = column(r, "label"),
		.name = column(r, "name"),
		.picture = column(r, "picture"),
		.expires_at = strtoll(column(r, "token_exp"), NULL, 10) });
}

static void
ticket_redeemed(const struct db_result *r, void *arg)
{
	struct api_identify *a = arg;

	a->query = NULL;
	if (r->status != DB_OK)
		a->found.error =
		    api_engine_db_error(a->engine, "tickets.redeem", r);
	else if (r->rows == 0)
		a->found = refuse(a->engine, "ticket", a->remote_addr);
	else
		a->found.identity = identity_of_row(r);
	tell(a);
}

/* Whom a kept ticket belongs to.  Of no use to who reads it in the table: it
 * does not tell an address without the ticket. */
static void
holder_digest(const struct api_credentials *c, char hex[API_DIGEST_HEX])
{
	struct base_buf text = { 0 };

	base_buf_printf(&text, "%s\n%s\n%s\n%s", c->ticket, c->remote_addr,
	    c->user_agent != NULL ? c->user_agent : "",
	    c->origin != NULL ? c->origin : "");
	api_digest_hex(text.data, text.len, hex);
	base_buf_fini(&text);
}

static void
redeem(struct api_identify *a, const struct api_credentials *c)
{
	const char *ticket = c->ticket;
	size_t len = strlen(ticket);
	char hash[API_DIGEST_HEX], holder[API_DIGEST_HEX];
	const char *values[] = { hash, holder, c->again ? "t" : "f" };

	a->found.verdict = api_limit_address(
	    a->engine->limits, API_RATE_SIGNIN, a->remote_addr, false);
	if (!a->found.verdict.allowed) {
		a->found.error = api_error_get("rate_limited");
	} else if (len == 0 || len > TICKET_BYTES_MAX) {
		a->found = refuse(a->engine, "ticket", a->remote_addr);
	} else {
		api_digest_hex(ticket, len, hash);
		if (c->kept)
			holder_digest(c, holder);
		a->query = db_query_start(a->engine->pool,
		    c->kept ? a->engine->tickets_resume :
			      a->engine->tickets_redeem,
		    values, ticket_redeemed, a);
	}
}

/* --- entries --- */

struct api_identify *
api_auth_identify(struct api_engine *e, const struct api_credentials *c,
    api_identify_cb *cb, void *arg)
{
	struct api_identify *a = base_alloc(sizeof(*a));
	const char *token;
	size_t len;

	a->engine = e;
	a->cb = cb;
	a->arg = arg;
	a->remote_addr = base_strdup(c->remote_addr);
	a->task = (struct base_task){ .cb = tell, .arg = a };
	token = subprotocol_token(c->subprotocol, &len);
	if (c->authorization == NULL && token != NULL)
		a->found = check_token(e, token, len, c->remote_addr);
	else if (c->authorization == NULL && c->ticket != NULL)
		redeem(a, c);
	else
		a->found = api_auth_check(e, c->authorization, c->remote_addr);
	if (a->query == NULL)
		base_loop_defer(e->loop, &a->task);
	return a;
}

void
api_auth_identify_cancel(struct api_identify *a)
{
	if (a == NULL)
		return;
	db_query_cancel(a->query);
	identify_free(a);
}
