/* SPDX-License-Identifier: ISC */
/* The objects on the wire. */
#include "api/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

/* clang-format off */
#define LEFT_OUT(name_, type_, summary_) { name_, type_ "~", summary_ }

static const struct api_field person[] = {
	{ "id", "id", "The host application's id" },
	{ "name", "string?", "Display name" },
	{ "picture", "string?", "URL of a picture" },
};

static const struct api_field user[] = {
	{ "id", "id", "The host application's id" },
	{ "name", "string?", "Display name" },
	{ "picture", "string?", "URL of a picture" },
	{ "created_at", "time", "First seen" },
	{ "updated_at", "time", "Last changed" },
};

static const struct api_field caller[] = {
	{ "id", "id", "The host application's id" },
	{ "name", "string?", "Display name" },
	{ "picture", "string?", "URL of a picture" },
	{ "role", "string", "user, admin or service" },
};

static const struct api_field me[] = {
	{ "id", "id", "The host application's id" },
	{ "name", "string?", "Display name" },
	{ "picture", "string?", "URL of a picture" },
	{ "role", "string", "user, admin or service" },
	{ "label", "string?", "The host's own word for the role" },
	{ "created_at", "time", "First seen" },
	{ "updated_at", "time", "Last changed" },
};

static const struct api_field users_written[] = {
	{ "created", "integer", "New users" },
	{ "updated", "integer", "Changed users" },
	{ "unchanged", "integer", "Users that were so already" },
};

static const struct api_field block[] = {
	{ "id", "id", "Who is blocked" },
	{ "name", "string?", "Display name" },
	{ "picture", "string?", "URL of a picture" },
	{ "blocked_at", "time", "Since when" },
};

static const struct api_field user_ref[] = {
	{ "user_id", "id", "The user" },
};

static const struct api_field connections_closed[] = {
	{ "user_id", "id", "Whose" },
	{ "closed", "integer", "Streams known to be open" },
};

static const struct api_field suspension[] = {
	{ "user_id", "id", "Who is shut out" },
	{ "reason", "string?", "For admins" },
	{ "suspended_by", "id", "Who did it" },
	{ "suspended_at", "time", "Since when" },
	{ "until", "time?", "When it ends by itself" },
};

static const struct api_field presence[] = {
	{ "user_id", "id", "Who" },
	{ "state", "string", "online, away, dnd or offline; of oneself also invisible" },
	{ "last_seen", "time?", "Of who is offline: since when; null to who shares no "
	    "conversation of at most 200 members with them" },
	{ "status", "presence_status?", "What they say of themselves" },
	{ "activity", "presence_activity?", "What they are doing" },
	{ "devices", "[string]", "Connected: web, flutter, ios, android, desktop, laravel, other" },
};

static const struct api_field presence_status[] = {
	{ "text", "string?", "In words" },
	{ "emoji", "string?", "In an emoji" },
	{ "until", "time?", "When it ends by itself" },
};

static const struct api_field presence_activity[] = {
	{ "type", "string", "playing, listening, watching, streaming, competing or custom" },
	{ "name", "string", "What" },
};

static const struct api_field presence_list[] = {
	{ "data", "[presence]", "Of those asked for who are known, in that order" },
};

static const struct api_field presence_choice[] = {
	{ "state", "string", "online (by itself also away), away, dnd or invisible" },
	{ "status_text", "string?", "Of the status" },
	{ "status_emoji", "string?", "Of the status" },
	{ "status_until", "time?", "When the status ends by itself" },
	{ "activity_type", "string?", "Of the activity" },
	{ "activity_name", "string?", "Of the activity" },
};

static const struct api_field member[] = {
	{ "id", "id", "User" },
	{ "name", "string?", "Display name" },
	{ "picture", "string?", "URL of a picture" },
	{ "nickname", "string?", "What they are called here" },
	{ "role", "string", "owner, admin or member" },
	{ "joined_at", "time", "Since when" },
	{ "seen_upto", "integer?", "seq of the last message that others see as read; null in a "
	    "conversation of more than 64 members, or that does not announce who comes" },
	{ "delivered_upto", "integer?", "seq of the last message that a device has had; never less" },
};

