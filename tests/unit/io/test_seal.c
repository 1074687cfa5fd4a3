/* Sealing: what was sealed opens, anything else does not. */
#include "core/base/hash.h"
#include "io/buffers.h"
#include "io/seal.h"
#include <criterion/criterion.h>
#include <endian.h>
#include <string.h>

enum { PAYLOAD_BYTES_MAX = PACKET_BYTES_MAX - SEAL_OVERHEAD_BYTES, LANE = 7, SMALL_BYTES = 40 };
static const uint64_t GENERATION = UINT64_C(0x1122334455667788);

static const uint8_t *key_of(uint8_t first) {
    static uint8_t key[32];
    memset(key, 0x5a, sizeof(key));
    key[0] = first;
    return key;
}

static struct seal_keyring keyring_of(const uint8_t *key, const char *label) {
    struct seal_keyring keyring;
    cr_assert_eq(seal_keyring_init(&keyring, key, label), HENGE_OK);
    return keyring;
}

static struct seal_sender sender_of(void) {
    struct seal_sender sender;
    cr_assert_eq(seal_sender_init(&sender), HENGE_OK);
    return sender;
}

static void fill(uint8_t *payload, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        payload[i] = (uint8_t)(i * 31 + 7);
    }
}

static size_t sealed(const struct seal_keyring *keyring, struct seal_sender *sender,
                     uint8_t packet[PACKET_BYTES_MAX], size_t payload_bytes) {
    fill(packet + SEAL_HEADER_BYTES, payload_bytes);
    return seal_close(keyring, sender, packet, payload_bytes, LANE, GENERATION);
}

/* Opens a copy that ends where its block ends, so that ASan sees a read too far. */
static bool opens(const struct seal_keyring *keyring, const uint8_t *packet, size_t bytes) {
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    struct seal_opened opened;
    memcpy(copy, packet, bytes);
    bool is_open = seal_open(keyring, copy, bytes, &opened);
    free(copy);
    return is_open;
}

static void check_every_size(const struct seal_keyring *keyring) {
    struct seal_sender sender = sender_of();
    uint8_t packet[PACKET_BYTES_MAX], plain[PACKET_BYTES_MAX];
    for (size_t bytes = 0; bytes <= PAYLOAD_BYTES_MAX; bytes++) {
        struct seal_opened opened = {0};
        size_t packet_bytes = sealed(keyring, &sender, packet, bytes);
        cr_assert_eq(packet_bytes, bytes + SEAL_OVERHEAD_BYTES);
        cr_assert(seal_open(keyring, packet, packet_bytes, &opened), "%zu bytes", bytes);
        cr_assert_eq(opened.payload_bytes, bytes);
        cr_assert_eq(opened.lane, LANE);
        cr_assert_eq(opened.destination_generation, GENERATION);
        cr_assert_eq(opened.counter, bytes + 1, "one more with each packet");
        cr_assert_arr_eq(opened.boot_id, sender.boot_id, SEAL_BOOT_BYTES);
        fill(plain, bytes);
        cr_assert(memcmp(packet + SEAL_HEADER_BYTES, plain, bytes) == 0, "%zu bytes", bytes);
    }
}

