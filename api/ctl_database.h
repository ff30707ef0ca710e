/* SPDX-License-Identifier: ISC */
/* What parleyctl does at the database.  Each says on stderr what went wrong. */
#ifndef API_CTL_DATABASE_H
#define API_CTL_DATABASE_H

#include <stdbool.h>

struct api_config;

bool api_ctl_migrate(
    const struct api_config *config, const char *dir, bool check_only);

/*
 * Orders the instance of that name, wherever it runs, to send its clients away
 * within `seconds` and to end.  `wait`: returns when it has ended.  False also
 * when it does not run, or does not end in time.
 */
bool api_ctl_drain(const struct api_config *config, const char *instance,
    int seconds, bool wait);

/* Prints the answer of stats.summary. */
bool api_ctl_stats(const struct api_config *config);

/* After a backup was restored: the event log goes on far ahead, so that old
 * cursors are told to start over. */
bool api_ctl_restored(const struct api_config *config);

/* Event log and outdated rows, until there is nothing more to do. */
bool api_ctl_housekeeping(const struct api_config *config);

/* Has the index of the search made anew, by the running service or by
 * housekeeping. */
bool api_ctl_reindex(const struct api_config *config);

#endif
