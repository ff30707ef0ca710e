/* SPDX-License-Identifier: ISC */
/* The table of settings and how each kind of value is read. */
#include "api/config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/file_link.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"

enum kind {
	KIND_STRING,   /* char * */
	KIND_LIST,     /* char **; separated by commas or spaces */
	KIND_KEYS,     /* the same; each of the kind of file_link.h */
	KIND_INT,      /* int */
	KIND_INT64,    /* int64_t */
	KIND_ON_OFF,   /* bool */
	KIND_NAME,     /* char *; [a-z0-9]{1,16}: goes into connection ids */
	KIND_DOORS,    /* the three bools door_* */
	KIND_LEVEL,    /* int; enum base_log_level */
	KIND_RULE,     /* struct api_rate_rule */
	KIND_CHANNELS, /* struct api_channel_rates */
	KIND_RATE      /* struct api_rate_spec */
};

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	const char *fallback; /* NULL = empty */
	int64_t min, max;     /* of numbers */
	bool secret;
	bool needed; /* by a service */
	const char *summary;
};

#define AT(field) offsetof(struct api_config, field)
#define KIB 1024LL
#define MIB (1024LL * 1024)

/* clang-format off */
static const struct row rows[] = {
	{ "PARLEY_DATABASE_URL", KIND_STRING, AT(database_url), NULL, 0, 0, true, true,
	    "PostgreSQL: a libpq URL or key=value string; a socket directory or an address, no "
	    "host name" },
	{ "PARLEY_LISTEN_DATABASE_URL", KIND_STRING, AT(listen_database_url),
	    NULL, 0, 0, true, false,
	    "The same database for LISTEN, where the first goes through a pooler; default: the "
	    "first" },
	{ "PARLEY_DB_CONNECTIONS", KIND_INT, AT(db_connections), "3", 1, 64, false, false,
	    "Database connections of each process, besides the one that listens" },
	{ "PARLEY_DB_QUEUE", KIND_INT, AT(db_queue), "2000", 10, 1000000, false, false,
	    "Queries that may be under way in one process; beyond it callers get 503" },
	{ "PARLEY_STATEMENT_TIMEOUT_MS", KIND_INT, AT(statement_timeout_ms),
	    "5000", 100, 600000, false, false,
	    "After this PostgreSQL ends a statement" },
	{ "PARLEY_JWT_ALGORITHM", KIND_STRING, AT(jwt_algorithm), "HS256", 0, 0, false, false,
	    "Algorithm of tokens: HS256, RS256 or ES256; a token that says another is refused" },
	{ "PARLEY_JWT_SECRET", KIND_STRING, AT(jwt_secret), NULL, 0, 0, true, false,
	    "HS256: the secret, at least 32 bytes" },
	{ "PARLEY_JWT_PUBLIC_KEY_FILE", KIND_STRING, AT(jwt_public_key_file),
	    NULL, 0, 0, false, false,
	    "RS256, ES256: PEM file with the public key" },
	{ "PARLEY_JWT_PRIVATE_KEY_FILE", KIND_STRING, AT(jwt_private_key_file),
	    NULL, 0, 0, false, false,
	    "RS256, ES256: PEM file that `parleyctl token` signs with; the service needs none" },
	{ "PARLEY_JWT_AUDIENCE", KIND_STRING, AT(jwt_audience), NULL, 0, 0, false, false,
	    "When set, `aud` of a token must be or contain it" },
	{ "PARLEY_JWT_ISSUER", KIND_STRING, AT(jwt_issuer), NULL, 0, 0, false, false,
	    "When set, `iss` of a token must be it" },
	{ "PARLEY_ROLE_CLAIM", KIND_STRING, AT(role_claim), "role", 0, 0, false, false,
	    "Claim that holds the role" },
	{ "PARLEY_ADMIN_ROLES", KIND_LIST, AT(admin_roles), "admin", 0, 0, false, false,
	    "Values of the role claim that mean admin" },
	{ "PARLEY_SERVICE_ROLES", KIND_LIST, AT(service_roles), "service", 0, 0, false, false,
	    "Values of the role claim that mean service" },
	{ "PARLEY_INSTANCE", KIND_NAME, AT(instance), "p1", 0, 0, false, false,
	    "Short name of this instance, 1 to 16 of a-z and 0-9; unique among all that share a "
	    "database" },
	{ "PARLEY_RUN_DIR", KIND_STRING, AT(run_dir), NULL, 0, 0, false, false,
	    "Directory for the files that the processes of a host share (rate limits, metrics)" },
	{ "PARLEY_UPLOAD_DIR", KIND_STRING, AT(upload_dir), NULL, 0, 0, false, false,
	    "Directory of stored files; parley-fcgi needs it" },
	{ "PARLEY_UPLOAD_TMP_DIR", KIND_STRING, AT(upload_tmp_dir), NULL, 0, 0, false, false,
	    "Directory for files being received, on the same file system; default: tmp in "
	    "PARLEY_UPLOAD_DIR" },
	{ "PARLEY_S3_ENDPOINT", KIND_STRING, AT(s3_endpoint), NULL, 0, 0, false, false,
	    "An S3-compatible store for files, such as https://s3.eu-central-1.amazonaws.com; "
	    "PARLEY_UPLOAD_DIR has only temporary files then; empty: files are in PARLEY_UPLOAD_DIR" },
	{ "PARLEY_S3_PUBLIC_ENDPOINT", KIND_STRING, AT(s3_public_endpoint),
	    NULL, 0, 0, false, false,
	    "Where clients reach that store, when it is not where this machine does" },
	{ "PARLEY_S3_BUCKET", KIND_STRING, AT(s3_bucket), NULL, 0, 0, false, false,
	    "Bucket of stored files; private, and there already" },
	{ "PARLEY_S3_REGION", KIND_STRING, AT(s3_region), "us-east-1", 0, 0, false, false,
	    "Region of the bucket, for signatures" },
	{ "PARLEY_S3_PREFIX", KIND_STRING, AT(s3_prefix), NULL, 0, 0, false, false,
	    "Before all keys in the bucket, such as parley/; what else the bucket has is left alone" },
	{ "PARLEY_S3_KEY_ID", KIND_STRING, AT(s3_key_id), NULL, 0, 0, false, false,
	    "Access key id; it needs to get, put, delete and list objects" },
	{ "PARLEY_S3_SECRET_KEY", KIND_STRING, AT(s3_secret), NULL, 0, 0, true, false,
	    "Secret of that key" },
	{ "PARLEY_S3_SECRET_KEY_FILE", KIND_STRING, AT(s3_secret_file), NULL, 0, 0, false, false,
	    "File that has the secret in its first line, instead" },
	{ "PARLEY_S3_PATH_STYLE", KIND_ON_OFF, AT(s3_path_style), "on", 0, 0, false, false,
	    "on: endpoint/bucket/key; off: bucket.endpoint/key" },
	{ "PARLEY_S3_REDIRECT", KIND_ON_OFF, AT(s3_redirect), "on", 0, 0, false, false,
	    "on: downloads are redirected to the store, at addresses good for a while; off: Nginx "
	    "fetches files from it (PARLEY_ACCEL_PREFIX)" },
	{ "PARLEY_S3_URL_SECONDS", KIND_INT, AT(s3_url_seconds), "300", 10, 604800, false, false,
	    "How long such an address is good" },
	{ "PARLEY_S3_SECONDS", KIND_INT, AT(s3_seconds), "20", 1, 50, false, false,
	    "An upload waits no longer for the store, with all repetitions" },
	{ "PARLEY_FCGI_SOCKET", KIND_STRING, AT(fcgi_socket), NULL, 0, 0, false, false,
	    "Unix socket of parley-fcgi; Kore hands uploads on to it" },
	{ "PARLEY_FCGI_PROCESSES", KIND_INT, AT(fcgi_processes), "4", 1, 256, false, false,
	    "Processes of parley-fcgi" },
	{ "PARLEY_FCGI_WAIT_SECONDS", KIND_INT, AT(fcgi_wait_seconds), "8", 1, 60, false, false,
	    "When none of them is free for so long, requests that wait get 503" },
	{ "PARLEY_DOORS", KIND_DOORS, 0, "rest,sse,socket", 0, 0, false, false,
	    "What Kore serves: rest, sse, socket; sse,socket is the side-car beside FastCGI" },
	{ "PARLEY_ACCEL_PREFIX", KIND_STRING, AT(accel_prefix), NULL, 0, 0, false, false,
	    "Internal location of Nginx for X-Accel-Redirect, such as /_files/; empty: files are "
	    "sent by Kore, or by parley-fcgi to other web servers" },
	{ "PARLEY_URL_KEYS", KIND_KEYS, AT(url_keys), NULL, 0, 0, true, false,
	    "What addresses of files are signed with: `name:secret`, secrets of 32 bytes at least; "
	    "the first one signs, all are good, so that one can be replaced; empty: none are "
	    "signed" },
	{ "PARLEY_URL_SECONDS", KIND_INT, AT(url_seconds), "3600", 60, 604800, false, false,
	    "How long signed addresses of files are good, if the caller does not say; half of "
	    "it at least" },
	{ "PARLEY_SIGN_URLS", KIND_ON_OFF, AT(sign_urls), "off", 0, 0, false, false,
	    "on: all addresses of files in answers and events are signed ones" },
	{ "PARLEY_ORIGINS", KIND_LIST, AT(origins), NULL, 0, 0, false, false,
	    "Origins whose pages may call and open streams (https://app.example), or *; empty: "
	    "only the service's own" },
	{ "PARLEY_PUBLIC_URL", KIND_STRING, AT(public_url), NULL, 0, 0, false, false,
	    "Where clients reach the service (https://chat.example): for links and as an allowed "
	    "origin" },
	{ "PARLEY_TRUSTED_PROXIES", KIND_LIST, AT(trusted_proxies),
	    "127.0.0.1,::1", 0, 0, false, false,
	    "Addresses or networks whose X-Real-IP and X-Forwarded-For are believed; unix sockets "
	    "always are" },
	{ "PARLEY_RATE_LIMITS", KIND_ON_OFF, AT(rate_limits), "on", 0, 0, false, false,
	    "off for benchmarks and soak tests" },
	{ "PARLEY_RATE_READ", KIND_RULE, AT(rates[API_RATE_READ]), "600/60/200", 0, 0, false, false,
	    "Rate of reads: N/seconds[/burst], then role=rate for roles that differ, e.g. "
	    "600/60/200 admin=6000/60" },
	{ "PARLEY_RATE_WRITE", KIND_RULE, AT(rates[API_RATE_WRITE]),
	    "120/60/60", 0, 0, false, false,
	    "Rate of writes that are not sends" },
	{ "PARLEY_RATE_SEND", KIND_RULE, AT(rates[API_RATE_SEND]), "20/20", 0, 0, false, false,
	    "Rate of sends: 20 at once, then one a second" },
	{ "PARLEY_RATE_REACT", KIND_RULE, AT(rates[API_RATE_REACT]),
	    "120/60/30", 0, 0, false, false,
	    "Rate of reactions" },
	{ "PARLEY_RATE_SIGNAL", KIND_RULE, AT(rates[API_RATE_SIGNAL]),
	    "300/60/100", 0, 0, false, false,
	    "Rate of typing, read positions, pings and changes of connections" },
	{ "PARLEY_RATE_SEARCH", KIND_RULE, AT(rates[API_RATE_SEARCH]),
	    "60/60/20", 0, 0, false, false,
	    "Rate of searches" },
	{ "PARLEY_RATE_UPLOAD", KIND_RULE, AT(rates[API_RATE_UPLOAD]),
	    "30/60/20", 0, 0, false, false,
	    "Rate of uploads" },
	{ "PARLEY_RATE_SIGNIN", KIND_RULE, AT(rates[API_RATE_SIGNIN]), "30/60", 0, 0, false, false,
	    "Rate of refused credentials, by address" },
	{ "PARLEY_RATE_ADDRESS", KIND_RULE, AT(rates[API_RATE_ADDRESS]),
	    "600/60/300", 0, 0, false, false,
	    "Rate of requests without credentials, by address (of IPv6, by network of 64 bits); "
	    "those of PARLEY_METRICS_ALLOW are free" },
	{ "PARLEY_RATE_SERVICE", KIND_RATE, AT(service_rate), "1000/1", 0, 0, false, false,
	    "Rate of a service, all its calls together" },
	{ "PARLEY_RATE_CHANNEL", KIND_CHANNELS, AT(channel_rates), NULL, 0, 0, false, false,
	    "Rate of sends into one conversation, all senders together: N/seconds[/burst] for any "
	    "and name=rate for channels, name* for those whose names begin so, the first that fits, "
	    "e.g. 600/60 support:*=5/1; empty: none" },
	{ "PARLEY_SEARCH_EVERYBODY", KIND_ON_OFF, AT(search_everybody), "on", 0, 0, false, false,
	    "Users find everybody by name; off: only those with whom they share a conversation" },
	{ "PARLEY_QUEUE_BYTES", KIND_INT64, AT(queue_bytes),
	    "1048576", 16 * KIB, 64 * MIB, false, false,
	    "Bytes queued for one stream before it is cut" },
	{ "PARLEY_RING_BYTES", KIND_INT64, AT(ring_bytes), "16777216", 64 * KIB, 4096 * MIB, false,
	    false,
	    "Bytes of newest events that each process keeps for streams that resume" },
	{ "PARLEY_HEARTBEAT_SECONDS", KIND_INT, AT(heartbeat_seconds), "15", 1, 300, false, false,
	    "An SSE comment after so much silence" },
	{ "PARLEY_DEFLATE", KIND_ON_OFF, AT(deflate), "on", 0, 0, false, false,
	    "Compress for WebSocket clients that offer permessage-deflate" },
	{ "PARLEY_EVENT_RETENTION_HOURS", KIND_INT, AT(event_retention_hours),
	    "72", 1, 87600, false, false,
	    "How long the event log is kept at least" },
	{ "PARLEY_LEASE_SECONDS", KIND_INT, AT(lease_seconds), "30", 3, 600, false, false,
	    "A process that says nothing for so long is taken for dead: its users go offline" },
	{ "PARLEY_PRESENCE_GRACE_SECONDS", KIND_INT, AT(presence_grace_seconds),
	    "8", 0, 600, false, false,
	    "How long after their last connection's end users are still shown as online" },
	{ "PARLEY_AWAY_SECONDS", KIND_INT, AT(away_seconds), "300", 0, 86400, false, false,
	    "After so long without doing anything a user is shown as away; 0: never" },
	{ "PARLEY_METRICS_ALLOW", KIND_LIST, AT(metrics_allow), "127.0.0.1,::1", 0, 0, false, false,
	    "Addresses or networks that may read /metrics and details of /health/ready without "
	    "being an admin" },
	{ "PARLEY_LOG_LEVEL", KIND_LEVEL, AT(log_level), "info", 0, 0, false, false,
	    "error, warn, info (a line per request) or debug" },
	{ "PARLEY_MAX_TEXT", KIND_INT, AT(max_text), "10000", 1, 100000, false, false,
	    "Characters of a message" },
	{ "PARLEY_EDIT_SECONDS", KIND_INT, AT(edit_seconds), "0", 0, 31536000, false, false,
	    "For so long after sending users may edit and delete messages of their own; 0: for "
	    "ever" },
	{ "PARLEY_CATEGORIES", KIND_LIST, AT(categories),
	    "general,food_share,news,recipes,tips,local_events", 0, 0, false, false,
	    "What groups and channels may be about; `general` is what they are when nobody says" },
	{ "PARLEY_MAX_BODY_BYTES", KIND_INT64, AT(max_body_bytes), "65536",
	    KIB, 16 * MIB, false, false,
	    "Bytes of a JSON body" },
	{ "PARLEY_MAX_UPLOAD_BYTES", KIND_INT64, AT(max_upload_bytes), "10485760",
	    KIB, 10240 * MIB, false, false,
	    "Bytes of an upload" },
	{ "PARLEY_UPLOAD_TYPES", KIND_LIST, AT(upload_types),
	    "image/jpeg,image/png,image/gif,image/webp,application/pdf,application/zip,text/plain,"
	    "text/markdown", 0, 0, false, false,
	    "Types that are taken, found from the content. Also image/avif, image/heic (kept as JPEG "
	    "or WebP), video/mp4, video/quicktime, video/webm, audio/mp4, audio/mpeg, audio/ogg, "
	    "audio/wav, audio/flac; video/* is all of them" },
	{ "PARLEY_KEEP_ORIGINALS", KIND_ON_OFF, AT(keep_originals), "off", 0, 0, false, false,
	    "on: pictures are kept as they came as well, with all that a camera wrote into them" },
	{ "PARLEY_QUOTA_BYTES", KIND_INT64, AT(quota_bytes), "5368709120", 0, INT64_MAX, false,
	    false,
	    "Bytes that one user may have stored; 0: any number" },
	{ "PARLEY_QUOTA_FILES", KIND_INT64, AT(quota_files), "20000", 0, INT64_MAX, false, false,
	    "Files that one user may have stored; 0: any number" },
	{ "PARLEY_QUOTA_DAY_BYTES", KIND_INT64, AT(quota_day_bytes), "1073741824", 0, INT64_MAX,
	    false, false,
	    "Bytes that one user may store in 24 hours; 0: any number" },
	{ "PARLEY_QUOTA_DAY_FILES", KIND_INT64, AT(quota_day_files), "1000", 0, INT64_MAX, false,
	    false,
	    "Files that one user may store in 24 hours; 0: any number" },
	{ "PARLEY_TUS_HOURS", KIND_INT, AT(tus_hours), "24", 1, 720, false, false,
	    "For so long an upload in pieces may go on" },
	{ "PARLEY_TUS_UNFINISHED", KIND_INT, AT(tus_unfinished), "20", 1, 10000, false, false,
	    "Uploads in pieces that one user may have begun and not finished" },
	{ "PARLEY_DECODE_SECONDS", KIND_INT, AT(decode_seconds), "20", 1, 25, false, false,
	    "Processor time for looking into one file and making pictures of it; twice that by the "
	    "clock" },
	{ "PARLEY_DECODERS", KIND_INT, AT(decoders), "0", 0, 256, false, false,
	    "Pictures that are made at the same time on this machine, so that live delivery has the "
	    "other processors; 0: half of them. Who waits too long for that gets 503" },
	{ "PARLEY_DECODE_MEMORY_BYTES", KIND_INT64, AT(decode_memory_bytes), "1610612736",
	    256 * MIB, 65536 * MIB, false, false,
	    "Address space for it; the largest picture needs about 1 GiB when it is interlaced" },
	{ "PARLEY_SANDBOX_STRICT", KIND_ON_OFF, AT(sandbox_strict), "off", 0, 0, false, false,
	    "on: parley-fcgi refuses to start where strangers' files cannot be looked into behind a "
	    "seccomp filter; off: it says so in the log" },
	{ "PARLEY_MAX_FRAME_BYTES", KIND_INT64, AT(max_frame_bytes), "65536",
	    KIB, 16 * MIB, false, false,
	    "Bytes of a WebSocket message from a client" },
};
/* clang-format on */

