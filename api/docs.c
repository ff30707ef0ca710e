/* SPDX-License-Identifier: ISC */
/* Tables → Markdown. */
#include "api/docs.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "api/config.h"
#include "api/errors.h"
#include "api/events.h"
#include "api/limit.h"
#include "api/operation.h"
#include "api/schema.h"
#include "base/attr.h"
#include "base/buf.h"

#define COMMENT_WIDTH 94

/* clang-format off */
static const char intro[] =
    "# The operations\n\n"
    "This page is made from the tables of the service by `parleyctl docs`; edit those, not "
    "this.\n\n"
    "Every operation can be called over HTTP as shown, and, unless it says HTTP only, over a "
    "WebSocket as\n"
    "`{\"id\": \"1\", \"op\": \"messages.send\", \"args\": {…}}`, where `args` has path, query "
    "and body parameters alike.\n\n"
    "- Credentials: `Authorization: Bearer <token>`. A service acts for a user with `Parley-As: "
    "<user>` (over a WebSocket:\n"
    "  `\"as\"` beside `\"op\"`), and then has that user's rights.\n"
    "- JSON in and out. A list is `{\"data\": […], \"next\": cursor or null}`; the next page is "
    "asked for with the cursor, which\n"
    "  the `Link` header has in place. Times are RFC 3339 in UTC.\n"
    "- Errors are [problem](#problem) objects. Parameters that nobody knows are refused by name.\n"
    "- `X-Request-Id` goes in, out and into the log. `Parley-Client: web/1.2.0` says what a "
    "client is.\n"
    "- 201 has a `Location` where what was made can be read. GETs that clients poll have an "
    "`ETag`; with it in\n"
    "  `If-None-Match` they answer 304 without a body as long as nothing has changed.\n"
    "- `RateLimit` and `RateLimit-Policy` say how much is left, of the user's rate or, when sending, "
    "of the conversation's\n"
    "  if that is less; without credentials, of the address's. 429 and 503 carry `Retry-After`.\n"
    "- POSTs that are not safe to repeat by themselves take an `Idempotency-Key` (over a "
    "WebSocket: `\"key\"` beside\n"
    "  `\"op\"`): the first success is remembered for 24\n"
    "  hours and given again (`Idempotency-Replayed: true`); 409 while the first runs, 422 for "
    "another content.\n";
/* clang-format on */

static const char *
type_name(const struct api_param *p)
{
	static const char *const names[] = {
		[API_TEXT] = "text",
		[API_STRING] = "string",
		[API_ID] = "user id",
		[API_CONVERSATION] = "conversation",
		[API_EMOJI] = "emoji",
		[API_UUID] = "UUID",
		[API_TIME] = "time",
		[API_INT] = "integer",
		[API_BOOL] = "boolean",
		[API_ENUM] = "string",
		[API_CATEGORY] = "string",
		[API_ID_LIST] = "list of user ids",
		[API_STRING_LIST] = "list of strings",
		[API_UUID_LIST] = "list of UUIDs",
		[API_OBJECT_LIST] = "list of objects",
	};

	return names[p->type];
}

static void
write_range(struct base_buf *out, const struct api_param *p)
{
	static const char unit[] = " characters";
	bool counted = p->type == API_TEXT || p->type == API_STRING;
	bool listed = p->type >= API_ID_LIST;

	if (p->type == API_ENUM) {
		for (const char *const *v = p->values; *v != NULL; v++)
			base_buf_printf(
			    out, "%s`%s`", v == p->values ? ": " : ", ", *v);
		return;
	}
	if (p->type == API_CATEGORY)
		base_buf_append_str(out, ", one of `PARLEY_CATEGORIES`");
	if (!counted && !listed && p->type != API_INT)
		return;
	if (p->max == API_MAX_TEXT)
		base_buf_append_str(
		    out, ", at most `PARLEY_MAX_TEXT` characters");
	else if (p->max >= INT64_MAX - 1)
		base_buf_printf(out, ", from %" PRId64, p->min);
	else
		base_buf_printf(out, ", %" PRId64 " to %" PRId64 "%s", p->min,
		    p->max, counted ? unit : "");
}

static void
write_param(struct base_buf *out, const char *prefix, const char *place,
    const struct api_param *p)
{
	base_buf_printf(
	    out, "| `%s%s` | %s | %s", prefix, p->name, place, type_name(p));
	write_range(out, p);
	if (p->nullable)
		base_buf_append_str(out, ", or null");
	base_buf_append_str(out, " | ");
	if (p->required && p->place != API_IN_PATH)
		base_buf_append_str(out, "**needed.** ");
	base_buf_append_str(out, p->summary);
	if (p->fallback != NULL && *p->fallback != '\0')
		base_buf_printf(out, " (default %s)", p->fallback);
	base_buf_append_str(out, " |\n");
}

