/* Cursors: round trips, and truncation at every length. */
#include "core/base/bytes.h"
#include <criterion/criterion.h>

enum { MESSAGE_BYTES = 1 + 2 + 4 + 8 + 3 };

static void put_message(struct bytes_writer *writer) {
    bytes_put_u8(writer, 0x01);
    bytes_put_u16(writer, 0x0302);
    bytes_put_u32(writer, 0x07060504);
    bytes_put_u64(writer, UINT64_C(0x0f0e0d0c0b0a0908));
    bytes_put(writer, "\x10\x11\x12", 3);
}

Test(bytes, integers_are_little_endian_on_the_wire) {
    uint8_t buffer[MESSAGE_BYTES];
    struct bytes_writer writer = bytes_writer_of(buffer, sizeof(buffer));
    put_message(&writer);
    cr_assert(!writer.failed);
    cr_assert_eq(bytes_written(&writer), MESSAGE_BYTES);
    cr_assert_eq(bytes_room(&writer), 0);
    for (uint8_t i = 0; i < MESSAGE_BYTES; i++) {
        cr_assert_eq(buffer[i], i + 1, "byte %u", i);
    }
}

Test(bytes, what_is_written_is_read) {
    uint8_t buffer[MESSAGE_BYTES];
    struct bytes_writer writer = bytes_writer_of(buffer, sizeof(buffer));
    put_message(&writer);
    struct bytes_reader reader = bytes_reader_of(buffer, sizeof(buffer));
    cr_assert_eq(bytes_get_u8(&reader), 0x01);
    cr_assert_eq(bytes_get_u16(&reader), 0x0302);
    cr_assert_eq(bytes_get_u32(&reader), 0x07060504);
    cr_assert_eq(bytes_get_u64(&reader), UINT64_C(0x0f0e0d0c0b0a0908));
    cr_assert_eq(bytes_left(&reader), 3);
    const uint8_t *rest = bytes_get(&reader, 3);
    cr_assert_not_null(rest);
    cr_assert_arr_eq(rest, "\x10\x11\x12", 3);
    cr_assert_eq(bytes_left(&reader), 0);
    cr_assert(!reader.failed);
}

Test(bytes, a_truncated_message_fails_at_every_length_and_reads_zeros_after) {
    uint8_t whole[MESSAGE_BYTES];
    struct bytes_writer writer = bytes_writer_of(whole, sizeof(whole));
    put_message(&writer);
    for (size_t length = 0; length < MESSAGE_BYTES; length++) {
        uint8_t *exact = malloc(length + 1); /* ASan sees any read past the cut */
        memcpy(exact + 1, whole, length);
        struct bytes_reader reader = bytes_reader_of(exact + 1, length);
        uint8_t first = bytes_get_u8(&reader);
        uint16_t second = bytes_get_u16(&reader);
        uint32_t third = bytes_get_u32(&reader);
        uint64_t fourth = bytes_get_u64(&reader);
        const uint8_t *rest = bytes_get(&reader, 3);
        cr_assert(reader.failed, "length %zu", length);
        cr_assert_eq(first, length >= 1 ? 0x01 : 0);
        cr_assert_eq(second, length >= 3 ? 0x0302 : 0);
        cr_assert_eq(third, length >= 7 ? 0x07060504 : 0);
        cr_assert_eq(fourth, length >= 15 ? UINT64_C(0x0f0e0d0c0b0a0908) : 0);
        cr_assert_null(rest);
        cr_assert_eq(bytes_get_u8(&reader), 0, "a failed reader stays failed");
        free(exact);
    }
}

Test(bytes, a_short_buffer_fails_at_every_length_and_is_not_overrun) {
    for (size_t length = 0; length < MESSAGE_BYTES; length++) {
        uint8_t *exact = malloc(length + 1);
        memset(exact, 0xee, length + 1);
        struct bytes_writer writer = bytes_writer_of(exact, length);
        put_message(&writer);
        cr_assert(writer.failed, "length %zu", length);
        cr_assert_leq(bytes_written(&writer), length);
        cr_assert_eq(exact[length], 0xee);
        size_t written = bytes_written(&writer);
        bytes_put(&writer, "", 0);
        bytes_put_u8(&writer, 1);
        cr_assert_eq(bytes_written(&writer), written, "a failed writer stays failed");
        free(exact);
    }
}

Test(bytes, an_oversized_request_does_not_wrap_around) {
    uint8_t buffer[4] = {0};
    struct bytes_reader reader = bytes_reader_of(buffer, sizeof(buffer));
    cr_assert_null(bytes_get(&reader, SIZE_MAX));
    cr_assert(reader.failed);
    struct bytes_writer writer = bytes_writer_of(buffer, sizeof(buffer));
    bytes_put(&writer, buffer, SIZE_MAX);
    cr_assert(writer.failed);
    cr_assert_eq(bytes_written(&writer), 0);
}

Test(bytes, an_empty_range_may_be_null) {
    struct bytes_reader reader = bytes_reader_of(NULL, 0);
    cr_assert_eq(bytes_left(&reader), 0);
    bytes_get(&reader, 0);
    cr_assert(!reader.failed);
    cr_assert_eq(bytes_get_u16(&reader), 0);
    cr_assert(reader.failed);
    struct bytes_writer writer = bytes_writer_of(NULL, 0);
    bytes_put(&writer, NULL, 0);
    cr_assert(!writer.failed);
    bytes_put_u8(&writer, 1);
    cr_assert(writer.failed);
}
