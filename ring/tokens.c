/* ring/tokens.c - where on the circle a member's virtual nodes stand.
 *
 *     token = XXH3_64(salt[8..15] || vnode as u32, little-endian || name, seed) >> 16
 *     seed  = salt[0..7], little-endian
 *
 * A function of the cluster's salt, the name and the vnode's number alone: a member that restarts,
 * or that another node hears of, has the same tokens. Half of the salt goes in as seed, because as
 * text it would only add one constant to XXH3's accumulator. Every node of a cluster must compute
 * the same, so a change here is a change of RING_ALGORITHM in fingerprint.c. */
#include "ring/ring_internal.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "henge/config.h"

enum { SALT_HALF_BYTES = 8, TEXT_BYTES = SALT_HALF_BYTES + 4 + HENGE_NAME_BYTES };

static void fill_tokens(const void *context, const struct ring_member *member, uint64_t *tokens_out,
                        size_t count) {
    const uint8_t *salt = context;
    struct bytes_reader halves = bytes_reader_of(salt, SALT_HALF_BYTES);
    const uint64_t seed = bytes_get_u64(&halves);
    uint8_t text[TEXT_BYTES];
    struct bytes_writer writer = bytes_writer_of(text, sizeof(text));
    bytes_put(&writer, salt + SALT_HALF_BYTES, SALT_HALF_BYTES);
    bytes_put_u32(&writer, 0);
    bytes_put(&writer, member->name, strlen(member->name));
    for (uint32_t vnode = 0; vnode < count; vnode++) {
        const uint32_t number = htole32(vnode);
        memcpy(text + SALT_HALF_BYTES, &number, sizeof(number));
        tokens_out[vnode] = hash64_seeded(text, bytes_written(&writer), seed) >> POINT_SLOT_BITS;
    }
}

struct token_source token_source_of_salt(const uint8_t *salt) {
    return (struct token_source){.context = salt, .fill = fill_tokens};
}
