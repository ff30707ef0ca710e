/* SPDX-License-Identifier: ISC */
/* The table of events. */
#include "api/events.h"

#include <assert.h>
#include <string.h>

#include "base/attr.h"

/* clang-format off */
static const struct api_field member_added[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "user_id", "id", "Who joined" },
	{ "by", "id", "Who added them" },
	{ "member", "member", "The new member" },
	{ "member_count", "integer", "Members now" },
	{ "conversation", "conversation?",
	    "Only on user:<id>, for who joined; null: it was deleted for all since" },
};

static const struct api_field member_updated[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "user_id", "id", "Who became something else" },
	{ "by", "id", "Who said so" },
	{ "member", "member", "The member" },
};

static const struct api_field member_removed[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "user_id", "id", "Who left" },
	{ "by", "id", "Who removed them, or they themselves" },
	{ "reason", "string", "left or removed" },
	{ "new_owner_id", "id?", "When the owner left" },
	{ "member_count", "integer", "Members now" },
	{ "members", "[member]~", "Not on user:<id>: the first 8 now" },
};

static const struct api_field conversation_updated[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "by", "id", "Who changed it" },
	{ "name", "string?", "All that conversations.update can change, as it is now" },
	{ "description", "string?", "What it is about" },
	{ "image", "image?", "Its picture" },
	{ "category", "string", "One of PARLEY_CATEGORIES" },
	{ "visibility", "string?", "Of a group" },
	{ "access", "string?", "Of a channel" },
	{ "history", "string", "What a new member reads" },
};

static const struct api_field conversation_deleted[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "by", "id", "Who deleted it" },
};

static const struct api_field thread_updated[] = {
	{ "conversation_id", "uuid", "The conversation of the root" },
	{ "message_id", "uuid", "The root" },
	{ "thread", "thread", "The thread as the root shows it from now on" },
};

static const struct api_field thread_read[] = {
	{ "conversation_id", "uuid", "The conversation of the root" },
	{ "message_id", "uuid", "The root" },
	{ "thread_id", "uuid", "The thread" },
	{ "last_read_seq", "integer", "The read position from now on" },
	{ "unread", "integer", "Replies after it, at most 999; 0 when the user does not follow" },
	{ "mentions", "integer", "Those of them that name the user" },
};

static const struct api_field thread_unfollowed[] = {
	{ "conversation_id", "uuid", "The conversation of the root" },
	{ "message_id", "uuid", "The root" },
	{ "thread_id", "uuid", "The thread" },
};

static const struct api_field reaction[] = {
	{ "conversation_id", "uuid", "Where the message is" },
	{ "message_id", "uuid", "The message" },
	{ "user_id", "id", "Who" },
	{ "emoji", "string", "Which" },
	{ "reactions", "[reaction]", "All that the message has from now on" },
};

static const struct api_field receipt[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "user_id", "id", "Who read" },
	{ "last_read_seq", "integer", "Their read position" },
	{ "seen_upto", "integer", "What others see of it: it only rises" },
	{ "read_at", "time", "When" },
	{ "unread", "integer", "Of who read: messages after the position, at most 999" },
	{ "mentions", "integer", "Those of them that name them or all" },
	{ "back", "boolean~", "true: the position was set back (marked as unread)" },
};

static const struct api_field notification_created[] = {
	{ "notification", "notification", "It; of an id that is there already: how it is now" },
	{ "unread", "integer", "How many are not read" },
};

static const struct api_field notification_read[] = {
	{ "ids", "[uuid]", "Which" },
	{ "read_at", "time", "When" },
	{ "unread", "integer", "How many are not read" },
};

static const struct api_field notification_removed[] = {
	{ "ids", "[uuid]", "Which" },
	{ "unread", "integer", "How many are not read" },
};

static const struct api_field unread_updated[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "last_read_seq", "integer", "The user's read position, as it was" },
	{ "unread", "integer", "Messages after it, at most 999" },
	{ "mentions", "integer", "Those of them that name the user or all" },
};

static const struct api_field receipt_delivered[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "user_id", "id", "Whose device" },
	{ "delivered_upto", "integer", "It has had the messages up to this seq" },
	{ "delivered_at", "time", "When" },
};

static const struct api_field upload_failed[] = {
	{ "id", "uuid?", "Of a resumable one: the upload it was to be" },
	{ "filename", "string", "As it was given, made harmless" },
	{ "code", "string", "Stable: why, as uploads.create says it" },
	{ "detail", "string", "For people" },
};