static void
write_params(struct base_buf *out, const struct api_operation *op)
{
	static const char *const places[] = { "path", "query", "body" };

	if (op->nparams + op->nheads == 0)
		return;
	base_buf_append_str(
	    out, "\n| parameter | in | type | |\n|---|---|---|---|\n");
	for (size_t i = 0; i < op->nparams; i++) {
		const struct api_param *p = &op->params[i];

		write_param(out, "", places[p->place], p);
		for (size_t k = 0; k < p->nfields; k++)
			write_param(out, "…", "each", &p->fields[k]);
	}
	for (size_t i = 0; i < op->nheads; i++)
		base_buf_printf(out, "| `%s` | header | string | %s%s |\n",
		    op->heads[i].name,
		    op->heads[i].required ? "**needed.** " : "",
		    op->heads[i].summary);
}

/* What it may be answered with, besides success. */
static void
write_others(struct base_buf *out, const struct api_operation *op)
{
	const char *const *code = op->refusals;

	for (size_t i = 0; i < op->nalso; i++)
		base_buf_printf(
		    out, " %d: %s.", op->also[i].status, op->also[i].summary);
	if (code == NULL)
		return;
	base_buf_append_str(
	    out, "\n\nRefused, besides what any operation is, with");
	for (; *code != NULL; code++)
		base_buf_printf(out, "%s `%s` (%d)",
		    code == op->refusals ? "" : ",", *code,
		    api_error_get(*code)->status);
	base_buf_append_char(out, '.');
}

static const char *
callers(const struct api_operation *op)
{
	if (op->flags & API_OPERATOR)
		return "admins and `PARLEY_METRICS_ALLOW`";
	if (op->flags & API_PUBLIC)
		return "anybody, without credentials";
	if (op->roles == API_ROLE_ANY)
		return "everybody signed in";
	return "services and admins";
}

static void
write_operation(struct base_buf *out, const struct api_operation *op)
{
	bool takes_key =
	    strcmp(op->method, "POST") == 0 && !(op->flags & API_NO_KEY);

	base_buf_printf(out, "\n### %s\n\n`%s %s`\n\n%s.", op->name, op->method,
	    op->path, op->summary);
	if (op->detail != NULL)
		base_buf_printf(out, " %s", op->detail);
	base_buf_printf(out, "\n\nFor %s. Rate: %s.%s%s\n", callers(op),
	    api_rate_name(op->rate),
	    op->flags & API_HTTP_ONLY ? " HTTP only." : "",
	    takes_key ? " Takes an `Idempotency-Key`." : "");
	write_params(out, op);
	base_buf_printf(out, "\nAnswers %d", op->status);
	if (op->answer != NULL)
		base_buf_printf(out, " with %s[%s](#%s)",
		    op->flags & API_LIST ? "a page of " : "", op->answer,
		    op->answer);
	base_buf_append_char(out, '.');
	write_others(out, op);
	base_buf_append_char(out, '\n');
}

static void
write_type(struct base_buf *out, const char *type)
{
	struct api_type_ref ref = api_type_parse(type);
	bool linked = api_schema_find(ref.name) != NULL;

	base_buf_append_str(out, ref.array ? "list of " : "");
	if (linked)
		base_buf_printf(out, "[%s](#%s)", ref.name, ref.name);
	else
		base_buf_append_str(out, ref.name);
	base_buf_append_str(out, ref.nullable ? ", or null" : "");
	base_buf_append_str(out, ref.optional ? ", or left out" : "");
}

static void
write_fields(struct base_buf *out, const struct api_field *fields, size_t n)
{
	base_buf_append_str(out, "\n| field | type | |\n|---|---|---|\n");
	for (size_t i = 0; i < n; i++) {
		base_buf_printf(out, "| `%s` | ", fields[i].name);
		write_type(out, fields[i].type);
		base_buf_printf(out, " | %s |\n", fields[i].summary);
	}
}

static void
write_event(struct base_buf *out, const struct api_event_type *t)
{
	base_buf_printf(out, "\n### %s\n\n%s. ", t->name, t->summary);
	if (t->topics & API_TOPIC_STREAM)
		base_buf_append_str(out, "To one stream only, without an id.");
	else
		base_buf_printf(out, "On %s%s%s%s; %s.",
		    t->topics & API_TOPIC_PRESENCE ? "`presence:<id>`" : "",
		    t->topics & API_TOPIC_CONVERSATION ? "`conversation:<id>`" :
							 "",
		    t->topics == (API_TOPIC_USER | API_TOPIC_CONVERSATION) ?
			" and " :
			"",
		    t->topics & API_TOPIC_USER ? "`user:<id>`" : "",
		    t->durable ? "kept and replayed" :
				 "not kept, not replayed");
	base_buf_append_str(out, " `data`: ");
	if (t->data != NULL)
		base_buf_printf(out, "[%s](#%s).\n", t->data, t->data);
	else if (t->nfields == 0)
		base_buf_append_str(out, "empty.\n");
	else
		base_buf_append_str(out, "\n");
	if (t->nfields > 0)
		write_fields(out, t->fields, t->nfields);
}

