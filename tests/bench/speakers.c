/* SPDX-License-Identifier: ISC */
/* Whom the clients speak for, and where. */

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/bench/run.h"
#include "tests/bench/token.h"

/* The lines of a file, owned; NULL with a message when there is none. */
static char **
lines_read(const char *path, size_t *count)
{
	char **all = NULL, line[256];
	size_t n = 0, cap = 0;
	FILE *f;

	if ((f = fopen(path, "r")) == NULL) {
		perror(path);
		return NULL;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (n == cap) {
			cap = cap == 0 ? 64 : 2 * cap;
			all = base_realloc(all, cap * sizeof(*all));
		}
		all[n++] = base_strdup(line);
	}
	fclose(f);
	if (n == 0)
		fprintf(stderr, "%s: empty\n", path);
	*count = n;
	return all;
}

static void
speaker_init(const struct bench_run *run, struct bench_speaker *s, char *user,
    const char *room)
{
	struct base_buf token = { 0 };

	bench_token_append(&token, run->options.secret, user);
	s->host = run->options.host;
	s->user = user;
	s->token = base_buf_take(&token);
	s->room = room;
}

void
bench_speakers_make(
    const struct bench_run *run, struct bench_speaker *s, unsigned user)
{
	struct base_buf name = { 0 };
	size_t room = user / run->options.members;

	base_buf_printf(&name, "%s%u", run->options.prefix, user);
	speaker_init(run, s, base_buf_take(&name),
	    room < run->rooms_count ? run->rooms[room] : "");
}

static bool
roam_read(struct bench_run *run)
{
	char **lines, *space;
	size_t i;

	lines = lines_read(run->options.roam_file, &run->roam_count);
	if (lines == NULL)
		return false;
	run->roam = base_alloc_array(run->roam_count, sizeof(*run->roam));
	run->roam_next = run->options.first;
	for (i = 0; i < run->roam_count; i++) {
		if ((space = strchr(lines[i], ' ')) == NULL) {
			fprintf(
			    stderr, "%s: not a room and a user\n", lines[i]);
			return false;
		}
		*space = '\0';
		speaker_init(run, &run->roam[i], space + 1, lines[i]);
	}
	base_free(lines);
	return true;
}

bool
bench_speakers_read(struct bench_run *run)
{
	const struct bench_options *o = &run->options;

	if (o->rooms_file != NULL &&
	    (run->rooms = lines_read(o->rooms_file, &run->rooms_count)) == NULL)
		return false;
	return o->roam_file == NULL || roam_read(run);
}
