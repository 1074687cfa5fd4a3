/* io/seal.h - authenticated encryption of every packet; the only file pair that names libsodium.
 *
 * Packet (a UDP datagram, or a frame of a stream), all integers little-endian:
 *
 *      0  u8   format version (1)
 *      1  u8   key id: which key of the keyring; 0 = plaintext (insecure)
 *      2  u8   lane: who in the receiver wants it; opaque to io
 *      3  u8   0
 *      4  u64  generation of the destination, 0 = not known to the sender
 *     12  16   boot id: random per start of the sending node
 *     28  u64  counter: rises by one with each packet of this boot id
 *     36  ...  payload, encrypted
 *      n  16   tag
 *
 * XChaCha20-Poly1305 (IETF draft-irtf-cfrg-xchacha); the nonce is boot id || counter (24 bytes);
 * the associated data is bytes 0..11 and the cluster label. The cluster label also goes into the
 * key (BLAKE2b). With key id 0 the tag is a 128-bit XXH3 of label, header and payload: it detects
 * damage and other labels, not attackers. */
#ifndef IO_SEAL_H
#define IO_SEAL_H

#include "henge/config.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEAL_HEADER_BYTES = 36,
    SEAL_TAG_BYTES = 16,
    SEAL_OVERHEAD_BYTES = SEAL_HEADER_BYTES + SEAL_TAG_BYTES,
    SEAL_BOOT_BYTES = 16
};

/* Shared, immutable after init. */
struct seal_keyring {
    uint8_t key[32];
    uint8_t key_id; /* 1..255 from the key; 0 = insecure */
    uint8_t label_bytes;
    char label[HENGE_LABEL_BYTES];
    uint64_t label_hash;
};

/* One per node: its nonces. Owned by the io thread. */
struct seal_sender {
    uint8_t boot_id[SEAL_BOOT_BYTES];
    uint64_t counter;
};

/* key NULL = insecure. HENGE_SYSTEM when libsodium cannot start. */
enum henge_status seal_keyring_init(struct seal_keyring *keyring, const uint8_t key[32],
                                    const char *label);
enum henge_status seal_sender_init(struct seal_sender *sender);
void seal_keyring_wipe(struct seal_keyring *keyring);

/* Seals in place: the payload stands at packet + SEAL_HEADER_BYTES, room for the tag behind it.
 * Returns the packet's bytes. */
size_t seal_close(const struct seal_keyring *keyring, struct seal_sender *sender, uint8_t *packet,
                  size_t payload_bytes, uint8_t lane, uint64_t destination_generation);

struct seal_opened {
    uint8_t lane;
    uint64_t destination_generation;
    uint8_t boot_id[SEAL_BOOT_BYTES];
    uint64_t counter;
    size_t payload_bytes; /* at packet + SEAL_HEADER_BYTES, decrypted in place */
};
/* False for anything that is not authentic, of whatever length. */
bool seal_open(const struct seal_keyring *keyring, uint8_t *packet, size_t packet_bytes,
               struct seal_opened *opened_out);

/* BLAKE2b-128: what a record commits to, of the secret that a leave reveals. */
void seal_one_way(const uint8_t secret[16], uint8_t out[16]);

/* Random bytes of libsodium: keys and salts of `henge keygen`. */
enum henge_status seal_random(void *bytes_out, size_t size);

#endif
