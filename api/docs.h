/* SPDX-License-Identifier: ISC */
/* The reference in Markdown, made from the tables: docs/api.md is what
 * `parleyctl docs` prints, and a test compares them. */
#ifndef API_DOCS_H
#define API_DOCS_H

struct base_buf;

/* Operations, objects, events, errors. */
void api_docs_write(struct base_buf *out);

/* The settings as a page, docs/settings.md, and as the annotated environment
 * file conf/parley.env; a test compares both. */
void api_docs_settings(struct base_buf *out);
void api_docs_environment(struct base_buf *out);

#endif
