/* SPDX-License-Identifier: ISC */
/*
 * Gives a fuzz target every file of its corpus, without libFuzzer: an input
 * that once broke a decoder breaks the tests when it does so again.
 *
 *	replay_multipart	reads tests/fuzz/corpus/multipart/
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay(const char *path)
{
	struct base_buf b = { 0 };
	FILE *file = fopen(path, "rb");
	size_t n;

	if (file == NULL) {
		perror(path);
		return (-1);
	}
	do {
		base_buf_reserve(&b, 65536);
		n = fread(b.data + b.len, 1, 65536, file);
		base_buf_added(&b, n);
	} while (n > 0);
	fclose(file);
	printf("%s: %zu bytes\n", path, b.len);
	fflush(stdout); /* to be seen when the next line ends the process */
	LLVMFuzzerTestOneInput((const uint8_t *)b.data, b.len);
	base_buf_fini(&b);
	return (0);
}

int
main(int argc, char **argv)
{
	const char *source = getenv("PARLEY_SOURCE");
	const char *name = strstr(argv[0], "replay_");
	char dir[2048], path[4096];
	const struct dirent *entry;
	int replayed = 0;
	DIR *corpus;

	if (argc > 1)
		return (replay(argv[1]) == 0 ? 0 : 1);
	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s",
	    source != NULL ? source : ".", name + strlen("replay_"));
	corpus = opendir(dir);
	if (corpus == NULL) {
		perror(dir);
		return (1);
	}
	while ((entry = readdir(corpus)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (replay(path) != 0)
			return (1);
		replayed++;
	}
	closedir(corpus);
	return (replayed > 0 ? 0 : 1);
}
