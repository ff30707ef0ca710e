/* SPDX-License-Identifier: ISC */
/* One statement tells of starts and stops, in the order in which they came. */
#include "api/typing_ops.h"

#include "api/call.h"
#include "api/engine.h"
#include "api/stream.h"
#include "api/typing.h"
#include "base/arena.h"
#include "base/attr.h"

/* Whether one waits to be told already.  A process without streams does not
 * know: the receiving side decides (api/typing.h), this spares it. */
static bool
is_waiting(struct api_call *c)
{
	const struct api_streams *streams =
	    api_engine_streams(api_call_engine(c));
	const char *conversation = api_call_value(c, "conversation_id");
	const char *topic = base_arena_printf(
	    api_call_arena(c), "conversation:%s", conversation);

	return streams != NULL &&
	    api_typing_waits(api_streams_typing(streams), topic, conversation,
		api_call_user(c), api_call_value(c, "thread_root"));
}

static enum api_hook_next
start(struct api_call *c)
{
	api_call_value_set(c, "event", "typing.started");
	api_call_value_set(c, "quiet", is_waiting(c) ? "t" : "f");
	return API_HOOK_GO_ON;
}

static enum api_hook_next
stop(struct api_call *c)
{
	api_call_value_set(c, "event", "typing.stopped");
	api_call_value_set(c, "quiet", "f");
	return API_HOOK_GO_ON;
}

static const struct api_hook hooks[] = {
	{ .operation = "typing.start", .before = start },
	{ .operation = "typing.stop", .before = stop },
};

const struct api_hook *
api_typing_hooks(size_t *count)
{
	*count = ARRAY_LEN(hooks);
	return hooks;
}