struct loader {
	struct api_config *config;
	struct base_arena *arena;
	char *err;
	size_t err_size;
};

static bool
complain(const struct loader *l, const struct row *row, const char *what)
{
	snprintf(l->err, l->err_size, "%s %s", row->name, what);
	return false;
}

static void *
place(const struct loader *l, const struct row *row)
{
	return (char *)l->config + row->offset;
}

static bool
parse_u32(const char **p, uint32_t *out)
{
	unsigned long value;
	char *end;

	if (**p < '0' || **p > '9')
		return false;
	errno = 0;
	value = strtoul(*p, &end, 10);
	if (errno != 0 || value > 1000000)
		return false;
	*out = (uint32_t)value;
	*p = end;
	return true;
}

bool
api_rate_parse(const char *text, struct api_rate_spec *out)
{
	const char *p = text;

	if (!parse_u32(&p, &out->count) || *p++ != '/' ||
	    !parse_u32(&p, &out->seconds))
		return false;
	out->burst = out->count;
	if (*p == '/') {
		p++;
		if (!parse_u32(&p, &out->burst))
			return false;
	}
	return *p == '\0' && out->count > 0 && out->seconds > 0 &&
	    out->burst > 0;
}

/* Elements of a list: cut in place, empty ones left out. */
static char **
split(struct base_arena *arena, const char *text)
{
	char *copy = base_arena_strdup(arena, text), *rest, *item;
	char **list =
	    base_arena_alloc(arena, (strlen(text) / 2 + 2) * sizeof(*list));
	size_t n = 0;

	for (item = strtok_r(copy, ", \t", &rest); item != NULL;
	     item = strtok_r(NULL, ", \t", &rest))
		list[n++] = item;
	return list;
}

