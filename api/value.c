/* SPDX-License-Identifier: ISC */
/* What a single value must look like, type by type. */
#include "api/value_private.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/param.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/emoji.h"
#include "base/utf8.h"
#include "base/uuid.h"

#define ID_BYTES_MAX 128
#define CHANNEL_NAME_MAX 128
#define CUSTOM_EMOJI_MAX 34 /* with the colons */
#define CUSTOM_EMOJI_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_+-"
#define CHANNEL_NAME_CHARS                                               \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	":._-"

const char *
api_value_fault(
    const struct api_value_field *f, const char *code, const char *detail)
{
	api_args_fault(f->in->args, f->path, code, detail);
	return NULL;
}

const char *
api_value_fault_type(const struct api_value_field *f, const char *type)
{
	return api_value_fault(f, "wrong_type",
	    base_arena_printf(f->in->arena, "This must be %s.", type));
}

static bool
has_control(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

/* --- strings --- */

static const char *
check_length(
    const struct api_value_field *f, const char *s, size_t len, int64_t max)
{
	int64_t count = (int64_t)base_utf8_count(s, len);

	if (count < f->param->min)
		return api_value_fault(f, "too_short",
		    base_arena_printf(f->in->arena,
			"At least %" PRId64 " character%s.", f->param->min,
			f->param->min == 1 ? "" : "s"));
	if (count > max)
		return api_value_fault(f, "too_long",
		    base_arena_printf(
			f->in->arena, "At most %" PRId64 " characters.", max));
	return base_arena_strndup(f->in->arena, s, len);
}

static const char *
check_text(const struct api_value_field *f, const char *s, size_t len)
{
	int64_t max = f->param->max;

	if (!base_text_check(s, len))
		return api_value_fault(f, "bad_text",
		    "Text is UTF-8 without control characters other than tab "
		    "and newline.");
	if (f->param->type == API_STRING && has_control(s, len))
		return api_value_fault(
		    f, "bad_text", "This is one line of text.");
	/* What people write and nobody sees is nothing.  What they search for
	 * may end with a blank that means something. */
	if (base_text_blank(s, len))
		len = 0;
	else if (f->param->type == API_STRING && f->param->place == API_IN_BODY)
		s = base_text_trim(s, &len);
	return check_length(
	    f, s, len, max == API_MAX_TEXT ? f->in->max_text : max);
}

static const char *
check_id(const struct api_value_field *f, const char *s, size_t len)
{
	if (len == 0)
		return api_value_fault(f, "too_short", "An id is not empty.");
	if (len > ID_BYTES_MAX)
		return api_value_fault(
		    f, "too_long", "An id has at most 128 bytes.");
	if (!base_text_check(s, len) || has_control(s, len))
		return api_value_fault(f, "bad_text",
		    "An id is UTF-8 without control characters.");
	return base_arena_strndup(f->in->arena, s, len);
}

static const char *
check_uuid(const struct api_value_field *f, const char *s)
{
	char out[BASE_UUID_TEXT];

	if (!base_uuid_normalize(s, out))
		return api_value_fault(f, "bad_uuid",
		    "This must be a UUID such as "
		    "0190b1a8-7d2e-7c3a-9f00-5d1e2c3b4a59.");
	return base_arena_strdup(f->in->arena, out);
}

/* The SQL refuses names that look like an id, so the two cannot be confused. */
static const char *
check_conversation(const struct api_value_field *f, const char *s, size_t len)
{
	char out[BASE_UUID_TEXT];

	if (base_uuid_normalize(s, out))
		return base_arena_strdup(f->in->arena, out);
	if (len == 0 || len > CHANNEL_NAME_MAX ||
	    strspn(s, CHANNEL_NAME_CHARS) != len)
		return api_value_fault(f, "bad_conversation",
		    "This must be the UUID of a conversation or the name of "
		    "a channel.");
	return base_arena_strndup(f->in->arena, s, len);
}

/* A custom one, which the clients have a picture of: `:name:`. */
static bool
is_custom_emoji(const char *s, size_t len)
{
	return len >= 3 && len <= CUSTOM_EMOJI_MAX && s[0] == ':' &&
	    strspn(s + 1, CUSTOM_EMOJI_CHARS) == len - 2 && s[len - 1] == ':';
}

static const char *
check_emoji(const struct api_value_field *f, const char *s, size_t len)
{
	char out[BASE_EMOJI_SIZE];

	if (len == 0 && f->param->max == 1)
		return "";
	if (is_custom_emoji(s, len))
		return base_arena_strndup(f->in->arena, s, len);
	if (base_emoji_normalize(out, s, len) == 0)
		return api_value_fault(f, "bad_emoji",
		    "This must be one emoji, or a name such as :party_parrot: "
		    "of 1 to 32 of a-z, 0-9, _, + and -.");
	return base_arena_strdup(f->in->arena, out);
}

static const char *
check_time(const struct api_value_field *f, const char *s, size_t len)
{
	char out[BASE_CLOCK_TEXT];
	int64_t us;

	if (strlen(s) != len || !base_clock_parse(s, &us))
		return api_value_fault(f, "bad_time",
		    "This must be a time such as 2026-01-31T23:59:59Z.");
	base_clock_rfc3339(us, out);
	return base_arena_strdup(f->in->arena, out);
}

static const char *
fault_choice(const struct api_value_field *f, const char *const *values)
{
	struct base_buf list = { 0 };
	const char *text;

	for (const char *const *v = values; *v != NULL; v++)
		base_buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", *v);
	text = base_arena_printf(
	    f->in->arena, "This must be one of: %s.", base_buf_str(&list));
	base_buf_fini(&list);
	return api_value_fault(f, "not_allowed", text);
}

static const char *
check_choice(
    const struct api_value_field *f, const char *s, const char *const *values)
{
	for (const char *const *v = values; *v != NULL; v++) {
		if (strcmp(*v, s) == 0)
			return *v;
	}
	return fault_choice(f, values);
}

const char *
api_value_check_string(
    const struct api_value_field *f, const char *s, size_t len)
{
	switch (f->param->type) {
	case API_ID:
		return check_id(f, s, len);
	case API_UUID:
		return check_uuid(f, s);
	case API_TIME:
		return check_time(f, s, len);
	case API_CONVERSATION:
		return check_conversation(f, s, len);
	case API_EMOJI:
		return check_emoji(f, s, len);
	case API_ENUM:
		return check_choice(f, s, f->param->values);
	case API_CATEGORY:
		return check_choice(f, s, f->in->categories);
	case API_TEXT:
	case API_STRING:
	case API_INT:
	case API_BOOL:
	case API_ID_LIST:
	case API_STRING_LIST:
	case API_UUID_LIST:
	case API_OBJECT_LIST:
		break;
	}
	return check_text(f, s, len);
}

/* --- numbers --- */

static const char *
check_int(const struct api_value_field *f, int64_t value)
{
	if (value < f->param->min || value > f->param->max)
		return api_value_fault(f, "out_of_range",
		    base_arena_printf(f->in->arena,
			"This must be from %" PRId64 " to %" PRId64 ".",
			f->param->min, f->param->max));
	return base_arena_printf(f->in->arena, "%" PRId64, value);
}

static const char *
check_int_text(const struct api_value_field *f, const char *text)
{
	const char *digits = text + (*text == '-');
	long long value;
	char *end;

	/* strtoll would take white space and a plus sign. */
	if (*digits < '0' || *digits > '9')
		return api_value_fault_type(f, "an integer");
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end != '\0')
		return api_value_fault_type(f, "an integer");
	if (errno == ERANGE)
		return api_value_fault(
		    f, "out_of_range", "The number is too large.");
	return check_int(f, value);
}

