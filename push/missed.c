/* SPDX-License-Identifier: ISC */
/*
 * Events without an id are not replayed: what a session did not get of them is
 * lost.  It is told so, once it takes again what comes, so that its client asks
 * for what they tell of.  They are left out
 *
 *	while the peer reads slowly (output.c),
 *	while the past is replayed, since only live sessions hear them,
 *	while the process did not hear of any itself (push_hub_missed).
 */

#include "base/random.h"
#include "push/hub_private.h"

void
push_missed_note(struct push_session *s, uint32_t spread_ms)
{
	/* Who polls gets none of them anyway. */
	if (s->kind == PUSH_SINK || s->missed_tick != 0)
		return;
	s->missed_tick = spread_ms == 0 ?
	    s->hub->tick :
	    push_pulse_in(s->hub, base_random_below(spread_ms + 1));
	push_pulse_arm(s);
}

void
push_missed_tell(struct push_session *s)
{
	/* Before the queue is drained more of them may be left out. */
	if (s->missed_tick == 0 || s->missed_tick > s->hub->tick ||
	    s->state != PUSH_LIVE || !push_output_drained(s))
		return;
	s->missed_tick = 0;
	push_session_event(s, "presence.missed", "{}");
}

static void
session_missed(struct push_session *s, void *arg)
{
	const uint32_t *spread_ms = arg;

	if (s->begun)
		push_missed_note(s, *spread_ms);
}

void
push_hub_missed(struct push_hub *hub, uint32_t spread_ms)
{
	push_hub_each(hub, session_missed, &spread_ms);
}