static bool
load_number(const struct loader *l, const struct row *row, const char *text)
{
	char what[96];
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < row->min ||
	    value > row->max) {
		snprintf(what, sizeof(what),
		    "must be a whole number from %lld to %lld",
		    (long long)row->min, (long long)row->max);
		return complain(l, row, what);
	}
	if (row->kind == KIND_INT)
		*(int *)place(l, row) = (int)value;
	else
		*(int64_t *)place(l, row) = value;
	return true;
}

static bool
load_name(const struct loader *l, const struct row *row, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 16 ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") != len)
		return complain(l, row, "must be 1 to 16 of a-z and 0-9");
	*(char **)place(l, row) = base_arena_strdup(l->arena, text);
	return true;
}

static bool
load_doors(const struct loader *l, const struct row *row, const char *text)
{
	for (char **d = split(l->arena, text); *d != NULL; d++) {
		if (strcmp(*d, "rest") == 0)
			l->config->door_rest = true;
		else if (strcmp(*d, "sse") == 0)
			l->config->door_sse = true;
		else if (strcmp(*d, "socket") == 0)
			l->config->door_socket = true;
		else
			return complain(
			    l, row, "must be made of rest, sse and socket");
	}
	return true;
}

static bool
load_level(const struct loader *l, const struct row *row, const char *text)
{
	enum base_log_level level;

	if (!base_log_level_parse(text, &level))
		return complain(l, row, "must be error, warn, info or debug");
	*(int *)place(l, row) = (int)level;
	return true;
}