static const struct api_field typing[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "user_id", "id", "Who" },
	{ "name", "string?", "Display name" },
	{ "thread_root", "uuid~", "When it is in a thread: its root" },
};

static const struct api_field unwatched[] = {
	{ "user_ids", "[id]", "Who" },
};

static const struct api_field ready[] = {
	{ "connection", "string", "Id of this stream, for the operations connections.*" },
	{ "user", "id", "Who is signed in" },
	{ "last_event_id", "integer", "Where the stream begins" },
};

static const struct api_field reset[] = {
	{ "last_event_id", "integer", "Where the stream goes on" },
};

static const struct api_field reconnect[] = {
	{ "after_ms", "integer", "Come back after so many milliseconds" },
	{ "close", "integer", "The close code that a WebSocket gets next" },
	{ "detail", "string", "For people" },
};

static const struct api_field expiring[] = {
	{ "expires_in", "integer",
	    "Seconds until the stream ends, unless connections.renew comes before" },
};

static const struct api_field error[] = {
	{ "code", "string", "Stable: switch on this" },
	{ "close", "integer", "The close code that a WebSocket would get" },
	{ "detail", "string", "For people" },
};

#define DATA(schema) schema, NULL, 0
#define FIELDS(list) NULL, list, ARRAY_LEN(list)
#define NOTHING NULL, NULL, 0

