/* core/base/bytes.h - bounded cursors over bytes: the only way wire data is read or written.
 *
 * A cursor that runs out of room turns `failed` and stays so; reads then give zeros, writes do
 * nothing. So a whole message is decoded or encoded straight through and checked once at the end.
 * All integers are little-endian. */
#ifndef CORE_BASE_BYTES_H
#define CORE_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

struct bytes_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

struct bytes_reader bytes_reader_of(const void *bytes, size_t size);
size_t bytes_left(const struct bytes_reader *reader);
uint8_t bytes_get_u8(struct bytes_reader *reader);
uint16_t bytes_get_u16(struct bytes_reader *reader);
uint32_t bytes_get_u32(struct bytes_reader *reader);
uint64_t bytes_get_u64(struct bytes_reader *reader);
/* A pointer to the next `size` bytes, NULL (and failed) when there are fewer. */
const uint8_t *bytes_get(struct bytes_reader *reader, size_t size);

struct bytes_writer bytes_writer_of(void *bytes, size_t size);
size_t bytes_written(const struct bytes_writer *writer);
size_t bytes_room(const struct bytes_writer *writer);
void bytes_put_u8(struct bytes_writer *writer, uint8_t value);
void bytes_put_u16(struct bytes_writer *writer, uint16_t value);
void bytes_put_u32(struct bytes_writer *writer, uint32_t value);
void bytes_put_u64(struct bytes_writer *writer, uint64_t value);
void bytes_put(struct bytes_writer *writer, const void *bytes, size_t size);

#endif
