/* SPDX-License-Identifier: ISC */
/* What has to be done now and then, by any process: parts of the event log
 * prepared ahead and dropped when they are old, outdated rows deleted.  The
 * statements let one process at a time in; the others find nothing to do. */
#ifndef API_HOUSEKEEPER_H
#define API_HOUSEKEEPER_H

#include <stdbool.h>
#include <stddef.h>

struct api_housekeeper;
struct base_loop;
struct db_pool;

/* Begins some seconds from now, a little different in each process. */
struct api_housekeeper *api_housekeeper_new(
    struct base_loop *loop, struct db_pool *pool, int retention_hours);
void api_housekeeper_free(struct api_housekeeper *h);

/* As an api_ready_fn: is there room in the event log?  Without it nothing can
 * be written. */
bool api_housekeeper_ready(void *housekeeper, char *why, size_t why_size);

/* Arguments that parleyctl gives to the same statements. */
#define API_HOUSEKEEPER_AHEAD "4" /* partitions */
#define API_HOUSEKEEPER_DAYS "30" /* of closed connections */

#endif