static const struct api_field conversation[] = {
	{ "id", "uuid", "The conversation" },
	{ "type", "string", "direct, group, channel or thread" },
	{ "name", "string?", "Null for a direct one, and a group without a name: show its members" },
	{ "description", "string?", "What it is about" },
	{ "image", "image?", "Its picture" },
	{ "category", "string?", "One of PARLEY_CATEGORIES; null for a direct one" },
	{ "visibility", "string?", "Of a group: public (anybody finds and joins it) or private" },
	{ "history", "string", "What a new member reads: all or joined" },
	{ "access", "string?", "Of a channel: open, members or claim" },
	{ "announce", "boolean", "Whether its members hear who joins and leaves" },
	{ "created_by", "id?", "Who created it" },
	{ "created_at", "time", "When" },
	{ "last_seq", "integer", "seq of the newest message, 0 when there is none" },
	{ "last_activity_at", "time", "The newest activity; lists are sorted by it" },
	{ "member_count", "integer", "Members" },
	{ "role", "string?", "The caller's; null when the caller is no member" },
	{ "visible_from", "integer", "seq of the first message that the caller may see" },
	{ "last_read_seq", "integer?", "The caller's read position" },
	{ "unread", "integer", "Messages after it, at most 999" },
	{ "first_unread_seq", "integer?", "seq from which on they are; null when there are none" },
	{ "mentions", "integer", "Those of them that name the caller or all, at most 999" },
	{ "settings", "settings?", "How the caller keeps it; null when the caller is no member" },
	{ "members", "[member]", "The first 8; both of a direct one" },
	{ "last_message", "message?", "The newest that the caller may see" },
	LEFT_OUT("parent_id", "uuid", "Of a thread: the conversation of its root"),
	LEFT_OUT("root_id", "uuid", "Of a thread: its root"),
};

static const struct api_field image[] = {
	{ "id", "uuid", "The upload" },
	{ "url", "url", "The picture" },
	{ "thumbnail_url", "url", "A small one" },
};

static const struct api_field settings[] = {
	{ "muted", "boolean", "Whether the user wants no notifications" },
	{ "muted_until", "time?", "Until when; null: for good" },
	{ "archived", "boolean", "Put away; new messages do not bring it back" },
	{ "favourite", "boolean", "Marked" },
	{ "nickname", "string?", "What the user is called here; others see it" },
	{ "level", "string", "Of what to notify: all, mentions or none" },
	{ "hidden", "boolean", "Not listed until the next message" },
};

static const struct api_field settings_kept[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "settings", "settings", "How the caller keeps it from now on" },
};

static const struct api_field history_cleared[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "visible_from", "integer", "seq of the first message that the caller may see" },
	{ "last_read_seq", "integer", "The caller's read position" },
	{ "unread", "integer", "0" },
	{ "first_unread_seq", "integer?", "null" },
	{ "mentions", "integer", "0" },
	{ "last_message", "message?", "null" },
};

static const struct api_field conversation_found[] = {
	{ "id", "uuid", "The conversation" },
	{ "type", "string", "group or channel" },
	{ "name", "string", "Its name" },
	{ "description", "string?", "What it is about" },
	{ "image", "image?", "Its picture" },
	{ "category", "string", "One of PARLEY_CATEGORIES" },
	{ "visibility", "string?", "Of a group: public" },
	{ "history", "string", "What a new member reads: all or joined" },
	{ "access", "string?", "Of a channel: open" },
	{ "member_count", "integer", "Members" },
	{ "member", "boolean", "Whether the caller is one of them" },
};

