/* SPDX-License-Identifier: ISC */
/* Reading /etc/parley/parley.env. */
#include "api/ctl_environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool
has_settings(void)
{
	for (char **e = environ; e != NULL && *e != NULL; e++) {
		if (strncmp(*e, "PARLEY_", 7) == 0)
			return true;
	}
	return false;
}

/* A value may stand between quotes. */
static char *
unquote(char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && (*value == '"' || *value == '\'') &&
	    value[len - 1] == *value) {
		value[len - 1] = '\0';
		value++;
	}
	return value;
}

static void
take_line(char *line)
{
	char *value;

	line += strspn(line, " \t");
	line[strcspn(line, "\r\n")] = '\0';
	value = strchr(line, '=');
	if (strncmp(line, "PARLEY_", 7) != 0 || value == NULL)
		return;
	*value++ = '\0';
	setenv(line, unquote(value), 1);
}

bool
api_ctl_environment_load(const char *path)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	if (has_settings())
		return true;
	file = fopen(path, "re");
	if (file == NULL && errno != ENOENT && errno != ENOTDIR) {
		fprintf(stderr, "parleyctl: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (file == NULL)
		return true;
	while (getline(&line, &size, file) != -1)
		take_line(line);
	free(line);
	fclose(file);
	return true;
}
