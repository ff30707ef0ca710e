/* SPDX-License-Identifier: ISC */
/* Rows to JSON.  What to write around each column (names, braces, commas) is
 * the same for every row, so it is worked out once per result. */
#include "api/render.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/uuid.h"
#include "db/result.h"

#define COLUMNS_MAX 64
#define US_TO_2000 INT64_C(946684800000000) /* PostgreSQL's epoch */

/* A column that is shown: `before` stands in the plan's text from there on,
 * e.g. `,"sender":{"id":`. */
struct column {
	int col;
	unsigned int type;
	size_t before, before_len;
};

struct plan {
	struct column columns[COLUMNS_MAX];
	size_t count;
	size_t closing; /* braces after the last column */
	int more;	/* column `_more`: more members, with their commas */
	int whole;	/* column `_answer`: the object as it is; or -1 */
	struct base_buf text;
};

static size_t
count_dots(const char *name)
{
	size_t n = 0;

	for (; *name != '\0'; name++)
		n += *name == '.';
	return n;
}

/* Bytes of the dotted prefix, dot included, that both names share. */
static size_t
shared_prefix(const char *a, const char *b)
{
	size_t shared = 0;

	for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++) {
		if (a[i] == '.')
			shared = i + 1;
	}
	return shared;
}

/* Leave the objects that only `last` is in, enter those that only `name` is
 * in, and write the key. */
static void
plan_before(struct base_buf *text, const char *last, const char *name)
{
	size_t shared = shared_prefix(last, name);

	for (size_t n = count_dots(last + shared); n > 0; n--)
		base_buf_append_char(text, '}');
	if (*last != '\0')
		base_buf_append_char(text, ',');
	for (name += shared;;) {
		size_t len = strcspn(name, ".");

		base_buf_append_char(text, '"');
		base_json_escape(text, name, len);
		base_buf_append(text, "\":", 2);
		if (name[len] == '\0')
			return;
		base_buf_append_char(text, '{');
		name += len + 1;
	}
}

static void
plan_make(struct plan *p, const struct db_result *r)
{
	const char *last = "";

	p->count = 0;
	p->closing = 0;
	p->more = -1;
	p->whole = db_result_column(r, "_answer");
	base_buf_init(&p->text);
	if (p->whole != -1)
		return;
	for (int col = 0; col < r->cols; col++) {
		const char *name = db_result_name(r, col);
		struct column *c = &p->columns[p->count];

		if (*name == '_')
			continue;
		assert(p->count < COLUMNS_MAX);
		c->col = col;
		c->type = db_result_type(r, col);
		c->before = p->text.len;
		plan_before(&p->text, last, name);
		c->before_len = p->text.len - c->before;
		p->count++;
		last = name;
	}
	p->closing = count_dots(last);
	p->more = db_result_column(r, "_more");
}

static void
append_column(struct base_buf *out, const struct db_result *r, int row, int col)
{
	size_t len;
	const char *text = db_result_bytes(r, row, col, &len);

	if (text != NULL)
		base_buf_append(out, text, len);
}

static void
write_string(struct base_buf *out, const char *s, size_t len)
{
	base_buf_append_char(out, '"');
	base_json_escape(out, s, len);
	base_buf_append_char(out, '"');
}

/* "2026-01-31 23:59:59.5+00", as ISO in UTC has it. */
static bool
is_utc(const char *s, size_t len)
{
	return len >= 22 && s[4] == '-' && s[7] == '-' && s[10] == ' ' &&
	    s[13] == ':' && s[16] == ':' && memcmp(s + len - 3, "+00", 3) == 0;
}

void
api_render_time(struct base_buf *out, const char *text)
{
	size_t len = strlen(text), decimals;

	if (!is_utc(text, len)) {
		base_json_escape(out, text, len);
		return;
	}
	decimals = len - 22; /* with the point */
	base_buf_append(out, text, 10);
	base_buf_append_char(out, 'T');
	base_buf_append(out, text + 11, 8);
	base_buf_append_char(out, '.');
	if (decimals > 0)
		base_buf_append(out, text + 20, decimals - 1);
	base_buf_append(out, "000000", decimals > 0 ? 7 - decimals : 6);
	base_buf_append_char(out, 'Z');
}

/* PostgreSQL's NaN and Infinity are no JSON. */
static bool
is_number(const char *s)
{
	return *s == '-' ? s[1] >= '0' && s[1] <= '9' : *s >= '0' && *s <= '9';
}

static void
write_value(struct base_buf *out, unsigned int type, const char *s, size_t len)
{
	switch (type) {
	case DB_TYPE_BOOL:
		base_buf_append_str(out, *s == 't' ? "true" : "false");
		break;
	case DB_TYPE_INT2:
	case DB_TYPE_INT4:
	case DB_TYPE_INT8:
	case DB_TYPE_JSON:
	case DB_TYPE_JSONB:
		base_buf_append(out, s, len);
		break;
	case DB_TYPE_FLOAT4:
	case DB_TYPE_FLOAT8:
		base_buf_append_str(out, is_number(s) ? s : "null");
		break;
	case DB_TYPE_TIMESTAMPTZ:
		base_buf_append_char(out, '"');
		api_render_time(out, s);
		base_buf_append_char(out, '"');
		break;
	default:
		write_string(out, s, len);
	}
}

