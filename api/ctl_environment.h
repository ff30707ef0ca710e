/* SPDX-License-Identifier: ISC */
/* The environment file of an installed service, for an operator's shell that
 * has none of its settings. */
#ifndef API_CTL_ENVIRONMENT_H
#define API_CTL_ENVIRONMENT_H

#include <stdbool.h>

#include "base/attr.h"

/* Take the settings (PARLEY_NAME=value, as systemd's EnvironmentFile has them)
 * of the file into the environment, unless that has any PARLEY_* already.  A
 * file that is not there is fine; one that cannot be read is said on stderr,
 * and false. */
MUST_USE bool api_ctl_environment_load(const char *path);

#endif
