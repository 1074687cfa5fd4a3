/* Records: canonical encoding, limits, interning. */
#include "core/base/random.h"
#include "membership/record.h"
#include "membership/record_wire.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct memory memory;
static struct record_store *store;

static void setup(void) {
    memory_init(&memory, NULL);
    store = record_store_create(&memory);
}

static void teardown(void) {
    record_store_destroy(store);
    cr_assert_eq(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), 0);
}

TestSuite(record, .init = setup, .fini = teardown);

static const uint8_t choices[] = {0x21, 0x43, 0x05, 0};

static struct record_fields sample(void) {
    struct record_fields fields = {.name = "alpha.1",
                                   .name_bytes = 7,
                                   .role = "store",
                                   .role_bytes = 5,
                                   .region = "",
                                   .zone = "zone-a",
                                   .zone_bytes = 6,
                                   .generation = 77,
                                   .payload_version = 3,
                                   .address = {.bytes = {127, 0, 0, 1}, .port = 7946, .family = 4},
                                   .weight = 2,
                                   .vnodes = 100,
                                   .ring_state = HENGE_RING_ACTIVE,
                                   .boot_id = {1, 2, 3},
                                   .metadata_count = 2};
    fields.metadata[0] =
        (struct record_pair){.key = "disk", .value = "ssd", .key_bytes = 4, .value_bytes = 3};
    fields.metadata[1] =
        (struct record_pair){.key = "rack", .value = "", .key_bytes = 4, .value_bytes = 0};
    return fields;
}

static size_t encode(const struct record_fields *fields, uint8_t *bytes, size_t room) {
    struct bytes_writer writer = bytes_writer_of(bytes, room);
    record_encode(&writer, fields);
    cr_assert_not(writer.failed);
    cr_assert_eq(bytes_written(&writer), record_wire_bytes(fields));
    return bytes_written(&writer);
}

Test(record, survives_the_wire) {
    struct record_fields fields = sample(), back;
    uint8_t bytes[RECORD_ENCODED_BYTES_MAX], again[RECORD_ENCODED_BYTES_MAX];
    size_t size = encode(&fields, bytes, sizeof bytes);
    struct bytes_reader reader = bytes_reader_of(bytes, size);
    cr_assert(record_decode(&reader, &back));
    cr_assert_eq(bytes_left(&reader), 0);
    cr_assert_eq(back.generation, 77);
    cr_assert_eq(back.payload_version, 3);
    cr_assert_eq(back.address.port, 7946);
    cr_assert_eq(back.metadata_count, 2);
    cr_assert_eq(memcmp(back.metadata[0].value, "ssd", 3), 0);
    cr_assert_eq(encode(&back, again, sizeof again), size);
    cr_assert_eq(memcmp(bytes, again, size), 0);
    cr_assert_eq(back.choices_bytes, 0);
}

Test(record, brings_choices_if_there_are_any) {
    struct record_fields fields = sample(), back;
    uint8_t bytes[RECORD_ENCODED_BYTES_MAX];
    size_t plain = encode(&fields, bytes, sizeof bytes);
    fields.ring_state = HENGE_RING_DRAINING;
    fields.choices = choices;
    fields.choices_bytes = 3;
    size_t size = encode(&fields, bytes, sizeof bytes);
    cr_assert_eq(size, plain + 4);
    struct bytes_reader reader = bytes_reader_of(bytes, size);
    cr_assert(record_decode(&reader, &back));
    cr_assert_eq(back.ring_state, HENGE_RING_DRAINING);
    cr_assert_eq(back.choices_bytes, 3);
    cr_assert_eq(memcmp(back.choices, choices, 3), 0);
    struct record *record = record_store_get(store, &back);
    cr_assert_eq(record->choices_bytes, 3);
    cr_assert_eq(memcmp(record->choices, choices, 3), 0);
    struct record_fields loose;
    record_fields_of(record, &loose);
    cr_assert_eq(record_store_get(store, &loose), record);
    record_release(store, record);
    record_release(store, record);
    for (size_t cut = 0; cut < size; cut++) {
        reader = bytes_reader_of(bytes, cut);
        cr_assert_not(record_decode(&reader, &back), "cut at %zu", cut);
    }
}

Test(record, is_malformed_at_every_truncation) {
    struct record_fields fields = sample(), back;
    uint8_t bytes[RECORD_ENCODED_BYTES_MAX];
    size_t size = encode(&fields, bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1); /* so that ASan sees a byte too far */
        memcpy(exact, bytes, cut);
        struct bytes_reader reader = bytes_reader_of(exact, cut);
        cr_assert_not(record_decode(&reader, &back), "cut at %zu", cut);
        free(exact);
    }
}

