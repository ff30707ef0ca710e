/* SPDX-License-Identifier: ISC */
/* One statement tells of starts and stops, in the order in which they came. */
#include "api/typing_ops.h"

#include "api/call.h"
#include "base/attr.h"

static enum api_hook_next
start(struct api_call *c)
{
	api_call_value_set(c, "event", "typing.started");
	return API_HOOK_GO_ON;
}

static enum api_hook_next
stop(struct api_call *c)
{
	api_call_value_set(c, "event", "typing.stopped");
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