static const struct api_field message[] = {
	{ "id", "uuid", "The message" },
	{ "conversation_id", "uuid", "Where" },
	{ "seq", "integer", "Its number in the conversation: 1, 2, 3, … without gaps" },
	{ "sender", "person", "Who" },
	{ "type", "string", "text, image, file, code or system" },
	{ "text", "string", "As it was sent; never HTML" },
	{ "reply_to", "uuid?", "The message that it answers" },
	{ "attachments", "[attachment]", "Files" },
	{ "platform", "string?", "What it was sent from" },
	{ "created_at", "time", "When" },
	LEFT_OUT("edited_at", "time", "When its text was last changed"),
	LEFT_OUT("deleted_at", "time", "It is deleted: only its place is left"),
	LEFT_OUT("deleted_by", "id", "By whom"),
	LEFT_OUT("via", "string", "service, schedule or forward: not typed here, so the sender has not read up to here by it"),
	LEFT_OUT("language", "string", "Of code: what it is written in"),
	LEFT_OUT("system", "system_notice", "Of type system: what happened; `sender` did it"),
	LEFT_OUT("mentions", "[id]", "Users whom it names"),
	LEFT_OUT("mention_all", "boolean", "true: it names all members"),
	LEFT_OUT("quote", "quote", "The message that it answers"),
	LEFT_OUT("thread_root", "uuid", "Of a reply in a thread: the message that the thread hangs on"),
	LEFT_OUT("parent_id", "uuid", "Of a reply in a thread: the conversation of that message"),
	LEFT_OUT("root_seq", "integer", "Of a reply in a thread: the number of that message there"),
	LEFT_OUT("thread", "thread", "The thread that hangs on it"),
	LEFT_OUT("reactions", "[reaction]", "In the order of their first"),
	LEFT_OUT("pinned", "pinned", "It is pinned"),
	LEFT_OUT("reads", "reads", "Who has read it; only when asked for with `include`"),
	LEFT_OUT("forwarded", "forwarded", "Where it was forwarded from"),
};

static const struct api_field system_notice[] = {
	{ "kind", "string", "What happened, such as joined, left, renamed, pinned" },
	LEFT_OUT("message_id", "uuid", "Of pinned: the message"),
	LEFT_OUT("user_ids", "[id]", "added, removed, role_changed: whom (the first 50)"),
	LEFT_OUT("count", "integer", "added: how many"),
	LEFT_OUT("role", "string", "role_changed: what they are now"),
	LEFT_OUT("name", "string", "renamed: its name now"),
	LEFT_OUT("visibility", "string", "visibility_changed: what it is now"),
};

static const struct api_field quote[] = {
	{ "id", "uuid", "The message" },
	{ "seq", "integer", "Its number" },
	{ "sender", "quote_sender", "Who" },
	{ "type", "string", "As of the message" },
	{ "text", "string?", "Its first 200 characters; null: deleted, or not shown to all here" },
	LEFT_OUT("deleted", "boolean", "true: it is deleted"),
};

static const struct api_field quote_sender[] = {
	{ "id", "id", "The host application's id" },
	{ "name", "string?", "Display name" },
};

static const struct api_field found_message[] = {
	{ "message", "message", "The message" },
	{ "excerpt", "[excerpt]", "Its text around what was found, in pieces; a short one is whole" },
};

static const struct api_field excerpt[] = {
	{ "text", "string", "A piece; put together they are the excerpt. Text, never HTML" },
	LEFT_OUT("match", "boolean", "true: this is what was found"),
};

static const struct api_field thread[] = {
	{ "id", "uuid", "The thread: a conversation, whose history are the replies" },
	{ "reply_count", "integer", "Replies" },
	{ "last_reply_at", "time?", "The newest; null when all were deleted" },
	{ "participants", "[id]", "The first 8 who replied" },
};

static const struct api_field thread_state[] = {
	{ "id", "uuid?", "The thread, a conversation whose history are the replies; null before the first" },
	{ "conversation_id", "uuid", "The conversation of the root" },
	{ "root", "message", "The message that it hangs on" },
	{ "last_seq", "integer", "seq of the newest reply, 0 when there is none" },
	{ "last_activity_at", "time", "The newest activity; lists are sorted by it" },
	{ "followed", "boolean", "Whether the caller follows it" },
	{ "last_read_seq", "integer", "The caller's read position in it" },
	{ "unread", "integer", "Of who follows: replies after the position, at most 999; else 0" },
	{ "mentions", "integer", "Of who follows: those of them that name the caller" },
};

static const struct api_field reaction[] = {
	{ "emoji", "string", "Which" },
	{ "count", "integer", "How many users" },
	{ "users", "[id]", "The first of them" },
	LEFT_OUT("me", "boolean", "Whether the caller's is among them; not in events, which are everybody's"),
};

static const struct api_field reaction_change[] = {
	{ "message_id", "uuid", "The message" },
	{ "conversation_id", "uuid", "Where it is" },
	{ "emoji", "string", "In its full form" },
	{ "reactions", "[reaction]", "All that the message has now" },
};

