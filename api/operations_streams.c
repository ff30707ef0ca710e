/* SPDX-License-Identifier: ISC */
/* Streams of events and their connections. */
#include "api/operations_private.h"

/* clang-format off */

static const struct api_param connections_list[] = {
	IN_QUERY("user_id", API_ID, 1, 128, "Admins and services: whose; default: the caller's"),
	IN_QUERY("before", API_STRING, 1, 300, "`next` of the page before"),
	LIMIT,
};

/* Over a socket the hook puts in its own connection where none is named. */
#define CONNECTION_ID \
	{ .name = "connection_id", .place = API_IN_PATH, .type = API_STRING, .min = 1, .max = 128, \
	  .summary = "Id of the connection, from `ready`; over a socket by default its own" }

static const struct api_param connections_update[] = {
	CONNECTION_ID,
	IN_BODY("platform", API_STRING, 1, 32, "Such as web, ios, flutter"),
	IN_BODY("app_version", API_STRING, 1, 64, "Version of the client"),
};

static const struct api_param connections_subscribe[] = {
	CONNECTION_ID,
	NEEDED("conversations", API_STRING_LIST, 1, 100,
	    "Ids of conversations, or channels' names"),
};

static const struct api_param connections_renew[] = {
	CONNECTION_ID,
	NEEDED("token", API_STRING, 1, 8192, "A new token of the same user"),
};

static const struct api_param connection_id[] = {
	CONNECTION_ID,
};

static const struct api_param connections_touch[] = {
	CONNECTION_ID,
	{ .name = "active", .place = API_IN_BODY, .type = API_BOOL, .fallback = "true",
	  .summary = "false: the client is alive, the user is idle" },
};

static const struct api_param presence_watch[] = {
	CONNECTION_ID,
	NEEDED("user_ids", API_ID_LIST, 1, 500, "Whom"),
};

static const struct api_param events_list[] = {
	IN_QUERY("after", API_INT, 0, INT64_MAX,
	    "What happened after this event id; default: from now on"),
	IN_QUERY("topics", API_STRING_LIST, 1, 100,
	    "Only these topics; all: everything, for services"),
	IN_QUERY("limit", API_INT, 1, 1000, "JSON: events of a page; a stream has all"),
	IN_QUERY("wait", API_INT, 0, 60, "JSON: wait so many seconds for something to happen; a stream waits anyway"),
	IN_QUERY("ticket", API_STRING, 1, 128, "Instead of an Authorization header"),
	IN_QUERY("platform", API_STRING, 1, 32, "What the client is, such as web"),
	IN_QUERY("app_version", API_STRING, 1, 64, "Its version"),
	IN_QUERY("heartbeat", API_INT, 5, 300, "An event `heartbeat` every so many seconds"),
};

static const struct api_param socket_open[] = {
	IN_QUERY("after", API_INT, 0, INT64_MAX, "Resume after this event id"),
	IN_QUERY("topics", API_STRING_LIST, 1, 100,
	    "Only these topics; all: everything, for services"),
	IN_QUERY("ticket", API_STRING, 1, 128, "Instead of an Authorization header"),
	IN_QUERY("platform", API_STRING, 1, 32, "What the client is, such as web"),
	IN_QUERY("app_version", API_STRING, 1, 64, "Its version"),
	IN_QUERY("heartbeat", API_INT, 5, 300, "An event `heartbeat` every so many seconds"),
};

