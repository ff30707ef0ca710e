/* SPDX-License-Identifier: ISC */
#include "api/config.h"

#include <stdlib.h>

#include "base/log.h"
#include "tests/unit/harness.h"

static struct api_config c;
static char err[300];

/* Read with NAME=value set (NULL: as it is); true when it was taken. */
static bool
load(const char *name, const char *value, enum api_config_for who)
{
	bool good;

	clearenv();
	setenv("PARLEY_DATABASE_URL", "postgresql:///x", 1);
	if (name != NULL && value != NULL)
		setenv(name, value, 1);
	else if (name != NULL)
		unsetenv(name);
	*err = '\0';
	good = api_config_load(&c, who, err, sizeof(err));
	if (!good && name != NULL && strstr(err, name) == NULL)
		CU_FAIL("the message does not name the setting");
	return good;
}

static bool
takes(const char *name, const char *value)
{
	bool good = load(name, value, API_CONFIG_SERVICE);

	if (good)
		api_config_fini(&c);
	return good;
}

static void
test_defaults(void)
{
	CU_ASSERT_TRUE_FATAL(load(NULL, NULL, API_CONFIG_SERVICE));
	CU_ASSERT_EQUAL(c.db_connections, 3);
	CU_ASSERT_STRING_EQUAL(c.listen_database_url, "postgresql:///x");
	CU_ASSERT_STRING_EQUAL(c.jwt_algorithm, "HS256");
	CU_ASSERT_STRING_EQUAL(c.jwt_secret, "");
	CU_ASSERT_STRING_EQUAL(c.admin_roles[0], "admin");
	CU_ASSERT_PTR_NULL(c.admin_roles[1]);
	CU_ASSERT_PTR_NULL(c.origins[0]);
	CU_ASSERT_TRUE(c.door_rest && c.door_sse && c.door_socket);
	CU_ASSERT_TRUE(c.rate_limits);
	CU_ASSERT_EQUAL(c.rates[API_RATE_SEND].rate.count, 20);
	CU_ASSERT_EQUAL(c.rates[API_RATE_SEND].rate.seconds, 20);
	CU_ASSERT_EQUAL(c.rates[API_RATE_SEND].rate.burst, 20);
	CU_ASSERT_EQUAL(c.service_rate.count, 1000);
	CU_ASSERT_EQUAL(c.log_level, BASE_LOG_INFO);
	CU_ASSERT_EQUAL(c.max_body_bytes, 65536);
	CU_ASSERT_EQUAL(c.ring_bytes, 16777216);
	api_config_fini(&c);
}

static void
test_values(void)
{
	CU_ASSERT_TRUE_FATAL(load("PARLEY_ORIGINS",
	    " https://a.example, https://b.example ", API_CONFIG_SERVICE));
	CU_ASSERT_STRING_EQUAL(c.origins[0], "https://a.example");
	CU_ASSERT_STRING_EQUAL(c.origins[1], "https://b.example");
	CU_ASSERT_PTR_NULL(c.origins[2]);
	api_config_fini(&c);
	CU_ASSERT_TRUE_FATAL(
	    load("PARLEY_DOORS", "sse,socket", API_CONFIG_SERVICE));
	CU_ASSERT_TRUE(!c.door_rest && c.door_sse && c.door_socket);
	api_config_fini(&c);
	CU_ASSERT_TRUE_FATAL(load("PARLEY_RATE_SEND",
	    "20/20 moderator=60/20/5 admin=1/2", API_CONFIG_SERVICE));
	CU_ASSERT_EQUAL(c.rates[API_RATE_SEND].nroles, 2);
	CU_ASSERT_STRING_EQUAL(
	    c.rates[API_RATE_SEND].roles[0].role, "moderator");
	CU_ASSERT_EQUAL(c.rates[API_RATE_SEND].roles[0].rate.burst, 5);
	CU_ASSERT_EQUAL(c.rates[API_RATE_SEND].roles[1].rate.burst, 1);
	api_config_fini(&c);
	CU_ASSERT_TRUE_FATAL(load("PARLEY_RATE_CHANNEL",
	    "600/60/9 support:*=5/1, *=7/1", API_CONFIG_SERVICE));
	CU_ASSERT_EQUAL(c.channel_rates.rate.burst, 9);
	CU_ASSERT_EQUAL(c.channel_rates.nrules, 2);
	CU_ASSERT_STRING_EQUAL(c.channel_rates.rules[0].pattern, "support:*");
	CU_ASSERT_EQUAL(c.channel_rates.rules[0].rate.count, 5);
	CU_ASSERT_STRING_EQUAL(c.channel_rates.rules[1].pattern, "*");
	api_config_fini(&c);
	CU_ASSERT_TRUE_FATAL(
	    load("PARLEY_RATE_CHANNEL", "public=5/1", API_CONFIG_SERVICE));
	CU_ASSERT_EQUAL(c.channel_rates.rate.count, 0);
	CU_ASSERT_EQUAL(c.channel_rates.nrules, 1);
	api_config_fini(&c);
	CU_ASSERT_TRUE_FATAL(
	    load("PARLEY_UPLOAD_DIR", "/u", API_CONFIG_SERVICE));
	CU_ASSERT_STRING_EQUAL(c.upload_tmp_dir, "/u/tmp");
	api_config_fini(&c);
}

