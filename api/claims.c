/* SPDX-License-Identifier: ISC */
/* What a verified token says. */
#include "api/claims.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define USER_BYTES_MAX 128
#define NAME_MAX_CHARS 200
#define PICTURE_MAX_CHARS 2000
#define LABEL_MAX_CHARS 100
#define TIME_MAX 253402300799.0 /* the end of the year 9999 */

/* A NumericDate (RFC 7519): seconds, perhaps with a fraction. */
static bool
read_time(const json_t *v, int64_t *out)
{
	double value;

	if (!json_is_number(v))
		return false;
	value = json_number_value(v);
	if (!(value >= 0 && value <= TIME_MAX))
		return false;
	*out = (int64_t)value;
	return true;
}

static enum api_token_status
check_times(const struct api_claim_rules *rules, const json_t *claims,
    int64_t now, int64_t *expires_at)
{
	const json_t *nbf = json_object_get(claims, "nbf");
	int64_t begins;

	if (!read_time(json_object_get(claims, "exp"), expires_at) ||
	    *expires_at + rules->leeway_s < now)
		return API_TOKEN_EXPIRED;
	if (nbf != NULL &&
	    (!read_time(nbf, &begins) || begins - rules->leeway_s > now))
		return API_TOKEN_EARLY;
	return API_TOKEN_OK;
}

static bool
is_or_has(const json_t *v, const char *wanted)
{
	size_t i;
	json_t *element;

	if (json_is_string(v))
		return strcmp(json_string_value(v), wanted) == 0;
	json_array_foreach (v, i, element) {
		if (json_is_string(element) &&
		    strcmp(json_string_value(element), wanted) == 0)
			return true;
	}
	return false;
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

/* The claim when it is text by our rules that shows something, else NULL. */
static const char *
read_text(const json_t *claims, const char *name, size_t max_chars)
{
	const json_t *v = json_object_get(claims, name);
	const char *s = json_string_value(v);
	size_t len = json_string_length(v);

	if (s == NULL || !base_text_check(s, len) || has_control(s) ||
	    base_text_blank(s, len) || base_utf8_count(s, len) > max_chars)
		return NULL;
	return s;
}

static bool
read_subject(const json_t *claims, char out[USER_BYTES_MAX + 1])
{
	const json_t *v = json_object_get(claims, "sub");
	const char *s = json_string_value(v);
	size_t len = json_string_length(v);

	if (json_is_integer(v)) {
		snprintf(out, USER_BYTES_MAX + 1, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(v));
		return true;
	}
	if (s == NULL || len == 0 || len > USER_BYTES_MAX ||
	    !base_text_check(s, len) || has_control(s))
		return false;
	memcpy(out, s, len + 1);
	return true;
}

static bool
matches_any(const json_t *v, char *const *values)
{
	for (; *values != NULL; values++) {
		if (is_or_has(v, *values))
			return true;
	}
	return false;
}

static enum api_role
read_role(const struct api_claim_rules *rules, const json_t *claims)
{
	const json_t *v = json_object_get(claims, rules->role_claim);

	if (matches_any(v, rules->service_roles))
		return API_ROLE_SERVICE;
	return matches_any(v, rules->admin_roles) ? API_ROLE_ADMIN :
						    API_ROLE_USER;
}

enum api_token_status
api_claims_check(const struct api_claim_rules *rules, json_t *claims,
    int64_t now, struct api_identity **id)
{
	enum api_token_status status;
	char user[USER_BYTES_MAX + 1];
	struct api_identity from = { .user = user };

	status = check_times(rules, claims, now, &from.expires_at);
	if (status != API_TOKEN_OK)
		return status;
	if (*rules->audience != '\0' &&
	    !is_or_has(json_object_get(claims, "aud"), rules->audience))
		return API_TOKEN_AUDIENCE;
	if (*rules->issuer != '\0' &&
	    (!json_is_string(json_object_get(claims, "iss")) ||
		!is_or_has(json_object_get(claims, "iss"), rules->issuer)))
		return API_TOKEN_ISSUER;
	if (!read_subject(claims, user))
		return API_TOKEN_SUBJECT;
	from.role = read_role(rules, claims);
	from.label = read_text(claims, rules->role_claim, LABEL_MAX_CHARS);
	from.name = read_text(claims, "name", NAME_MAX_CHARS);
	from.picture = read_text(claims, "picture", PICTURE_MAX_CHARS);
	*id = api_identity_new(&from);
	return API_TOKEN_OK;
}