static const struct api_field reaction_by[] = {
	{ "emoji", "string", "Which" },
	{ "user", "person", "Who" },
	{ "created_at", "time", "When" },
};

static const struct api_field scheduled[] = {
	{ "id", "uuid", "Of the message to be" },
	{ "conversation_id", "uuid", "Where it will be" },
	{ "send_at", "time", "When it is due" },
	{ "state", "string", "pending or failed; sent, when it is scheduled again after that" },
	{ "type", "string", "text, image, file or code" },
	{ "text", "string", "What it will say" },
	{ "language", "string?", "Of code" },
	{ "reply_to", "uuid?", "The message that it answers" },
	{ "thread_root", "uuid?", "The message whose thread it goes to" },
	{ "attachments", "[attachment]", "Files" },
	{ "mentions", "[id]", "Users whom it names" },
	{ "mention_all", "boolean", "Whether it names all members" },
	{ "error", "string?", "Of failed: the code of the refusal, such as forbidden" },
	{ "detail", "string?", "Of failed: for people" },
	{ "created_at", "time", "When it was scheduled" },
	{ "updated_at", "time", "Last changed by its user" },
};

static const struct api_field scheduled_ref[] = {
	{ "id", "uuid", "Of the message to be, or that is" },
	{ "conversation_id", "uuid", "Where" },
};

static const struct api_field pinned[] = {
	{ "at", "time", "Since when" },
	{ "by", "id", "Who pinned it" },
};

static const struct api_field forwarded[] = {
	{ "message_id", "uuid", "The first message" },
	{ "sender", "person", "Who wrote it" },
	{ "created_at", "time", "When" },
};

static const struct api_field notification[] = {
	{ "id", "uuid", "The notification" },
	{ "kind", "string", "mention, reply, direct_message, reaction, or a back end's own" },
	{ "conversation_id", "uuid?", "Where; of a thread: its parent" },
	{ "message_id", "uuid?", "What it is about; of a reaction: the user's message" },
	{ "seq", "integer?", "Its number" },
	{ "actor", "person?", "Who did it; the last, when it counts several" },
	{ "count", "integer", "How many alike, not yet read, it stands for" },
	{ "silent", "boolean", "Not to disturb with: the user wants quiet, or has muted the conversation" },
	{ "created_at", "time", "When; of several the last" },
	{ "read_at", "time?", "When the user saw it" },
	LEFT_OUT("thread_root", "uuid", "Of a reply in a thread: the message that the thread hangs on"),
	LEFT_OUT("emoji", "string", "Of a reaction: which, the last"),
	LEFT_OUT("title", "string", "Of a back end's: what it is about"),
	LEFT_OUT("body", "string", "Of a back end's: more of it"),
	LEFT_OUT("url", "string", "Of a back end's: where it leads"),
	LEFT_OUT("payload", "string", "Of a back end's: for the client's own use"),
};

static const struct api_field notification_count[] = {
	{ "unread", "integer", "Not read, in all" },
	{ "by_kind", "object", "The same for each kind that there is" },
};

static const struct api_field notifications_seen[] = {
	{ "read", "integer", "How many were not read before" },
	{ "unread", "integer", "How many still are not" },
};

static const struct api_field notification_removed[] = {
	{ "id", "uuid", "Which" },
	{ "unread", "integer", "How many are not read" },
};

static const struct api_field notifications_made[] = {
	{ "ids", "[uuid]", "One for each user, in their order" },
};

static const struct api_field edit[] = {
	{ "number", "integer", "1: as it was sent" },
	{ "text", "string", "What it said" },
	{ "language", "string?", "Of code: what it was written in" },
	{ "mentions", "[id]?", "Users whom it named" },
	{ "mention_all", "boolean?", "true: it named all members" },
	{ "written_at", "time", "When" },
};

static const struct api_field messages_forwarded[] = {
	{ "data", "[message]", "The copies, in the order of conversation_ids" },
};

