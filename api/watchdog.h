/* SPDX-License-Identifier: ISC */
/* Ends this process when something takes too long by the clock on the wall: a
 * decoder in an endless loop cannot be stopped otherwise.  One per process, by
 * SIGALRM. */
#ifndef API_WATCHDOG_H
#define API_WATCHDOG_H

/* How such a process ends, for its parent. */
enum {
	API_WATCHDOG_EXIT = 75
};

/* Once, before the others. */
void api_watchdog_init(void);

/* From now on `seconds`, whatever was left before. */
void api_watchdog_arm(unsigned seconds);
void api_watchdog_disarm(void);

#endif
