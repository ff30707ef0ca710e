/* SPDX-License-Identifier: ISC */
/* A step of a call: how much all callers together may send into its
 * conversation, or each of those that a message is forwarded to. */
#include "api/call_private.h"

#include "api/batch.h"
#include "api/channels.h"
#include "api/metrics.h"
#include "api/topics.h"
#include "base/uuid.h"
#include "db/result.h"

static enum api_step next_count(struct api_call *c);

void
api_call_give_back_channels(struct api_call *c)
{
	while (c->ntaken > 0)
		api_limit_give_back(c->engine->limits, &c->taken[--c->ntaken]);
}

/* Counted last, since what is refused for another reason must not use up what
 * others may send.  The caller's own budget is not used either, nor that of the
 * other conversations. */
static enum api_step
refuse(struct api_call *c)
{
	struct api_limits *l = c->engine->limits;
	struct api_verdict own = c->verdict;

	api_call_give_back_channels(c);
	for (size_t i = 1; i < c->nwanted; i++) {
		struct api_verdict copy = own;

		api_limit_give_back(l, &copy);
	}
	api_limit_give_back(l, &c->verdict);
	api_metrics_count(c->engine->metrics, API_COUNT_RATE_LIMITED, 1);
	return api_call_fail(c, "rate_limited",
	    "The conversation takes no more for the moment.");
}

static enum api_step
count(struct api_call *c, const char *id, const char *name)
{
	struct api_verdict v = api_limit_channel(c->engine->limits, id, name);

	/* The headers tell of the one that binds. */
	if (!c->channel_verdict.counted || !v.allowed ||
	    (v.counted && v.left < c->channel_verdict.left))
		c->channel_verdict = v;
	if (!v.allowed)
		return refuse(c);
	c->taken[c->ntaken++] = v;
	return API_STEP_NEXT;
}

static void
found(const struct db_result *r, int row, void *arg)
{
	struct api_call *c = arg;
	const struct api_channel *channel = NULL;
	enum api_step step = API_STEP_NEXT;

	c->item = NULL;
	if (r->status == DB_OK)
		channel = api_channels_note(
		    c->engine->channels, c->wanted[c->ncounted - 1], r, row);
	else
		step = api_call_fail_with(c,
		    api_engine_db_error(c->engine, "channels.find", r), NULL);
	/* Of one that is not there the statement tells. */
	if (channel != NULL)
		step = count(c, channel->id, channel->name);
	if (step == API_STEP_NEXT)
		step = next_count(c);
	if (step != API_STEP_WAIT)
		api_call_go_on(c, step);
}

static enum api_step
count_wanted(struct api_call *c, const char *wanted)
{
	const struct api_channel *channel;

	if (api_limit_channels_by(c->engine->limits) == API_LIMIT_BY_ID &&
	    base_uuid_valid(wanted))
		return count(c, wanted, NULL);
	channel = api_channels_find(c->engine->channels, wanted);
	if (channel != NULL)
		return count(c, channel->id, channel->name);
	c->item = api_channels_ask(c->engine->channels, wanted, found, c);
	return API_STEP_WAIT;
}

static enum api_step
next_count(struct api_call *c)
{
	enum api_step step = API_STEP_NEXT;

	while (step == API_STEP_NEXT && c->ncounted < c->nwanted)
		step = count_wanted(c, c->wanted[c->ncounted++]);
	return step;
}

/* Where it sends to: one, or as many as it names. */
static void
wanted_read(struct api_call *c)
{
	const char *one = api_call_value(c, "conversation_id");
	const char *many = api_call_value(c, "conversation_ids");
	size_t room = one != NULL ? 1 : many != NULL ? API_CALL_COPIES_MAX : 0;

	if (room == 0)
		return;
	c->wanted = base_arena_alloc(&c->arena, room * sizeof(*c->wanted));
	c->taken = base_arena_alloc(&c->arena, room * sizeof(*c->taken));
	if (one != NULL)
		c->wanted[c->nwanted++] = one;
	else
		c->nwanted = api_topics_split(&c->arena, many, c->wanted, room);
}

/* What a service says as itself is not held up by others. */
enum api_step
api_call_step_channel(struct api_call *c)
{
	if (api_limit_channels_by(c->engine->limits) == API_LIMIT_BY_NOTHING ||
	    c->op->rate != API_RATE_SEND || c->subject == NULL ||
	    c->subject->role == API_ROLE_SERVICE)
		return API_STEP_NEXT;
	wanted_read(c);
	return next_count(c);
}
