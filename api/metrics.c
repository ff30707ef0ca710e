/* SPDX-License-Identifier: ISC */
/* Counting: each process into its own slot of the mapped file. */
#include "api/metrics_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/operation.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

static const uint32_t bounds_us[API_METRICS_BUCKETS] = { 500, 1000, 2500, 5000,
	10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
	5000000 };

static const short statuses[API_METRICS_STATUSES] = { 0, 101, 200, 201, 202,
	204, 206, 304, 400, 401, 403, 404, 405, 406, 409, 410, 411, 413, 414,
	415, 416, 422, 426, 429, 431, 499, 500, 501, 502, 503, 504, 507 };

uint32_t
api_metrics_bound_us(size_t bucket)
{
	return bounds_us[bucket];
}

int
api_metrics_status(size_t counter)
{
	return statuses[counter];
}

/* A file of another build, whose table of operations differs, is not ours. */
static uint64_t
layout_magic(void)
{
	static const unsigned char key[16] = "parley.metrics.1";
	uint64_t magic = sizeof(struct api_metrics_slot);

	for (size_t i = 0; i < api_operation_count(); i++) {
		const char *name = api_operation_at(i)->name;

		magic = magic * 31 + base_hash_keyed(key, name, strlen(name));
	}
	return magic | 1;
}

static struct api_metrics_slot *
slot_at(const struct api_metrics *m, size_t i)
{
	return &m->slots[i];
}

/* The slot's own lock byte: any byte of it will do. */
static uint64_t
claim_byte(size_t i)
{
	return API_METRICS_HEAD + i * sizeof(struct api_metrics_slot);
}

/* The best free slot: the one this process had before it was restarted, else
 * one that was never used, else one whose owner is gone for good. */
static int
choose(const struct api_metrics *m, const char *process)
{
	int fresh = -1, dead = -1;

	for (int i = API_METRICS_SLOTS - 1; i >= 0; i--) {
		const struct api_metrics_slot *s = slot_at(m, (size_t)i);

		if (api_map_file_claimed(&m->file, claim_byte((size_t)i)))
			continue;
		if (strcmp(s->process, process) == 0)
			return i;
		if (s->process[0] == '\0')
			fresh = i;
		else
			dead = i;
	}
	return fresh != -1 ? fresh : dead;
}

static void
claim(struct api_metrics *m, const char *process)
{
	for (;;) {
		int i = choose(m, process);

		if (i == -1)
			return;
		if (!api_map_file_claim(&m->file, claim_byte((size_t)i)))
			continue; /* somebody was faster */
		m->own = slot_at(m, (size_t)i);
		memset(m->own->gauges, 0, sizeof(m->own->gauges));
		snprintf(
		    m->own->process, sizeof(m->own->process), "%s", process);
		return;
	}
}

struct api_metrics *
api_metrics_open(const char *run_dir, const char *process)
{
	struct api_metrics *m = base_alloc(sizeof(*m));
	char err[256];

	assert(api_operation_count() < API_METRICS_OPERATIONS);
	if (api_map_file_open(&m->file, run_dir, "metrics", layout_magic(),
		API_METRICS_HEAD +
		    API_METRICS_SLOTS * sizeof(struct api_metrics_slot),
		err, sizeof(err))) {
		m->slots = (void *)((char *)m->file.head + API_METRICS_HEAD);
		claim(m, process);
	} else {
		base_log_warn("metrics are private", "why=%s", err);
		m->file.fd = -1;
	}
	if (m->own == NULL)
		m->own = m->private_slot = base_alloc(sizeof(*m->own));
	return m;
}

void
api_metrics_close(struct api_metrics *m)
{
	if (m == NULL)
		return;
	memset(m->own->gauges, 0, sizeof(m->own->gauges));
	if (m->slots != NULL)
		api_map_file_close(&m->file);
	base_free(m->private_slot);
	base_free(m);
}

/* --- counting: one writer, so a plain load and store of each word --- */

static void
add(uint64_t *p, uint64_t n)
{
	__atomic_store_n(
	    p, __atomic_load_n(p, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static size_t
status_index(int status)
{
	for (size_t i = 1; i < API_METRICS_STATUSES; i++) {
		if (statuses[i] == status)
			return i;
	}
	return 0;
}

void
api_metrics_request(
    struct api_metrics *m, size_t op, int status, uint64_t took_us)
{
	struct api_metrics_op *o = &m->own->ops[op];
	size_t bucket = 0;

	while (bucket < API_METRICS_BUCKETS && took_us > bounds_us[bucket])
		bucket++;
	add(&o->statuses[status_index(status)], 1);
	add(&o->buckets[bucket], 1);
	add(&o->sum_us, took_us);
}

void
api_metrics_count(struct api_metrics *m, enum api_counter c, uint64_t n)
{
	add(&m->own->counters[c], n);
}

void
api_metrics_gauge_set(struct api_metrics *m, enum api_gauge g, int64_t v)
{
	__atomic_store_n(&m->own->gauges[g], v, __ATOMIC_RELAXED);
}

void
api_metrics_gauge_add(struct api_metrics *m, enum api_gauge g, int64_t d)
{
	api_metrics_gauge_set(
	    m, g, __atomic_load_n(&m->own->gauges[g], __ATOMIC_RELAXED) + d);
}