static const struct api_operation rows[] = {
	{ ROW("events.list", "GET", "/v1/events"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_STREAM | API_HOOKED | API_HTTP_ONLY,
	  PARAMS(events_list), .answer = "events_page",
	  .summary = "Follow events: Server-Sent Events, or polling",
	  .detail = "text/event-stream unless Accept asks for application/json. Resumes after "
	      "`after` or Last-Event-ID, which wins when both are there." },
	{ ROW("socket.open", "GET", "/v1/socket"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 101,
	  .flags = API_STREAM | API_HOOKED | API_HTTP_ONLY,
	  PARAMS(socket_open),
	  .summary = "Follow events and call operations over a WebSocket",
	  .detail = "Text frames of JSON. Of the subprotocols offered `parley.v1` is chosen; "
	      "`bearer.<token>` beside it is a credential. `permessage-deflate` is agreed to "
	      "without context takeover (`PARLEY_DEFLATE`). A request waits for no other; what was "
	      "asked before a close is answered first. Closed with 1002: what breaks RFC 6455; "
	      "1003: a binary message; 1007: text that is not UTF-8; 1009: a message over "
	      "`PARLEY_MAX_FRAME_BYTES`." },
	{ ROW("tickets.create", "POST", "/v1/tickets"),
	  EVERYBODY, .rate = API_RATE_WRITE, .status = 201,
	  .flags = API_HOOKED | API_NO_KEY,
	  .statement = "tickets.create", .answer = "ticket",
	  .summary = "Get a ticket for a stream",
	  .detail = "Browsers cannot set headers on EventSource and WebSocket: they put it in the "
	      "URL as ?ticket=. It works once, for 30 seconds; an EventSource that lost its stream "
	      "comes back with it by itself, for as long as the token lives." },
	{ ROW("connections.list", "GET", "/v1/connections"),
	  EVERYBODY, .rate = API_RATE_READ, .status = 200,
	  .flags = API_LIST | API_POLLED,
	  .statement = "connections.list", PARAMS(connections_list), .answer = "connection",
	  .summary = "Open streams, newest first" },
	{ ROW("connections.update", "PATCH", "/v1/connections/{connection_id}"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_UPKEEP,
	  .statement = "connections.update", PARAMS(connections_update), .answer = "connection",
	  .summary = "Say what a client is" },
	{ ROW("connections.subscribe", "POST", "/v1/connections/{connection_id}/subscribe"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_subscribe), .answer = "connection",
	  .summary = "Follow conversations on a stream",
	  .detail = "Whoever may read a channel may follow it without being a member." },
	{ ROW("connections.unsubscribe", "POST", "/v1/connections/{connection_id}/unsubscribe"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_subscribe), .answer = "connection",
	  .summary = "Follow conversations no longer on a stream" },
	{ ROW("connections.renew", "POST", "/v1/connections/{connection_id}/renew"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_renew), .answer = "connection",
	  .summary = "Give a stream a new token before the old one ends",
	  .detail = "Of the same user and role: rights stay those that the stream was opened with." },
	{ ROW("connections.close", "DELETE", "/v1/connections/{connection_id}"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_UPKEEP,
	  PARAMS(connection_id), .answer = "connection",
	  .summary = "Close a stream" },
	{ ROW("connections.close_all", "DELETE", "/v1/users/{user_id}/connections"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .statement = "connections.close_all", PARAMS(api_operations_user_id), .answer = "connections_closed",
	  .summary = "Close all streams of a user",
	  .detail = "On every host, with close code 4403; the caller's own may be among them. Tickets "
	      "of the user end too. A token that is still good opens new streams." },
	{ ROW("connections.touch", "POST", "/v1/connections/{connection_id}/touch"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(connections_touch), .answer = "connection",
	  .summary = "Sign of life of a stream, and of its user",
	  .detail = "For SSE clients, which cannot answer pings: one that has called this once is "
	      "taken for dead when it does not call it again within 45 seconds; every 20 is "
	      "good. `active` also keeps its user from being shown as away." },
	{ ROW("presence.watch", "POST", "/v1/connections/{connection_id}/watch"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  .statement = "presence.get", PARAMS(presence_watch), .answer = "presence_list",
	  .summary = "Hear of the presence of more users on a stream",
	  .detail = "Of others than those one shares a small conversation with; 500 users a "
	      "stream at most. Answers how they are now." },
	{ ROW("presence.unwatch", "POST", "/v1/connections/{connection_id}/unwatch"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  PARAMS(presence_watch), .answer = "connection",
	  .summary = "Hear of these users no longer" },
};

/* clang-format on */

const struct operations_table api_operations_streams = TABLE(rows);
