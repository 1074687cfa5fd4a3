/* membership/detector/relay.h - the indirect probes this node carries out for others: a bounded
 * table from the number of our ping to the one who asked. */
#ifndef MEMBERSHIP_DETECTOR_RELAY_H
#define MEMBERSHIP_DETECTOR_RELAY_H

#include "core/base/memory.h"
#include "henge/address.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    RELAYS_MAX = 64,
    RELAY_NACK_PERCENT = 80 /* of the time remaining: the nack must arrive before the judgement */
};

struct relay {
    uint32_t sequence; /* of our ping; 0 = free */
    uint32_t origin_sequence;
    struct henge_address origin;
    uint64_t origin_generation;
    uint64_t target_name_hash;
    uint64_t target_generation;
    uint64_t next_ns; /* when the nack is due; once it is sent, when the origin has judged */
    uint64_t end_ns;
    bool is_nacked;
};

struct relays {
    struct memory *memory;
    struct relay *table;
    uint32_t capacity; /* up to RELAYS_MAX */
    uint32_t count;
};

void relays_init(struct relays *relays, struct memory *memory);
void relays_deinit(struct relays *relays);
/* A free entry with its sequence and times set, good until the next add. NULL when all are taken,
 * or without memory for one more. */
struct relay *relays_add(struct relays *relays, uint32_t sequence, uint64_t asked_ns,
                         uint64_t remaining_ns);
void relays_remove(struct relays *relays, struct relay *relay);
/* The entry whose ping this number, about this incarnation, answers. */
struct relay *relays_find(struct relays *relays, uint32_t sequence, uint64_t target_name_hash,
                          uint64_t target_generation);
/* Is this request being served already? (the network doubled it) */
bool relays_has(const struct relays *relays, const struct henge_address *origin,
                uint32_t origin_sequence);
/* One whose time has come, NULL when none. */
struct relay *relays_due(struct relays *relays, uint64_t now_ns);
uint64_t relays_deadline(const struct relays *relays);

#endif