static bool
load_on_off(const struct loader *l, const struct row *row, const char *text)
{
	bool on = strcmp(text, "on") == 0;

	if (!on && strcmp(text, "off") != 0)
		return complain(l, row, "must be on or off");
	*(bool *)place(l, row) = on;
	return true;
}

static bool
load_rate(const struct loader *l, const struct row *row, const char *text)
{
	if (!api_rate_parse(text, place(l, row)))
		return complain(l, row, "must be N/seconds or N/seconds/burst");
	return true;
}

static bool
load_role_rate(struct api_rate_rule *rule, const char *item)
{
	size_t len = strcspn(item, "=");

	if (item[len] == '\0' || len == 0 || len > 32 ||
	    rule->nroles == API_RATE_ROLES_MAX)
		return false;
	memcpy(rule->roles[rule->nroles].role, item, len);
	return api_rate_parse(
	    item + len + 1, &rule->roles[rule->nroles++].rate);
}

static bool
load_rule(const struct loader *l, const struct row *row, const char *text)
{
	struct api_rate_rule *rule = place(l, row);
	char **item = split(l->arena, text);
	bool good = *item != NULL && api_rate_parse(*item, &rule->rate);

	while (good && *++item != NULL)
		good = load_role_rate(rule, *item);
	return good ||
	    complain(l, row,
		"must be N/seconds[/burst], then at most 8 of role=N/seconds"
		"[/burst]");
}

