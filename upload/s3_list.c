/* SPDX-License-Identifier: ISC */
/* Elements without attributes that do not nest in themselves: no more of XML
 * is needed here. */

#include "upload/s3_list.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

enum {
	NAME_MAX = 40
};

/* The content of the first `<name>` at or after `from`, up to `to`. */
struct span {
	const char *from, *to;
};

static const char *
find(struct span in, const char *text)
{
	return memmem(in.from, (size_t)(in.to - in.from), text, strlen(text));
}

static bool
element_find(struct span in, const char *name, struct span *out)
{
	char begin[NAME_MAX + 4], end[NAME_MAX + 4];

	snprintf(begin, sizeof(begin), "<%.*s>", NAME_MAX, name);
	snprintf(end, sizeof(end), "</%.*s>", NAME_MAX, name);
	if ((out->from = find(in, begin)) == NULL)
		return false;
	out->from += strlen(begin);
	out->to = find((struct span){ out->from, in.to }, end);
	return out->to != NULL;
}

static void
text_append(struct base_buf *out, struct span in)
{
	static const struct {
		const char *name;
		char c;
	} entities[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' },
		{ "&quot;", '"' }, { "&#34;", '"' }, { "&apos;", '\'' },
		{ "&#39;", '\'' } };
	size_t i, n;

	while (in.from < in.to) {
		for (i = 0; i < ARRAY_LEN(entities); i++) {
			n = strlen(entities[i].name);
			if ((size_t)(in.to - in.from) >= n &&
			    memcmp(in.from, entities[i].name, n) == 0)
				break;
		}
		if (i < ARRAY_LEN(entities)) {
			base_buf_append_char(out, entities[i].c);
			in.from += n;
		} else {
			base_buf_append_char(out, *in.from++);
		}
	}
}

bool
upload_s3_list_element(
    const char *xml, size_t len, const char *name, struct base_buf *out)
{
	struct span found;

	base_buf_reset(out);
	if (!element_find((struct span){ xml, xml + len }, name, &found))
		return false;
	text_append(out, found);
	return true;
}

/* One object. */
static bool
contents_tell(struct span in, struct base_buf *text,
    void (*each)(void *arg, const char *key, int64_t wall_us), void *arg)
{
	struct span found;
	int64_t wall_us;

	if (!element_find(in, "LastModified", &found))
		return false;
	base_buf_reset(text);
	text_append(text, found);
	if (!base_clock_parse(base_buf_str(text), &wall_us) ||
	    !element_find(in, "Key", &found))
		return false;
	base_buf_reset(text);
	text_append(text, found);
	each(arg, base_buf_str(text), wall_us);
	return true;
}

bool
upload_s3_list_parse(const char *xml, size_t len,
    void (*each)(void *arg, const char *key, int64_t wall_us), void *arg,
    struct base_buf *token)
{
	struct span all = { xml, xml + len }, one;
	struct base_buf text = { 0 };
	bool ok;

	base_buf_reset(token);
	ok = find(all, "<ListBucketResult") != NULL &&
	    find(all, "</ListBucketResult>") != NULL &&
	    upload_s3_list_element(xml, len, "IsTruncated", &text);
	if (ok && strcmp(base_buf_str(&text), "true") == 0)
		ok = upload_s3_list_element(
			 xml, len, "NextContinuationToken", token) &&
		    token->len > 0;
	while (ok && element_find(all, "Contents", &one)) {
		ok = contents_tell(one, &text, each, arg);
		all.from = one.to;
	}
	base_buf_fini(&text);
	return ok;
}
