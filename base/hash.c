/* SPDX-License-Identifier: ISC */
/* SipHash-2-4 (Aumasson and Bernstein, 2012) and the map. */

#include "base/hash.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

#define FIRST_SLOTS 8

struct base_map_slot {
	uint64_t hash;
	const void *key; /* borrowed while the entry stands */
	size_t len;
	void *value; /* NULL = the slot is free */
};

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* Eight bytes, least significant first. */
static inline uint64_t
read_word(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* The last `n` bytes, fewer than eight. */
static inline uint64_t
read_rest(const unsigned char *p, size_t n)
{
	uint64_t word = 0;

	while (n-- > 0)
		word = word << 8 | p[n];
	return word;
}

uint64_t
base_hash_keyed(const unsigned char key[16], const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	const uint64_t k0 = read_word(key), k1 = read_word(key + 8);
	const uint64_t last_byte = (uint64_t)len << 56;
	struct sip s = {
		.v0 = k0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
		.v2 = k0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = k1 ^ UINT64_C(0x7465646279746573),
	};

	for (; len >= 8; p += 8, len -= 8)
		sip_word(&s, read_word(p));
	sip_word(&s, last_byte | read_rest(p, len));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
base_hash(const void *bytes, size_t len)
{
	static unsigned char key[16];
	static bool drawn;

	if (!drawn) {
		base_random_bytes(key, sizeof(key));
		drawn = true;
	}
	return base_hash_keyed(key, bytes, len);
}

void
base_map_init(struct base_map *m)
{
	m->slots = NULL;
	m->cap = 0;
	m->count = 0;
}

void
base_map_fini(struct base_map *m)
{
	base_free(m->slots);
	base_map_init(m);
}

/* The slot of this key, or the free slot where it would go.  There is always a
 * free one: the table is never full. */
static struct base_map_slot *
probe(const struct base_map *m, uint64_t hash, const void *key, size_t len)
{
	size_t at = hash & (m->cap - 1);
	struct base_map_slot *slot;

	for (;; at = (at + 1) & (m->cap - 1)) {
		slot = &m->slots[at];
		if (slot->value == NULL)
			return slot;
		if (slot->hash == hash && slot->len == len &&
		    memcmp(slot->key, key, len) == 0)
			return slot;
	}
}

static void
resize(struct base_map *m, size_t cap)
{
	struct base_map_slot *old = m->slots;
	const size_t old_cap = m->cap;
	size_t at;

	m->slots = base_alloc_array(cap, sizeof(*m->slots));
	m->cap = cap;
	for (size_t i = 0; i < old_cap; i++) {
		if (old[i].value == NULL)
			continue;
		at = old[i].hash & (cap - 1);
		while (m->slots[at].value != NULL)
			at = (at + 1) & (cap - 1);
		m->slots[at] = old[i];
	}
	base_free(old);
}

void *
base_map_get(const struct base_map *m, const void *key, size_t len)
{
	if (m->count == 0)
		return NULL;
	return probe(m, base_hash(key, len), key, len)->value;
}

void *
base_map_put(struct base_map *m, const void *key, size_t len, void *value)
{
	const uint64_t hash = base_hash(key, len);
	struct base_map_slot *slot;
	void *old;

	assert(value != NULL);
	if (m->count + 1 > m->cap / 4 * 3)
		resize(m, m->cap > 0 ? m->cap * 2 : FIRST_SLOTS);
	slot = probe(m, hash, key, len);
	old = slot->value;
	if (old == NULL)
		m->count++;
	*slot = (struct base_map_slot){ hash, key, len, value };
	return old;
}

/* Frees the slot at `hole` and moves up what had been pushed behind it, so
 * that no search ends too early. */
static void
close_hole(struct base_map *m, size_t hole)
{
	const size_t mask = m->cap - 1;
	size_t at = hole, home;

	for (;;) {
		at = (at + 1) & mask;
		if (m->slots[at].value == NULL)
			break;
		home = m->slots[at].hash & mask;
		/* It may move when its home is not between hole and here. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			m->slots[hole] = m->slots[at];
			hole = at;
		}
	}
	memset(&m->slots[hole], 0, sizeof(m->slots[hole]));
}

void *
base_map_remove(struct base_map *m, const void *key, size_t len)
{
	struct base_map_slot *slot;
	void *old;

	if (m->count == 0)
		return NULL;
	slot = probe(m, base_hash(key, len), key, len);
	old = slot->value;
	if (old == NULL)
		return NULL;
	close_hole(m, (size_t)(slot - m->slots));
	m->count--;
	/* A table that emptied by much gives memory back. */
	if (m->cap > FIRST_SLOTS && m->count < m->cap / 8)
		resize(m, m->cap / 2);
	return old;
}

void *
base_map_next(const struct base_map *m, size_t *pos)
{
	while (*pos < m->cap) {
		void *value = m->slots[(*pos)++].value;

		if (value != NULL)
			return value;
	}
	return NULL;
}
