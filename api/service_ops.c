/* SPDX-License-Identifier: ISC */
/* The engine's own operations. */
#include "api/service_ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/call_private.h"
#include "api/digest.h"
#include "api/metrics.h"
#include "api/openapi.h"
#include "api/render.h"
#include "base/attr.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "db/pool.h"
#include "db/result.h"

#define TICKET_CHARS 32 /* 160 random bits */

/* --- ping --- */

static enum api_hook_next
ping(struct api_call *c)
{
	char now[BASE_CLOCK_TEXT], body[64];
	int len;

	base_clock_rfc3339(base_clock_wall_us(), now);
	len = snprintf(body, sizeof(body), "{\"time\":\"%s\"}", now);
	api_call_body_set(c, "application/json", body, (size_t)len);
	return API_HOOK_GO_ON;
}

/* --- tickets.create --- */

static enum api_hook_next
ticket_before(struct api_call *c)
{
	const struct api_identity *id = api_call_subject(c);
	char ticket[TICKET_CHARS + 1], hash[API_DIGEST_HEX], exp[24];

	base_random_base32(ticket, TICKET_CHARS);
	api_digest_hex(ticket, TICKET_CHARS, hash);
	snprintf(exp, sizeof(exp), "%" PRId64, id->expires_at);
	api_call_value_set(c, "ticket", ticket);
	api_call_value_set(c, "hash", hash);
	api_call_value_set(c, "label", id->label);
	api_call_value_set(c, "token_exp", exp);
	return API_HOOK_GO_ON;
}

static enum api_hook_next
ticket_after(struct api_call *c, const struct db_result *r)
{
	const char *expires =
	    db_result_value(r, 0, db_result_column(r, "expires_at"));
	struct base_buf out = { 0 };
	struct base_json j;

	base_json_init(&j, &out);
	base_json_object_begin(&j);
	base_json_put_str(&j, "ticket", api_call_value(c, "ticket"));
	base_json_key(&j, "expires_at");
	base_json_raw(&j, "\"", 1);
	api_render_time(&out, expires);
	base_buf_append_char(&out, '"');
	base_json_object_end(&j);
	api_call_body_set(c, "application/json", out.data, out.len);
	base_buf_fini(&out);
	return API_HOOK_GO_ON;
}

/* --- health --- */

static enum api_hook_next
health_live(struct api_call *c)
{
	static const char body[] = "{\"status\":\"ok\",\"checks\":null}";

	api_call_body_set(c, "application/json", body, sizeof(body) - 1);
	return API_HOOK_GO_ON;
}

static bool
database_ok(void *arg, char *why, size_t why_size)
{
	const struct api_engine *e = arg;
	struct db_pool_stats s;

	if (db_pool_ready(e->pool))
		return true;
	db_pool_stats(e->pool, &s);
	if (s.up == 0)
		snprintf(why, why_size, "no connection");
	else
		snprintf(why, why_size,
		    "%u statements do not fit the schema: parleyctl migrate",
		    s.unprepared);
	return false;
}

/* One part of readiness; its details are for operators. */
static bool
check(struct base_json *j, const struct api_ready_check *part)
{
	char why[200] = "";
	bool ok = part->ok(part->arg, why, sizeof(why));

	base_json_put_str(j, part->name,
	    ok		     ? "ok" :
		*why != '\0' ? why :
			       "unavailable");
	return ok;
}

static bool
check_all(struct api_engine *e, struct base_buf *out)
{
	struct api_ready_check database = { "database", database_ok, e };
	struct base_json j;
	bool ok;

	base_json_init(&j, out);
	base_json_object_begin(&j);
	ok = check(&j, &database);
	for (size_t i = 0; i < e->nchecks; i++)
		ok = check(&j, &e->checks[i]) && ok;
	base_json_object_end(&j);
	return ok;
}

static enum api_hook_next
health_ready(struct api_call *c)
{
	struct base_buf parts = { 0 }, out = { 0 };
	bool ok = check_all(c->engine, &parts);
	bool draining = c->engine->draining;
	struct base_json j;

	base_json_init(&j, &out);
	base_json_object_begin(&j);
	base_json_put_str(&j, "status",
	    draining ? "draining" :
		ok   ? "ok" :
		       "unavailable");
	if (api_call_is_operator(c))
		base_json_put_raw(&j, "checks", parts.data, parts.len);
	else
		base_json_put_null(&j, "checks");
	base_json_object_end(&j);
	if (!ok || draining)
		api_call_status_set(c, 503);
	api_call_body_set(c, "application/json", out.data, out.len);
	base_buf_fini(&parts);
	base_buf_fini(&out);
	return API_HOOK_GO_ON;
}

/* --- documents --- */

static enum api_hook_next
metrics_get(struct api_call *c)
{
	struct base_buf out = { 0 };

	api_engine_measure(c->engine);
	api_metrics_write(c->engine->metrics, &out);
	api_call_body_set(
	    c, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
	base_buf_fini(&out);
	return API_HOOK_GO_ON;
}

static enum api_hook_next
openapi_get(struct api_call *c)
{
	struct base_buf out = { 0 };

	if (c->engine->openapi == NULL) {
		api_openapi_write(&out, c->engine->config->public_url);
		c->engine->openapi = base_buf_take(&out);
	}
	api_call_header_add(c, "Cache-Control", "public, max-age=300");
	api_call_body_set(c, "application/json", c->engine->openapi,
	    strlen(c->engine->openapi));
	return API_HOOK_GO_ON;
}

static const struct api_hook hooks[] = {
	{ .operation = "ping", .perform = ping },
	{ .operation = "tickets.create",
	    .before = ticket_before,
	    .after = ticket_after },
	{ .operation = "health.live", .perform = health_live },
	{ .operation = "health.ready", .perform = health_ready },
	{ .operation = "metrics.get", .perform = metrics_get },
	{ .operation = "openapi.get", .perform = openapi_get },
};

const struct api_hook *
api_service_hooks(size_t *count)
{
	*count = ARRAY_LEN(hooks);
	return hooks;
}