void
api_docs_write(struct base_buf *out)
{
	base_buf_append_str(out, intro);
	for (size_t i = 0; i < api_operation_count(); i++)
		write_operation(out, api_operation_at(i));
	base_buf_append_str(out, "\n# The objects\n");
	for (size_t i = 0; i < api_schema_count(); i++) {
		const struct api_schema *s = api_schema_at(i);

		base_buf_printf(out, "\n### %s\n\n%s.\n", s->name, s->summary);
		write_fields(out, s->fields, s->nfields);
	}
	base_buf_append_str(out,
	    "\n# The events\n\nThe same object through every door: "
	    "[event](#event).\n");
	for (size_t i = 0; i < api_event_type_count(); i++)
		write_event(out, api_event_type_at(i));
	base_buf_append_str(out,
	    "\n# The errors\n\nThe `code` of a [problem](#problem). With an "
	    "argument at fault it is `invalid`, and those of 422 stand in "
	    "`errors`, one for each.\n\n"
	    "| code | status | |\n|---|---|---|\n");
	for (size_t i = 0; i < api_error_count(); i++) {
		const struct api_error *e = api_error_at(i);

		base_buf_printf(
		    out, "| `%s` | %d | %s |\n", e->code, e->status, e->title);
	}
}

void
api_docs_settings(struct base_buf *out)
{
	base_buf_append_str(out,
	    "# The settings\n\n"
	    "Environment variables, read once at the start. This page is made "
	    "by `parleyctl settings` from the\n"
	    "table in `api/config.c`; edit that, not this.\n\n"
	    "| setting | default | what |\n|---|---|---|\n");
	for (size_t i = 0; i < api_setting_count(); i++) {
		struct api_setting s = api_setting_at(i);

		base_buf_printf(out, "| `%s` | ", s.name);
		if (s.fallback != NULL)
			base_buf_printf(out, "`%s`", s.fallback);
		base_buf_printf(out, " | %s |\n", s.summary);
	}
}

/* What a host of the usual kind sets; the rest keeps its default. */
static const char *
usual_value(const char *name)
{
	static const struct {
		const char *name, *value;
	} usual[] = {
		{ "PARLEY_DATABASE_URL",
		    "postgresql://parley@/parley?host=/run/postgresql" },
		{ "PARLEY_JWT_SECRET", "" },
		{ "PARLEY_RUN_DIR", "/run/parley" },
		{ "PARLEY_UPLOAD_DIR", "/var/lib/parley/uploads" },
		{ "PARLEY_FCGI_SOCKET", "/run/parley/fcgi.sock" },
		{ "PARLEY_ACCEL_PREFIX", "/_files/" },
		{ "PARLEY_PUBLIC_URL", "https://chat.example" },
	};

	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		if (strcmp(usual[i].name, name) == 0)
			return usual[i].value;
	}
	return NULL;
}

/* A comment, broken at 96 columns. */
static void
write_comment(struct base_buf *out, const char *text)
{
	while (*text != '\0') {
		size_t len = strlen(text);

		if (len > COMMENT_WIDTH) {
			len = COMMENT_WIDTH;
			while (len > 0 && text[len] != ' ')
				len--;
		}
		base_buf_printf(out, "# %.*s\n", (int)len, text);
		text += len + (text[len] == ' ');
	}
}

void
api_docs_environment(struct base_buf *out)
{
	base_buf_append_str(out,
	    "# Settings of Parley: /etc/parley/parley.env, the environment of "
	    "all its processes.  It holds\n"
	    "# secrets: owner root, group parley, mode 0640.  Made by "
	    "`parleyctl settings --env`; what is\n"
	    "# commented out is the default.\n");
	for (size_t i = 0; i < api_setting_count(); i++) {
		struct api_setting s = api_setting_at(i);
		const char *value = usual_value(s.name);

		base_buf_append_char(out, '\n');
		write_comment(out, s.summary);
		base_buf_printf(out, "%s%s=%s\n", value != NULL ? "" : "#",
		    s.name,
		    value != NULL	   ? value :
			s.fallback != NULL ? s.fallback :
					     "");
	}
}
