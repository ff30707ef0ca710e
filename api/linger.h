/* SPDX-License-Identifier: ISC */
/*
 * A last answer on a connection whose client may still be sending.  Closing
 * while bytes lie unread makes the kernel send a reset, which takes the answer
 * out of the client's hands; so: send, shut down our side, read and forget for
 * a moment, close (RFC 9112, section 9.6).
 */
#ifndef API_LINGER_H
#define API_LINGER_H

#include <stdbool.h>
#include <stddef.h>

struct base_loop;

/* Takes the non-blocking, unwatched `fd`; the bytes are copied. */
void api_linger_start(
    struct base_loop *loop, int fd, const void *bytes, size_t len);

/* The client closed or reset, rather than only ended its sending: nobody waits
 * for an answer.  (A TCP client that closed looks like one that only ended its
 * sending, until something is sent to it.) */
bool api_linger_gone(int fd);

/* How many linger now. */
size_t api_linger_count(void);

#endif