Test(record, random_bytes_never_decode_to_what_breaks_a_limit) {
    struct random random = random_of_seed(1);
    struct record_fields fields = sample(), back;
    uint8_t bytes[RECORD_ENCODED_BYTES_MAX];
    fields.choices = choices;
    fields.choices_bytes = 3;
    size_t size = encode(&fields, bytes, sizeof bytes);
    uint32_t accepted = 0;
    for (uint32_t i = 0; i < 50000; i++) {
        uint8_t changed[RECORD_ENCODED_BYTES_MAX];
        memcpy(changed, bytes, size);
        for (uint64_t flips = 1 + random_below(&random, 3); flips > 0; flips--)
            changed[random_below(&random, size)] = (uint8_t)random_u64(&random);
        struct bytes_reader reader = bytes_reader_of(changed, size);
        if (!record_decode(&reader, &back))
            continue;
        accepted++;
        cr_assert_null(record_fields_check(&back));
        uint8_t again[RECORD_ENCODED_BYTES_MAX];
        size_t used = size - bytes_left(&reader);
        cr_assert_eq(encode(&back, again, sizeof again), used);
        cr_assert_eq(memcmp(again, changed, used), 0, "one content, one encoding");
    }
    cr_assert_gt(accepted, 100);
}

/* Each case breaks one limit and nothing else; the reason has to name the field. */
Test(record, every_limit_is_named) {
    char text[HENGE_METADATA_BYTES + 8];
    memset(text, 'x', sizeof text);
    struct record_fields good = sample();
    cr_assert_null(record_fields_check(&good));
    struct record_fields bad[16];
    const char *names[16] = {"name",     "name",     "name",    "role",   "region", "zone",
                             "address",  "address",  "address", "weight", "vnode",  "ring state",
                             "metadata", "metadata", "choices", "choices"};
    for (size_t i = 0; i < 16; i++)
        bad[i] = sample();
    bad[0].name_bytes = 0;
    bad[1].name = "a b";
    bad[1].name_bytes = 3;
    bad[2].name = text;
    bad[2].name_bytes = 64;
    bad[3].role = text;
    bad[3].role_bytes = 64;
    bad[4].region = "a\nb";
    bad[4].region_bytes = 3;
    bad[5].zone = text;
    bad[5].zone_bytes = 64;
    bad[6].address.port = 0;
    bad[7].address.family = 5;
    bad[8].address.bytes[9] = 1; /* stray byte behind an IPv4 address */
    bad[9].weight = 101;
    bad[10].vnodes = 0;
    bad[11].ring_state = 3;
    bad[12].metadata[1] = bad[12].metadata[0]; /* a key twice */
    bad[13].metadata[1].value = text;
    bad[13].metadata[1].value_bytes = HENGE_METADATA_BYTES;
    bad[14].choices = choices;
    bad[14].choices_bytes = sizeof choices; /* the last is 0 */
    bad[15].choices = (const uint8_t *)text;
    bad[15].choices_bytes = 129;
    for (size_t i = 0; i < 16; i++) {
        const char *reason = record_fields_check(&bad[i]);
        cr_assert_not_null(reason, "case %zu", i);
        cr_assert_not_null(strstr(reason, names[i]), "case %zu: %s", i, reason);
        cr_assert_null(record_store_get(store, &bad[i]));
    }
}

Test(record, the_largest_that_is_allowed_fits) {
    char label[63], value[HENGE_METADATA_BYTES];
    memset(label, 'l', sizeof label);
    memset(value, 'v', sizeof value);
    struct record_fields fields = sample();
    fields.metadata_count = 1;
    fields.metadata[0].value = value;
    fields.metadata[0].value_bytes = HENGE_METADATA_BYTES - 4 - 2;
    cr_assert_null(record_fields_check(&fields));
    cr_assert_leq(record_wire_bytes(&fields), RECORD_ENCODED_BYTES_MAX);
    fields.name = label;
    fields.name_bytes = 63;
    fields.role = fields.region = fields.zone = label;
    fields.role_bytes = fields.region_bytes = fields.zone_bytes = 63;
    cr_assert_not_null(record_fields_check(&fields), "all labels and all metadata do not");
    fields.metadata[0].value_bytes = 800;
    cr_assert_null(record_fields_check(&fields));
    cr_assert_leq(record_wire_bytes(&fields), RECORD_ENCODED_BYTES_MAX);
    struct record *record = record_store_get(store, &fields);
    cr_assert_not_null(record);
    record_release(store, record);
}

