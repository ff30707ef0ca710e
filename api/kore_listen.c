/* SPDX-License-Identifier: ISC */
/* Shutting Kore's listeners. */
#include <kore/kore.h>

#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>

#include "api/kore_listen.h"

static bool closed;

/* True: it took somebody, so there may be more. */
static bool
take_some(struct listener *l)
{
	u_int32_t before = worker_active_connections;

	l->evt.flags |= KORE_EVENT_READ;
	kore_listener_accept(l, 0);
	return worker_active_connections != before;
}

/* Kore goes on adding and removing the descriptor, so it stays watched; but a
 * socket that is shut stays readable, or hung up, and would be told for ever.
 * A hangup is told once more upon the change itself, which must not cause
 * another: the flag, without a meaning for listeners, says that it is due. */
static void
silence(struct listener *l)
{
	l->evt.flags ^= KORE_EVENT_WRITE;
	if (l->evt.flags & KORE_EVENT_WRITE)
		kore_platform_event_schedule(l->fd, (int)EPOLLET, 0, l);
}

/* In the place of kore_listener_accept(), to which a hangup, here another
 * worker's shutdown, is fatal. */
static void
on_listener(void *arg, int hangup)
{
	struct listener *l = arg;

	if (hangup || (!take_some(l) && closed))
		silence(l);
}

static void
listeners_each(void (*each)(struct listener *l))
{
	struct kore_server *server;
	struct listener *l;

	LIST_FOREACH (server, &kore_servers, list) {
		LIST_FOREACH (l, &server->listeners, list)
			each(l);
	}
}

static void
adopt(struct listener *l)
{
	l->evt.handle = on_listener;
}

/* A unix socket that is shut for reading refuses and keeps its queue.  TCP
 * resets who is in the queue, so that is emptied first. */
static void
shut(struct listener *l)
{
	while (l->family != AF_UNIX && take_some(l))
		;
	(void)shutdown(l->fd, SHUT_RD);
}

void
api_kore_listen_init(void)
{
	listeners_each(adopt);
}

void
api_kore_listen_close(void)
{
	if (!closed)
		listeners_each(shut);
	closed = true;
}