static const struct api_event_type types[] = {
	{ "message.created", API_TOPIC_CONVERSATION, true, DATA("message"),
	    "A message was sent; with `thread_root` it is a reply in a thread" },
	{ "message.updated", API_TOPIC_CONVERSATION, true, DATA("message"),
	    "A message, or the one that it quotes, has changed: this is all of it as it is now" },
	{ "message.deleted", API_TOPIC_CONVERSATION, true, DATA("message"),
	    "A message is deleted: this is what is left of it" },
	{ "thread.updated", API_TOPIC_CONVERSATION, true, FIELDS(thread_updated),
	    "A thread has a new reply, or one less" },
	{ "thread.followed", API_TOPIC_USER, true, DATA("thread_state"),
	    "The user follows a thread from now on: by choice, by a reply, or named in one" },
	{ "thread.unfollowed", API_TOPIC_USER, true, FIELDS(thread_unfollowed),
	    "The user follows a thread no longer" },
	{ "thread.read", API_TOPIC_USER, true, FIELDS(thread_read),
	    "The user has read a thread, or marked it unread" },
	{ "message.pinned", API_TOPIC_CONVERSATION, true, DATA("message"),
	    "A message was pinned; `conversation_id` may be that of a thread" },
	{ "message.unpinned", API_TOPIC_CONVERSATION, true, DATA("message"),
	    "A message is pinned no longer" },
	{ "reaction.added", API_TOPIC_CONVERSATION, true, FIELDS(reaction),
	    "Somebody reacted to a message" },
	{ "reaction.removed", API_TOPIC_CONVERSATION, true, FIELDS(reaction),
	    "Somebody took back a reaction" },
	{ "scheduled.created", API_TOPIC_USER, true, DATA("scheduled"),
	    "A message waits to be sent" },
	{ "scheduled.updated", API_TOPIC_USER, true, DATA("scheduled"),
	    "Its text or its time has changed" },
	{ "scheduled.cancelled", API_TOPIC_USER, true, DATA("scheduled_ref"),
	    "It will not be sent" },
	{ "scheduled.sent", API_TOPIC_USER, true, DATA("scheduled_ref"),
	    "It was sent: message.created came before, with the same id" },
	{ "scheduled.failed", API_TOPIC_USER, true, DATA("scheduled"),
	    "It could not be sent at its time" },
	{ "conversation.created", API_TOPIC_USER, true, DATA("conversation"),
	    "A conversation with the user was created; its events follow on this stream" },
	{ "conversation.updated", API_TOPIC_CONVERSATION, true, FIELDS(conversation_updated),
	    "What it is called and is has changed" },
	{ "conversation.cleared", API_TOPIC_USER, true, DATA("history_cleared"),
	    "The user had the history so far gone for themselves" },
	{ "conversation.deleted", API_TOPIC_CONVERSATION | API_TOPIC_USER, true,
	    FIELDS(conversation_deleted),
	    "It is gone for all; who was a member follows it up to here" },
	{ "settings.updated", API_TOPIC_USER, true, DATA("settings_kept"),
	    "The user keeps a conversation in another way" },
	{ "member.added", API_TOPIC_CONVERSATION | API_TOPIC_USER, true, FIELDS(member_added),
	    "Somebody joined (a channel may not announce it); who joined follows the conversation from here on" },
	{ "member.updated", API_TOPIC_CONVERSATION, true, FIELDS(member_updated),
	    "A member became owner, admin or plain member, or has another nickname" },
	{ "member.removed", API_TOPIC_CONVERSATION | API_TOPIC_USER, true, FIELDS(member_removed),
	    "Somebody left or was removed; who left follows the conversation up to here" },
	{ "receipt.updated", API_TOPIC_CONVERSATION | API_TOPIC_USER, true, FIELDS(receipt),
	    "Somebody read; to others only in conversations of up to 64 members that announce them" },
	{ "unread.updated", API_TOPIC_USER, true, FIELDS(unread_updated),
	    "An unread message was changed in whom it names" },
	{ "receipt.delivered", API_TOPIC_CONVERSATION, true, FIELDS(receipt_delivered),
	    "A member's device has had messages; only in such conversations" },
	{ "user.updated", API_TOPIC_CONVERSATION | API_TOPIC_USER, true, DATA("user"),
	    "Name or picture changed" },
	{ "block.added", API_TOPIC_USER, true, DATA("block"),
	    "The user blocked somebody" },
	{ "block.removed", API_TOPIC_USER, true, DATA("user_ref"),
	    "The user blocks somebody no longer" },
	{ "notification.created", API_TOPIC_USER, true, FIELDS(notification_created),
	    "The user should know of something, or it counts more now" },
	{ "notification.read", API_TOPIC_USER, true, FIELDS(notification_read),
	    "The user has seen some" },
	{ "notification.removed", API_TOPIC_USER, true, FIELDS(notification_removed),
	    "Some are gone: what they were about is deleted, or the user took them off" },
	{ "upload.ready", API_TOPIC_USER, true, DATA("upload"),
	    "A file of the user's is stored and may be sent" },
	{ "upload.failed", API_TOPIC_USER, true, FIELDS(upload_failed),
	    "A file that the user sent was looked into and not taken" },
	{ "upload.updated", API_TOPIC_USER, true, DATA("upload"),
	    "A file of the user's is called otherwise, or has other words with it" },
	{ "upload.deleted", API_TOPIC_USER, true, DATA("upload_ref"),
	    "A file of the user's is gone: deleted, sent nowhere for a day, or with its last message" },
	{ "typing.started", API_TOPIC_CONVERSATION, false, FIELDS(typing),
	    "Somebody is typing, once a second at most; ends by itself after 5 seconds" },
	{ "typing.stopped", API_TOPIC_CONVERSATION, false, FIELDS(typing),
	    "Somebody is not typing any more" },
	{ "presence.updated", API_TOPIC_PRESENCE, false, DATA("presence"),
	    "A user's presence changed: to who shares a conversation of up to 200 members with "
	    "them or watches them" },
	{ "subscription.ended", API_TOPIC_CONVERSATION | API_TOPIC_STREAM, true, DATA("conversation_ref"),
	    "To who follows a channel without being a member of it: it is not open to everybody any "
	    "more, and this stream follows it no longer" },
	{ "presence.missed", API_TOPIC_STREAM, false, NOTHING,
	    "Events without an id may have been left out of this stream, since it was read slowly, "
	    "began with a long past, or the database was away: ask for presence anew" },
	{ "presence.unwatched", API_TOPIC_STREAM, false, FIELDS(unwatched),
	    "Users that this stream was to watch, by a call through another process, and does not: "
	    "it has its 500" },
	{ "ready", API_TOPIC_STREAM, false, FIELDS(ready),
	    "The first event of a stream" },
	{ "reset", API_TOPIC_STREAM, false, FIELDS(reset),
	    "What was missed cannot be replayed: start over with sync.get" },
	{ "reconnect", API_TOPIC_STREAM, false, FIELDS(reconnect),
	    "This server goes down; come back as it says, nothing is missed" },
	{ "token.expiring", API_TOPIC_STREAM, false, FIELDS(expiring),
	    "The credentials end within a minute" },
	{ "heartbeat", API_TOPIC_STREAM, false, NOTHING,
	    "Sign of life, when asked for by ?heartbeat=seconds" },
	{ "error", API_TOPIC_STREAM, false, FIELDS(error),
	    "Why an SSE stream ends (a browser's that could not begin gets a problem object here)" },
};
/* clang-format on */

size_t
api_event_type_count(void)
{
	return ARRAY_LEN(types);
}

const struct api_event_type *
api_event_type_at(size_t i)
{
	assert(i < ARRAY_LEN(types));
	return &types[i];
}

const struct api_event_type *
api_event_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	}
	return NULL;
}
