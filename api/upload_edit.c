/* SPDX-License-Identifier: ISC */
/* What is said of a file after it came. */
#include "api/upload_edit.h"

#include <string.h>

#include "api/call.h"
#include "base/attr.h"
#include "base/buf.h"
#include "upload/filename.h"

static enum api_hook_next
update_before(struct api_call *call)
{
	const char *name = api_call_value(call, "filename");
	struct base_buf clean = { 0 };

	if (name == NULL)
		return API_HOOK_GO_ON;
	upload_filename_clean(&clean, name, strlen(name));
	api_call_value_set(call, "filename", base_buf_str(&clean));
	base_buf_fini(&clean);
	return API_HOOK_GO_ON;
}

const struct api_hook api_upload_edit_hooks[] = {
	{ .operation = "uploads.update", .before = update_before },
};
const size_t api_upload_edit_hook_count = ARRAY_LEN(api_upload_edit_hooks);
