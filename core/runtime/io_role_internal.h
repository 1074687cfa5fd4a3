/* core/runtime/io_role_internal.h - what the two files of the io role call of each other. */
#ifndef CORE_RUNTIME_IO_ROLE_INTERNAL_H
#define CORE_RUNTIME_IO_ROLE_INTERNAL_H

#include "core/runtime/io_role.h"

struct henge_node *io_role_node(struct io_role *role, uint32_t endpoint);
void io_role_tell(struct io_role *role, enum buffer_holder holder,
                  const struct role_message *message);
void io_role_send_home(struct io_role *role, struct buffer *buffer);
void io_role_stream_ended(struct io_role *role, struct henge_node *node, enum buffer_holder holder,
                          uint64_t request_token, bool failed);
/* Which role a lane belongs to; BUFFER_HOLDER_IO = none. */
enum buffer_holder io_role_holder_of(uint8_t lane);
void io_role_wake_others(struct io_role *role);

#endif
