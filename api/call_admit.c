/* SPDX-License-Identifier: ISC */
/* The first steps of a call: which operation, who, may they, how often, are they
 * shut out. */
#include "api/call_private.h"

#include <string.h>

#include "api/batch.h"
#include "api/client_addr.h"
#include "api/config.h"
#include "api/metrics.h"
#include "api/stream.h"
#include "api/suspension.h"
#include "api/topics.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "db/result.h"

#define USER_BYTES_MAX 128

/* --- step: which operation --- */

/* One call of whoever it is: known, or an address.  True: they may. */
static bool
count(struct api_call *c, enum api_rate rate)
{
	c->verdict = c->identity != NULL ?
	    api_limit_take(c->engine->limits, rate, c->identity) :
	    api_limit_address(
		c->engine->limits, API_RATE_ADDRESS, c->remote_addr, true);
	if (!c->verdict.allowed)
		api_metrics_count(
		    c->engine->metrics, API_COUNT_RATE_LIMITED, 1);
	return c->verdict.allowed;
}

static enum api_step
route_failed(struct api_call *c, enum api_route_status status)
{
	switch (status) {
	case API_ROUTE_OPTIONS:
		c->status = 204;
		c->hook_answered = true;
		return API_STEP_STOP;
	case API_ROUTE_BAD_METHOD:
		return api_call_fail(c, "method_not_allowed",
		    base_arena_printf(
			&c->arena, "This path takes %s.", c->route.allow));
	case API_ROUTE_BAD_PATH:
		return api_call_fail(c, "bad_path", NULL);
	case API_ROUTE_OK:
	case API_ROUTE_NOT_FOUND:
		break;
	}
	return api_call_fail(c, "not_found", "There is nothing at this path.");
}

static enum api_step
find_by_name(struct api_call *c, const char *name)
{
	c->op = name != NULL ? api_operation_find(name) : NULL;
	if (c->op == NULL)
		return api_call_fail(c, "unknown_operation", NULL);
	if (c->op->flags & (API_HTTP_ONLY | API_ON_FASTCGI | API_STREAM))
		return api_call_fail(c, "http_only", NULL);
	return API_STEP_NEXT;
}

enum api_step
api_call_step_find(struct api_call *c)
{
	enum api_route_status status;
	enum api_step step;

	if (c->door == API_DOOR_SOCKET) {
		step = find_by_name(c, c->path);
	} else {
		status = api_router_find(c->method, c->path, &c->route);
		c->op = c->route.op;
		step = status == API_ROUTE_OK ? API_STEP_NEXT :
						route_failed(c, status);
	}
	/* A preflight costs no more than its refusal would. */
	if (step != API_STEP_NEXT)
		return c->error == NULL || count(c, API_RATE_READ) ?
		    step :
		    api_call_fail(c, "rate_limited", NULL);
	c->status = c->op->status;
	c->plan = &c->engine->plans[api_operation_index(c->op)];
	return API_STEP_NEXT;
}

/* --- step: who --- */

static enum api_step
take_identified(struct api_call *c, const struct api_identified *found)
{
	c->identity = found->identity;
	c->verdict = found->verdict;
	return found->error == NULL ?
	    API_STEP_NEXT :
	    api_call_fail_with(c, found->error, found->detail);
}

static void
identified(const struct api_identified *found, void *arg)
{
	struct api_call *c = arg;

	c->identifying = NULL;
	api_call_go_on(c, take_identified(c, found));
}

/* The value of a query parameter (`name` with its `=`), which is asked for
 * before the arguments are read; NULL: none. */
static const char *
find_query(struct api_call *c, const char *name)
{
	const char *p = c->query_string;
	size_t n = strlen(name);

	while (p != NULL && *p != '\0') {
		size_t len = strcspn(p, "&");

		if (len > n && strncmp(p, name, n) == 0)
			return base_arena_strndup(&c->arena, p + n, len - n);
		p += len + (p[len] == '&');
	}
	return NULL;
}

/* Without credentials: may the call go on? */
static bool
needs_none(struct api_call *c)
{
	return (c->op->flags & API_PUBLIC) != 0 ||
	    ((c->op->flags & API_SIGNED) != 0 &&
		find_query(c, "signature=") != NULL);
}

enum api_step
api_call_step_identify(struct api_call *c)
{
	const char *authorization = api_call_header(c, "Authorization");
	struct api_identified found;
	const char *ticket;

	if (c->identity != NULL) /* a socket's own */
		return API_STEP_NEXT;
	if (authorization == NULL && needs_none(c))
		return API_STEP_NEXT;
	ticket = authorization == NULL && (c->op->flags & API_STREAM) ?
	    find_query(c, "ticket=") :
	    NULL;
	if (ticket != NULL) {
		const char *last = api_call_header(c, "Last-Event-ID");
		struct api_credentials creds = { .ticket = ticket,
			.remote_addr = c->remote_addr,
			.kept = api_stream_want(api_call_header(c, "Accept")) ==
			    API_STREAM_WANT_STREAM,
			.again = last != NULL && *last != '\0',
			.user_agent = api_call_header(c, "User-Agent"),
			.origin = api_call_header(c, "Origin") };

		c->body = NULL;
		c->body_len = 0;
		c->identifying =
		    api_auth_identify(c->engine, &creds, identified, c);
		return API_STEP_WAIT;
	}
	found = api_auth_check(c->engine, authorization, c->remote_addr);
	return take_identified(c, &found);
}

