/* SPDX-License-Identifier: ISC */
/* Idempotency-Key: the first success of a POST is remembered for a day and
 * given again to whoever repeats it with the same key and the same content. */
#include "api/call_private.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/digest.h"
#include "db/query.h"
#include "db/result.h"

#define KEY_MAX 255

/* The draft has a quoted string, many clients send it bare: both are taken. */
static const char *
read_key(struct api_call *c, const char *header)
{
	size_t len = strlen(header);

	if (len >= 2 && header[0] == '"' && header[len - 1] == '"') {
		header++;
		len -= 2;
	}
	if (len == 0 || len > KEY_MAX)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (header[i] < '!' || header[i] > '~' || header[i] == '"')
			return NULL;
	}
	return base_arena_strndup(&c->arena, header, len);
}

/* What was asked, after validation: the same request gives the same text. */
static void
fingerprint(const struct api_call *c, char out[API_DIGEST_HEX])
{
	struct base_buf text = { 0 };

	base_buf_append_str(&text, c->op->name);
	for (size_t i = 0; i < c->op->nparams; i++) {
		const char *value = c->args.values[i];

		base_buf_append_char(&text, value != NULL ? '\1' : '\2');
		base_buf_append_str(&text, value != NULL ? value : "");
	}
	api_digest_hex(text.data, text.len, out);
	base_buf_fini(&text);
}

static void
location_again(struct api_call *c, const char *body)
{
	json_t *made = body != NULL ? json_loads(body, 0, NULL) : NULL;

	api_call_location_add(
	    c, json_string_value(json_object_get(made, "id")));
	json_decref(made);
}

static enum api_step
answer_again(struct api_call *c, const char *status, const char *body)
{
	c->key = NULL; /* not ours */
	c->status = status != NULL ? atoi(status) : c->op->status;
	api_call_header_add(c, "Idempotency-Replayed", "true");
	location_again(c, body);
	api_call_body_set(c, "application/json", body != NULL ? body : "{}",
	    body != NULL ? strlen(body) : 2);
	return API_STEP_STOP;
}

static enum api_step
take_claim(struct api_call *c, const struct db_result *r)
{
	const char *outcome = db_result_value(r, 0, 0);

	if (strcmp(outcome, "new") == 0)
		return API_STEP_NEXT;
	if (strcmp(outcome, "done") == 0)
		return answer_again(
		    c, db_result_value(r, 0, 1), db_result_value(r, 0, 2));
	c->key = NULL;
	return api_call_fail(c,
	    strcmp(outcome, "mismatch") == 0 ? "idempotency_mismatch" :
					       "idempotency_in_flight",
	    NULL);
}

static void
claimed(const struct db_result *r, void *arg)
{
	struct api_call *c = arg;

	c->query = NULL;
	if (r->status == DB_OK && r->rows == 1) {
		api_call_go_on(c, take_claim(c, r));
		return;
	}
	c->key = NULL;
	api_call_go_on(c,
	    api_call_fail_with(c,
		api_engine_db_error(c->engine, "idempotency.claim", r), NULL));
}

enum api_step
api_call_step_claim(struct api_call *c)
{
	const char *header = api_call_header(c, "Idempotency-Key");
	char print[API_DIGEST_HEX];
	const char *values[4];

	if (header == NULL || c->subject == NULL ||
	    (c->op->flags & API_NO_KEY) || strcmp(c->op->method, "POST") != 0)
		return API_STEP_NEXT;
	c->key = read_key(c, header);
	if (c->key == NULL)
		return api_call_fail(c, "bad_request",
		    "Idempotency-Key is 1 to 255 printable characters.");
	c->keyed = true;
	fingerprint(c, print);
	values[0] = c->subject->user;
	values[1] = c->key;
	values[2] = c->op->name;
	values[3] = print;
	c->query = db_query_start(
	    c->engine->pool, c->engine->key_claim, values, claimed, c);
	return API_STEP_WAIT;
}

static void
settled(const struct db_result *r, void *arg)
{
	struct api_call *c = arg;

	/* Failed: the claim ends by itself after a minute. */
	(void)r;
	c->query = NULL;
	api_call_finish(c);
}

bool
api_call_settle_key(struct api_call *c)
{
	bool store = c->error == NULL;
	const char *values[4];
	char status[12];

	/* Not known whether it happened: nobody may try until the claim
	 * ends by itself. */
	if (c->key == NULL || c->unknown)
		return false;
	snprintf(status, sizeof(status), "%d", c->status);
	values[0] = c->subject->user;
	values[1] = c->key;
	values[2] = status;
	values[3] = base_buf_str(&c->out);
	c->key = NULL;
	c->query = db_query_start(c->engine->pool,
	    store ? c->engine->key_store : c->engine->key_release, values,
	    settled, c);
	return true;
}
