/* ring/tokens.c - where on the circle a member's virtual nodes stand.
 *
 *     token = XXH3_64(salt[8..15] || vnode | choice << 24 as u32, little-endian || name, seed) >>
 * 16 seed  = salt[0..7], little-endian
 *
 * A function of the cluster's salt, the name, the vnode's number and its choice (placement.c)
 * alone: a member that restarts, or that another node hears of, has the same tokens. Half of the
 * salt goes in as seed, because as text it would only add one constant to XXH3's accumulator. Every
 * node of a cluster must compute the same, so a change here is a change of RING_ALGORITHM in
 * fingerprint.c. */
#include "ring/ring_internal.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"

enum { SALT_HALF_BYTES = TOKEN_NUMBER_AT, CHOICE_SHIFT = 24 };

_Static_assert(RING_POINTS_MAX <= 1 << CHOICE_SHIFT, "a vnode's number lies below its choice");

struct token_text token_text_of(const uint8_t *salt, const char *name) {
    struct token_text text;
    struct bytes_reader halves = bytes_reader_of(salt, SALT_HALF_BYTES);
    text.seed = bytes_get_u64(&halves);
    struct bytes_writer writer = bytes_writer_of(text.bytes, sizeof(text.bytes));
    bytes_put(&writer, salt + SALT_HALF_BYTES, SALT_HALF_BYTES);
    bytes_put_u32(&writer, 0);
    bytes_put(&writer, name, strlen(name));
    text.size = bytes_written(&writer);
    return text;
}

uint64_t token_of(struct token_text *text, uint32_t vnode, uint32_t choice) {
    const uint32_t number = htole32(vnode | choice << CHOICE_SHIFT);
    memcpy(text->bytes + TOKEN_NUMBER_AT, &number, sizeof(number));
    return hash64_seeded(text->bytes, text->size, text->seed) >> POINT_SLOT_BITS;
}

uint32_t member_choice(const struct ring_member *member, uint32_t vnode) {
    if (vnode / 2 >= member->choices_bytes) {
        return 0;
    }
    return member->choices[vnode / 2] >> (vnode % 2 * CHOICE_BITS) & (RING_CANDIDATES - 1);
}

static void fill_tokens(const void *context, const struct ring_member *member, uint64_t *tokens_out,
                        size_t count) {
    struct token_text text = token_text_of(context, member->name);
    for (uint32_t vnode = 0; vnode < count; vnode++) {
        tokens_out[vnode] = token_of(&text, vnode, member_choice(member, vnode));
    }
}

struct token_source token_source_of_salt(const uint8_t *salt) {
    return (struct token_source){.context = salt, .fill = fill_tokens};
}
