/* SPDX-License-Identifier: ISC */
/* The service itself: figures, health, its description. */
#include "api/operations_private.h"

/* clang-format off */

static const struct api_operation rows[] = {
	{ ROW("stats.summary", "GET", "/v1/stats"),
	  BACK_ENDS, .rate = API_RATE_READ, .status = 200,
	  .flags = API_POLLED,
	  .statement = "stats.summary", .answer = "stats",
	  .summary = "Figures for admins and services" },
	{ ROW("ping", "POST", "/v1/ping"),
	  EVERYBODY, .rate = API_RATE_SIGNAL, .status = 200,
	  .flags = API_HOOKED | API_NO_KEY | API_UPKEEP,
	  .answer = "pong",
	  .summary = "Sign of life, for clients that cannot see the stream's own" },
	{ ROW("health.live", "GET", "/health"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY,
	  .answer = "health",
	  .summary = "Is the process alive" },
	{ ROW("health.ready", "GET", "/health/ready"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY,
	  .answer = "health",
	  .summary = "Can it serve: database, listener, storage",
	  .detail = "503 when it cannot, or is going down." },
	{ ROW("metrics.get", "GET", "/metrics"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY | API_OPERATOR,
	  .summary = "Figures for Prometheus, summed over the processes of the host" },
	{ ROW("openapi.get", "GET", "/openapi.json"),
	  EVERYBODY, .rate = API_RATE_NONE, .status = 200,
	  .flags = API_PUBLIC | API_HOOKED | API_HTTP_ONLY,
	  .summary = "The OpenAPI 3.1 document" },
};

/* clang-format on */

const struct operations_table api_operations_service = TABLE(rows);