static void check_every_bit(const struct seal_keyring *keyring) {
    struct seal_sender sender = sender_of();
    uint8_t packet[PACKET_BYTES_MAX];
    size_t bytes = sealed(keyring, &sender, packet, SMALL_BYTES);
    for (size_t bit = 0; bit < bytes * 8; bit++) {
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not(opens(keyring, packet, bytes), "bit %zu flipped", bit);
        packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cr_assert(opens(keyring, packet, bytes), "all bits are back");
}

static void check_every_length(const struct seal_keyring *keyring) {
    struct seal_sender sender = sender_of();
    uint8_t packet[PACKET_BYTES_MAX] = {0};
    size_t bytes = sealed(keyring, &sender, packet, SMALL_BYTES);
    for (size_t length = 0; length < sizeof(packet); length++) {
        cr_assert_eq(opens(keyring, packet, length), length == bytes, "%zu bytes", length);
    }
}

Test(seal, every_payload_size_comes_back) {
    struct seal_keyring keyed = keyring_of(key_of(1), "cluster");
    struct seal_keyring insecure = keyring_of(NULL, "cluster");
    check_every_size(&keyed);
    check_every_size(&insecure);
}

Test(seal, any_flipped_bit_is_refused) {
    struct seal_keyring keyed = keyring_of(key_of(1), "cluster");
    struct seal_keyring insecure = keyring_of(NULL, "cluster");
    check_every_bit(&keyed);
    check_every_bit(&insecure);
}

Test(seal, any_other_length_is_refused) {
    struct seal_keyring keyed = keyring_of(key_of(1), "cluster");
    struct seal_keyring insecure = keyring_of(NULL, "cluster");
    check_every_length(&keyed);
    check_every_length(&insecure);
}

Test(seal, the_payload_is_hidden_by_a_key_and_only_by_a_key) {
    struct seal_keyring keyed = keyring_of(key_of(1), "cluster");
    struct seal_keyring insecure = keyring_of(NULL, "cluster");
    struct seal_sender sender = sender_of();
    uint8_t packet[PACKET_BYTES_MAX], plain[SMALL_BYTES];
    fill(plain, SMALL_BYTES);
    sealed(&keyed, &sender, packet, SMALL_BYTES);
    cr_assert_arr_neq(packet + SEAL_HEADER_BYTES, plain, SMALL_BYTES);
    sealed(&insecure, &sender, packet, SMALL_BYTES);
    cr_assert_arr_eq(packet + SEAL_HEADER_BYTES, plain, SMALL_BYTES);
}

/* Without a right byte at its place, so that the key itself is put to the test. */
static void check_strangers(const struct seal_keyring *mine, const struct seal_keyring *other) {
    struct seal_sender sender = sender_of();
    uint8_t packet[PACKET_BYTES_MAX];
    size_t bytes = sealed(mine, &sender, packet, SMALL_BYTES);
    cr_assert(opens(mine, packet, bytes));
    cr_assert_not(opens(other, packet, bytes));
    packet[1] = other->key_id;
    cr_assert_not(opens(other, packet, bytes), "under the other's key id");
}

Test(seal, other_keys_labels_and_modes_are_refused) {
    struct seal_keyring keyed = keyring_of(key_of(1), "cluster");
    struct seal_keyring other_key = keyring_of(key_of(2), "cluster");
    struct seal_keyring other_label = keyring_of(key_of(1), "clusters");
    struct seal_keyring no_label = keyring_of(key_of(1), "");
    struct seal_keyring insecure = keyring_of(NULL, "cluster");
    struct seal_keyring insecure_other = keyring_of(NULL, "clusters");
    const struct seal_keyring *all[] = {&keyed,    &other_key, &other_label,
                                        &no_label, &insecure,  &insecure_other};
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            if (i != j) {
                check_strangers(all[i], all[j]);
            }
        }
    }
}

Test(seal, the_label_is_bound_beside_the_key) {
    /* The same derived key under another label: only the associated data tells them apart. */
    struct seal_keyring one = keyring_of(key_of(1), "one");
    struct seal_keyring two = keyring_of(key_of(1), "two");
    cr_assert_arr_neq(one.key, two.key, sizeof(one.key));
    memcpy(two.key, one.key, sizeof(one.key));
    check_strangers(&one, &two);
}

Test(seal, another_key_id_is_refused_even_when_the_key_is_the_same) {
    struct seal_keyring keyed = keyring_of(key_of(1), "cluster"), renamed = keyed;
    renamed.key_id = keyed.key_id == 1 ? 2 : 1;
    struct seal_sender sender = sender_of();
    uint8_t packet[PACKET_BYTES_MAX];
    size_t bytes = sealed(&renamed, &sender, packet, SMALL_BYTES);
    cr_assert(opens(&renamed, packet, bytes));
    cr_assert_not(opens(&keyed, packet, bytes));
}

/* The insecure tag can be made anew by anybody, so here the head's own bytes are put to the test.
 */
