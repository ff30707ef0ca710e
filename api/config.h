/* SPDX-License-Identifier: ISC */
/* Settings: PARLEY_* environment variables, read once at start into one
 * struct by one table.  The table is also the documentation (`parleyctl
 * settings`) and a test compares conf/'s annotated file with it. */
#ifndef API_CONFIG_H
#define API_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/operation.h"
#include "base/attr.h"

/* "N/seconds[/burst]": N in so many seconds, `burst` at once (default N). */
struct api_rate_spec {
	uint32_t count;
	uint32_t seconds;
	uint32_t burst;
};

/* One class: the rate of everybody, then those of roles or role labels. */
#define API_RATE_ROLES_MAX 8
struct api_rate_rule {
	struct api_rate_spec rate;
	size_t nroles;
	struct {
		char role[33];
		struct api_rate_spec rate;
	} roles[API_RATE_ROLES_MAX];
};

/* How much all callers together may send into one conversation. */
struct api_channel_rule {
	const char *pattern; /* a channel's name; how names begin, before '*' */
	struct api_rate_spec rate;
};
struct api_channel_rates {
	struct api_rate_spec rate;	/* count 0: no limit */
	struct api_channel_rule *rules; /* the first that fits holds */
	size_t nrules;
};

/* Strings are never NULL (empty = not set) and live as long as the struct.
 * Lists are NULL-terminated. */
struct api_config {
	char *database_url;
	char *listen_database_url; /* same as database_url when not set */
	int db_connections;
	int db_queue;
	int statement_timeout_ms;

	char *jwt_algorithm; /* HS256, RS256 or ES256 */
	char *jwt_secret;
	char *jwt_public_key_file;
	char *jwt_private_key_file; /* parleyctl token only */
	char *jwt_audience;
	char *jwt_issuer;
	char *role_claim;
	char **admin_roles;
	char **service_roles;

	char *instance;
	char *run_dir;
	char *upload_dir;
	char *upload_tmp_dir;
	char *s3_endpoint; /* "": files are in upload_dir */
	char *s3_public_endpoint, *s3_bucket, *s3_region, *s3_prefix;
	char *s3_key_id, *s3_secret, *s3_secret_file;
	bool s3_path_style, s3_redirect;
	int s3_url_seconds, s3_seconds;
	char *fcgi_socket;
	int fcgi_processes;
	bool door_rest, door_sse, door_socket;
	char *accel_prefix;
	char **url_keys; /* `name:secret`; the first one signs */
	int url_seconds;
	bool sign_urls;
	char **origins; /* "*" = any */
	char *public_url;
	char **trusted_proxies; /* whose X-Forwarded-For is believed */

	bool rate_limits;
	struct api_rate_rule rates[API_RATE_COUNT];
	struct api_rate_spec service_rate;
	struct api_channel_rates channel_rates;

	int64_t queue_bytes;
	int64_t ring_bytes;
	bool deflate;
	int heartbeat_seconds;
	int event_retention_hours;
	int lease_seconds;
	int presence_grace_seconds;
	int away_seconds; /* 0 = never */
	bool search_everybody;
	char **metrics_allow;
	int log_level; /* enum base_log_level */
	int max_text;
	int edit_seconds;
	char **categories; /* of groups and channels */
	int64_t max_body_bytes;
	int64_t max_upload_bytes;
	char **upload_types; /* names of upload/kind.h */
	bool keep_originals;
	int64_t quota_bytes, quota_files, quota_day_bytes, quota_day_files;
	int fcgi_wait_seconds;
	int tus_hours, tus_unfinished;
	int decode_seconds;
	int decoders;
	int64_t decode_memory_bytes;
	bool sandbox_strict;
	int64_t max_frame_bytes;

	void *strings; /* owns all of the above */
};

/* Which process asks, so that a setting it cannot do without is missed. */
enum api_config_for {
	API_CONFIG_SERVICE, /* Kore or FastCGI: database and key needed */
	API_CONFIG_TOOL	    /* parleyctl: each command says what it needs */
};

/* Read the environment.  On failure returns false and writes a message for
 * the operator that names the variable into `err`; nothing is to be freed. */
MUST_USE bool api_config_load(
    struct api_config *c, enum api_config_for who, char *err, size_t err_size);
void api_config_fini(struct api_config *c);

/* "N/seconds[/burst]" → spec; false when it is not one. */
MUST_USE bool api_rate_parse(const char *text, struct api_rate_spec *out);

/* The table, for documentation and tests. */
struct api_setting {
	const char *name;     /* "PARLEY_DATABASE_URL" */
	const char *fallback; /* as text; NULL = none */
	bool secret;	      /* never printed */
	const char *summary;
};
size_t api_setting_count(void);
struct api_setting api_setting_at(size_t i);

#endif