static void
test_refuses(void)
{
	CU_ASSERT_FALSE(takes("PARLEY_DATABASE_URL", NULL));
	CU_ASSERT_FALSE(takes("PARLEY_DB_CONNECTIONS", "0"));
	CU_ASSERT_FALSE(takes("PARLEY_DB_CONNECTIONS", "3x"));
	CU_ASSERT_FALSE(takes("PARLEY_DB_CONNECTIONS", "99999999999999999999"));
	CU_ASSERT_FALSE(takes("PARLEY_INSTANCE", "K1"));
	CU_ASSERT_FALSE(takes("PARLEY_INSTANCE", "a-b"));
	CU_ASSERT_FALSE(takes("PARLEY_INSTANCE", "abcdefghijklmnopq"));
	CU_ASSERT_FALSE(takes("PARLEY_DOORS", "rest,smtp"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_LIMITS", "yes"));
	CU_ASSERT_FALSE(takes("PARLEY_LOG_LEVEL", "loud"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_SEND", "20"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_SEND", "20/0"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_SEND", "20/20 vip"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_SEND", "20/20 =1/1"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_SERVICE", "-1/1"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_CHANNEL", "20"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_CHANNEL", "a=1/1 20/20"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_CHANNEL", "a*b=1/1"));
	CU_ASSERT_FALSE(takes("PARLEY_RATE_CHANNEL", "20/20 =1/1"));
	CU_ASSERT_FALSE(takes("PARLEY_RING_BYTES", "1"));
	CU_ASSERT_TRUE(takes("PARLEY_INSTANCE", "k1"));
	CU_ASSERT_TRUE(load("PARLEY_DATABASE_URL", NULL, API_CONFIG_TOOL));
	api_config_fini(&c);
}

static void
test_rates(void)
{
	struct api_rate_spec r;

	CU_ASSERT_TRUE(api_rate_parse("1000/1", &r));
	CU_ASSERT_TRUE(api_rate_parse("1/60/10", &r));
	CU_ASSERT_EQUAL(r.burst, 10);
	CU_ASSERT_FALSE(api_rate_parse("", &r));
	CU_ASSERT_FALSE(api_rate_parse("1/1/", &r));
	CU_ASSERT_FALSE(api_rate_parse("1/1/1/1", &r));
	CU_ASSERT_FALSE(api_rate_parse(" 1/1", &r));
	CU_ASSERT_FALSE(api_rate_parse("1/1 ", &r));
	CU_ASSERT_FALSE(api_rate_parse("9999999/1", &r));
	CU_ASSERT_FALSE(api_rate_parse("0/1", &r));
}

static void
test_table(void)
{
	for (size_t i = 0; i < api_setting_count(); i++) {
		struct api_setting s = api_setting_at(i);

		CU_ASSERT_EQUAL(strncmp(s.name, "PARLEY_", 7), 0);
		CU_ASSERT_PTR_NOT_NULL(s.summary);
		CU_ASSERT_TRUE(!s.secret || s.fallback == NULL);
	}
}

TEST_MAIN("api_config", { "defaults", test_defaults },
    { "values", test_values }, { "refuses", test_refuses },
    { "rates", test_rates }, { "table", test_table })
