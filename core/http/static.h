/* Files served from memory: read once at start, each a route of its own, so that a path either names one of them or
 * nothing. FILE.br and FILE.gz are FILE, compressed, for clients that accept it; HTML always goes uncompressed. */
#pragma once

#include "base/base.h"
#include "http/router.h"

struct http_static;

struct http_static_config {
    const char *directory;
    const char *prefix; /* "/console", or "" for the root; without '/' at its end */
    bool pages;         /* paths below the prefix that name no file get index.html: an application with
                                       * routes of its own; names with a dot stay 404 */
};

/* Reads the directory: regular files, no links, no names beginning with a dot, at most 64 MiB and 2,000 files.
 * Names may hold what a path may hold unescaped. 0, or -errno with the offending name in why (or ""). */
MUSTCHECK int http_static_load(
    const struct http_static_config *config, char why[256], struct http_static **ret);
/* Adds the routes. What was loaded must outlive router and server. */
MUSTCHECK int http_static_add(struct http_static *s, struct router *rt);
size_t http_static_count(const struct http_static *s); /* files, compressed forms not counted */
void http_static_free(struct http_static *s);
