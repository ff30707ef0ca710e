/* SPDX-License-Identifier: ISC */
/* Which bucket a call counts in, and at which rate. */
#include "api/limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/auth.h"
#include "api/client_addr.h"
#include "api/gcra.h"
#include "api/map_file.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define MAGIC UINT64_C(0x70726c796c696d31) /* "prlylim1" */
#define BUCKETS ((size_t)1 << 18)	   /* 4 MiB, touched as needed */

struct api_limits {
	struct api_map_file file;
	struct api_gcra_table table;
	bool on;
	struct api_rate_rule rates[API_RATE_COUNT];
	struct api_rate_spec service;
	struct api_channel_rates channel; /* its rules are borrowed */
	char *const *free_addresses;	  /* borrowed; or NULL */
};

const char *
api_rate_name(enum api_rate rate)
{
	static const char *const names[] = {
		[API_RATE_READ] = "read",
		[API_RATE_WRITE] = "write",
		[API_RATE_SEND] = "send",
		[API_RATE_REACT] = "react",
		[API_RATE_SIGNAL] = "signal",
		[API_RATE_SEARCH] = "search",
		[API_RATE_UPLOAD] = "upload",
		[API_RATE_SIGNIN] = "signin",
		[API_RATE_ADDRESS] = "address",
		[API_RATE_NONE] = "none",
	};

	return names[rate];
}

struct api_limits *
api_limits_open(const struct api_config *config, char *err, size_t err_size)
{
	struct api_limits *l = base_alloc(sizeof(*l));
	/* The first buckets' place is taken by the head. */
	size_t size = BUCKETS * sizeof(*l->table.buckets) + 4096;

	if (!api_map_file_open(&l->file, config->run_dir, "limits", MAGIC, size,
		err, err_size)) {
		base_free(l);
		return NULL;
	}
	l->table.buckets = (void *)((char *)l->file.head + 4096);
	l->table.count = BUCKETS;
	l->on = config->rate_limits;
	memcpy(l->rates, config->rates, sizeof(l->rates));
	l->service = config->service_rate;
	l->channel = config->channel_rates;
	l->free_addresses = config->metrics_allow;
	return l;
}

void
api_limits_close(struct api_limits *l)
{
	if (l == NULL)
		return;
	api_map_file_close(&l->file);
	base_free(l);
}

static uint32_t
seconds_up(uint64_t us)
{
	return (uint32_t)((us + 999999) / 1000000);
}

/* The bucket's name in the table: under the file's own secret, so that nobody
 * can choose a user id that shares another's bucket. */
static uint64_t
tag_of(const struct api_limits *l, const char *policy, const char *who)
{
	char key[192];
	size_t policy_len = strlen(policy), who_len = strlen(who);

	if (who_len > sizeof(key) - 16)
		who_len = sizeof(key) - 16;
	memcpy(key, policy, policy_len + 1);
	memcpy(key + policy_len + 1, who, who_len);
	return base_hash_keyed(
	    l->file.head->secret, key, policy_len + 1 + who_len);
}

static struct api_verdict
ask(struct api_limits *l, const char *policy, const char *who,
    const struct api_rate_spec *rate, bool take)
{
	uint64_t tag = tag_of(l, policy, who);
	struct api_gcra_outcome out =
	    api_gcra_ask(&l->table, tag, rate, base_clock_us(), take);

	return (struct api_verdict){ .counted = true,
		.allowed = out.allowed,
		.rate = *rate,
		.left = out.left,
		.reset_s = seconds_up(out.full_us),
		.retry_s = seconds_up(out.retry_us),
		.policy = policy,
		.tag = out.allowed && take ? tag : 0 };
}

static const struct api_rate_spec *
rate_of(const struct api_rate_rule *rule, const struct api_identity *id)
{
	for (size_t i = 0; i < rule->nroles; i++) {
		const char *role = rule->roles[i].role;

		if (strcmp(role, api_role_name(id->role)) == 0 ||
		    (id->label != NULL && strcmp(role, id->label) == 0))
			return &rule->roles[i].rate;
	}
	return &rule->rate;
}

struct api_verdict
api_limit_take(
    struct api_limits *l, enum api_rate rate, const struct api_identity *id)
{
	if (!l->on || rate == API_RATE_NONE)
		return (struct api_verdict){ .allowed = true };
	if (id->role == API_ROLE_SERVICE)
		return ask(l, "service", id->user, &l->service, true);
	return ask(l, api_rate_name(rate), id->user,
	    rate_of(&l->rates[rate], id), true);
}

struct api_verdict
api_limit_address(struct api_limits *l, enum api_rate rate,
    const char *remote_addr, bool count)
{
	char network[API_CLIENT_ADDR_SIZE];

	if (!l->on || remote_addr == NULL ||
	    (rate == API_RATE_ADDRESS &&
		api_client_addr_trusted(remote_addr, l->free_addresses)))
		return (struct api_verdict){ .allowed = true };
	return ask(l, api_rate_name(rate),
	    api_client_addr_network(network, remote_addr), &l->rates[rate].rate,
	    count);
}

enum api_limit_by
api_limit_channels_by(const struct api_limits *l)
{
	if (l->on && l->channel.nrules > 0)
		return API_LIMIT_BY_NAME;
	return l->on && l->channel.rate.count > 0 ? API_LIMIT_BY_ID :
						    API_LIMIT_BY_NOTHING;
}

static bool
is_meant(const char *pattern, const char *name)
{
	size_t len = strcspn(pattern, "*");

	return strncmp(pattern, name, len) == 0 &&
	    (pattern[len] == '*' || name[len] == '\0');
}

static const struct api_rate_spec *
channel_rate(const struct api_channel_rates *rates, const char *name)
{
	for (size_t i = 0; name != NULL && i < rates->nrules; i++) {
		if (is_meant(rates->rules[i].pattern, name))
			return &rates->rules[i].rate;
	}
	return rates->rate.count > 0 ? &rates->rate : NULL;
}

struct api_verdict
api_limit_channel(struct api_limits *l, const char *id, const char *name)
{
	const struct api_rate_spec *rate =
	    l->on ? channel_rate(&l->channel, name) : NULL;

	if (rate == NULL)
		return (struct api_verdict){ .allowed = true };
	return ask(l, "channel", id, rate, true);
}

void
api_limit_give_back(struct api_limits *l, struct api_verdict *v)
{
	if (v->tag != 0)
		api_gcra_give_back(&l->table, v->tag, &v->rate);
	v->tag = 0;
}

void
api_limit_policy_format(char out[API_LIMIT_TEXT], const struct api_verdict *v)
{
	(void)snprintf(out, API_LIMIT_TEXT, "\"%s\";q=%" PRIu32 ";w=%" PRIu32,
	    v->policy, v->rate.count, v->rate.seconds);
}

void
api_limit_left_format(char out[API_LIMIT_TEXT], const struct api_verdict *v)
{
	(void)snprintf(out, API_LIMIT_TEXT, "\"%s\";r=%" PRIu32 ";t=%" PRIu32,
	    v->policy, v->left, v->reset_s);
}