static const struct api_field attachment[] = {
	{ "id", "uuid", "The upload" },
	{ "filename", "string", "As it was given, made harmless" },
	{ "type", "string", "Media type, found from the content" },
	{ "size", "integer", "Bytes" },
	{ "width", "integer?", "Pixels of a picture, or of a PDF's preview" },
	{ "height", "integer?", "Pixels of a picture, or of a PDF's preview" },
	{ "url", "url", "The file" },
	{ "thumbnail_url", "url?", "Of a picture or a PDF: a small one" },
	{ "preview_url", "url?", "Of a PDF: its first page as a picture" },
	{ "blurhash", "string?", "Of a picture or a PDF: a blur to show before it is there" },
	LEFT_OUT("alt", "string", "What is to be seen or heard, in words"),
};

static const struct api_field file_link[] = {
	{ "upload_id", "uuid", "The upload" },
	{ "variant", "string", "Which form of it" },
	{ "url", "string", "Its address, which needs no credentials" },
	{ "expires_at", "time", "Until when" },
};

static const struct api_field file_links[] = {
	{ "data", "[file_link]", "Of those asked for that the caller sees, in that order" },
};

static const struct api_field upload_shared[] = {
	{ "message_id", "uuid", "The message" },
	{ "conversation_id", "uuid", "Where it is: the conversation or a thread of it" },
	{ "seq", "integer", "Its place there" },
	{ "thread_root", "uuid?", "In a thread: the root" },
	{ "sender", "person", "Who sent it" },
	{ "created_at", "time", "When" },
};

static const struct api_field upload_ref[] = {
	{ "id", "uuid", "The upload" },
};

static const struct api_field upload[] = {
	{ "id", "uuid", "The upload; messages attach it by this" },
	{ "filename", "string", "As it was given, made harmless" },
	{ "type", "string", "Media type, found from the content" },
	{ "kind", "string", "image, video, audio or file" },
	{ "size", "integer", "Bytes" },
	{ "width", "integer?", "Pixels of a picture, or of a PDF's preview" },
	{ "height", "integer?", "Pixels of a picture, or of a PDF's preview" },
	{ "url", "url", "The file" },
	{ "thumbnail_url", "url?", "Of a picture or a PDF: a small one" },
	{ "preview_url", "url?", "Of a PDF: its first page as a picture" },
	{ "blurhash", "string?", "Of a picture or a PDF: a blur to show before it is there" },
	{ "alt", "string?", "What is to be seen or heard, in words" },
	{ "created_at", "time", "When" },
	LEFT_OUT("shared", "upload_shared", "In a gallery: which message shows it"),
};

static const struct api_field members_added[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "added", "[id]", "Who is new among those asked for" },
	{ "members", "[member]", "Those asked for" },
	{ "member_count", "integer", "Members now" },
};

static const struct api_field member_removed[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "user_id", "id", "Who left" },
	{ "member_count", "integer", "Members now" },
};

static const struct api_field position[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "last_read_seq", "integer", "The caller's read position" },
	{ "seen_upto", "integer", "What others see of it: it only rises" },
	{ "last_seq", "integer", "seq of the newest message" },
	{ "unread", "integer", "Messages after the position, at most 999" },
	{ "mentions", "integer", "Those of them that name the caller or all, at most 999" },
};

static const struct api_field marked_all[] = {
	{ "conversations", "integer", "In how many conversations the position moved" },
	{ "more", "boolean", "true: there are more; call again" },
};

static const struct api_field reads[] = {
	{ "count", "integer", "How many have, its sender aside" },
	{ "users", "[reader]", "The 20 who read it first" },
};

static const struct api_field reader[] = {
	{ "id", "id", "The host application's id" },
	{ "name", "string?", "Display name" },
	{ "picture", "string?", "URL of a picture" },
	{ "read_at", "time", "When, to the minute before" },
};

static const struct api_field delivered[] = {
	{ "conversation_id", "uuid", "The conversation" },
	{ "delivered_upto", "integer", "Up to where the caller's devices have had its messages" },
};

static const struct api_field delivered_list[] = {
	{ "data", "[delivered]", "Of those asked for that the caller is a member of" },
};

static const struct api_field unread[] = {
	{ "unread", "integer", "Messages: of conversations with the level `all`, neither muted nor archived" },
	{ "mentions", "integer", "Those that name the caller or all; also with the level `mentions`" },
	{ "conversations", "integer", "In how many conversations they are" },
	{ "threads", "integer", "Followed threads with unread replies" },
	{ "muted", "integer", "Unread messages of muted and archived conversations" },
};

