/* SPDX-License-Identifier: ISC */
/* Messages: threads, reactions, pins, receipts, search. */
#include "api/operations_private.h"

/* clang-format off */

static const char *const message_types[] = { "text", "image", "file", "code", NULL };
static const char *const search_has[] = { "file", "image", "link", NULL };
static const char *const search_sorts[] = { "time", "relevance", NULL };
static const char *const inclusions[] = { "reads", NULL };

static const struct api_param conversation_before[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param messages_send[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("id", API_UUID, 0, 0,
	    "Made by the client, so that repeating is safe: a UUID, version 7 preferred"),
	{ .name = "text", .place = API_IN_BODY, .type = API_TEXT, .max = API_MAX_TEXT,
	  .fallback = "", .summary = "What is said, in lines that end with U+000A; no other control "
	      "characters but tabs; may be left out when there are attachments" },
	NULLABLE("reply_to", API_UUID, 0, 0, "The message that it answers"),
	IN_BODY("attachments", API_UUID_LIST, 0, 10, "Uploads of the caller's, in order"),
	IN_BODY("echo", API_BOOL, 0, 0,
	    "false: the connection it comes from does not get the event"),
	CHOICE("type", message_types, false, NULL,
	    "code: the text is a program's; image: all attachments are pictures; else said by "
	    "what it holds"),
	{ .name = "language", .place = API_IN_BODY, .type = API_STRING, .min = 1, .max = 40,
	  .only_for = "code", .summary = "code: what it is written in, such as c or php" },
	IN_BODY("thread_root", API_UUID, 0, 0,
	    "The message whose thread it goes to; the first reply opens it"),
	IN_BODY("mentions", API_ID_LIST, 0, 50, "Users whom the text names"),
	IN_BODY("mention_all", API_BOOL, 0, 0,
	    "true: all members are named; for owners, admins and back ends"),
};

static const struct api_param messages_schedule[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("id", API_UUID, 0, 0,
	    "Of the message to be, made by the client, so that repeating is safe"),
	NEEDED("send_at", API_TIME, 0, 0, "When; a year ahead at most"),
	{ .name = "text", .place = API_IN_BODY, .type = API_TEXT, .max = API_MAX_TEXT,
	  .fallback = "", .summary = "As of messages.send" },
	NULLABLE("reply_to", API_UUID, 0, 0, "The message that it answers"),
	IN_BODY("attachments", API_UUID_LIST, 0, 10, "Uploads of the caller's, in order"),
	CHOICE("type", message_types, false, NULL, "As of messages.send"),
	{ .name = "language", .place = API_IN_BODY, .type = API_STRING, .min = 1, .max = 40,
	  .only_for = "code", .summary = "code: what it is written in" },
	IN_BODY("thread_root", API_UUID, 0, 0, "The message whose thread it goes to"),
	IN_BODY("mentions", API_ID_LIST, 0, 50, "Users whom the text names"),
	IN_BODY("mention_all", API_BOOL, 0, 0, "true: all members are named"),
};

static const struct api_param schedule_list[] = {
	IN_QUERY("conversation_id", API_CONVERSATION, 1, 128, "Only to this conversation"),
	IN_QUERY("after", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param schedule_update[] = {
	IN_PATH("scheduled_id", API_UUID, "The message to be"),
	IN_BODY("text", API_TEXT, 0, API_MAX_TEXT, "Instead of what it says"),
	IN_BODY("send_at", API_TIME, 0, 0, "Another time; one that failed is tried again then"),
};

static const struct api_param scheduled_id[] = {
	IN_PATH("scheduled_id", API_UUID, "The message to be"),
};

static const struct api_param messages_list[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_QUERY("before", API_INT, 1, SEQ_MAX, "Older than this seq, newest first"),
	IN_QUERY("after", API_INT, 0, SEQ_MAX - 1, "Newer than this seq, oldest first"),
	IN_QUERY("around", API_INT, 1, SEQ_MAX - 1,
	    "Half a page up to this seq, half a page after it"),
	IN_QUERY("around_id", API_UUID, 0, 0, "The same around this message"),
	IN_QUERY("at", API_TIME, 0, 0,
	    "The same around the first message of this time or later, or else the newest"),
	{ .name = "include", .place = API_IN_QUERY, .type = API_ENUM, .values = inclusions,
	  .summary = "reads: with who has read each message, in conversations of at most 1,000" },
	LIMIT,
};

/* Each way to read has a statement of its own, and so the least of plans. */
static const struct api_variant messages_list_variants[] = {
	{ "include", "messages.list_reads" },
	{ "before", "messages.list" },
	{ "after", "messages.list_after" },
	{ "around", "messages.list_around" },
	{ "around_id", "messages.list_around" },
	{ "at", "messages.list_around" },
};

static const struct api_param message_id[] = {
	IN_PATH("message_id", API_UUID, "The message"),
};

static const struct api_param reaction[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_PATH("emoji", API_EMOJI, "One emoji, or a name between colons"),
};

static const struct api_param reactions_list[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_QUERY("emoji", API_EMOJI, 0, 0, "Only this one"),
	IN_QUERY("after", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param messages_search[] = {
	IN_QUERY("q", API_STRING, 1, 500, "Words that must all be there; \"a phrase\", -without, "
	    "this or that; the last word may be the beginning of one"),
	IN_QUERY("from", API_ID, 1, 128, "Only what this user wrote"),
	IN_QUERY("in", API_CONVERSATION, 1, 128,
	    "Only in this conversation and its threads, or in this thread"),
	{ .name = "has", .place = API_IN_QUERY, .type = API_ENUM, .values = search_has,
	  .summary = "Only with an attachment, a picture, a web address" },
	IN_QUERY("before", API_TIME, 0, 0, "Only older than this time"),
	IN_QUERY("after", API_TIME, 0, 0, "Only newer than this time"),
	{ .name = "sort", .place = API_IN_QUERY, .type = API_ENUM, .values = search_sorts,
	  .fallback = "time", .summary = "time: newest first; relevance: best first, of the newest "
	      "thousand" },
	SEARCH_PAGE,
};

static const struct api_param messages_edit[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	{ .name = "text", .place = API_IN_BODY, .type = API_TEXT, .max = API_MAX_TEXT,
	  .summary = "What it says from now on; empty only where there are attachments" },
	IN_BODY("mentions", API_ID_LIST, 0, 50, "Users whom the text names, all of them"),
	IN_BODY("mention_all", API_BOOL, 0, 0, "Whether it names all members"),
	IN_BODY("language", API_STRING, 1, 40, "Of code: what it is written in"),
};

static const struct api_param messages_edits[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param messages_forward[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	NEEDED("conversation_ids", API_STRING_LIST, 1, 20,
	    "Where to: ids of conversations, or channels' names"),
	IN_BODY("ids", API_UUID_LIST, 1, 20,
	    "Ids of the copies, in that order, made by the client, so that repeating is safe"),
};

static const struct api_param receipts_mark[] = {
	IN_PATH("conversation_id", API_CONVERSATION, "Id of the conversation, or a channel's name"),
	IN_BODY("seq", API_INT, 0, SEQ_MAX, "Read up to this message"),
	IN_BODY("message_id", API_UUID, 0, 0, "Or up to this one"),
	IN_BODY("unread", API_BOOL, 0, 0, "true: the position may go back (mark as unread)"),
};

static const struct api_param reads_list[] = {
	IN_PATH("message_id", API_UUID, "The message"),
	IN_QUERY("after", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

static const struct api_param delivered_fields[] = {
	NEEDED("conversation_id", API_UUID, 0, 0, "The conversation"),
	NEEDED("seq", API_INT, 0, SEQ_MAX, "A device has had it up to this message"),
};

static const struct api_param receipts_deliver[] = {
	{ .name = "positions", .place = API_IN_BODY, .type = API_OBJECT_LIST, .required = true,
	  .min = 1, .max = 500, .fields = delivered_fields, .nfields = ARRAY_LEN(delivered_fields),
	  .summary = "Up to where, by conversation" },
};

static const struct api_param threads_mark[] = {
	IN_PATH("message_id", API_UUID, "The root of the thread, or a reply in it"),
	{ .name = "seq", .place = API_IN_BODY, .type = API_INT, .required = true, .max = SEQ_MAX,
	  .summary = "Read up to this reply" },
	IN_BODY("unread", API_BOOL, 0, 0, "true: the position may go back (mark as unread)"),
};

static const struct api_param thread_of[] = {
	IN_PATH("message_id", API_UUID, "The root of the thread, or a reply in it"),
};

static const struct api_operation rows[] = {
	{ ROW("messages.send", "POST", "/v1/conversations/{conversation_id}/messages"),
	  EVERYBODY, .rate = API_RATE_SEND, .status = 201,
	  .flags = API_BATCHED | API_MOVES_OWN | API_NO_KEY,
	  .statement = "messages.send", WAS_THERE, PARAMS(messages_send), .answer = "message",
	  .made = "messages.get",
	  .summary = "Send a message",
	  .detail = "With a client-made `id` it is safe to repeat: the same id from the same "
	      "sender in the same conversation gives the first answer again, with 200 "
	      "instead of 201, and no second event." },
	{ ROW("messages.schedule", "POST", "/v1/conversations/{conversation_id}/scheduled"),
	  EVERYBODY, .rate = API_RATE_SEND, .status = 201,
	  .flags = API_NO_KEY,
	  .statement = "messages.schedule", WAS_THERE, PARAMS(messages_schedule), .answer = "scheduled",
	  .summary = "Have a message sent later",
	  .detail = "At its time, once, as messages.send would send it then, with the rights that "
	      "its user has in the conversation then: an admin's token gives none. `id` is the "
	      "message's. It counts as a send when it is scheduled. Repeating is safe with an `id`: 200 with what there is. A user has 100 "
	      "waiting at most." },
	{ ROW("schedule.list", "GET", "/v1/scheduled"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "schedule.list", PARAMS(schedule_list), .answer = "scheduled",
	  .summary = "The caller's messages that wait to be sent, the next one first",
	  .detail = "With those that could not be sent: `state` is failed, and `error` and `detail` "
	      "say why. They stay until they are changed or cancelled." },
	{ ROW("schedule.update", "PATCH", "/v1/scheduled/{scheduled_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "schedule.update", PARAMS(schedule_update), .answer = "scheduled",
	  .summary = "Change text or time of a scheduled message",
	  .detail = "409 `conflict` when it has been sent." },
	{ ROW("schedule.cancel", "DELETE", "/v1/scheduled/{scheduled_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "schedule.cancel", PARAMS(scheduled_id), .answer = "scheduled_ref",
	  .summary = "Do not send a scheduled message",
	  .detail = "409 `conflict` when it has been sent." },
	{ ROW("messages.list", "GET", "/v1/conversations/{conversation_id}/messages"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST,
	  .statement = "messages.list", VARIANTS(messages_list_variants),
	  PARAMS(messages_list), .answer = "message",
	  .summary = "The history",
	  .detail = "Newest first; with `after` oldest first. A page around a place has no `next`: "
	      "go on from its ends with `before` and `after`." },
	{ ROW("messages.get", "GET", "/v1/messages/{message_id}"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .statement = "messages.get", PARAMS(message_id), .answer = "message",
	  .summary = "A message" },
	{ ROW("messages.edit", "PATCH", "/v1/messages/{message_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "messages.edit", PARAMS(messages_edit), .answer = "message",
	  .summary = "Say a message of one's own otherwise",
	  .detail = "For who wrote it, for `PARLEY_EDIT_SECONDS`. What is left out stays as it is. "
	      "What it said before is kept (messages.edits). Events and answers that have it in "
	      "them, also as a quote, are changed too." },
	{ ROW("messages.edits", "GET", "/v1/messages/{message_id}/edits"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST,
	  .statement = "messages.edits", PARAMS(messages_edits), .answer = "edit",
	  .summary = "What a message said before, newest first",
	  .detail = "For who wrote it, for owners and admins of the conversation, and for back "
	      "ends." },
	{ ROW("messages.delete", "DELETE", "/v1/messages/{message_id}"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "messages.delete", PARAMS(message_id), .answer = "message",
	  .summary = "Delete a message",
	  .detail = "One's own, for `PARLEY_EDIT_SECONDS`; anybody's, at any time, for owners and "
	      "admins of the conversation and for back ends. Its place is left, without what it "
	      "said and what hung on it, and the event log forgets that as well. A file goes with "
	      "the last message that shows it. Again: the same answer." },
	{ ROW("messages.forward", "POST", "/v1/messages/{message_id}/forward"),
	  EVERYBODY, .rate = API_RATE_SEND, .status = 201,
	  .statement = "messages.forward", WAS_THERE, PARAMS(messages_forward), .answer = "messages_forwarded",
	  .summary = "Send a message once more, to other conversations",
	  .detail = "Text and files of any message that the caller sees, as messages of the "
	      "caller's that name who wrote it first (`forwarded`). To all or, where one is "
	      "refused, to none. Counts as a send for each conversation. With `ids` it is safe to "
	      "repeat: 200." },
	{ ROW("threads.list", "GET", "/v1/threads"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "threads.list", PARAMS(api_operations_page_before), .answer = "thread_state",
	  .summary = "The threads that the caller follows, newest activity first",
	  .detail = "Whoever replies in a thread, has written its root, or is named in a reply "
	      "follows it, unless they have said otherwise." },
	{ ROW("threads.get", "GET", "/v1/messages/{message_id}/thread"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .statement = "threads.get", PARAMS(thread_of), .answer = "thread_state",
	  .summary = "The thread of a message",
	  .detail = "Its `id` is null when nobody has replied. The replies are the history of the "
	      "conversation of that id: messages.list." },
	{ ROW("threads.follow", "PUT", "/v1/messages/{message_id}/thread/follow"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "threads.follow", PARAMS(thread_of), .answer = "thread_state",
	  .summary = "Follow a thread",
	  .detail = "For members of the conversation, also before the first reply." },
	{ ROW("threads.unfollow", "DELETE", "/v1/messages/{message_id}/thread/follow"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "threads.unfollow", PARAMS(thread_of), .answer = "thread_state",
	  .summary = "Follow a thread no longer",
	  .detail = "It stays so, whatever happens in the thread, until threads.follow." },
	{ ROW("threads.mark", "POST", "/v1/messages/{message_id}/thread/read"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_NO_KEY,
	  .statement = "threads.mark", PARAMS(threads_mark), .answer = "thread_state",
	  .summary = "Say up to where one has read a thread",
	  .detail = "The position only goes forward, unless `unread` is true." },
	{ ROW("reactions.list", "GET", "/v1/messages/{message_id}/reactions"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "reactions.list", PARAMS(reactions_list), .answer = "reaction_by",
	  .summary = "Who reacted to a message",
	  .detail = "By emoji, those of each in the order of time." },
	{ ROW("reactions.add", "PUT", "/v1/messages/{message_id}/reactions/{emoji}"),
	  EVERYBODY, .rate = API_RATE_REACT, .status = 201,
	  .statement = "reactions.add", WAS_THERE, PARAMS(reaction), .answer = "reaction_change",
	  .summary = "React to a message",
	  .detail = "With one emoji, percent-encoded in a path (a skin tone, a flag or a family "
	      "is one), or with a custom one that clients know by its name, such as "
	      "`:party_parrot:`. 200 when it was so. A message takes 20 different ones, a deleted "
	      "message none." },
	{ ROW("reactions.remove", "DELETE", "/v1/messages/{message_id}/reactions/{emoji}"),
	  EVERYBODY, .rate = API_RATE_REACT, .status = 200,
	  .statement = "reactions.remove", PARAMS(reaction), .answer = "reaction_change",
	  .summary = "Take back a reaction of one's own",
	  .detail = "200 also when there was none." },
	{ ROW("pins.list", "GET", "/v1/conversations/{conversation_id}/pins"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "pins.list", PARAMS(conversation_before), .answer = "message",
	  .summary = "Pinned messages, newest pin first",
	  .detail = "With those of the conversation's threads." },
	{ ROW("pins.add", "PUT", "/v1/messages/{message_id}/pin"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .statement = "pins.add", WAS_THERE, PARAMS(message_id), .answer = "message",
	  .summary = "Pin a message",
	  .detail = "At most 50 in a conversation. The history says it in a message of type "
	      "system. 200 when it was so." },
	{ ROW("pins.remove", "DELETE", "/v1/messages/{message_id}/pin"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .statement = "pins.remove", PARAMS(message_id), .answer = "message",
	  .summary = "Unpin a message",
	  .detail = "200 also when it was not pinned." },
	{ ROW("messages.search", "GET", "/v1/search/messages"),
	  EVERYBODY, .rate = API_RATE_SEARCH, .status = 200,
	  .flags = API_LIST,
	  .statement = "messages.search", PARAMS(messages_search), .answer = "found_message",
	  .summary = "Find messages",
	  .detail = "In the caller's conversations and their threads, as far as the caller may read "
	      "them at this moment. Needs one of `q`, `from`, `has`. A new message is found about "
	      "a second after it was sent." },
	{ ROW("receipts.mark", "POST", "/v1/conversations/{conversation_id}/read"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_BATCHED | API_NO_KEY,
	  .statement = "receipts.mark", PARAMS(receipts_mark), .answer = "position",
	  .summary = "Say up to where one has read",
	  .detail = "By `seq` or by `message_id`. The position only goes forward, unless `unread` "
	      "is true." },
	{ ROW("receipts.mark_all", "POST", "/v1/me/read"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 200,
	  .flags = API_NO_KEY,
	  .statement = "receipts.mark_all", .answer = "marked_all",
	  .summary = "Say that one has read everything",
	  .detail = "In all conversations, the newest 500 in one call. Threads keep their positions." },
	{ ROW("reads.list", "GET", "/v1/messages/{message_id}/reads"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "reads.list", PARAMS(reads_list), .answer = "reader",
	  .summary = "Who has read a message, longest members first",
	  .detail = "Without its sender. Of the 20 who read first of each message of a page: messages.list "
	      "with `include`." },
	{ ROW("receipts.deliver", "POST", "/v1/receipts/delivered"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_BATCHED | API_NO_KEY | API_UPKEEP,
	  .statement = "receipts.deliver", PARAMS(receipts_deliver), .answer = "delivered_list",
	  .summary = "Say up to where a device has had the messages",
	  .detail = "Of many conversations at once, at most once a second. Positions only go "
	      "forward; conversations that the caller is no member of are passed over." },
};

/* clang-format on */

const struct operations_table api_operations_messages = TABLE(rows);
