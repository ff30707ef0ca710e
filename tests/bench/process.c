/* SPDX-License-Identifier: ISC */
/* See process.h. */

#include "tests/bench/process.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct entry {
	pid_t pid;
	pid_t parent;
	uint64_t ticks;
	bool ours;
};

static bool
stat_read(pid_t pid, struct entry *e)
{
	unsigned long user, system;
	long reaped_user, reaped_system; /* of children that have ended */
	char path[64], line[1024], *after;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((f = fopen(path, "r")) == NULL)
		return false;
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = '\0';
	/* the name, in brackets, may hold anything */
	if ((after = strrchr(line, ')')) == NULL ||
	    sscanf(after + 1,
		" %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
		&e->parent, &user, &system, &reaped_user, &reaped_system) != 5)
		return false;
	e->pid = pid;
	e->ticks =
	    user + system + (uint64_t)reaped_user + (uint64_t)reaped_system;
	e->ours = false;
	return true;
}

static uint64_t
memory_read(pid_t pid)
{
	unsigned long kib = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	if ((f = fopen(path, "r")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Pss: %lu", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static struct entry *
processes_read(size_t *count)
{
	struct entry *all = NULL, e;
	struct dirent *d;
	size_t n = 0, cap = 0;
	DIR *dir;

	if ((dir = opendir("/proc")) == NULL) {
		*count = 0;
		return NULL;
	}
	while ((d = readdir(dir)) != NULL) {
		if (!isdigit((unsigned char)d->d_name[0]) ||
		    !stat_read((pid_t)atol(d->d_name), &e))
			continue;
		if (n == cap) {
			cap = cap == 0 ? 256 : 2 * cap;
			all = base_realloc(all, cap * sizeof(*all));
		}
		all[n++] = e;
	}
	closedir(dir);
	*count = n;
	return all;
}

/* Marks the children of what is marked, until there are no more. */
static void
descendants_mark(struct entry *all, size_t count)
{
	size_t i, j;
	bool found = true;

	while (found) {
		found = false;
		for (i = 0; i < count; i++) {
			if (all[i].ours)
				continue;
			for (j = 0; j < count; j++)
				if (all[j].ours && all[j].pid == all[i].parent)
					break;
			if (j < count)
				found = all[i].ours = true;
		}
	}
}

void
bench_process_usage(pid_t root, bool memory, struct bench_usage *usage)
{
	struct entry *all;
	size_t i, count;
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);

	memset(usage, 0, sizeof(*usage));
	all = processes_read(&count);
	for (i = 0; i < count; i++)
		all[i].ours = all[i].pid == root;
	descendants_mark(all, count);
	for (i = 0; i < count; i++) {
		if (!all[i].ours)
			continue;
		usage->processes++;
		usage->cpu_us += all[i].ticks * 1000000 / hz;
		if (memory)
			usage->memory_kib += memory_read(all[i].pid);
	}
	base_free(all);
}
