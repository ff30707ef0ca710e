/* SPDX-License-Identifier: ISC */
/*
 * Kore's listeners, and how a worker leaves them without losing anybody: who
 * connects later is refused, and so goes elsewhere; who waits to be accepted
 * still is.
 */
#ifndef API_KORE_LISTEN_H
#define API_KORE_LISTEN_H

/* Once per worker, before its loop turns. */
void api_kore_listen_init(void);

/* For all workers of the instance: they share the sockets.  Those who wait are
 * accepted in this turn and the next ones.  Again: no effect. */
void api_kore_listen_close(void);

#endif
