/* core/base/bytes.h - bounded cursors over bytes: the only way wire data is read or written.
 *
 * A cursor that runs out of room turns `failed` and stays so; reads then give zeros, writes do
 * nothing. So a whole message is decoded or encoded straight through and checked once at the end.
 * All integers are little-endian. Inline: every field of every packet passes here. */
#ifndef CORE_BASE_BYTES_H
#define CORE_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* `bytes` may be NULL when size is 0. */
static inline struct bytes_reader bytes_reader_of(const void *bytes, size_t size) {
    const uint8_t *start = bytes;
    return (struct bytes_reader){.at = start, .end = size == 0 ? start : start + size};
}

static inline size_t bytes_left(const struct bytes_reader *reader) {
    return reader->at == reader->end ? 0 : (size_t)(reader->end - reader->at);
}

/* A pointer to the next `size` bytes, NULL (and failed) when there are fewer. For size 0 the
 * pointer is where the cursor stands, which is NULL only over an empty NULL range. */
static inline const uint8_t *bytes_get(struct bytes_reader *reader, size_t size) {
    if (reader->failed || bytes_left(reader) < size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *start = reader->at;
    if (size > 0) {
        reader->at += size;
    }
    return start;
}

/* The first `size` bytes of a little-endian word; the rest of it is zero on either byte order. */
static inline uint64_t bytes_get_integer(struct bytes_reader *reader, size_t size) {
    const uint8_t *from = bytes_get(reader, size);
    uint64_t word = 0;
    if (from != NULL) {
        memcpy(&word, from, size);
    }
    return le64toh(word);
}

static inline uint8_t bytes_get_u8(struct bytes_reader *reader) {
    return (uint8_t)bytes_get_integer(reader, 1);
}

static inline uint16_t bytes_get_u16(struct bytes_reader *reader) {
    return (uint16_t)bytes_get_integer(reader, 2);
}

static inline uint32_t bytes_get_u32(struct bytes_reader *reader) {
    return (uint32_t)bytes_get_integer(reader, 4);
}

static inline uint64_t bytes_get_u64(struct bytes_reader *reader) {
    return bytes_get_integer(reader, 8);
}

/* `bytes` may be NULL when size is 0. */
static inline struct bytes_writer bytes_writer_of(void *bytes, size_t size) {
    uint8_t *start = bytes;
    return (struct bytes_writer){
        .start = start, .at = start, .end = size == 0 ? start : start + size};
}

static inline size_t bytes_written(const struct bytes_writer *writer) {
    return writer->at == writer->start ? 0 : (size_t)(writer->at - writer->start);
}

static inline size_t bytes_room(const struct bytes_writer *writer) {
    return writer->at == writer->end ? 0 : (size_t)(writer->end - writer->at);
}

static inline void bytes_put(struct bytes_writer *writer, const void *bytes, size_t size) {
    if (writer->failed || bytes_room(writer) < size) {
        writer->failed = true;
        return;
    }
    if (size > 0) {
        memcpy(writer->at, bytes, size);
        writer->at += size;
    }
}

static inline void bytes_put_integer(struct bytes_writer *writer, uint64_t value, size_t size) {
    uint64_t word = htole64(value);
    bytes_put(writer, &word, size);
}

static inline void bytes_put_u8(struct bytes_writer *writer, uint8_t value) {
    bytes_put_integer(writer, value, 1);
}

static inline void bytes_put_u16(struct bytes_writer *writer, uint16_t value) {
    bytes_put_integer(writer, value, 2);
}

static inline void bytes_put_u32(struct bytes_writer *writer, uint32_t value) {
    bytes_put_integer(writer, value, 4);
}

static inline void bytes_put_u64(struct bytes_writer *writer, uint64_t value) {
    bytes_put_integer(writer, value, 8);
}

#endif
