/* membership/message.c - see message.h. */
#include "membership/message.h"

void message_head_put(struct bytes_writer *writer, const struct message_head *head) {
    bytes_put_u8(writer, head->type);
    bytes_put_u8(writer, 0);
    bytes_put_u64(writer, head->source_name_hash);
    bytes_put_u64(writer, head->source_generation);
}

bool message_head_get(struct bytes_reader *reader, struct message_head *head_out) {
    head_out->type = bytes_get_u8(reader);
    (void)bytes_get_u8(reader); /* reserved: 0 today, skipped so that it may get a meaning */
    head_out->source_name_hash = bytes_get_u64(reader);
    head_out->source_generation = bytes_get_u64(reader);
    return !reader->failed;
}
