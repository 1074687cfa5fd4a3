/* henge/address.h - an IP address and a port, as plain data. */
#ifndef HENGE_ADDRESS_H
#define HENGE_ADDRESS_H

#include <henge/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HENGE_ADDRESS_TEXT_BYTES = 56 }; /* "[ipv6]:port" and its NUL */

/* IPv4 uses the first four bytes of `bytes`, in network order; the rest are zero, so two equal
 * addresses are equal byte for byte (memcmp over the whole struct is meaningful). */
struct henge_address {
    uint8_t bytes[16];
    uint16_t port;  /* host order */
    uint8_t family; /* 4, 6, or 0 for "no address" */
    uint8_t zero;   /* always 0 */
};

/* Parses "1.2.3.4:7946" or "[::1]:7946". No name is resolved. HENGE_INVALID if it is not one.
 * Any thread. [non-blocking] */
HENGE_PUBLIC HENGE_MUST_CHECK enum henge_status
henge_address_parse(const char *text, struct henge_address *address_out);

/* Writes the text form with its NUL, at most HENGE_ADDRESS_TEXT_BYTES; returns text_out.
 * Any thread. [non-blocking] */
HENGE_PUBLIC const char *henge_address_format(const struct henge_address *address,
                                              char text_out[HENGE_ADDRESS_TEXT_BYTES]);

#ifdef __cplusplus
}
#endif
#endif
