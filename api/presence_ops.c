/* SPDX-License-Identifier: ISC */
/* Watching users on a stream, and choosing one's own presence. */
#include "api/presence_ops.h"

#include <string.h>

#include "api/engine_private.h"
#include "api/order_private.h"
#include "api/presence.h"
#include "base/arena.h"
#include "base/attr.h"
#include "db/result.h"

#define WATCH_BYTES 6000 /* of topics in one order: it is a notification */

static void watch_tell(struct api_order *o);

static void
watch_told(struct api_order *o, const struct db_result *r)
{
	bool told = r == NULL;

	if (told && o->told < o->watched_count)
		watch_tell(o);
	else if (told && api_call_operation(o->call)->statement != NULL)
		/* The answer of presence.watch is its statement's, asked from
		 * now. */
		api_call_resume(o->call, API_HOOK_GO_ON);
	else
		api_order_sent(o, r);
}

/* What it takes in the order: in quotes, escaped, with a comma and a blank. */
static size_t
listed_bytes(const char *topic)
{
	size_t n = strlen(topic) + 4;

	for (; *topic != '\0'; topic++)
		n += *topic == '"' || *topic == '\\';
	return n;
}

static void
watch_tell(struct api_order *o)
{
	struct api_order_terms t = { .topics = o->watched + o->told };
	size_t bytes = 0;

	while (o->told < o->watched_count && bytes < WATCH_BYTES) {
		bytes += listed_bytes(o->watched[o->told++]);
		t.topic_count++;
	}
	api_order_send(o, &t, watch_told);
}

static void
watched_read(struct api_order *o)
{
	struct base_arena *arena = api_call_arena(o->call);
	const char **topics =
	    base_arena_alloc(arena, API_STREAM_WATCHED_MAX * sizeof(*topics));

	o->watched_count =
	    api_topics_split(arena, api_call_value(o->call, "user_ids"), topics,
		API_STREAM_WATCHED_MAX);
	for (size_t i = 0; i < o->watched_count; i++)
		topics[i] = base_arena_printf(arena, "presence:%s", topics[i]);
	o->watched = topics;
}

static bool
too_many(const struct api_order *o, const struct api_stream *s)
{
	size_t count = s->watched;

	for (size_t i = 0; i < o->watched_count; i++)
		count += !push_session_follows(s->session, o->watched[i]);
	return strcmp(o->op, "watch") == 0 && count > API_STREAM_WATCHED_MAX;
}

/* Before presence.watch reads how they are: a change behind that is heard. */
static enum api_hook_next
watch(struct api_call *call)
{
	struct api_order *o = api_order_new(call);
	struct api_stream *s;
	struct api_order_terms t = { 0 };

	if (o == NULL)
		return API_HOOK_REFUSED;
	watched_read(o);
	s = api_order_stream(o);
	if (s == NULL) {
		watch_tell(o);
		return API_HOOK_PENDING;
	}
	if (too_many(o, s))
		return api_call_refuse(call, "too_many", "user_ids",
		    "A stream watches 500 users at most.");
	t.topics = o->watched;
	t.topic_count = o->watched_count;
	api_order_obey(s, o->op, &t);
	if (api_call_operation(call)->statement == NULL)
		api_order_answer(o, s);
	return API_HOOK_GO_ON;
}

/* In this process the change need not wait for the next second. */
static enum api_hook_next
chosen(struct api_call *call, const struct db_result *r)
{
	struct api_streams *all = api_engine_streams(api_call_engine(call));

	(void)r;
	if (all != NULL)
		api_presence_hurry(all->presence);
	return API_HOOK_GO_ON;
}

static const struct api_hook hooks[] = {
	{ .operation = "presence.set", .after = chosen },
	{ .operation = "presence.watch", .before = watch },
	{ .operation = "presence.unwatch", .perform = watch },
};

const struct api_hook *
api_presence_hooks(size_t *count)
{
	*count = ARRAY_LEN(hooks);
	return hooks;
}
