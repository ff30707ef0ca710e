/* SPDX-License-Identifier: ISC */
/*
 * Topics that a live session is to follow from an event on that this process has
 * not come to: the right to read them was looked up when the log ended there.
 * What lies before was perhaps not for its user, who may have joined in between.
 */

#include <string.h>

#include "base/mem.h"
#include "push/hub_private.h"

struct push_later {
	TAILQ_ENTRY(push_later) link;
	struct push_session *s; /* borrowed; LIVE */
	enum push_listening how;
	int64_t from;
	int64_t checked;
	char topic[];
};

static void
later_free(struct push_hub *hub, struct push_later *l)
{
	TAILQ_REMOVE(&hub->later, l, link);
	base_free(l);
}

void
push_later_add(struct push_session *s, const char *topic,
    enum push_listening how, int64_t from, int64_t checked)
{
	size_t len = strlen(topic);
	struct push_later *l = base_alloc(sizeof(*l) + len + 1);

	push_later_drop(s, topic);
	l->s = s;
	l->how = how;
	l->from = from;
	l->checked = checked;
	memcpy(l->topic, topic, len + 1);
	TAILQ_INSERT_TAIL(&s->hub->later, l, link);
}

void
push_later_drop(struct push_session *s, const char *topic)
{
	struct push_later *l, *next;

	for (l = TAILQ_FIRST(&s->hub->later); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->s == s &&
		    (topic == NULL || strcmp(l->topic, topic) == 0))
			later_free(s->hub, l);
	}
}

void
push_later_run(struct push_hub *hub, int64_t id)
{
	struct push_later *l, *next;

	for (l = TAILQ_FIRST(&hub->later); l != NULL; l = next) {
		next = TAILQ_NEXT(l, link);
		if (l->checked > hub->cursor && l->checked >= id)
			continue;
		if (l->s->state == PUSH_LIVE)
			push_topic_join(&hub->topics, push_topic_hash(l->topic),
			    l->topic, &l->s->memberships, l->how)
			    ->from = push_seq_from(l->from);
		later_free(hub, l);
	}
}
