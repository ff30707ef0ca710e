/* SPDX-License-Identifier: ISC */
/*
 * Who makes pictures at the same time, of all processes on this machine: no
 * more than there are seats.  The others wait for one, who has waited longest
 * most eagerly.  A process that ends leaves its seat, however it ends.
 */
#ifndef UPLOAD_SEATS_H
#define UPLOAD_SEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* Half of the processors that this process may use, one at least. */
unsigned upload_seats_default(void);

struct upload_seats;

/* `count` seats, kept by a file in `dir`, for one user of them.  NULL with
 * errno. */
MUST_USE struct upload_seats *upload_seats_open(
    const char *dir, unsigned count);

/* Leaves first.  NULL is fine. */
void upload_seats_close(struct upload_seats *s);

/* Take one, which lasts until upload_seats_leave(); false when none was free
 * for `wait_ms`.  With NULL there is always one. */
MUST_USE bool upload_seats_take(struct upload_seats *s, uint64_t wait_ms);
void upload_seats_leave(struct upload_seats *s);

#endif