static const char *
check_bool_text(const struct api_value_field *f, const char *text)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
		return "true";
	if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		return "false";
	return api_value_fault_type(f, "true or false");
}

/* --- entries --- */

const char *
api_value_check_json(const struct api_value_field *f, json_t *value)
{
	if (json_is_null(value))
		return f->param->nullable ?
		    NULL :
		    api_value_fault(
			f, "null", "This may be left out, but not null.");
	switch (f->param->type) {
	case API_TEXT:
	case API_STRING:
	case API_ID:
	case API_UUID:
	case API_TIME:
	case API_CONVERSATION:
	case API_EMOJI:
	case API_ENUM:
	case API_CATEGORY:
		if (!json_is_string(value))
			return api_value_fault_type(f, "a string");
		return api_value_check_string(
		    f, json_string_value(value), json_string_length(value));
	case API_INT:
		if (!json_is_integer(value))
			return api_value_fault_type(f, "an integer");
		return check_int(f, json_integer_value(value));
	case API_BOOL:
		if (!json_is_boolean(value))
			return api_value_fault_type(f, "true or false");
		return json_is_true(value) ? "true" : "false";
	case API_ID_LIST:
	case API_STRING_LIST:
	case API_UUID_LIST:
	case API_OBJECT_LIST:
		break;
	}
	return api_value_check_list(f, value);
}

const char *
api_value_json(const struct api_value_in *in, json_t *value)
{
	struct api_value_field f = { in, in->param, in->param->name };

	return api_value_check_json(&f, value);
}

const char *
api_value_text(const struct api_value_in *in, const char *text)
{
	struct api_value_field f = { in, in->param, in->param->name };

	switch (in->param->type) {
	case API_INT:
		return check_int_text(&f, text);
	case API_BOOL:
		return check_bool_text(&f, text);
	case API_ID_LIST:
	case API_STRING_LIST:
	case API_UUID_LIST:
		return api_value_check_list_text(&f, text);
	case API_TEXT:
	case API_STRING:
	case API_ID:
	case API_UUID:
	case API_TIME:
	case API_CONVERSATION:
	case API_EMOJI:
	case API_ENUM:
	case API_CATEGORY:
	case API_OBJECT_LIST:
		break;
	}
	return api_value_check_string(&f, text, strlen(text));
}
