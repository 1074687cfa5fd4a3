/* membership/detector/relay.h - the indirect probes this node carries out for others: a bounded
 * table from the number of our ping to the one who asked. */
#ifndef MEMBERSHIP_DETECTOR_RELAY_H
#define MEMBERSHIP_DETECTOR_RELAY_H

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
    struct relay table[RELAYS_MAX];
    uint32_t count;
};

/* A free entry with its sequence and times set, NULL when all are taken. */
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
