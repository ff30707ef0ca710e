/* SPDX-License-Identifier: ISC */
/*
 * The address of the client behind a proxy.  What a header claims is believed
 * only when the peer itself is trusted.
 */
#ifndef API_CLIENT_ADDR_H
#define API_CLIENT_ADDR_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

#define API_CLIENT_ADDR_SIZE 46 /* INET6_ADDRSTRLEN */

/* The peer as text: an address, an IPv4 one in IPv6 clothes unwrapped;
 * "unix" for a unix socket.  Returns `out`. */
const char *api_client_addr_peer(
    char out[API_CLIENT_ADDR_SIZE], const struct sockaddr *peer);

/* A unix socket, or in the NULL-terminated list: addresses, or networks as
 * "10.0.0.0/8". */
bool api_client_addr_trusted(const char *peer, char *const *trusted);

/* Whom an address stands for: whoever has one IPv6 address has a network of 64
 * bits; an IPv4 one, and what is no address, are as they are.  Returns `out`
 * or `address`. */
const char *api_client_addr_network(
    char out[API_CLIENT_ADDR_SIZE], const char *address);

/* Of a trusted peer: X-Real-IP, else the last address of X-Forwarded-For, else
 * the peer.  Either header may be NULL; what is no address counts as absent.
 * Returns `out`. */
const char *api_client_addr_find(char out[API_CLIENT_ADDR_SIZE],
    const char *peer, bool trusted, const char *real_ip,
    const char *forwarded_for);

#endif
