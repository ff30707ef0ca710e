/* SPDX-License-Identifier: ISC */
/* See options.h. */

#include "tests/bench/options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: load --to PLACE [OPTION]...\n"
    "  --to PLACE         port of 127.0.0.1, or path of a unix socket; of\n"
    "                     several, connections take turns\n"
    "  --host NAME        Host header (127.0.0.1)\n"
    "  --secret S         signs the users' tokens (HS256)\n"
    "  --prefix P         users are P0, P1, ... (u)\n"
    "  --listen KIND      streams: ws, sse, socketio or nchan\n"
    "  --streams N        so many, one a user\n"
    "  --first N          the first user, or line to roam from (0)\n"
    "  --connecting N     connections being opened at once (64)\n"
    "  --arrivals N       so many a second instead, due at fixed times\n"
    "  --rooms FILE       ids of rooms, one a line\n"
    "  --members N        users of a room: user i is in room i / N\n"
    "  --senders N        users that send, spread over the rooms\n"
    "  --request 'M P'    they send HTTP requests instead of frames;\n"
    "                     %r is the room, %u the user\n"
    "  --roam FILE        each for the next line of it: room and user\n"
    "  --accept TYPE      what they ask for\n"
    "  --body TEXT        with this body; %t is the message's text\n"
    "  --rate N           messages/s of all together; without it each sender\n"
    "                     sends its next when one is answered\n"
    "  --window N         answers outstanding a sender then (1)\n"
    "  --text N           bytes of a text (120)\n"
    "  --sample N         measure delivery at every Nth stream (1)\n"
    "  --return MS        who is cut comes back within MS (0: at once), or when\n"
    "                     told to, and resumes\n"
    "  --settle S         seconds between connecting and sending (0)\n"
    "  --warm S           seconds before measuring (1); SIGUSR1 ends them\n"
    "  --seconds S        seconds of measuring (3, at most 600)\n"
    "  --watch NAME=PID   CPU and memory of a process and its descendants\n";

static bool
watch_add(struct bench_options *o, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || o->watched_count == BENCH_WATCHED_MAX)
		return false;
	*equals = '\0';
	o->watched[o->watched_count].name = text;
	o->watched[o->watched_count].pid = atoi(equals + 1);
	o->watched_count++;
	return true;
}

static bool
number(const char *text, unsigned *value)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*value = (unsigned)n;
	return *end == '\0' && end != text && n <= INT_MAX;
}

static bool
place_add(struct bench_options *o, const char *text)
{
	struct bench_place *p;
	unsigned port;

	if (o->places_count == BENCH_PLACES_MAX)
		return false;
	p = &o->places[o->places_count++];
	if (text[0] == '/') {
		p->address.un.sun_family = AF_UNIX;
		p->size = sizeof(p->address.un);
		if (strlen(text) >= sizeof(p->address.un.sun_path))
			return false;
		strcpy(p->address.un.sun_path, text);
		return true;
	}
	p->address.in.sin_family = AF_INET;
	p->address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->size = sizeof(p->address.in);
	if (!number(text, &port) || port == 0 || port > 65535)
		return false;
	p->address.in.sin_port = htons((uint16_t)port);
	return true;
}

static bool
seconds(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return *end == '\0' && end != text && *value >= 0 && *value <= 600;
}

static bool
option(struct bench_options *o, int which, char *value)
{
	switch (which) {
	case 'h':
		o->host = value;
		return true;
	case 'p':
		return place_add(o, value);
	case 'k':
		o->secret = value;
		return true;
	case 'x':
		o->prefix = value;
		return true;
	case 'l':
		return (o->listen = bench_dialect_find(value)) != NULL;
	case 'n':
		return number(value, &o->streams) && o->streams <= 60000;
	case 'f':
		return number(value, &o->first);
	case 'c':
		return number(value, &o->connecting) && o->connecting > 0;
	case 'A':
		o->arrivals = strtod(value, NULL);
		return o->arrivals > 0;
	case 'r':
		o->rooms_file = value;
		return true;
	case 'm':
		return number(value, &o->members) && o->members > 0;
	case 's':
		return number(value, &o->senders) && o->senders <= 10000;
	case 'q':
		o->request = value;
		return true;
	case 'o':
		o->roam_file = value;
		return true;
	case 'e':
		o->accept = value;
		return true;
	case 'b':
		o->body = value;
		return true;
	case 'R':
		o->rate = strtod(value, NULL);
		return o->rate > 0;
	case 'w':
		return number(value, &o->window) && o->window > 0;
	case 't':
		return number(value, &o->text_bytes) && o->text_bytes >= 20 &&
		    o->text_bytes <= 1000;
	case 'a':
		return number(value, &o->sample) && o->sample > 0;
	case 'B':
		o->returns = true;
		return number(value, &o->return_ms) && o->return_ms <= 60000;
	case 'S':
		return seconds(value, &o->settle_s);
	case 'W':
		return seconds(value, &o->warm_s);
	case 'd':
		return seconds(value, &o->seconds);
	case 'i':
		return watch_add(o, value);
	default:
		return false;
	}
}

bool
bench_options_parse(struct bench_options *o, int argc, char **argv)
{
	/* clang-format off */
	static const struct option names[] = {
		{ "host", 1, NULL, 'h' }, { "to", 1, NULL, 'p' },
		{ "secret", 1, NULL, 'k' }, { "prefix", 1, NULL, 'x' },
		{ "listen", 1, NULL, 'l' }, { "streams", 1, NULL, 'n' },
		{ "first", 1, NULL, 'f' }, { "connecting", 1, NULL, 'c' },
		{ "arrivals", 1, NULL, 'A' }, { "rooms", 1, NULL, 'r' }, { "members", 1, NULL, 'm' },
		{ "senders", 1, NULL, 's' }, { "request", 1, NULL, 'q' },
		{ "body", 1, NULL, 'b' }, { "rate", 1, NULL, 'R' },
		{ "window", 1, NULL, 'w' }, { "text", 1, NULL, 't' },
		{ "sample", 1, NULL, 'a' }, { "settle", 1, NULL, 'S' },
		{ "warm", 1, NULL, 'W' }, { "seconds", 1, NULL, 'd' },
		{ "roam", 1, NULL, 'o' }, { "accept", 1, NULL, 'e' },
		{ "return", 1, NULL, 'B' },
		{ "watch", 1, NULL, 'i' }, { NULL, 0, NULL, 0 },
	};
	/* clang-format on */
	int which;

	*o = (struct bench_options){
		.host = "127.0.0.1",
		.secret = "",
		.prefix = "u",
		.connecting = 64,
		.members = 1,
		.window = 1,
		.text_bytes = 120,
		.sample = 1,
		.warm_s = 1,
		.seconds = 3,
	};
	while ((which = getopt_long(argc, argv, "", names, NULL)) != -1)
		if (!option(o, which, optarg)) {
			fputs(usage, stderr);
			return false;
		}
	if (optind != argc || o->places_count == 0 ||
	    (o->senders > 0 && o->request == NULL &&
		(o->listen == NULL || o->listen->say == NULL))) {
		fputs(usage, stderr);
		return false;
	}
	return true;
}
