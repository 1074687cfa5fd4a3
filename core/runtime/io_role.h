/* core/runtime/io_role.h - the io role: sockets, sealing, and the way of packets to and from the
 * other two. It knows no protocol: an opened packet goes where its lane byte says. One thread. */
#ifndef CORE_RUNTIME_IO_ROLE_H
#define CORE_RUNTIME_IO_ROLE_H

#include "core/base/map.h"
#include "core/runtime/runtime_internal.h"
#include "io/stream.h"

/* Turns that may go by under constant traffic before a horizon is granted all the same: each takes
 * what the kernel had ready, so by then everything older than the request is in. */
enum { IO_HORIZON_TURNS = 16 };

struct io_role {
    struct henge_runtime *runtime;
    struct stream_hub *hub;
    struct henge_node **nodes; /* by id; NULL = not attached */
    bool *is_closing;          /* by id: endpoint_close is under way */
    bool *is_closed;           /* by id: on_endpoint_closed has come, streams may be left */
    struct map endpoints;      /* transport endpoint -> node id */
    uint32_t held[BUFFER_HOLDER_COUNT]; /* received datagrams a role has now */
    uint32_t frames_held[BUFFER_HOLDER_COUNT];
    bool frames_refused;
    uint32_t closing_count;
    bool horizon_wanted[BUFFER_HOLDER_COUNT];
    uint64_t horizon_from_ns; /* the first turn after the request */
    uint32_t horizon_turns;
    uint64_t now_ns;
    uint64_t drops_due_ns; /* when to ask the kernel what it has dropped */
    uint8_t wakes;
};

struct io_role *io_role_create(struct henge_runtime *runtime);
void io_role_destroy(struct io_role *role);
/* On the io thread, before the first turn. */
enum henge_status io_role_adopt(struct io_role *role);

/* Takes what the others have given: sends, streams, buffers. No system call. How much it was. */
uint32_t io_role_step(struct io_role *role, uint64_t now_ns);
/* One transport turn, waiting at most timeout_ns; hands over what arrives. */
uint32_t io_role_turn(struct io_role *role, uint64_t now_ns, uint64_t timeout_ns);
uint64_t io_role_deadline(const struct io_role *role);
bool io_role_has_input(const struct io_role *role);

#endif
