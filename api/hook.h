/* SPDX-License-Identifier: ISC */
/* Hooks: the C part of the few operations that a statement alone cannot do.
 *
 * A file that implements hooks exports a constant table of them; the main file
 * of each process hands the tables it links to api_engine_hooks_add().  The
 * operation table says API_HOOKED; a process that has no hook for such a row
 * answers it 501 `not_here` (unless its door passes it on).
 *
 * Order within a call: identified, counted, validated, user mirrored, then
 *   before   may set or change values of the statement's parameters
 *   (the statement runs, if the row names one)
 *   perform  when the row names no statement: does it
 *   after    sees the rows; may answer instead of the generic rendering
 * Any hook may be NULL. */
#ifndef API_HOOK_H
#define API_HOOK_H

#include <stddef.h>

struct api_call;
struct db_result;

enum api_hook_next {
	API_HOOK_GO_ON,	  /* carry on; from perform and after: answer what the
			    * hook wrote, or the generic rendering */
	API_HOOK_REFUSED, /* api_call_refuse() was called: answer that */
	API_HOOK_PENDING  /* api_call_resume() will be called later, not from
			    * inside the hook */
};

struct api_hook {
	const char *operation; /* name of the row */
	enum api_hook_next (*before)(struct api_call *);
	enum api_hook_next (*perform)(struct api_call *);
	enum api_hook_next (*after)(struct api_call *,
	    const struct db_result *); /* status DB_OK only */
};

#endif
