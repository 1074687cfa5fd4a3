/* core/base/address.c - see henge/address.h. */
#include "henge/address.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { FAMILY_IPV4 = 4, FAMILY_IPV6 = 6, PORT_DIGITS_MAX = 5, PORT_MAX = 65535 };

/* 1 to 5 digits, nothing else. */
static bool parse_port(const char *text, uint16_t *port_out) {
    uint32_t port = 0;
    size_t digits = 0;
    for (; text[digits] != '\0'; digits++) {
        if (text[digits] < '0' || text[digits] > '9' || digits == PORT_DIGITS_MAX) {
            return false;
        }
        port = port * 10 + (uint32_t)(text[digits] - '0');
    }
    if (digits == 0 || port > PORT_MAX) {
        return false;
    }
    *port_out = (uint16_t)port;
    return true;
}

enum henge_status henge_address_parse(const char *text, struct henge_address *address_out) {
    if (text == NULL || address_out == NULL) {
        return HENGE_INVALID;
    }
    bool is_ipv6 = text[0] == '[';
    const char *host = is_ipv6 ? text + 1 : text;
    const char *host_end = strchr(host, is_ipv6 ? ']' : ':');
    if (host_end == NULL) {
        return HENGE_INVALID;
    }
    const char *colon = is_ipv6 ? host_end + 1 : host_end;
    char copy[INET6_ADDRSTRLEN];
    size_t host_bytes = (size_t)(host_end - host);
    if (*colon != ':' || host_bytes >= sizeof(copy)) {
        return HENGE_INVALID;
    }
    memcpy(copy, host, host_bytes);
    copy[host_bytes] = '\0';

    struct henge_address address = {.family = is_ipv6 ? FAMILY_IPV6 : FAMILY_IPV4};
    if (!parse_port(colon + 1, &address.port) ||
        inet_pton(is_ipv6 ? AF_INET6 : AF_INET, copy, address.bytes) != 1) {
        return HENGE_INVALID;
    }
    *address_out = address;
    return HENGE_OK;
}

const char *henge_address_format(const struct henge_address *address,
                                 char text_out[HENGE_ADDRESS_TEXT_BYTES]) {
    char host[INET6_ADDRSTRLEN] = "";
    bool is_ipv6 = address->family == FAMILY_IPV6;
    if ((address->family != FAMILY_IPV4 && !is_ipv6) ||
        inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address->bytes, host, sizeof(host)) == NULL) {
        snprintf(text_out, HENGE_ADDRESS_TEXT_BYTES, "none");
        return text_out;
    }
    snprintf(text_out, HENGE_ADDRESS_TEXT_BYTES, is_ipv6 ? "[%s]:%u" : "%s:%u", host,
             (unsigned)address->port);
    return text_out;
}
