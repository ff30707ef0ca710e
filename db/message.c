/* SPDX-License-Identifier: ISC */
/* Makes one line of libpq's several. */

#include "db/message.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"

const char *
db_message_quote(char out[DB_MESSAGE_BYTES], const char *text)
{
	char line[DB_MESSAGE_BYTES];
	size_t len = 0;

	if (text == NULL)
		return base_log_quote(out, DB_MESSAGE_BYTES, NULL);
	for (; *text != '\0' && len < sizeof(line) - 1; text++) {
		if (!isspace((unsigned char)*text))
			line[len++] = *text;
		else if (len > 0 && line[len - 1] != ' ')
			line[len++] = ' ';
	}
	if (len > 0 && line[len - 1] == ' ')
		len--;
	line[len] = '\0';
	return base_log_quote(out, DB_MESSAGE_BYTES, len > 0 ? line : NULL);
}

void
db_message_on_notice(void *arg, const struct pg_result *notice)
{
	const char *severity =
	    PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *message =
	    PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
	char text[DB_MESSAGE_BYTES];
	bool warning;

	(void)arg;
	if (severity == NULL)
		severity = "-";
	/* FATAL: what the server says to an idle session before it ends it. */
	warning =
	    strcmp(severity, "WARNING") == 0 || strcmp(severity, "FATAL") == 0;
	base_log(warning ? BASE_LOG_WARN : BASE_LOG_DEBUG, "database notice",
	    "severity=%s message=%s", severity,
	    db_message_quote(text, message));
}
