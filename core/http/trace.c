/* Trace ids: taken over when well-formed, else new. */
#include "http/trace.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/uuid.h"
#include "http/chars.h"

/* xoshiro256++: ids must be unique, not secret, and this runs for every request. */
static uint64_t next_random(void)
{
    static uint64_t s[4];
    uint64_t sum, out, t;

    if (!(s[0] | s[1] | s[2] | s[3]))
        random_bytes(s, sizeof(s));
    sum = s[0] + s[3];
    out = (sum << 23 | sum >> 41) + s[0];
    t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return out;
}

static void put_hex(char *out, uint64_t v)
{
    for (int i = 0; i < 16; i++)
        out[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
}

/* `len` lower-case hexadecimal digits, not all zero. */
static bool is_id(const char *p, size_t len)
{
    bool nonzero = false;

    for (size_t i = 0; i < len; i++) {
        if (http_hex(p[i]) < 0 || (p[i] >= 'A' && p[i] <= 'F'))
            return false;
        nonzero = nonzero || p[i] != '0';
    }
    return nonzero;
}

/* 00-<32 hex>-<16 hex>-<2 hex>; a higher version may have more behind another dash. */
static bool is_traceparent(struct text t)
{
    if (t.len < 55 || t.ptr[2] != '-' || t.ptr[35] != '-' || t.ptr[52] != '-')
        return false;
    if (http_hex(t.ptr[0]) < 0 || http_hex(t.ptr[1]) < 0 || (t.ptr[0] == 'f' && t.ptr[1] == 'f'))
        return false;
    if (t.ptr[0] == '0' && t.ptr[1] == '0' ? t.len != 55 : t.len > 55 && t.ptr[55] != '-')
        return false;
    return is_id(t.ptr + 3, 32) && is_id(t.ptr + 36, 16) && http_hex(t.ptr[53]) >= 0 &&
           http_hex(t.ptr[54]) >= 0;
}

/* A UUIDv7 like uuid_new(), without a system call: a request's id names it in logs and opens nothing. */
void trace_request_id(struct request *r)
{
    static uint64_t last; /* milliseconds << 12 | counter */
    uint64_t now = (uint64_t)(clock_wall_us() / 1000) << 12, random = next_random();
    struct uuid id;

    last = now > last ? now : last + 1;
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(last >> (52 - 8 * i));
    id.b[6] = (uint8_t)(0x70 | (last >> 8 & 0x0f));
    id.b[7] = (uint8_t)last;
    memcpy(id.b + 8, &random, 8);
    id.b[8] = (uint8_t)(0x80 | (id.b[8] & 0x3f));
    memcpy(r->log.request_id, uuid_format(id).s, UUID_TEXT_LEN + 1);
}

void trace_open(struct request *r)
{
    struct text sent = request_header(r, "traceparent");
    bool taken = sent.ptr && is_traceparent(sent);
    char *p = r->traceparent;

    memcpy(p, "00-", 3);
    if (taken) {
        memcpy(p + 3, sent.ptr + 3, 32);
    } else {
        put_hex(p + 3, next_random());
        put_hex(p + 19, next_random() | 1);
    }
    p[35] = '-';
    put_hex(p + 36, next_random() | 1);
    memcpy(p + 52, taken && http_hex(sent.ptr[54]) & 1 ? "-01" : "-00", 4);
    memcpy(r->log.trace_id, p + 3, 32);
    r->log.trace_id[32] = '\0';
}
