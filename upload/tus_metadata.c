/* SPDX-License-Identifier: ISC */
/* Upload-Metadata of the tus protocol. */

#include "upload/tus_metadata.h"

#include <string.h>

#include "upload/base64.h"
#include "upload/filename.h"

/* One pair `p[0..n)`.  Its value goes to `*name` when its key is `key`. */
static bool
pair_read(const char *p, size_t n, const char *key, struct base_buf *name)
{
	const char *space = memchr(p, ' ', n);
	size_t key_len = space != NULL ? (size_t)(space - p) : n;
	struct base_buf value = { 0 };
	bool good = key_len > 0;

	for (size_t i = 0; good && i < key_len; i++)
		good = p[i] > ' ' && p[i] < 127;
	if (good && space != NULL)
		good = upload_base64_decode(&value, space + 1, n - key_len - 1);
	if (good && key_len == strlen(key) && memcmp(p, key, key_len) == 0) {
		base_buf_reset(name);
		base_buf_append(name, base_buf_str(&value), value.len);
	}
	base_buf_fini(&value);
	return good;
}

static bool
value_find(const char *metadata, const char *key, struct base_buf *name)
{
	size_t n;

	while (*metadata != '\0') {
		metadata += strspn(metadata, " ");
		n = strcspn(metadata, ",");
		if (!pair_read(metadata, n, key, name))
			return false;
		metadata += n + (metadata[n] == ',');
	}
	return true;
}

bool
upload_tus_metadata_filename(struct base_buf *out, const char *metadata)
{
	struct base_buf name = { 0 };
	bool good = metadata == NULL ||
	    (strlen(metadata) <= UPLOAD_TUS_METADATA_MAX &&
		value_find(metadata, "filename", &name) &&
		(name.len > 0 || value_find(metadata, "name", &name)));

	if (good)
		upload_filename_clean(out, base_buf_str(&name), name.len);
	base_buf_fini(&name);
	return good;
}