Test(seal, another_version_and_a_used_reserved_byte_are_refused) {
    struct seal_keyring keyring = keyring_of(NULL, "cluster");
    struct seal_sender sender = sender_of();
    for (size_t at = 0; at < 4; at++) {
        uint8_t packet[PACKET_BYTES_MAX];
        size_t bytes = sealed(&keyring, &sender, packet, SMALL_BYTES);
        packet[at]++;
        const void *pieces[] = {"cluster", packet, packet + SEAL_HEADER_BYTES};
        const size_t sizes[] = {7, SEAL_HEADER_BYTES, SMALL_BYTES};
        struct hash128 tag = hash128_pieces(hash64_text("cluster"), pieces, sizes, 3);
        uint64_t words[] = {htole64(tag.low), htole64(tag.high)};
        memcpy(packet + SEAL_HEADER_BYTES + SMALL_BYTES, words, SEAL_TAG_BYTES);
        cr_assert_eq(opens(&keyring, packet, bytes), at == 2, "byte %zu; 2 is the lane", at);
    }
}

Test(seal, key_ids_are_never_zero_and_depend_on_the_key_alone) {
    bool is_seen[256] = {false};
    size_t distinct = 0;
    for (unsigned i = 0; i < 256; i++) {
        struct seal_keyring keyring = keyring_of(key_of((uint8_t)i), "cluster");
        struct seal_keyring relabelled = keyring_of(key_of((uint8_t)i), "another");
        cr_assert_neq(keyring.key_id, 0);
        cr_assert_eq(keyring.key_id, relabelled.key_id);
        distinct += is_seen[keyring.key_id] ? 0 : 1;
        is_seen[keyring.key_id] = true;
    }
    cr_assert_gt(distinct, 100, "spread over the ids"); /* 255 * (1 - 1/e) = 161 expected */
}

Test(seal, two_senders_never_share_a_boot_id) {
    struct seal_sender first = sender_of(), second = sender_of();
    cr_assert_arr_neq(first.boot_id, second.boot_id, SEAL_BOOT_BYTES);
}

Test(seal, the_same_payload_is_sealed_differently_each_time) {
    struct seal_keyring keyed = keyring_of(key_of(1), "cluster");
    struct seal_sender sender = sender_of();
    uint8_t first[PACKET_BYTES_MAX], second[PACKET_BYTES_MAX];
    sealed(&keyed, &sender, first, SMALL_BYTES);
    sealed(&keyed, &sender, second, SMALL_BYTES);
    cr_assert_arr_neq(first + SEAL_HEADER_BYTES, second + SEAL_HEADER_BYTES, SMALL_BYTES);
}

Test(seal, a_label_that_is_too_long_is_refused_and_the_longest_works) {
    char label[HENGE_LABEL_BYTES + 1];
    struct seal_keyring keyring;
    memset(label, 'x', sizeof(label));
    label[HENGE_LABEL_BYTES] = '\0';
    cr_assert_eq(seal_keyring_init(&keyring, key_of(1), label), HENGE_INVALID);
    label[HENGE_LABEL_BYTES - 1] = '\0';
    struct seal_keyring longest = keyring_of(key_of(1), label);
    check_every_bit(&longest);
}

Test(seal, a_wiped_keyring_holds_nothing) {
    struct seal_keyring keyring = keyring_of(key_of(1), "cluster");
    const struct seal_keyring nothing = {0};
    seal_keyring_wipe(&keyring);
    cr_assert(memcmp(&keyring, &nothing, sizeof(nothing)) == 0);
}

/* The format itself, byte by byte, so that a change of it cannot go unnoticed. */
Test(seal, the_header_stands_as_documented) {
    struct seal_keyring keyring = keyring_of(NULL, "cluster");
    struct seal_sender sender = {.counter = 0x0102};
    uint8_t packet[PACKET_BYTES_MAX];
    memset(sender.boot_id, 0xb0, sizeof(sender.boot_id));
    size_t bytes = sealed(&keyring, &sender, packet, 1);
    const uint8_t header[SEAL_HEADER_BYTES] = {1,    0,    LANE, 0,    0x88, 0x77, 0x66, 0x55, 0x44,
                                               0x33, 0x22, 0x11, 0xb0, 0xb0, 0xb0, 0xb0, 0xb0, 0xb0,
                                               0xb0, 0xb0, 0xb0, 0xb0, 0xb0, 0xb0, 0xb0, 0xb0, 0xb0,
                                               0xb0, 0x03, 0x01, 0,    0,    0,    0,    0,    0};
    cr_assert_eq(bytes, SEAL_HEADER_BYTES + 1 + SEAL_TAG_BYTES);
    cr_assert_arr_eq(packet, header, SEAL_HEADER_BYTES);
}
