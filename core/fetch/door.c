/* Who is connected to is decided where the address is known and used. */
#include "fetch/door.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/mem.h"

static struct {
    struct allow_list *allow;
    char *ca_file;
} config;

int door_init(const char *allow, const char *ca_file)
{
    struct buf fault CLEANUP(buf_done) = BUF_INIT;
    int r = allow_parse(allow, &config.allow, &fault);

    if (r < 0)
        return r;
    config.ca_file = ca_file ? str_dup(ca_file) : NULL;
    return 0;
}

void door_done(void)
{
    allow_free(config.allow);
    free(config.ca_file);
    config.allow = NULL;
    config.ca_file = NULL;
}

int door_check(struct text host, bool is_plain)
{
    struct sockaddr_storage address;
    bool is_number = address_parse(host, &address);
    bool is_allowed = allow_has_name(config.allow, host) ||
                      (is_number && allow_has_address(config.allow, (struct sockaddr *)&address));

    if (is_allowed || (!is_plain && (!is_number || address_is_public((struct sockaddr *)&address))))
        return 0;
    /* What a name resolves to is only known when it is asked for. */
    return !is_number && allow_has_ranges(config.allow) ? 0 : -EACCES;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct door *d = arg;
    bool is_allowed =
        allow_has_name(config.allow, d->host) || allow_has_address(config.allow, &address->addr);

    (void)purpose;
    if (!is_allowed && (d->is_plain || !address_is_public(&address->addr))) {
        d->is_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A proxy of the environment's stays out. */
void door_prepare(CURL *e, struct door *d, int64_t timeout_ms)
{
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a resolver that hangs is left behind, not waited for */
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (config.ca_file) {
        curl_easy_setopt(e, CURLOPT_CAINFO, config.ca_file);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, d);
}

int door_judge(const struct door *d, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_URL_MALFORMAT:
        return -EINVAL;
    case CURLE_COULDNT_RESOLVE_HOST:
        return -EHOSTUNREACH;
    case CURLE_COULDNT_CONNECT:
        return d->is_refused ? -EACCES : -EHOSTUNREACH;
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_USE_SSL_FAILED:
        return -EKEYREJECTED;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
        return -ECONNRESET;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}
