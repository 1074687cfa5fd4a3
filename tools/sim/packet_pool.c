/* tools/sim/packet_pool.c - see packet_pool.h. */
#include "tools/sim/packet_pool.h"
#include "core/base/assert.h"

enum { SLAB_FIRST_BYTES = 16 * 1024, SLAB_LAST_BYTES = 4 * 1024 * 1024 };

static const uint16_t class_bytes[PACKET_CLASSES] = {64, 128, 256, 512, 1024, PACKET_BODY_MAX};

struct packet_slab {
    struct packet_slab *next;
    size_t bytes;
};

void packet_pool_init(struct packet_pool *pool, struct memory *memory) {
    *pool = (struct packet_pool){.memory = memory};
    for (int class = 0; class < PACKET_CLASSES; class ++) {
        pool->slab_bytes[class] = SLAB_FIRST_BYTES;
    }
}

void packet_pool_deinit(struct packet_pool *pool) {
    while (pool->slabs) {
        struct packet_slab *slab = pool->slabs;
        pool->slabs = slab->next;
        memory_release(pool->memory, slab, slab->bytes, HENGE_MEMORY_NET);
    }
}

static bool refill(struct packet_pool *pool, uint8_t size_class) {
    size_t bytes = pool->slab_bytes[size_class];
    size_t block = sizeof(struct packet) + class_bytes[size_class];
    struct packet_slab *slab = memory_alloc(pool->memory, bytes, HENGE_MEMORY_NET);
    if (!slab) {
        return false;
    }
    *slab = (struct packet_slab){.next = pool->slabs, .bytes = bytes};
    pool->slabs = slab;
    pool->slab_bytes[size_class] = bytes < SLAB_LAST_BYTES ? 2 * bytes : bytes;
    uint8_t *at = (uint8_t *)slab + sizeof(*slab);
    for (size_t left = bytes - sizeof(*slab); left >= block; left -= block, at += block) {
        struct packet *packet = (struct packet *)(void *)at;
        packet->size_class = size_class;
        packet->next = pool->unused[size_class];
        pool->unused[size_class] = packet;
    }
    return true;
}

struct packet *packet_take(struct packet_pool *pool, size_t bytes) {
    ASSERT(bytes <= PACKET_BODY_MAX);
    uint8_t size_class = 0;
    while (class_bytes[size_class] < bytes) {
        size_class++;
    }
    if (!pool->unused[size_class] && !refill(pool, size_class)) {
        return NULL;
    }
    struct packet *packet = pool->unused[size_class];
    ASSERT(packet != NULL);
    pool->unused[size_class] = packet->next;
    packet->next = NULL;
    packet->bytes = (uint16_t)bytes;
    return packet;
}

void packet_give(struct packet_pool *pool, struct packet *packet) {
    packet->next = pool->unused[packet->size_class];
    pool->unused[packet->size_class] = packet;
}

void packet_chain_push(struct packet_chain *chain, struct packet *packet) {
    packet->next = NULL;
    if (chain->last) {
        chain->last->next = packet;
    } else {
        chain->first = packet;
    }
    chain->last = packet;
    chain->count++;
}

struct packet *packet_chain_pop(struct packet_chain *chain) {
    struct packet *packet = chain->first;
    if (packet) {
        chain->first = packet->next;
        chain->last = chain->first ? chain->last : NULL;
        chain->count--;
        packet->next = NULL;
    }
    return packet;
}

void packet_chain_give(struct packet_pool *pool, struct packet_chain *chain) {
    struct packet *packet;
    while ((packet = packet_chain_pop(chain)) != NULL) {
        packet_give(pool, packet);
    }
}