static const struct api_field conversation_ref[] = {
	{ "conversation_id", "uuid", "The conversation" },
};

static const struct api_field sync_state[] = {
	{ "user", "caller", "The caller" },
	{ "conversations", "[conversation]", "Newest activity first" },
	{ "next", "string?", "Cursor `before` of the next page" },
	{ "last_event_id", "integer", "Follow events after this id and miss nothing" },
};

static const struct api_field caught_up[] = {
	{ "data", "[news]", "In the order asked for" },
	{ "last_event_id", "integer", "Follow events after this id and miss nothing" },
};

static const struct api_field news[] = {
	{ "conversation_id", "string", "Which; as it was asked for when it is gone" },
	LEFT_OUT("gone", "boolean", "true: it is not there for the caller (any more)"),
	{ "last_seq", "integer?", "seq of the newest message, 0 when there is none" },
	{ "gap", "boolean", "Whether messages are missing before these" },
	{ "messages", "[message]", "The newest, oldest first" },
};

static const struct api_field connection[] = {
	{ "id", "string", "The connection" },
	{ "user_id", "id", "Whose" },
	{ "kind", "string", "sse or websocket" },
	{ "platform", "string?", "As the client said" },
	{ "app_version", "string?", "As the client said" },
	{ "address", "string?", "Of the client" },
	{ "user_agent", "string?", "As the client said" },
	{ "host", "string?", "Which machine serves it" },
	{ "connected_at", "time", "Since when" },
};

static const struct api_field ticket[] = {
	{ "ticket", "string", "For ?ticket= of a stream; opens one" },
	{ "expires_at", "time", "30 seconds from now" },
};

static const struct api_field events_page[] = {
	{ "data", "[event]", "What happened, oldest first" },
	{ "next", "integer", "The next `after`" },
};

static const struct api_field event[] = {
	{ "event", "string", "Its name" },
	{ "id", "integer?", "Absent when it is not kept: then it is not replayed either" },
	{ "topic", "string", "user:<id>, conversation:<id> or presence:<id>" },
	{ "origin", "string?", "The connection that caused it" },
	{ "time", "time", "When" },
	{ "data", "object", "By event" },
};

static const struct api_field stats[] = {
	{ "users", "integer", "Users" },
	{ "conversations", "object", "total, direct, group, channel" },
	{ "messages", "integer", "Messages ever sent" },
	{ "connections", "object", "total, users, by_platform: open streams" },
	{ "presence", "object", "online, away, dnd, invisible: users who are there" },
};

static const struct api_field pong[] = {
	{ "time", "time", "The service's clock" },
};

static const struct api_field health[] = {
	{ "status", "string", "ok; or unavailable, draining" },
	{ "checks", "object?", "By part; only for allowed addresses and admins" },
};

static const struct api_field problem_field[] = {
	{ "field", "string", "Which argument, such as member_ids[3]" },
	{ "code", "string", "Stable" },
	{ "detail", "string", "For people" },
};

static const struct api_field problem[] = {
	{ "type", "string", "urn:parley:error:<code>" },
	{ "title", "string", "What kind of problem" },
	{ "status", "integer", "HTTP status" },
	{ "detail", "string", "For people" },
	{ "code", "string", "Stable: switch on this" },
	{ "request_id", "string", "Names the request in the log" },
	{ "errors", "[problem_field]~", "When arguments are at fault" },
};

#define SCHEMA(name, summary) { #name, name, ARRAY_LEN(name), summary }

