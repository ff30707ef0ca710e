/* SPDX-License-Identifier: ISC */
/* The address of the client behind a proxy. */
#include "api/client_addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct address {
	int family;
	uint8_t bytes[16];
};

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* An IPv4 address in IPv6 clothes becomes an IPv4 one. */
static void
unwrap(struct address *a)
{
	if (a->family != AF_INET6 ||
	    memcmp(a->bytes, mapped, sizeof(mapped)) != 0)
		return;
	a->family = AF_INET;
	memmove(a->bytes, a->bytes + sizeof(mapped), 4);
}

static bool
parse(struct address *a, const char *text, size_t len)
{
	char copy[API_CLIENT_ADDR_SIZE];

	if (len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, a->bytes) == 1)
		a->family = AF_INET;
	else if (inet_pton(AF_INET6, copy, a->bytes) == 1)
		a->family = AF_INET6;
	else
		return false;
	unwrap(a);
	return true;
}

static const char *
format(char out[API_CLIENT_ADDR_SIZE], const struct address *a)
{
	if (inet_ntop(a->family, a->bytes, out, API_CLIENT_ADDR_SIZE) == NULL)
		out[0] = '\0';
	return out;
}

const char *
api_client_addr_peer(
    char out[API_CLIENT_ADDR_SIZE], const struct sockaddr *peer)
{
	struct address a = { .family = peer->sa_family };

	if (peer->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, peer, sizeof(in));
		memcpy(a.bytes, &in.sin_addr, 4);
	} else if (peer->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, peer, sizeof(in6));
		memcpy(a.bytes, &in6.sin6_addr, 16);
	} else {
		strcpy(out, "unix");
		return out;
	}
	unwrap(&a);
	return format(out, &a);
}

static bool
in_network(const struct address *a, const char *network)
{
	const char *slash = strchr(network, '/');
	struct address n;
	int max, bits;

	if (!parse(&n, network,
		slash != NULL ? (size_t)(slash - network) : strlen(network)) ||
	    n.family != a->family)
		return false;
	max = n.family == AF_INET ? 32 : 128;
	bits = slash != NULL ? atoi(slash + 1) : max;
	if (bits < 0 || bits > max)
		return false;
	if (memcmp(a->bytes, n.bytes, (size_t)bits / 8) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	return (a->bytes[bits / 8] ^ n.bytes[bits / 8]) >> (8 - bits % 8) == 0;
}

bool
api_client_addr_trusted(const char *peer, char *const *trusted)
{
	struct address a;

	if (strcmp(peer, "unix") == 0)
		return true;
	if (trusted == NULL || !parse(&a, peer, strlen(peer)))
		return false;
	for (; *trusted != NULL; trusted++) {
		if (in_network(&a, *trusted))
			return true;
	}
	return false;
}

const char *
api_client_addr_network(char out[API_CLIENT_ADDR_SIZE], const char *address)
{
	struct address a;

	if (!parse(&a, address, strlen(address)))
		return address;
	if (a.family == AF_INET6)
		memset(a.bytes + 8, 0, 8);
	return format(out, &a);
}

/* The last element: the one that our own proxy appended. */
static bool
parse_last(struct address *a, const char *list)
{
	const char *comma = strrchr(list, ','), *at;
	size_t len;

	at = comma != NULL ? comma + 1 : list;
	at += strspn(at, " \t");
	len = strcspn(at, " \t");
	return parse(a, at, len);
}

const char *
api_client_addr_find(char out[API_CLIENT_ADDR_SIZE], const char *peer,
    bool trusted, const char *real_ip, const char *forwarded_for)
{
	struct address a;

	if (trusted &&
	    ((real_ip != NULL && parse(&a, real_ip, strlen(real_ip))) ||
		(forwarded_for != NULL && parse_last(&a, forwarded_for))))
		return format(out, &a);
	if (peer != out)
		strcpy(out, peer);
	return out;
}
