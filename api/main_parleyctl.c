/* SPDX-License-Identifier: ISC */
/* parleyctl: what an operator types. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/config.h"
#include "api/ctl_database.h"
#include "api/ctl_environment.h"
#include "api/ctl_health.h"
#include "api/ctl_storage.h"
#include "api/docs.h"
#include "api/openapi.h"
#include "api/token.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#ifndef PARLEY_MIGRATIONS_DIR
#define PARLEY_MIGRATIONS_DIR "migrations"
#endif
#define ENVIRONMENT_FILE "/etc/parley/parley.env"
#define TTL_MAX_S (10L * 365 * 86400)
#define DRAIN_S 10
#define DRAIN_MAX_S 3600

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2
};

struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	int (*run)(const struct api_config *config, int argc, char **argv);
	bool needs_settings;
};

static int
usage_error(const char *command, const char *what)
{
	fprintf(
	    stderr, "parleyctl %s: %s; see parleyctl --help\n", command, what);
	return EXIT_USAGE;
}

static int
print(struct base_buf *out)
{
	size_t n = fwrite(base_buf_str(out), 1, out->len, stdout);
	bool good = n == out->len && fflush(stdout) == 0;

	base_buf_fini(out);
	if (!good)
		perror("parleyctl");
	return good ? EXIT_OK : EXIT_FAILED;
}

/* --- token --- */

static bool
parse_seconds(const char *text, long min, long max, int64_t *out)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min ||
	    value > max)
		return false;
	*out = value;
	return true;
}

static int
mint(const struct api_config *config, const struct api_token_claims *claims)
{
	char err[300];
	char *token = api_token_mint(config, claims, err, sizeof(err));

	if (token == NULL) {
		fprintf(stderr, "parleyctl token: %s\n", err);
		return EXIT_FAILED;
	}
	puts(token);
	base_free(token);
	return EXIT_OK;
}

static int
run_token(const struct api_config *config, int argc, char **argv)
{
	static const struct option options[] = {
		{ "role", required_argument, NULL, 'r' },
		{ "name", required_argument, NULL, 'n' },
		{ "ttl", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct api_token_claims claims = { .role = "user",
		.issued_at = base_clock_wall_us() / 1000000,
		.ttl_s = 3600 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r')
			claims.role = optarg;
		else if (c == 'n')
			claims.name = optarg;
		else if (c != 't')
			return EXIT_USAGE;
		else if (!parse_seconds(optarg, 1, TTL_MAX_S, &claims.ttl_s))
			return usage_error("token",
			    "--ttl is a number of seconds, ten years at most");
	}
	if (optind != argc - 1 || *argv[optind] == '\0' ||
	    strlen(argv[optind]) > 128)
		return usage_error(
		    "token", "one USER is needed, an id of 1 to 128 bytes");
	claims.user = argv[optind];
	return mint(config, &claims);
}

/* --- documents --- */

static int
run_openapi(const struct api_config *config, int argc, char **argv)
{
	struct base_buf out = { 0 };

	(void)argc;
	(void)argv;
	api_openapi_write(&out, config->public_url);
	base_buf_append_char(&out, '\n');
	return print(&out);
}

static int
run_docs(const struct api_config *config, int argc, char **argv)
{
	struct base_buf out = { 0 };

	(void)config;
	(void)argc;
	(void)argv;
	api_docs_write(&out);
	return print(&out);
}

static int
run_settings(const struct api_config *config, int argc, char **argv)
{
	struct base_buf out = { 0 };
	bool env = argc == 2 && strcmp(argv[1], "--env") == 0;

	(void)config;
	if (argc > 1 && !env)
		return usage_error("settings", "only --env is known");
	if (env)
		api_docs_environment(&out);
	else
		api_docs_settings(&out);
	return print(&out);
}

/* --- database --- */

/* In the source tree, before anything is installed, those beside us. */
static const char *
migrations_dir(void)
{
	return access(PARLEY_MIGRATIONS_DIR, R_OK) == 0 ?
	    PARLEY_MIGRATIONS_DIR :
	    "migrations";
}

static int
run_migrate(const struct api_config *config, int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "check", no_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	const char *dir = migrations_dir();
	bool check_only = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			dir = optarg;
		else if (c == 'c')
			check_only = true;
		else
			return EXIT_USAGE;
	}
	if (optind != argc)
		return usage_error("migrate", "too many arguments");
	return api_ctl_migrate(config, dir, check_only) ? EXIT_OK : EXIT_FAILED;
}

static int
run_stats(const struct api_config *config, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return api_ctl_stats(config) ? EXIT_OK : EXIT_FAILED;
}

static int
run_housekeeping(const struct api_config *config, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return api_ctl_housekeeping(config) ? EXIT_OK : EXIT_FAILED;
}

static int
run_restored(const struct api_config *config, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return api_ctl_restored(config) ? EXIT_OK : EXIT_FAILED;
}

static int
run_reindex(const struct api_config *config, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return api_ctl_reindex(config) ? EXIT_OK : EXIT_FAILED;
}

/* --- an instance --- */

static int
run_drain(const struct api_config *config, int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "wait", no_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	int64_t seconds = DRAIN_S;
	bool wait = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'w')
			wait = true;
		else if (c != 's')
			return EXIT_USAGE;
		else if (!parse_seconds(optarg, 0, DRAIN_MAX_S, &seconds))
			return usage_error(
			    "drain", "--seconds is a number, an hour at most");
	}
	if (optind != argc - 1)
		return usage_error(
		    "drain", "one INSTANCE is needed, such as k1");
	return api_ctl_drain(config, argv[optind], (int)seconds, wait) ?
	    EXIT_OK :
	    EXIT_FAILED;
}

