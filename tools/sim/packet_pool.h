/* tools/sim/packet_pool.h - packets under way: blocks of a few sizes from slabs that double.
 *
 * Also chains of packets, for whoever holds some back. */
#ifndef TOOLS_SIM_PACKET_POOL_H
#define TOOLS_SIM_PACKET_POOL_H

#include "core/base/memory.h"
#include <stdbool.h>
#include <stdint.h>

enum { PACKET_CLASSES = 6, PACKET_BODY_MAX = 1536 };

struct packet {
    struct packet *next;
    uint64_t arrived_ns;             /* virtual; set when it reaches the socket */
    uint64_t destination_generation; /* whom the sender meant, 0 = it did not know */
    uint32_t from_host, from_place, to_place;
    uint32_t stream; /* id of the stream that it is a frame of, 0 = datagram */
    uint16_t bytes;
    uint8_t lane;
    uint8_t size_class;
    bool is_from_client; /* of a stream: it comes from a port where nobody listens */
    uint8_t body[];
};

struct packet_chain {
    struct packet *first, *last;
    uint32_t count;
};

struct packet_pool {
    struct memory *memory;
    struct packet *unused[PACKET_CLASSES];
    size_t slab_bytes[PACKET_CLASSES]; /* of the next slab */
    struct packet_slab *slabs;
};

void packet_pool_init(struct packet_pool *pool, struct memory *memory);
void packet_pool_deinit(struct packet_pool *pool);
/* Room for `bytes` <= PACKET_BODY_MAX; the fields but bytes and size_class are undefined. NULL: no
 * memory. */
struct packet *packet_take(struct packet_pool *pool, size_t bytes);
void packet_give(struct packet_pool *pool, struct packet *packet);

void packet_chain_push(struct packet_chain *chain, struct packet *packet);
struct packet *packet_chain_pop(struct packet_chain *chain); /* NULL when empty */
void packet_chain_give(struct packet_pool *pool, struct packet_chain *chain);

#endif
