/* SPDX-License-Identifier: ISC */
/*
 * The peer's last word: its close frame, or a frame that breaks the protocol.
 * What it asked before that is answered first, if the door owes it replies and
 * they come within grace_ms; nothing behind its last word is read.
 */

#include <string.h>

#include "base/mem.h"
#include "push/hub_private.h"

/* What is to be said then. */
struct push_parting {
	bool answer; /* to a close frame; else we close it */
	unsigned code;
	uint32_t deadline; /* tick */
	char why[PUSH_WS_REASON_MAX + 1];
};

void
push_parting_take(struct push_session *s, bool answer, unsigned code,
    const char *why, size_t len)
{
	struct push_parting *p = base_alloc(sizeof(*p));

	if (len > PUSH_WS_REASON_MAX)
		len = PUSH_WS_REASON_MAX;
	if (len > 0)
		memcpy(p->why, why, len);
	p->answer = answer;
	p->code = code;
	p->deadline = push_pulse_in(s->hub, s->hub->p.grace_ms);
	s->parting = p;
	if (s->owing)
		push_pulse_arm(s);
	else
		push_parting_run(s);
}

void
push_parting_run(struct push_session *s)
{
	struct push_parting *p = s->parting;

	if (p == NULL)
		return;
	s->parting = NULL;
	if (p->answer)
		push_goodbye_answer(s, p->code, p->why);
	else
		push_goodbye_begin(s, p->code, p->why, false);
	base_free(p);
}

uint32_t
push_parting_deadline(const struct push_session *s)
{
	return s->parting->deadline;
}

void
push_parting_free(struct push_session *s)
{
	base_free(s->parting);
	s->parting = NULL;
}
