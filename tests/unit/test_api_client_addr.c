/* SPDX-License-Identifier: ISC */
/* Whose address a request has, and whom to believe. */

#include <arpa/inet.h>
#include <netinet/in.h>

#include "api/client_addr.h"
#include "tests/unit/harness.h"

static void
test_peer(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr un = { .sa_family = AF_UNIX };
	char out[API_CLIENT_ADDR_SIZE];

	in.sin_addr.s_addr = htonl(0x0a000001);
	CU_ASSERT_STRING_EQUAL(
	    api_client_addr_peer(out, (struct sockaddr *)&in), "10.0.0.1");
	CU_ASSERT_EQUAL(inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr), 1);
	CU_ASSERT_STRING_EQUAL(
	    api_client_addr_peer(out, (struct sockaddr *)&in6), "2001:db8::1");
	CU_ASSERT_EQUAL(
	    inet_pton(AF_INET6, "::ffff:10.0.0.2", &in6.sin6_addr), 1);
	CU_ASSERT_STRING_EQUAL(
	    api_client_addr_peer(out, (struct sockaddr *)&in6), "10.0.0.2");
	CU_ASSERT_STRING_EQUAL(api_client_addr_peer(out, &un), "unix");
}

static void
test_trusted(void)
{
	char *list[] = { "127.0.0.1", "::1", "10.1.0.0/17", "fd00::/8", "junk",
		NULL };

	CU_ASSERT(api_client_addr_trusted("unix", NULL));
	CU_ASSERT(!api_client_addr_trusted("127.0.0.1", NULL));
	CU_ASSERT(api_client_addr_trusted("127.0.0.1", list));
	CU_ASSERT(!api_client_addr_trusted("127.0.0.2", list));
	CU_ASSERT(api_client_addr_trusted("::1", list));
	CU_ASSERT(api_client_addr_trusted("10.1.127.255", list));
	CU_ASSERT(!api_client_addr_trusted("10.1.128.0", list));
	CU_ASSERT(api_client_addr_trusted("fdff::7", list));
	CU_ASSERT(!api_client_addr_trusted("fe80::1", list));
	CU_ASSERT(!api_client_addr_trusted("", list));
}

static void
test_find(void)
{
	static const struct {
		bool trusted;
		const char *real_ip;
		const char *forwarded;
		const char *want;
	} cases[] = {
		{ false, "1.2.3.4", "5.6.7.8", "unix" },
		{ true, NULL, NULL, "unix" },
		{ true, "1.2.3.4", "5.6.7.8", "1.2.3.4" },
		{ true, "nonsense", "9.9.9.9, 5.6.7.8", "5.6.7.8" },
		{ true, "", "::ffff:5.6.7.8 ", "5.6.7.8" },
		{ true, NULL, "a, b", "unix" },
		{ true, NULL, ",", "unix" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[API_CLIENT_ADDR_SIZE];

		CU_ASSERT_STRING_EQUAL(
		    api_client_addr_find(out, "unix", cases[i].trusted,
			cases[i].real_ip, cases[i].forwarded),
		    cases[i].want);
	}
}

static void
test_network(void)
{
	static const char *const cases[][2] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
		{ "2001:db8:1:2:ffff::", "2001:db8:1:2::" },
		{ "::1", "::" },
		{ "unix", "unix" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[API_CLIENT_ADDR_SIZE];

		CU_ASSERT_STRING_EQUAL(
		    api_client_addr_network(out, cases[i][0]), cases[i][1]);
	}
}

TEST_MAIN("api_client_addr", { "peer", test_peer }, { "trusted", test_trusted },
    { "find", test_find }, { "network", test_network })
