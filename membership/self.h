/* membership/self.h - what this node hears about itself.
 *
 * Nobody but this node raises its generation, version or payload version. The version belongs to
 * the detector: an accusation is passed to it and its new version comes back. */
#ifndef MEMBERSHIP_SELF_H
#define MEMBERSHIP_SELF_H

#include "membership/merge.h"
#include "membership/outbox.h"

struct self {
    bool is_accused; /* not yet passed to the detector */
    struct liveness accusation;
    struct liveness passed;    /* the last one that was: its answer is on the way */
    uint64_t retry_ns;         /* of what waits for room; 0 = at once */
    uint64_t heard_generation; /* at or above the own one, to be surpassed; 0 = none */
    uint64_t adopted_ns;       /* when the generation was last raised for hearsay */
    bool has_adopted;
    uint32_t heard_payload_version; /* somebody claims more than this node ever said; 0 = none */
    /* Who called this node dead is told its new version directly. */
    struct henge_address corrections[CORRECTIONS_MAX];
    uint32_t corrections_count;
    bool corrections_due;
};

struct membership;

struct merge_result self_hear(struct membership *membership, const struct update *update,
                              const struct record_fields *fields,
                              const struct packet_source *source);
/* The generation is to rise above this one, at most once a second. */
void self_surpass(struct membership *membership, uint64_t generation);
/* The generation rises above `heard`, at once. False: no memory, or not a believable one. */
bool self_raise_generation(struct membership *membership, uint64_t heard);
void self_version(struct membership *membership, uint64_t generation, uint32_t version);
enum henge_status self_set_payload(struct membership *membership,
                                   const struct record_fields *fields);
/* The same content under a higher payload version, with the ring state that standing.h has. */
enum henge_status self_renew_payload(struct membership *membership);
void self_step(struct membership *membership, struct outbox *outbox);
uint64_t self_deadline(const struct membership *membership);

#endif
