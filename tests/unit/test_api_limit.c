/* SPDX-License-Identifier: ISC */
#include "api/limit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/auth.h"
#include "tests/unit/harness.h"

static char dir[] = "/tmp/parley-limit-XXXXXX";

static struct api_config
config(void)
{
	struct api_config c = { .run_dir = dir, .rate_limits = true };
	struct api_rate_spec ten = { 10, 1000, 10 };

	for (size_t i = 0; i < API_RATE_COUNT; i++)
		c.rates[i].rate = ten;
	c.service_rate = (struct api_rate_spec){ 30, 1000, 30 };
	c.rates[API_RATE_SEND].nroles = 2;
	strcpy(c.rates[API_RATE_SEND].roles[0].role, "admin");
	c.rates[API_RATE_SEND].roles[0].rate =
	    (struct api_rate_spec){ 15, 1000, 15 };
	strcpy(c.rates[API_RATE_SEND].roles[1].role, "moderator");
	c.rates[API_RATE_SEND].roles[1].rate =
	    (struct api_rate_spec){ 12, 1000, 12 };
	return c;
}

static struct api_limits *
opened(const struct api_config *c)
{
	char err[200];
	struct api_limits *l = api_limits_open(c, err, sizeof(err));

	if (l == NULL)
		fprintf(stderr, "\n%s\n", err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(l);
	return l;
}

static int
count(struct api_limits *l, enum api_rate rate, const char *user,
    enum api_role role, const char *label)
{
	struct api_identity id = { .user = user, .role = role, .label = label };
	int n = 0;

	while (n < 100 && api_limit_take(l, rate, &id).allowed)
		n++;
	return n;
}

static void
test_classes(void)
{
	struct api_config c = config();
	struct api_limits *l = opened(&c);
	struct api_identity id = { .user = "a", .role = API_ROLE_USER };
	struct api_verdict v = api_limit_take(l, API_RATE_SEND, &id);

	CU_ASSERT_TRUE(v.counted && v.allowed);
	CU_ASSERT_STRING_EQUAL(v.policy, "send");
	CU_ASSERT_EQUAL(v.left, 9);
	CU_ASSERT_EQUAL(v.reset_s, 100);
	CU_ASSERT_EQUAL(count(l, API_RATE_SEND, "a", API_ROLE_USER, NULL), 9);
	v = api_limit_take(l, API_RATE_SEND, &id);
	CU_ASSERT_FALSE(v.allowed);
	CU_ASSERT_EQUAL(v.retry_s, 100);
	CU_ASSERT_EQUAL(count(l, API_RATE_READ, "a", API_ROLE_USER, NULL), 10);
	CU_ASSERT_EQUAL(count(l, API_RATE_SEND, "b", API_ROLE_ADMIN, "x"), 15);
	CU_ASSERT_EQUAL(
	    count(l, API_RATE_SEND, "m", API_ROLE_USER, "moderator"), 12);
	/* A service has one budget for everything. */
	CU_ASSERT_EQUAL(
	    count(l, API_RATE_SEND, "s", API_ROLE_SERVICE, NULL), 30);
	CU_ASSERT_EQUAL(
	    count(l, API_RATE_READ, "s", API_ROLE_SERVICE, NULL), 0);
	CU_ASSERT_EQUAL(count(l, API_RATE_NONE, "a", API_ROLE_USER, NULL), 100);
	api_limits_close(l);
}

static bool
address(struct api_limits *l, enum api_rate rate, const char *who, bool take)
{
	return api_limit_address(l, rate, who, take).allowed;
}

static void
test_addresses(void)
{
	char *free_addresses[] = { "192.0.2.9", NULL };
	struct api_config c = config();
	struct api_limits *l;

	c.metrics_allow = free_addresses;
	l = opened(&c);
	for (enum api_rate r = API_RATE_SIGNIN; r <= API_RATE_ADDRESS; r++) {
		CU_ASSERT_TRUE(address(l, r, "192.0.2.1", false));
		for (int i = 0; i < 10; i++)
			CU_ASSERT_TRUE(address(l, r, "192.0.2.1", true));
		CU_ASSERT_FALSE(address(l, r, "192.0.2.1", true));
		CU_ASSERT_FALSE(address(l, r, "192.0.2.1", false));
		CU_ASSERT_TRUE(address(l, r, "192.0.2.2", true));
		CU_ASSERT_TRUE(address(l, r, NULL, true));
		/* One subscriber's IPv6 addresses are one. */
		for (int i = 0; i < 10; i++)
			CU_ASSERT_TRUE(address(
			    l, r, i % 2 ? "2001:db8::1" : "2001:db8::2", true));
		CU_ASSERT_FALSE(address(l, r, "2001:db8::ffff:1", true));
		CU_ASSERT_TRUE(address(l, r, "2001:db8:0:1::1", true));
	}
	/* Probes and operators; guessing is not free for them either. */
	for (int i = 0; i < 20; i++) {
		CU_ASSERT_TRUE(address(l, API_RATE_ADDRESS, "192.0.2.9", true));
		CU_ASSERT_TRUE(address(l, API_RATE_ADDRESS, "unix", true));
		CU_ASSERT_EQUAL(
		    address(l, API_RATE_SIGNIN, "192.0.2.9", true), i < 10);
	}
	api_limits_close(l);
}

static int
sendable(struct api_limits *l, const char *id, const char *name)
{
	int n = 0;

	while (n < 100 && api_limit_channel(l, id, name).allowed)
		n++;
	return n;
}

static void
test_channels(void)
{
	struct api_channel_rule rules[] = { { "support:*", { 5, 1000, 5 } },
		{ "public", { 3, 1000, 3 } }, { "*", { 4, 1000, 4 } } };
	struct api_config c = config();
	struct api_limits *l = opened(&c);
	struct api_verdict v;

	CU_ASSERT_EQUAL(api_limit_channels_by(l), API_LIMIT_BY_NOTHING);
	CU_ASSERT_EQUAL(sendable(l, "1", "public"), 100);
	api_limits_close(l);
	c.channel_rates.rate = (struct api_rate_spec){ 6, 1000, 6 };
	l = opened(&c);
	CU_ASSERT_EQUAL(api_limit_channels_by(l), API_LIMIT_BY_ID);
	CU_ASSERT_EQUAL(sendable(l, "2", NULL), 6);
	api_limits_close(l);
	c.channel_rates.rules = rules;
	c.channel_rates.nrules = ARRAY_LEN(rules);
	l = opened(&c);
	CU_ASSERT_EQUAL(api_limit_channels_by(l), API_LIMIT_BY_NAME);
	CU_ASSERT_EQUAL(sendable(l, "3", NULL), 6);
	CU_ASSERT_EQUAL(sendable(l, "4", "support:1"), 5);
	CU_ASSERT_EQUAL(sendable(l, "5", "support:2"), 5);
	CU_ASSERT_EQUAL(sendable(l, "6", "support"), 4);
	CU_ASSERT_EQUAL(sendable(l, "7", "public"), 3);
	CU_ASSERT_EQUAL(sendable(l, "8", "public:1"), 4);
	v = api_limit_channel(l, "9", "public");
	api_limit_give_back(l, &v);
	api_limit_give_back(l, &v); /* once */
	CU_ASSERT_EQUAL(sendable(l, "9", "public"), 3);
	v = api_limit_channel(l, "9", "public");
	CU_ASSERT_STRING_EQUAL(v.policy, "channel");
	api_limit_give_back(l, &v); /* a refusal took nothing */
	CU_ASSERT_EQUAL(sendable(l, "9", "public"), 0);
	api_limits_close(l);
	/* Only channels of that name. */
	c.channel_rates.rate.count = 0;
	c.channel_rates.nrules = 1;
	l = opened(&c);
	CU_ASSERT_EQUAL(sendable(l, "10", "support:"), 5);
	CU_ASSERT_EQUAL(sendable(l, "11", "other"), 100);
	CU_ASSERT_EQUAL(sendable(l, "12", NULL), 100);
	api_limits_close(l);
}

static void
test_headers(void)
{
	struct api_config c = config();
	struct api_limits *l = opened(&c);
	struct api_verdict v =
	    api_limit_address(l, API_RATE_ADDRESS, "192.0.2.3", true);
	char text[API_LIMIT_TEXT];

	api_limit_policy_format(text, &v);
	CU_ASSERT_STRING_EQUAL(text, "\"address\";q=10;w=1000");
	api_limit_left_format(text, &v);
	CU_ASSERT_STRING_EQUAL(text, "\"address\";r=9;t=100");
	api_limits_close(l);
}

static void
test_off(void)
{
	struct api_config c = config();
	struct api_limits *l;

	c.rate_limits = false;
	l = opened(&c);
	CU_ASSERT_EQUAL(count(l, API_RATE_SEND, "z", API_ROLE_USER, NULL), 100);
	api_limits_close(l);
}

/* Four processes, each with the file opened for itself, have one budget. */
static void
test_processes(void)
{
	struct api_config c = config();
	int status, total = 0;
	pid_t pids[4];

	c.rates[API_RATE_WRITE].rate = (struct api_rate_spec){ 90, 10000, 90 };
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct api_limits *l = opened(&c);

			_exit(count(
			    l, API_RATE_WRITE, "shared", API_ROLE_USER, NULL));
		}
	}
	for (int i = 0; i < 4; i++) {
		waitpid(pids[i], &status, 0);
		CU_ASSERT_TRUE(WIFEXITED(status));
		total += WEXITSTATUS(status);
	}
	CU_ASSERT_EQUAL(total, 90);
}

/* What another build left there is not ours to read. */
static void
test_foreign_file(void)
{
	struct api_config c = config();
	char path[64], err[200];
	struct api_limits *l;
	FILE *f;

	snprintf(path, sizeof(path), "%s/limits", dir);
	f = fopen(path, "w");
	fputs("something else", f);
	fclose(f);
	l = opened(&c);
	CU_ASSERT_EQUAL(count(l, API_RATE_SEND, "q", API_ROLE_USER, NULL), 10);
	api_limits_close(l);
	c.run_dir = path; /* a file, no directory */
	CU_ASSERT_PTR_NULL(api_limits_open(&c, err, sizeof(err)));
	CU_ASSERT_PTR_NOT_NULL(strstr(err, "PARLEY_RUN_DIR"));
}

int
main(int argc, char **argv)
{
	static const struct test_case cases[] = { { "classes", test_classes },
		{ "addresses", test_addresses }, { "channels", test_channels },
		{ "headers", test_headers }, { "off", test_off },
		{ "processes", test_processes },
		{ "foreign file", test_foreign_file } };
	char command[128];
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	failed = test_main(
	    "api_limit", cases, ARRAY_LEN(cases), argc > 1 ? argv[1] : NULL);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command) == 0 ? failed : 1;
}