static bool
load_channel_rate(
    const struct loader *l, struct api_channel_rates *rates, const char *item)
{
	struct api_channel_rule *rule = &rates->rules[rates->nrules++];
	size_t len = strcspn(item, "="), star = strcspn(item, "*");

	if (item[len] == '\0' || len == 0 || star < len - 1)
		return false;
	rule->pattern = base_arena_strndup(l->arena, item, len);
	return api_rate_parse(item + len + 1, &rule->rate);
}

static bool
load_channels(const struct loader *l, const struct row *row, const char *text)
{
	struct api_channel_rates *rates = place(l, row);
	char **item = split(l->arena, text);
	bool good = true;
	size_t n = 0;

	while (item[n] != NULL)
		n++;
	rates->rules =
	    base_arena_alloc(l->arena, (n + 1) * sizeof(*rates->rules));
	if (*item != NULL && strchr(*item, '=') == NULL)
		good = api_rate_parse(*item++, &rates->rate);
	for (; good && *item != NULL; item++)
		good = load_channel_rate(l, rates, *item);
	return good ||
	    complain(l, row,
		"must be N/seconds[/burst], or begin with name=N/seconds"
		"[/burst]; a name may end in *");
}

static bool
load_keys(const struct loader *l, const struct row *row, const char *text)
{
	char **keys = split(l->arena, text);

	*(char ***)place(l, row) = keys;
	for (; *keys != NULL; keys++) {
		if (!api_file_link_key_fine(*keys))
			return complain(l, row,
			    "must be made of name:secret, names of up to 16 "
			    "letters, digits, - and _, secrets of 32 bytes at "
			    "least");
	}
	return true;
}