/* --- step: may they --- */

static bool
user_id_fine(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len <= USER_BYTES_MAX && base_text_check(s, len) &&
	    strpbrk(s, "\t\n") == NULL;
}

/* A service that acts for a user has that user's rights and no others. */
static enum api_step
act_as(struct api_call *c)
{
	if (c->identity->role != API_ROLE_SERVICE)
		return api_call_fail(c, "as_not_allowed", NULL);
	if (!user_id_fine(c->as_user))
		return api_call_fail(
		    c, "bad_request", "Parley-As is not the id of a user.");
	c->subject =
	    api_identity_new(&(struct api_identity){ .user = c->as_user,
		.role = API_ROLE_USER,
		.expires_at = c->identity->expires_at });
	return API_STEP_NEXT;
}

bool
api_call_is_operator(const struct api_call *c)
{
	if (c->subject != NULL && c->subject->role == API_ROLE_ADMIN)
		return true;
	return c->remote_addr != NULL &&
	    api_client_addr_trusted(
		c->remote_addr, c->engine->config->metrics_allow);
}

enum api_step
api_call_step_authorize(struct api_call *c)
{
	if (c->identity == NULL) /* PUBLIC */
		return c->op->flags & API_OPERATOR && !api_call_is_operator(c) ?
		    api_call_fail(c, "unauthorized", NULL) :
		    API_STEP_NEXT;
	if (c->as_user != NULL && act_as(c) == API_STEP_STOP)
		return API_STEP_STOP;
	if (c->subject == NULL)
		c->subject = api_identity_ref(c->identity);
	if (!(c->op->roles & (unsigned)c->subject->role))
		return api_call_fail(c, "forbidden",
		    "This operation is not for users of this role.");
	if ((c->op->flags & API_OPERATOR) && !api_call_is_operator(c))
		return api_call_fail(c, "forbidden", NULL);
	return API_STEP_NEXT;
}

/* --- step: how often --- */

enum api_step
api_call_step_count(struct api_call *c)
{
	return count(c, c->op->rate) ? API_STEP_NEXT :
				       api_call_fail(c, "rate_limited", NULL);
}

/* --- step: how often, of what is sent to many --- */

/* One send for each conversation; the first is counted.  All or none. */
static enum api_step
count_copies(struct api_call *c, size_t copies)
{
	struct api_limits *l = c->engine->limits;
	struct api_verdict *taken =
	    base_arena_alloc(&c->arena, copies * sizeof(*taken));
	size_t n = 0;

	taken[n++] = c->verdict;
	while (n < copies && count(c, c->op->rate))
		taken[n++] = c->verdict;
	if (n == copies)
		return API_STEP_NEXT;
	while (n > 0)
		api_limit_give_back(l, &taken[--n]);
	return api_call_fail(c, "rate_limited", NULL);
}

enum api_step
api_call_step_copies(struct api_call *c)
{
	const char *list = api_call_value(c, "conversation_ids");
	const char *names[API_CALL_COPIES_MAX];

	if (c->op->rate != API_RATE_SEND || c->identity == NULL || list == NULL)
		return API_STEP_NEXT;
	return count_copies(
	    c, api_topics_split(&c->arena, list, names, API_CALL_COPIES_MAX));
}

/* --- step: are they shut out --- */

static enum api_step
fail_suspended(struct api_call *c, int64_t until)
{
	char at[BASE_CLOCK_TEXT];

	if (until == INT64_MAX)
		return api_call_fail(c, "user_suspended", NULL);
	base_clock_rfc3339(until * 1000000, at);
	return api_call_fail(c, "user_suspended",
	    base_arena_printf(
		&c->arena, "The user is suspended until %s.", at));
}

static void
suspension_checked(const struct db_result *r, int row, void *arg)
{
	struct api_call *c = arg;
	enum api_step step = API_STEP_NEXT;
	int until;

	c->item = NULL;
	until = db_result_column(r, "until");
	if (r->status != DB_OK || row < 0)
		step = api_call_fail_with(c,
		    api_engine_db_error(c->engine, "suspensions.check", r),
		    NULL);
	else if (db_result_value(r, row, db_result_column(r, "suspended")) !=
	    NULL)
		step = fail_suspended(c,
		    db_result_value(r, row, until) != NULL ?
			db_result_i64(r, row, until) :
			INT64_MAX);
	api_call_go_on(c, step);
}

/* Both for whom it is and who asks.  The set's word is taken for those who are
 * not in it: who is may have been let in by an order that is not here yet.
 * Asked in batches, since calls of one connection must keep their order. */
enum api_step
api_call_step_suspended(struct api_call *c)
{
	const struct api_suspensions *s = c->engine->suspensions;
	const char *values[2];

	if (c->identity == NULL || (c->op->flags & API_PUBLIC))
		return API_STEP_NEXT;
	values[0] = c->subject->user;
	values[1] = c->identity->user;
	if (api_suspensions_fresh(s) &&
	    api_suspensions_until(s, values[0]) == 0 &&
	    api_suspensions_until(s, values[1]) == 0)
		return API_STEP_NEXT;
	c->item = api_batch_start(
	    c->engine->suspension_checks, values, suspension_checked, c);
	return API_STEP_WAIT;
}
