/* Addresses and names that outgoing requests may go to. */
#include "fetch/allow.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/mem.h"

struct range {
    int family;
    uint8_t bytes[16];
    uint32_t bits;
};

struct allow_list {
    struct range *ranges;
    char **names;
    uint32_t range_count, name_count;
};

#define V4(a, b, c, d, len)                                                                                  \
    {                                                                                                        \
        AF_INET, {a, b, c, d}, len                                                                           \
    }
/* IANA's registries of special-purpose addresses: what is not reachable from everywhere. */
static const struct range special4[] = {V4(0, 0, 0, 0, 8), V4(10, 0, 0, 0, 8), V4(100, 64, 0, 0, 10),
    V4(127, 0, 0, 0, 8), V4(169, 254, 0, 0, 16), V4(172, 16, 0, 0, 12), V4(192, 0, 0, 0, 24),
    V4(192, 0, 2, 0, 24), V4(192, 88, 99, 0, 24), V4(192, 168, 0, 0, 16), V4(198, 18, 0, 0, 15),
    V4(198, 51, 100, 0, 24), V4(203, 0, 113, 0, 24), V4(224, 0, 0, 0, 3)};
/* Of IPv6 only 2000::/3 is given out, less these. */
static const struct range given6 = {AF_INET6, {0x20}, 3};
static const struct range special6[] = {
    {AF_INET6, {0x20, 0x01}, 23}, {AF_INET6, {0x20, 0x01, 0x0d, 0xb8}, 32}, {AF_INET6, {0x3f, 0xff}, 20}};
/* These carry an IPv4 address, from that byte on: it decides. */
static const struct {
    struct range range;
    uint32_t at;
} carriers[] = {{{AF_INET6, {[10] = 0xff, [11] = 0xff}, 96}, 12}, /* mapped */
    {{AF_INET6, {0x00, 0x64, 0xff, 0x9b}, 96}, 12},               /* NAT64 */
    {{AF_INET6, {0x20, 0x02}, 16}, 2}};                           /* 6to4 */

static bool is_in(const struct range *r, int family, const uint8_t *bytes)
{
    uint32_t whole = r->bits / 8, rest = r->bits % 8;

    return r->family == family && memcmp(r->bytes, bytes, whole) == 0 &&
           (!rest || (r->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0);
}

/* NULL for a family that is neither. */
static const uint8_t *bytes_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (address->sa_family == AF_INET6)
        return (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return NULL;
}

static bool is_public4(const uint8_t *bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(special4); i++)
        if (is_in(&special4[i], AF_INET, bytes))
            return false;
    return true;
}

static bool is_public6(const uint8_t *bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(carriers); i++)
        if (is_in(&carriers[i].range, AF_INET6, bytes))
            return is_public4(bytes + carriers[i].at);
    for (size_t i = 0; i < ARRAY_LEN(special6); i++)
        if (is_in(&special6[i], AF_INET6, bytes))
            return false;
    return is_in(&given6, AF_INET6, bytes);
}

bool address_is_public(const struct sockaddr *address)
{
    const uint8_t *bytes = bytes_of(address);

    return bytes && (address->sa_family == AF_INET ? is_public4(bytes) : is_public6(bytes));
}

bool allow_has_address(const struct allow_list *l, const struct sockaddr *address)
{
    const uint8_t *bytes = bytes_of(address);

    for (uint32_t i = 0; bytes && l && i < l->range_count; i++)
        if (is_in(&l->ranges[i], address->sa_family, bytes))
            return true;
    return false;
}

bool allow_has_ranges(const struct allow_list *l)
{
    return l && l->range_count > 0;
}

bool address_parse(struct text host, struct sockaddr_storage *ret)
{
    struct text inner = text_trim(host, "[]");
    CLEANUP(mem_freep) char *s = str_ndup(inner.ptr, inner.len);

    *ret = (struct sockaddr_storage){.ss_family = strchr(s, ':') ? AF_INET6 : AF_INET};
    return inet_pton(ret->ss_family, s, (void *)bytes_of((struct sockaddr *)ret)) == 1;
}

bool allow_has_name(const struct allow_list *l, struct text host)
{
    for (uint32_t i = 0; l && i < l->name_count; i++)
        if (text_is_nocase(host, l->names[i]))
            return true;
    return false;
}

static bool parse_range(struct text word, struct range *ret)
{
    struct text rest = word, bits;
    CLEANUP(mem_freep) char *address = NULL;
    int64_t n;

    bits = text_split(&rest, '/');
    address = str_ndup(bits.ptr, bits.len);
    *ret = (struct range){.family = strchr(address, ':') ? AF_INET6 : AF_INET};
    if (inet_pton(ret->family, address, ret->bytes) != 1)
        return false;
    n = ret->family == AF_INET ? 32 : 128;
    if (rest.ptr && text_to_i64(rest, 0, n, &n) < 0)
        return false;
    ret->bits = (uint32_t)n;
    return true;
}

/* Letters, digits, hyphens and dots; not what would be taken for an address. */
static bool is_name(struct text word)
{
    bool has_letter = false;

    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.ptr[i];

        if (c >= 0x80 || (!isalnum(c) && c != '-' && c != '.'))
            return false;
        has_letter |= isalpha(c) != 0;
    }
    return has_letter && word.len <= 253 && word.ptr[0] != '.' && word.ptr[0] != '-';
}

static int take_word(struct allow_list *l, struct text word, struct buf *fault)
{
    struct range range;

    if (parse_range(word, &range)) {
        l->ranges = mem_resize(l->ranges, l->range_count + 1, sizeof(*l->ranges));
        l->ranges[l->range_count++] = range;
    } else if (is_name(word)) {
        l->names = mem_resize(l->names, l->name_count + 1, sizeof(*l->names));
        l->names[l->name_count++] = str_ndup(word.ptr, word.len);
    } else {
        buf_add_text(fault, word);
        return -EINVAL;
    }
    return 0;
}

int allow_parse(const char *list, struct allow_list **ret, struct buf *fault)
{
    struct allow_list *l = mem_zalloc(sizeof(*l));
    struct text rest = text_of(list);

    while (rest.ptr) {
        struct text word = text_trim(text_split(&rest, ','), " \t");

        if (word.len && take_word(l, word, fault) < 0) {
            allow_free(l);
            return -EINVAL;
        }
    }
    *ret = l;
    return 0;
}

void allow_free(struct allow_list *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; i < l->name_count; i++)
        free(l->names[i]);
    free(l->names);
    free(l->ranges);
    free(l);
}
