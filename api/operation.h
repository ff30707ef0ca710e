/* SPDX-License-Identifier: ISC */
/* The operations: everything that a caller can do, one row each.
 *
 * A row says how the operation is called (name, method, path), by whom, how
 * often, with which parameters, which SQL statement does it and what is
 * answered.  Doors, the OpenAPI document, docs/api.md, metrics labels and
 * validation all come from this table; none of them knows an operation by
 * name.  Adding an operation is a row here and a statement in db/sql/.  The
 * few operations that need C have a hook of the same name (api/hook.h),
 * registered by the main file of the process that offers it. */
#ifndef API_OPERATION_H
#define API_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits, so that a row can allow several. */
enum api_role {
	API_ROLE_USER = 1,
	API_ROLE_ADMIN = 2,
	API_ROLE_SERVICE = 4,
	API_ROLE_ANY = 7
};

/* What a call counts against; the rates are settings (PARLEY_RATE_*). */
enum api_rate {
	API_RATE_READ,	  /* reads */
	API_RATE_WRITE,	  /* writes that are not sends */
	API_RATE_SEND,	  /* messages */
	API_RATE_REACT,	  /* reactions, votes: small, frequent, seen by all */
	API_RATE_SIGNAL,  /* typing, read positions, ping, connections */
	API_RATE_SEARCH,  /* reads that cost more than a page */
	API_RATE_UPLOAD,  /* files */
	API_RATE_SIGNIN,  /* refused credentials, by address */
	API_RATE_ADDRESS, /* all else before sign-in, by address */
	API_RATE_NONE	  /* not counted */
};

#define API_RATE_COUNT API_RATE_NONE /* those that are counted */

/* `max` of texts whose bound is the setting PARLEY_MAX_TEXT. */
#define API_MAX_TEXT (-1)

enum api_place {
	API_IN_PATH,
	API_IN_QUERY,
	API_IN_BODY
};

enum api_type {
	API_TEXT,	  /* what people write; min..max code points; tab and
			  * newline are the only control characters */
	API_STRING,	  /* one line: min..max code points, no control chars */
	API_ID,		  /* the host's user id: 1..128 bytes, no control */
	API_CONVERSATION, /* id of a conversation, or a channel's name */
	API_EMOJI,	  /* one emoji, in its full form; or :name:; with max 1
			   * also none: an empty text */
	API_UUID,	  /* canonical form; lower-cased */
	API_TIME,	  /* RFC 3339; brought to UTC */
	API_INT,	  /* min..max */
	API_BOOL,	  /* true/false; in a query also 1 and 0 */
	API_ENUM,	  /* one of `values` */
	API_CATEGORY,	  /* one of the setting PARLEY_CATEGORIES */
	API_ID_LIST,	  /* min..max elements, each an API_ID, no repeats */
	API_STRING_LIST,  /* min..max elements of 1..256 code points */
	API_UUID_LIST,	  /* min..max elements, no repeats */
	API_OBJECT_LIST	  /* min..max objects made of `fields` */
};

struct api_param {
	const char *name;
	enum api_place place;
	enum api_type type;
	bool required;
	bool nullable;		   /* JSON null is a value, not an error */
	int64_t min, max;	   /* characters, value or elements: by type */
	const char *fallback;	   /* value when absent, or NULL = none */
	const char *const *values; /* API_ENUM: NULL-terminated */
	const char *only_for;	   /* values of the parameter `type`, between
			       * spaces, with which it may be given; NULL =
			       * with any */
	const struct api_param *fields; /* API_OBJECT_LIST */
	size_t nfields;
	const char *summary; /* for people: docs and OpenAPI */
};

enum api_flag {
	API_BATCHED = 1,     /* gathered with others of its kind: api/batch.h */
	API_LIST = 2,	     /* answers {"data": [...], "next": ...} */
	API_PUBLIC = 4,	     /* no credentials needed; used when given */
	API_ON_FASTCGI = 8,  /* needs the disk: Kore relays it to FastCGI */
	API_HOOKED = 16,     /* has a C hook: api/hook.h */
	API_HTTP_ONLY = 32,  /* no frame on a socket can call it */
	API_RAW_BODY = 64,   /* the hook reads the body, not the engine */
	API_STREAM = 128,    /* GET that a door which can turns into a stream */
	API_NO_KEY = 256,    /* a POST that repeats safely without a key */
	API_MOVES_OWN = 512, /* success moves the caller's own read position */
	API_OPERATOR = 1024, /* only allowed addresses or an admin see it */
	API_POLLED = 2048,   /* clients ask again and again: has an ETag */
	API_SIGNED = 8192,   /* a signature in the query does instead of
			      * credentials: the hook looks at it */
	API_TUS = 16384,     /* speaks tus: api/tus_head.h */
	API_UPKEEP = 4096    /* done by a client of itself: no sign that its
			      * user is there, as all but GETs are */
};

/* A header field that an operation looks at. */
struct api_head {
	const char *name;
	bool required;
	const char *summary;
};

/* A status that is no failure, besides that of success. */
struct api_also {
	int status;
	const char *summary;
};

/* Another statement for calls that give a certain argument. */
struct api_variant {
	const char *given; /* the parameter */
	const char *statement;
};

struct api_operation {
	const char *name;   /* "messages.send": the stable name everywhere */
	const char *method; /* "GET", "POST", … */
	const char *path;   /* "/v1/conversations/{conversation_id}" */
	unsigned roles;	    /* bits of enum api_role */
	enum api_rate rate;
	unsigned flags;	    /* bits of enum api_flag */
	int status;	    /* of success */
	int64_t body_bytes; /* JSON body at most; 0 = PARLEY_MAX_BODY_BYTES */
	const char *statement; /* in db/sql/, NULL = a perform hook does it */
	const struct api_variant *variants; /* the first that fits is run in
					     * its place; not for BATCHED */
	size_t nvariants;
	const struct api_param *params;
	size_t nparams;
	const struct api_head *heads;
	size_t nheads;
	const struct api_also *also;
	size_t nalso;
	const char *const *refusals; /* codes of errors that only this one and
				      * its like have; NULL-terminated; NULL =
				      * not listed */
	const char *answer; /* a schema of api/schema.h; NULL = no JSON */
	const char *made;   /* the GET that shows what a 201 made: its path
			     * has one argument, the `id` of the answer */
	const char *summary;
	const char *detail; /* more for docs, or NULL */
};

size_t api_operation_count(void);

/* The i-th row, in the order of the documentation. */
const struct api_operation *api_operation_at(size_t i);

/* By name; NULL when there is none. */
const struct api_operation *api_operation_find(const char *name);

/* Does the table say that it may be answered with this status?  (Any operation
 * may fail.) */
bool api_operation_answers(const struct api_operation *op, int status);

/* Position of a row, for arrays kept beside the table. */
size_t api_operation_index(const struct api_operation *op);

/* The parameter called `name`, or NULL. */
const struct api_param *api_operation_param(
    const struct api_operation *op, const char *name);

#endif
