/* SPDX-License-Identifier: ISC */
/* The events, as a table: documentation, client types and a test of what is
 * really sent come from it. */
#ifndef API_EVENTS_H
#define API_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "api/schema.h"

enum api_event_topic {
	API_TOPIC_USER = 1,
	API_TOPIC_CONVERSATION = 2,
	API_TOPIC_STREAM = 4,  /* one stream only, no topic */
	API_TOPIC_PRESENCE = 8 /* by rights of its own: api/presence.h */
};

struct api_event_type {
	const char *name;
	unsigned topics;  /* bits of enum api_event_topic */
	bool durable;	  /* in the log, has an id, is replayed */
	const char *data; /* a schema of api/schema.h, or NULL: `fields` */
	const struct api_field *fields;
	size_t nfields;
	const char *summary;
};

size_t api_event_type_count(void);
const struct api_event_type *api_event_type_at(size_t i);

/* NULL when there is none. */
const struct api_event_type *api_event_type_find(const char *name);

#endif