static bool
load_value(const struct loader *l, const struct row *row, const char *text)
{
	switch (row->kind) {
	case KIND_STRING:
		*(char **)place(l, row) = base_arena_strdup(l->arena, text);
		return true;
	case KIND_LIST:
		*(char ***)place(l, row) = split(l->arena, text);
		return true;
	case KIND_KEYS:
		return load_keys(l, row, text);
	case KIND_INT:
	case KIND_INT64:
		return load_number(l, row, text);
	case KIND_ON_OFF:
		return load_on_off(l, row, text);
	case KIND_NAME:
		return load_name(l, row, text);
	case KIND_DOORS:
		return load_doors(l, row, text);
	case KIND_LEVEL:
		return load_level(l, row, text);
	case KIND_RULE:
		return load_rule(l, row, text);
	case KIND_CHANNELS:
		return load_channels(l, row, text);
	case KIND_RATE:
		break;
	}
	return load_rate(l, row, text);
}

static bool
load_all(const struct loader *l, enum api_config_for who)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		const char *text = getenv(row->name);

		if (text == NULL || *text == '\0') {
			if (row->needed && who == API_CONFIG_SERVICE)
				return complain(l, row, "is not set");
			text = row->fallback != NULL ? row->fallback : "";
		}
		if (!load_value(l, row, text))
			return false;
	}
	return true;
}