/* --- health --- */

static int
run_health(const struct api_config *config, int argc, char **argv)
{
	if (argc > 2)
		return usage_error("health", "one URL at most");
	if (argc < 2 && *config->public_url == '\0')
		return usage_error("health",
		    "a URL is needed (or PARLEY_PUBLIC_URL), such as "
		    "http://127.0.0.1:8080 or unix:/run/parley/p1.sock");
	return api_ctl_health(argc == 2 ? argv[1] : config->public_url) ?
	    EXIT_OK :
	    EXIT_FAILED;
}

/* --- storage --- */

static int
run_storage(const struct api_config *config, int argc, char **argv)
{
	if (argc != 2)
		return usage_error("storage", "check or copy is needed");
	if (strcmp(argv[1], "check") == 0)
		return api_ctl_storage_check(config) ? EXIT_OK : EXIT_FAILED;
	if (strcmp(argv[1], "copy") == 0)
		return api_ctl_storage_copy(config) ? EXIT_OK : EXIT_FAILED;
	return usage_error("storage", "check or copy is needed");
}

/* --- the commands --- */

static const struct command commands[] = {
	{ "migrate", "[--dir DIR] [--check]",
	    "bring the database to the newest schema; --check only tells; DIR is\n"
	    "      by default where they are installed, or else ./migrations",
	    run_migrate, true },
	{ "token", "USER [--role ROLE] [--name NAME] [--ttl SECONDS]",
	    "print a token, as the host application would sign it", run_token,
	    true },
	{ "stats", "", "print figures: users, messages, open streams",
	    run_stats, true },
	{ "health", "[URL]",
	    "ask a running service whether it is ready; fails if not",
	    run_health, true },
	{ "drain", "INSTANCE [--seconds N] [--wait]",
	    "end a running instance, on whichever host: its clients are told to\n"
	    "      come back elsewhere, within N seconds (10); --wait: until it has ended",
	    run_drain, true },
	{ "housekeeping", "",
	    "prepare and drop parts of the event log, drop what is outdated, do what\n"
	    "      was left for after the commit",
	    run_housekeeping, true },
	{ "restored", "",
	    "after restoring a backup of the database: lift the event log far above\n"
	    "      what clients have seen, so that they start over",
	    run_restored, true },
	{ "reindex", "",
	    "have the index of the search made anew, in the background; housekeeping\n"
	    "      does it at once",
	    run_reindex, true },
	{ "storage", "check | copy",
	    "check: try the place for files, whatever it is; copy: bring what is in\n"
	    "      PARLEY_UPLOAD_DIR to the S3-compatible store, but for what is there",
	    run_storage, true },
	{ "settings", "[--env]",
	    "print the settings and their defaults (docs/settings.md);\n"
	    "      --env: as the file /etc/parley/parley.env",
	    run_settings, false },
	{ "docs", "", "print docs/api.md", run_docs, false },
	{ "openapi", "", "print the OpenAPI document", run_openapi, false },
};

static int
help(FILE *to)
{
	fputs("usage: parleyctl COMMAND [ARGUMENTS]\n\n", to);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "  %s %s\n      %s\n", commands[i].name,
		    commands[i].arguments, commands[i].summary);
	fputs("\nSettings come from the environment (PARLEY_*) or, when it has "
	      "none, from\n" ENVIRONMENT_FILE "; parleyctl settings lists "
	      "them.\n",
	    to);
	return to == stdout ? EXIT_OK : EXIT_USAGE;
}

static int
run(const struct command *command, int argc, char **argv)
{
	struct api_config config;
	char err[300];
	int status;

	/* What prints a table needs no settings, and perhaps may not see
	 * them. */
	if (command->needs_settings &&
	    !api_ctl_environment_load(ENVIRONMENT_FILE))
		return EXIT_FAILED;
	if (!api_config_load(&config, API_CONFIG_TOOL, err, sizeof(err))) {
		fprintf(stderr, "parleyctl: %s\n", err);
		return EXIT_FAILED;
	}
	status = command->run(&config, argc, argv);
	api_config_fini(&config);
	return status;
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		return help(stderr);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return help(stdout);
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, argv[1]) == 0)
			return run(&commands[i], argc - 1, argv + 1);
	}
	return usage_error(argv[1], "there is no such command");
}