static const struct api_schema schemas[] = {
	SCHEMA(person, "Who, in short"),
	SCHEMA(user, "A user of the host application"),
	SCHEMA(me, "The caller"),
	SCHEMA(caller, "The caller, in short"),
	SCHEMA(users_written, "What became of many users"),
	SCHEMA(block, "A user whom the caller has blocked"),
	SCHEMA(user_ref, "Which user"),
	SCHEMA(suspension, "A user who is shut out"),
	SCHEMA(presence, "Whether a user is there"),
	SCHEMA(presence_status, "What a user says of themselves"),
	SCHEMA(presence_activity, "What a user is doing"),
	SCHEMA(presence_list, "Who of many is there"),
	SCHEMA(presence_choice, "What the caller has chosen"),
	SCHEMA(member, "A member of a conversation"),
	SCHEMA(conversation, "A conversation as the caller sees it"),
	SCHEMA(image, "A conversation's picture"),
	SCHEMA(settings, "How a member keeps a conversation"),
	SCHEMA(settings_kept, "What became of how the caller keeps a conversation"),
	SCHEMA(history_cleared, "What is left of a history for the caller"),
	SCHEMA(conversation_found, "A conversation that anybody may join"),
	SCHEMA(message, "A message"),
	SCHEMA(system_notice, "What the service tells in a history"),
	SCHEMA(quote, "A message in one that answers it"),
	SCHEMA(quote_sender, "Who wrote what is quoted"),
	SCHEMA(thread, "A thread as its root shows it"),
	SCHEMA(thread_state, "A thread as the caller sees it"),
	SCHEMA(reaction, "What users think of a message"),
	SCHEMA(reaction_change, "What became of a reaction"),
	SCHEMA(reaction_by, "A user's reaction"),
	SCHEMA(scheduled, "A message that waits to be sent"),
	SCHEMA(scheduled_ref, "Which scheduled message"),
	SCHEMA(pinned, "That a message is pinned"),
	SCHEMA(forwarded, "Where a message was first"),
	SCHEMA(notification, "What a user should know of"),
	SCHEMA(notification_count, "How many notifications are not read"),
	SCHEMA(notifications_seen, "What was marked as read"),
	SCHEMA(notification_removed, "What was taken off the list"),
	SCHEMA(notifications_made, "What a back end notified of"),
	SCHEMA(found_message, "A message that was found"),
	SCHEMA(excerpt, "A piece of an excerpt"),
	SCHEMA(edit, "What a message said before"),
	SCHEMA(messages_forwarded, "Where a message went"),
	SCHEMA(attachment, "A file in a message"),
	SCHEMA(upload, "A stored file"),
	SCHEMA(upload_shared, "Which message shows a file"),
	SCHEMA(upload_ref, "Which upload"),
	SCHEMA(file_link, "A signed address of a file"),
	SCHEMA(file_links, "Signed addresses"),
	SCHEMA(members_added, "What became of those to be added"),
	SCHEMA(member_removed, "Who left"),
	SCHEMA(position, "A read position"),
	SCHEMA(marked_all, "What was read at once"),
	SCHEMA(reads, "Who has read a message"),
	SCHEMA(reader, "One who has read it"),
	SCHEMA(delivered, "What a user's devices have had"),
	SCHEMA(delivered_list, "The same of many conversations"),
	SCHEMA(unread, "What the caller has not read, over all"),
	SCHEMA(conversation_ref, "Which conversation"),
	SCHEMA(sync_state, "All that a client starts with, in one snapshot"),
	SCHEMA(caught_up, "What is new in many conversations"),
	SCHEMA(news, "What is new in one of them"),
	SCHEMA(connection, "An open stream"),
	SCHEMA(connections_closed, "What was closed"),
	SCHEMA(ticket, "Credentials for one stream"),
	SCHEMA(event, "Something that happened"),
	SCHEMA(events_page, "What happened since"),
	SCHEMA(stats, "Figures"),
	SCHEMA(pong, "Sign of life"),
	SCHEMA(health, "State of the service"),
	SCHEMA(problem_field, "One wrong argument"),
	SCHEMA(problem, "An error (RFC 9457)"),
};
/* clang-format on */

size_t
api_schema_count(void)
{
	return ARRAY_LEN(schemas);
}

const struct api_schema *
api_schema_at(size_t i)
{
	assert(i < ARRAY_LEN(schemas));
	return &schemas[i];
}

const struct api_schema *
api_schema_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
		if (strcmp(schemas[i].name, name) == 0)
			return &schemas[i];
	}
	return NULL;
}

struct api_type_ref
api_type_parse(const char *type)
{
	struct api_type_ref ref = { .array = *type == '[' };
	const char *name = type + ref.array;
	size_t len = strcspn(name, "]?~");

	snprintf(ref.name, sizeof(ref.name), "%.*s", (int)len, name);
	ref.nullable = strchr(type, '?') != NULL;
	ref.optional = strchr(type, '~') != NULL;
	return ref;
}
