/* SPDX-License-Identifier: ISC */
/*
 * Who listens to what.  A topic lives exactly as long as it has listeners: the
 * last leave frees it.  Joining and leaving move one array element each; the
 * two arrays (a topic's listeners, a listener's topics) know each other's
 * places.
 *
 * The table chains topics through themselves under a hash that events carry:
 * one pointer a topic, and no second hashing, where base_map would take 32
 * bytes a slot.  Topics that nobody shares are most of an idle session.
 */

#ifndef PUSH_TOPIC_H
#define PUSH_TOPIC_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct push_membership {
	struct push_topic *topic;
	uint32_t place; /* in the topic's listeners */
};

/* The topics of one listener, embedded in it; zeroed storage is empty. */
struct push_memberships {
	struct push_membership *items; /* owned */
	uint32_t count;
	uint32_t cap;
};

struct push_listener {
	struct push_memberships *who; /* container_of() gives the session */
	uint32_t place : 30;	      /* in who->items */
	uint32_t silent : 1;	      /* hears joins and leaves only */
	uint32_t visits : 1;	      /* goes when the door is shut */
	uint32_t from;		      /* see event.h; 0: sees all */
};

struct push_topic {
	SLIST_ENTRY(push_topic) chain;
	uint64_t hash;
	uint32_t count; /* listeners */
	uint32_t cap;	/* 0: the only one is u.one */
	union {
		struct push_listener one;
		struct push_listener *many; /* owned */
	} u;
	char name[]; /* NUL-terminated */
};

SLIST_HEAD(push_topic_chain, push_topic);

/* All topics; zeroed storage is empty. */
struct push_topics {
	struct push_topic_chain *chains; /* owned */
	size_t chain_count;		 /* 0 or a power of two */
	size_t count;
};

/* Frees the table; the topics in it must be gone. */
void push_topics_fini(struct push_topics *topics);

/* The topic, or NULL when nobody listens. */
struct push_topic *push_topic_find(
    const struct push_topics *topics, uint64_t hash, const char *name);

/* Makes room for `n` topics in one step. */
void push_topic_reserve(struct push_memberships *who, size_t n);

/* How somebody listens; the more comes first. */
enum push_listening {
	PUSH_LISTENS,
	PUSH_VISITS,
	PUSH_SILENT,
};

/* Adds the listener.  One that is there already listens from now on in the way
 * that is more.  Borrowed until the next change; a new one sees all. */
struct push_listener *push_topic_join(struct push_topics *topics, uint64_t hash,
    const char *name, struct push_memberships *who, enum push_listening how);

/* Takes the listener off, if it is there; the topic may then be gone. */
void push_topic_leave(struct push_topics *topics, struct push_topic *topic,
    struct push_memberships *who);

/* Takes the listener off all its topics and frees its array. */
void push_topic_leave_all(
    struct push_topics *topics, struct push_memberships *who);

/* The listeners: `count` of them, in no order. */
struct push_listener *push_topic_listeners(struct push_topic *topic);

/* This one of them, or NULL.  O(least of the two counts). */
struct push_listener *push_topic_listener(
    struct push_topic *topic, const struct push_memberships *who);

#endif