/* A signed integer, the highest byte first. */
static int64_t
read_int(const char *bytes, size_t len)
{
	uint64_t value = (signed char)bytes[0] < 0 ? UINT64_MAX : 0;

	for (size_t i = 0; i < len; i++)
		value = value << 8 | (unsigned char)bytes[i];
	return (int64_t)value;
}

static void
write_binary_uuid(struct base_buf *out, const char *bytes)
{
	char text[BASE_UUID_TEXT + 1] = "\"";

	base_uuid_format((const unsigned char *)bytes, text + 1);
	text[BASE_UUID_TEXT] = '"';
	base_buf_append(out, text, sizeof(text));
}

static void
write_binary_time(struct base_buf *out, const char *bytes)
{
	char text[BASE_CLOCK_TEXT + 1] = "\"";

	base_clock_rfc3339(read_int(bytes, 8) + US_TO_2000, text + 1);
	text[BASE_CLOCK_TEXT] = '"';
	base_buf_append(out, text, sizeof(text));
}

/* The types of api_render_binary_type(). */
static void
write_binary(struct base_buf *out, unsigned int type, const char *s, size_t len)
{
	switch (type) {
	case DB_TYPE_BOOL:
		base_buf_append_str(out, *s != 0 ? "true" : "false");
		break;
	case DB_TYPE_INT2:
	case DB_TYPE_INT4:
	case DB_TYPE_INT8:
		base_buf_append_i64(out, read_int(s, len));
		break;
	case DB_TYPE_JSON:
		base_buf_append(out, s, len);
		break;
	case DB_TYPE_TIMESTAMPTZ:
		write_binary_time(out, s);
		break;
	case DB_TYPE_UUID:
		write_binary_uuid(out, s);
		break;
	default: /* of texts and enumerated types the bytes are the text */
		write_string(out, s, len);
	}
}

bool
api_render_binary_type(unsigned int type)
{
	return type == DB_TYPE_BOOL || type == DB_TYPE_INT2 ||
	    type == DB_TYPE_INT4 || type == DB_TYPE_INT8 ||
	    type == DB_TYPE_JSON || type == DB_TYPE_TIMESTAMPTZ ||
	    type == DB_TYPE_UUID || type == DB_TYPE_TEXT;
}

static void
write_row(struct base_buf *out, const struct plan *p, const struct db_result *r,
    int row)
{
	if (p->whole != -1) {
		append_column(out, r, row, p->whole);
		return;
	}
	base_buf_append_char(out, '{');
	for (size_t i = 0; i < p->count; i++) {
		const struct column *c = &p->columns[i];
		size_t len;
		const char *value = db_result_bytes(r, row, c->col, &len);

		base_buf_append(out, p->text.data + c->before, c->before_len);
		if (value == NULL)
			base_buf_append(out, "null", 4);
		else if (r->binary)
			write_binary(out, c->type, value, len);
		else
			write_value(out, c->type, value, len);
	}
	for (size_t n = 0; n < p->closing; n++)
		base_buf_append_char(out, '}');
	if (p->more != -1)
		append_column(out, r, row, p->more);
	base_buf_append_char(out, '}');
}

void
api_render_row(struct base_buf *out, const struct db_result *r, int row)
{
	struct plan plan;

	plan_make(&plan, r);
	write_row(out, &plan, r, row);
	base_buf_fini(&plan.text);
}

/* The cursor of the last row that is shown, when there is a next page. */
static void
write_next(struct base_buf *next, const struct db_result *r, int limit)
{
	int col = db_result_column(r, "_cursor");
	const char *value;
	size_t len;

	if (col == -1)
		col = db_result_column(r, "seq");
	if (r->rows <= limit || limit == 0 || col == -1)
		return;
	value = db_result_bytes(r, limit - 1, col, &len);
	if (r->binary)
		base_buf_append_i64(next, read_int(value, len));
	else
		base_buf_append(next, value, len);
}

void
api_render_list(struct base_buf *out, const struct db_result *r, int limit,
    struct base_buf *next)
{
	int shown = r->rows < limit ? r->rows : limit;
	struct plan plan;

	plan_make(&plan, r);
	base_buf_append_str(out, "{\"data\":[");
	for (int row = 0; row < shown; row++) {
		if (row > 0)
			base_buf_append_char(out, ',');
		write_row(out, &plan, r, row);
	}
	base_buf_fini(&plan.text);
	write_next(next, r, limit);
	base_buf_append_str(out, "],\"next\":");
	if (next->len == 0)
		base_buf_append(out, "null", 4);
	else
		write_string(out, next->data, next->len);
	base_buf_append_char(out, '}');
}
