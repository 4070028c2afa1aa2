/* Which addresses outgoing requests may go to: public ones, and of the others those that the operator named. What is judged
 * is the address that is about to be connected to, after its name was resolved, so a name that points elsewhere a moment
 * later changes nothing. */
#pragma once

#include <sys/socket.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/text.h"

struct allow_list;

/* "mail.example.gov.cn, 10.1.0.0/16, fd00::/8, 127.0.0.1": names, whatever they resolve to, and ranges of addresses. NULL is
 * the empty list. -EINVAL with the word that is neither in *fault. */
MUSTCHECK int allow_parse(const char *list, struct allow_list **ret, struct buf *fault);
void allow_free(struct allow_list *l); /* NULL is fine */

/* A name of the list, without regard to case. */
bool allow_has_name(const struct allow_list *l, struct text host);
/* In one of the list's ranges. */
bool allow_has_address(const struct allow_list *l, const struct sockaddr *address);
bool allow_has_ranges(const struct allow_list *l);
/* A host that is an address, as URLs have it: "10.0.0.1", "[::1]". */
bool address_parse(struct text host, struct sockaddr_storage *ret);
/* Reachable from everywhere: not loopback, private, link-local, shared, multicast, reserved or for documentation, nor an IPv6
 * address that stands for such an IPv4 one. */
bool address_is_public(const struct sockaddr *address);
