/* io/seal.c - see seal.h. */
#include "io/seal.h"
#include "core/base/hash.h"
#include <endian.h>
#include <sodium.h>
#include <string.h>

enum {
    FORMAT_VERSION = 1,
    KEY_ID_INSECURE = 0,
    KEY_ID_COUNT = 255, /* 1..255 */
    OFFSET_VERSION = 0,
    OFFSET_KEY_ID = 1,
    OFFSET_LANE = 2,
    OFFSET_RESERVED = 3,
    OFFSET_GENERATION = 4,
    OFFSET_BOOT = 12,
    OFFSET_COUNTER = OFFSET_BOOT + SEAL_BOOT_BYTES,
    ASSOCIATED_BYTES = OFFSET_BOOT, /* of the header; boot id and counter are the nonce */
    ASSOCIATED_BYTES_MAX = ASSOCIATED_BYTES + HENGE_LABEL_BYTES,
    KEY_BYTES = 32
};

_Static_assert(OFFSET_COUNTER + 8 == SEAL_HEADER_BYTES, "the header has no gap");
_Static_assert(SEAL_HEADER_BYTES - OFFSET_BOOT == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "boot id and counter fill the nonce");
_Static_assert(SEAL_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag bytes");
_Static_assert(KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key bytes");
_Static_assert(SEAL_TAG_BYTES == sizeof(struct hash128), "the insecure tag fills the same place");

/* The purpose goes into each hash of the key: bytes made for one use mean nothing in another. */
static const char PURPOSE_PACKET[] = "henge packet key 1";
static const char PURPOSE_KEY_ID[] = "henge key id 1";

static void store_u64(uint8_t *to, uint64_t value) {
    uint64_t word = htole64(value);
    memcpy(to, &word, sizeof(word));
}

static uint64_t load_u64(const uint8_t *from) {
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    return le64toh(word);
}

/* Keyed BLAKE2b of purpose and label. */
static bool derive(const uint8_t key[KEY_BYTES], const char *purpose, const char *label,
                   uint8_t derived_out[KEY_BYTES]) {
    crypto_generichash_state state;
    bool is_ok =
        crypto_generichash_init(&state, key, KEY_BYTES, KEY_BYTES) == 0 &&
        /* With its NUL: no purpose and label run into one another. */
        crypto_generichash_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1) == 0 &&
        crypto_generichash_update(&state, (const uint8_t *)label, strlen(label)) == 0 &&
        crypto_generichash_final(&state, derived_out, KEY_BYTES) == 0;
    sodium_memzero(&state, sizeof(state));
    return is_ok;
}

enum henge_status seal_keyring_init(struct seal_keyring *keyring, const uint8_t key[32],
                                    const char *label) {
    size_t label_bytes = strnlen(label, HENGE_LABEL_BYTES);
    if (label_bytes >= HENGE_LABEL_BYTES) {
        return HENGE_INVALID;
    }
    *keyring = (struct seal_keyring){.key_id = KEY_ID_INSECURE,
                                     .label_bytes = (uint8_t)label_bytes,
                                     .label_hash = hash64(label, label_bytes)};
    memcpy(keyring->label, label, label_bytes);
    if (sodium_init() < 0) {
        return HENGE_SYSTEM;
    }
    if (key == NULL) {
        return HENGE_OK;
    }
    uint8_t id_bytes[KEY_BYTES];
    /* The id is of the key alone: it says which key, and clusters differ by the label. */
    if (!derive(key, PURPOSE_PACKET, label, keyring->key) ||
        !derive(key, PURPOSE_KEY_ID, "", id_bytes)) {
        seal_keyring_wipe(keyring);
        return HENGE_SYSTEM;
    }
    keyring->key_id = (uint8_t)(1 + load_u64(id_bytes) % KEY_ID_COUNT);
    return HENGE_OK;
}

enum henge_status seal_sender_init(struct seal_sender *sender) {
    sender->counter = 0;
    return seal_random(sender->boot_id, sizeof(sender->boot_id));
}

void seal_keyring_wipe(struct seal_keyring *keyring) {
    sodium_memzero(keyring, sizeof(*keyring));
}

enum henge_status seal_random(void *bytes_out, size_t size) {
    if (sodium_init() < 0) {
        return HENGE_SYSTEM;
    }
    randombytes_buf(bytes_out, size);
    return HENGE_OK;
}

static size_t associated_data(const struct seal_keyring *keyring, const uint8_t *packet,
                              uint8_t data_out[ASSOCIATED_BYTES_MAX]) {
    memcpy(data_out, packet, ASSOCIATED_BYTES);
    memcpy(data_out + ASSOCIATED_BYTES, keyring->label, keyring->label_bytes);
    return (size_t)ASSOCIATED_BYTES + keyring->label_bytes;
}

static void insecure_tag(const struct seal_keyring *keyring, const uint8_t *packet,
                         size_t payload_bytes, uint8_t tag_out[SEAL_TAG_BYTES]) {
    const void *pieces[] = {keyring->label, packet, packet + SEAL_HEADER_BYTES};
    const size_t sizes[] = {keyring->label_bytes, SEAL_HEADER_BYTES, payload_bytes};
    struct hash128 hash = hash128_pieces(keyring->label_hash, pieces, sizes, 3);
    store_u64(tag_out, hash.low);
    store_u64(tag_out + 8, hash.high);
}

size_t seal_close(const struct seal_keyring *keyring, struct seal_sender *sender, uint8_t *packet,
                  size_t payload_bytes, uint8_t lane, uint64_t destination_generation) {
    uint8_t *payload = packet + SEAL_HEADER_BYTES;
    packet[OFFSET_VERSION] = FORMAT_VERSION;
    packet[OFFSET_KEY_ID] = keyring->key_id;
    packet[OFFSET_LANE] = lane;
    packet[OFFSET_RESERVED] = 0;
    store_u64(packet + OFFSET_GENERATION, destination_generation);
    memcpy(packet + OFFSET_BOOT, sender->boot_id, SEAL_BOOT_BYTES);
    /* Before use: no failure behind this line can lead to a nonce being used twice. */
    sender->counter++;
    store_u64(packet + OFFSET_COUNTER, sender->counter);
    if (keyring->key_id == KEY_ID_INSECURE) {
        insecure_tag(keyring, packet, payload_bytes, payload + payload_bytes);
    } else {
        uint8_t associated[ASSOCIATED_BYTES_MAX];
        size_t associated_bytes = associated_data(keyring, packet, associated);
        (void)crypto_aead_xchacha20poly1305_ietf_encrypt(payload, NULL, payload, payload_bytes,
                                                         associated, associated_bytes, NULL,
                                                         packet + OFFSET_BOOT, keyring->key);
    }
    return SEAL_OVERHEAD_BYTES + payload_bytes;
}

static bool is_authentic(const struct seal_keyring *keyring, uint8_t *packet,
                         size_t payload_bytes) {
    uint8_t *payload = packet + SEAL_HEADER_BYTES;
    if (keyring->key_id == KEY_ID_INSECURE) {
        uint8_t tag[SEAL_TAG_BYTES];
        insecure_tag(keyring, packet, payload_bytes, tag);
        return memcmp(tag, payload + payload_bytes, SEAL_TAG_BYTES) == 0;
    }
    uint8_t associated[ASSOCIATED_BYTES_MAX];
    size_t associated_bytes = associated_data(keyring, packet, associated);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               payload, NULL, NULL, payload, payload_bytes + SEAL_TAG_BYTES, associated,
               associated_bytes, packet + OFFSET_BOOT, keyring->key) == 0;
}

bool seal_open(const struct seal_keyring *keyring, uint8_t *packet, size_t packet_bytes,
               struct seal_opened *opened_out) {
    /* What can be refused without computing is: another key id is never tried. */
    if (packet_bytes < SEAL_OVERHEAD_BYTES || packet[OFFSET_VERSION] != FORMAT_VERSION ||
        packet[OFFSET_KEY_ID] != keyring->key_id || packet[OFFSET_RESERVED] != 0) {
        return false;
    }
    size_t payload_bytes = packet_bytes - SEAL_OVERHEAD_BYTES;
    if (!is_authentic(keyring, packet, payload_bytes)) {
        return false;
    }
    opened_out->lane = packet[OFFSET_LANE];
    opened_out->destination_generation = load_u64(packet + OFFSET_GENERATION);
    memcpy(opened_out->boot_id, packet + OFFSET_BOOT, SEAL_BOOT_BYTES);
    opened_out->counter = load_u64(packet + OFFSET_COUNTER);
    opened_out->payload_bytes = payload_bytes;
    return true;
}

void seal_one_way(const uint8_t secret[16], uint8_t out[16]) {
    (void)crypto_generichash(out, 16, secret, 16, NULL, 0);
}
