/* SPDX-License-Identifier: ISC */
/* Identities: one block of memory each, shared by reference. */
#include "api/auth.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

static size_t
size_of(const char *s)
{
	return s != NULL ? strlen(s) + 1 : 0;
}

static const char *
place(char **at, const char *s)
{
	const char *copy = *at;
	size_t size = size_of(s);

	if (size == 0)
		return NULL;
	memcpy(*at, s, size);
	*at += size;
	return copy;
}

struct api_identity *
api_identity_new(const struct api_identity *from)
{
	size_t text = size_of(from->user) + size_of(from->label) +
	    size_of(from->name) + size_of(from->picture);
	struct api_identity *id = base_alloc(sizeof(*id) + text);
	char *at = (char *)(id + 1), *begin = at;

	*id = *from;
	id->refs = 1;
	id->user = place(&at, from->user);
	id->label = place(&at, from->label);
	id->name = place(&at, from->name);
	id->picture = place(&at, from->picture);
	/* The NULs between keep "ab","c" and "a","bc" apart; the two bits
	 * keep an absent name from looking like an absent picture. */
	id->claims_hash = base_hash(begin, text) ^
	    (uint64_t)(from->name != NULL) ^
	    ((uint64_t)(from->picture != NULL) << 1);
	return id;
}

struct api_identity *
api_identity_ref(struct api_identity *id)
{
	assert(id->refs > 0);
	id->refs++;
	return id;
}

void
api_identity_unref(struct api_identity *id)
{
	if (id != NULL && --id->refs == 0)
		base_free(id);
}

const char *
api_role_name(enum api_role role)
{
	switch (role) {
	case API_ROLE_ADMIN:
		return "admin";
	case API_ROLE_SERVICE:
		return "service";
	case API_ROLE_USER:
	case API_ROLE_ANY:
		break;
	}
	return "user";
}
