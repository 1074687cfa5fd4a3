/* tests/sim/checkers/checker.h - one invariant's checker: what it may hear, and the list of all.
 *
 * State is zeroed memory of the checker's own. Each of its functions may be NULL. on_sample comes
 * about once per period, on_finish when liveness is due; both may walk over all hosts. */
#ifndef TESTS_SIM_CHECKERS_CHECKER_H
#define TESTS_SIM_CHECKERS_CHECKER_H

#include "tests/sim/checkers/watch.h"

/* One change in one node's table, with the member as it is after it. */
struct sight {
    const struct member_change *change;
    uint32_t host;
    uint32_t subject; /* SIM_NOBODY: a name that no host bears */
    uint64_t generation;
    uint32_t version;
    uint8_t status;
    uint64_t payload_generation;
    uint32_t payload_version;
};

struct packet_sight {
    uint32_t from, to; /* SIM_NOBODY: nobody lives there */
    uint8_t lane;
    const uint8_t *message;
    size_t bytes;
};

struct checker {
    uint8_t number;
    size_t state_bytes;
    bool (*init)(struct watch *watch, void *state); /* false: no memory */
    void (*deinit)(struct watch *watch, void *state);
    void (*on_change)(struct watch *watch, void *state, const struct sight *sight);
    /* subject: SIM_NOBODY when the event names no member. */
    void (*on_event)(struct watch *watch, void *state, uint32_t host, uint32_t subject,
                     const struct henge_event *event);
    void (*on_send)(struct watch *watch, void *state, const struct packet_sight *packet);
    void (*on_boot)(struct watch *watch, void *state, uint32_t host, bool is_end);
    void (*on_step)(struct watch *watch, void *state, uint32_t host);
    void (*on_sample)(struct watch *watch, void *state);
    void (*on_finish)(struct watch *watch, void *state);
};

/* How long liveness may take, from calm or the last boot on. */
uint64_t crashes_bound_ns(const struct watch *watch);
uint64_t agreement_bound_ns(const struct watch *watch);
enum { QUIESCENCE_PERIODS = 20 }; /* that I15 looks at together */

extern const struct checker checker_monotone;    /* I1 */
extern const struct checker checker_tombstone;   /* I2 */
extern const struct checker checker_semilattice; /* I3 */
extern const struct checker checker_issued;      /* I4 */
extern const struct checker checker_ring;        /* I5 */
extern const struct checker checker_lookup;      /* I6 */
extern const struct checker checker_events;      /* I7 */
extern const struct checker checker_verdicts;    /* I8 */
extern const struct checker checker_waking;      /* I9 */
extern const struct checker checker_bounds;      /* I10 */
extern const struct checker checker_strangers;   /* I11 */
extern const struct checker checker_crashes;     /* I12 */
extern const struct checker checker_agreement;   /* I13, and I14 after a cut */
extern const struct checker checker_quiescence;  /* I15 */
extern const struct checker checker_restarts;    /* I16 */

#endif
