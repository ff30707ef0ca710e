/* SPDX-License-Identifier: ISC */
/* A step of a call: how much all callers together may send into its
 * conversation. */
#include "api/call_private.h"

#include "api/batch.h"
#include "api/channels.h"
#include "api/metrics.h"
#include "base/uuid.h"
#include "db/result.h"

/* Counted last, since what is refused for another reason must not use up what
 * others may send.  The caller's own budget is not used either. */
static enum api_step
count(struct api_call *c, const char *id, const char *name)
{
	struct api_limits *l = c->engine->limits;

	c->channel_verdict = api_limit_channel(l, id, name);
	if (c->channel_verdict.allowed)
		return API_STEP_NEXT;
	api_limit_give_back(l, &c->verdict);
	api_metrics_count(c->engine->metrics, API_COUNT_RATE_LIMITED, 1);
	return api_call_fail(c, "rate_limited",
	    "The conversation takes no more for the moment.");
}

static const char *
wanted(const struct api_call *c)
{
	return api_call_value(c, "conversation_id");
}

static void
found(const struct db_result *r, int row, void *arg)
{
	struct api_call *c = arg;
	const struct api_channel *channel = NULL;
	enum api_step step = API_STEP_NEXT;

	c->item = NULL;
	if (r->status == DB_OK)
		channel =
		    api_channels_note(c->engine->channels, wanted(c), r, row);
	else
		step = api_call_fail_with(c,
		    api_engine_db_error(c->engine, "channels.find", r), NULL);
	/* Of one that is not there the statement tells. */
	if (channel != NULL)
		step = count(c, channel->id, channel->name);
	api_call_go_on(c, step);
}

/* What a service says as itself is not held up by others. */
static bool
is_counted(const struct api_call *c)
{
	return c->op->rate == API_RATE_SEND && c->subject != NULL &&
	    c->subject->role != API_ROLE_SERVICE && wanted(c) != NULL;
}

enum api_step
api_call_step_channel(struct api_call *c)
{
	enum api_limit_by by = api_limit_channels_by(c->engine->limits);
	const struct api_channel *channel;

	if (by == API_LIMIT_BY_NOTHING || !is_counted(c))
		return API_STEP_NEXT;
	if (by == API_LIMIT_BY_ID && base_uuid_valid(wanted(c)))
		return count(c, wanted(c), NULL);
	channel = api_channels_find(c->engine->channels, wanted(c));
	if (channel != NULL)
		return count(c, channel->id, channel->name);
	c->item = api_channels_ask(c->engine->channels, wanted(c), found, c);
	return API_STEP_WAIT;
}