/* A typing mistake in a name would otherwise go unseen. */
static void
warn_unknown(void)
{
	for (char **e = environ; e != NULL && *e != NULL; e++) {
		size_t len = strcspn(*e, "="), i = 0;
		char shown[80];

		if (strncmp(*e, "PARLEY_", 7) != 0)
			continue;
		while (i < ARRAY_LEN(rows) &&
		    (strlen(rows[i].name) != len ||
			memcmp(rows[i].name, *e, len) != 0))
			i++;
		if (i < ARRAY_LEN(rows))
			continue;
		snprintf(shown, sizeof(shown), "%.*s", (int)len, *e);
		base_log_warn("unknown setting", "name=%s", shown);
	}
}

static void
fill_defaults(struct api_config *c, struct base_arena *arena)
{
	if (*c->listen_database_url == '\0')
		c->listen_database_url = c->database_url;
	if (*c->upload_tmp_dir == '\0' && *c->upload_dir != '\0')
		c->upload_tmp_dir =
		    base_arena_printf(arena, "%s/tmp", c->upload_dir);
}

bool
api_config_load(
    struct api_config *c, enum api_config_for who, char *err, size_t err_size)
{
	struct base_arena *arena = base_alloc(sizeof(*arena));
	struct loader l = { c, arena, err, err_size };

	memset(c, 0, sizeof(*c));
	base_arena_init(arena);
	c->strings = arena;
	if (!load_all(&l, who)) {
		api_config_fini(c);
		return false;
	}
	fill_defaults(c, arena);
	if (c->sign_urls && *c->url_keys == NULL) {
		snprintf(
		    err, err_size, "PARLEY_SIGN_URLS needs PARLEY_URL_KEYS");
		api_config_fini(c);
		return false;
	}
	base_log_level_set((enum base_log_level)c->log_level);
	if (who == API_CONFIG_SERVICE)
		warn_unknown();
	return true;
}

void
api_config_fini(struct api_config *c)
{
	if (c->strings == NULL)
		return;
	base_arena_fini(c->strings);
	base_free(c->strings);
	memset(c, 0, sizeof(*c));
}

size_t
api_setting_count(void)
{
	return ARRAY_LEN(rows);
}

struct api_setting
api_setting_at(size_t i)
{
	assert(i < ARRAY_LEN(rows));
	return (struct api_setting){ rows[i].name, rows[i].fallback,
		rows[i].secret, rows[i].summary };
}
