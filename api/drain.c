/* SPDX-License-Identifier: ISC */
/* The end of an instance's service. */
#include "api/drain.h"

#include "base/clock.h"
#include "base/mem.h"

#define LOOK_MS 100
/* After the last stream: longer than Nginx keeps idle connections (5 s), so
 * that it is Nginx who closes them, and no request meets our close. */
#define FINISH_MS 8000
/* For requests that are under way then, such as an upload. */
#define REQUESTS_MS 60000

struct api_drain {
	struct api_drain_params p;
	uint64_t bit;		 /* ours in the shared sets */
	struct base_timer *look; /* non-NULL = draining */
};

static bool
is_over(const struct api_drain_shared *s)
{
	uint64_t now = base_clock_ms(), until = atomic_load(&s->until_ms);

	if ((atomic_load(&s->begun) & ~atomic_load(&s->empty)) == 0)
		return true;
	return now >= until &&
	    (atomic_load(&s->busy) == 0 || now >= until + REQUESTS_MS);
}

static void
look(void *arg)
{
	struct api_drain *d = arg;
	struct api_drain_shared *s = d->p.shared;

	d->look = NULL;
	if (d->p.is_empty(d->p.arg))
		atomic_fetch_or(&s->empty, d->bit);
	if (d->p.is_busy(d->p.arg))
		atomic_fetch_or(&s->busy, d->bit);
	else
		atomic_fetch_and(&s->busy, ~d->bit);
	if (is_over(s))
		d->p.end(d->p.arg);
	else
		d->look = base_timer_start(d->p.loop, LOOK_MS, look, d);
}

static void
begin(struct api_drain *d, uint32_t spread_ms)
{
	d->p.begin(d->p.arg, spread_ms);
	if (d->look == NULL)
		d->look = base_timer_start(d->p.loop, LOOK_MS, look, d);
}

/* In the place of a worker that was killed meanwhile: its clients are gone, and
 * ours must not stay. */
static void
take_up(void *arg)
{
	struct api_drain *d = arg;

	d->look = NULL;
	begin(d, 0);
}

struct api_drain *
api_drain_new(const struct api_drain_params *p)
{
	struct api_drain *d = base_alloc(sizeof(*d));

	d->p = *p;
	d->bit = UINT64_C(1) << p->worker % 64;
	atomic_fetch_and(&p->shared->empty, ~d->bit);
	atomic_fetch_and(&p->shared->busy, ~d->bit);
	atomic_fetch_or(&p->shared->begun, d->bit);
	if (atomic_load(&p->shared->until_ms) != 0)
		d->look = base_timer_start(p->loop, 0, take_up, d);
	return d;
}

void
api_drain_order(struct api_drain *d, uint32_t spread_ms)
{
	atomic_store(
	    &d->p.shared->until_ms, base_clock_ms() + spread_ms + FINISH_MS);
	begin(d, spread_ms);
}

void
api_drain_free(struct api_drain *d)
{
	if (d == NULL)
		return;
	base_timer_cancel(d->look);
	base_free(d);
}