Test(record, equal_contents_are_one_object) {
    struct record_fields fields = sample();
    struct record *first = record_store_get(store, &fields);
    struct record *second = record_store_get(store, &fields);
    cr_assert_eq(first, second);
    cr_assert_eq(first->references, 2);
    fields.weight = 3;
    struct record *third = record_store_get(store, &fields);
    cr_assert_neq(first, third);
    cr_assert_str_eq(first->name, "alpha.1");
    cr_assert_str_eq(first->metadata[2], "rack");
    cr_assert_str_eq(first->metadata[3], "");
    record_release(store, first);
    cr_assert_str_eq(second->zone, "zone-a", "still referred to");
    record_release(store, second);
    record_release(store, third);
}

Test(record, loose_form_of_a_record_makes_the_same_record) {
    struct record_fields fields = sample(), loose;
    struct record *record = record_store_get(store, &fields);
    record_fields_of(record, &loose);
    struct record *again = record_store_get(store, &loose);
    cr_assert_eq(record, again);
    record_release(store, record);
    record_release(store, again);
}

/* The two ways to a decoded record end at one object; its bytes find it, any other bytes do not. */
Test(record, the_same_payload_stands_for_a_later_life_and_is_shared_with_nobody) {
    struct record_fields fields = sample();
    struct record *record = record_store_get(store, &fields);
    cr_assert_eq(record->life, record->generation);
    struct record *later = record_store_get_later(store, record, 99);
    cr_assert_eq(later->life, 99);
    cr_assert_eq(later->generation, 77);
    cr_assert_eq(later->encoded_bytes, record->encoded_bytes);
    cr_assert_arr_eq(later->encoded, record->encoded, record->encoded_bytes);
    cr_assert_str_eq(later->name, record->name);
    cr_assert_eq(record_store_find(store, record->encoded, record->encoded_bytes), record);
    record_release(store, record);
    record_release(store, later);
}

Test(record, is_found_by_its_encoding) {
    struct record_fields fields = sample(), decoded;
    struct record *record = record_store_get(store, &fields);
    uint8_t bytes[RECORD_ENCODED_BYTES_MAX];
    size_t count = record->encoded_bytes;
    memcpy(bytes, record->encoded, count);
    cr_assert_eq(record_store_find(store, bytes, count), record);
    cr_assert_eq(record->references, 1, "nothing is counted");
    struct bytes_reader reader = bytes_reader_of(bytes, count);
    cr_assert(record_decode(&reader, &decoded));
    cr_assert_eq(record_store_get_decoded(store, &decoded, bytes, count), record);
    record_release(store, record);
    cr_assert_null(record_store_find(store, bytes, count - 1));
    for (size_t i = 0; i < count; i++) {
        bytes[i] ^= 1;
        cr_assert_null(record_store_find(store, bytes, count), "byte %zu", i);
        bytes[i] ^= 1;
    }
    record_release(store, record);
    cr_assert_null(record_store_find(store, bytes, count), "nobody holds it any more");
    record = record_store_get_decoded(store, &decoded, bytes, count);
    cr_assert_eq(record->encoded_bytes, count);
    cr_assert_arr_eq(record->encoded, bytes, count);
    cr_assert_str_eq(record->metadata[2], "rack");
    cr_assert_eq(record_store_find(store, bytes, count), record);
    record_release(store, record);
}

Test(record, a_store_of_many_gives_all_memory_back) {
    enum { COUNT = 500 };
    struct record *records[COUNT];
    char name[COUNT][16];
    uint64_t empty = atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]);
    for (uint32_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            struct record_fields fields = sample();
            (void)snprintf(name[i], sizeof name[i], "n%zu", i);
            fields.name = name[i];
            fields.name_bytes = (uint8_t)strlen(name[i]);
            records[i] = record_store_get(store, &fields);
            cr_assert_not_null(records[i]);
        }
        cr_assert_gt(atomic_load(&memory.held_bytes[HENGE_MEMORY_MEMBER]), empty);
        for (size_t i = 0; i < COUNT; i++)
            record_release(store, records[(i * 7) % COUNT]);
    }
}

Test(record, no_memory_is_an_answer) {
    struct record_fields fields = sample();
    for (int64_t after = 0; after < 3; after++) {
        memory_fail_after(&memory, after);
        struct record *record = record_store_get(store, &fields);
        memory_fail_after(&memory, -1);
        record_release(store, record); /* NULL, or a record that is only not shared */
    }
    struct record *record = record_store_get(store, &fields);
    cr_assert_not_null(record);
    record_release(store, record);
}
