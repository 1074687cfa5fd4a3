/* One gossip half without threads, in virtual time: node "a", and what it hears of others. */
#ifndef TESTS_UNIT_RUNTIME_GOSSIP_WORLD_H
#define TESTS_UNIT_RUNTIME_GOSSIP_WORLD_H

#include "core/base/clock.h"
#include "core/runtime/node/gossip_node.h"
#include "henge/reader.h"

#define MS NS_PER_MS

enum { OLD_PORT = 1001, NEW_PORT = 1002, GENERATION = 1000, WORLD_MEMBERS_MAX = 256 };

struct world {
    struct memory memory;
    struct epoch_domain *epochs;
    struct epoch_reader *reader;
    struct record_store *store;
    struct ring_house *rings;
    struct overlay overlay;
    struct gossip_node *node;
    struct outbox outbox;
    uint64_t now_ns;
    struct henge_event event; /* the last */
};
extern struct world world;

/* The settings of the node that world_begin makes, for those who make theirs. `self` is lent. */
struct gossip_node_settings world_settings(const struct record_fields *self);
void world_begin_as(const struct gossip_node_settings *settings);
void world_begin(void);
void world_end(void);

/* ACTIVE, with 10 virtual nodes. */
struct record_fields fields_of(const char *name, uint64_t generation, uint16_t port);
/* What is said of a member. */
void hear_member(const struct record_fields *fields, uint32_t version, uint8_t status);
void hear_b(uint64_t generation, uint32_t version, uint8_t status, uint16_t port);
/* So much later, the node does what is due. */
void step(uint64_t ns);
const struct henge_view *view(void);
struct henge_member member_b(const struct henge_view *of);

#endif
