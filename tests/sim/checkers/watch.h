/* tests/sim/checkers/watch.h - what all checkers know of a run: who is up, whom a fault befell and
 * until when, what each host ever said of itself, how long things may take, what was found.
 *
 * The door (tests/sim/checkers.c) keeps it up to date from the simulator; the tests of single
 * checkers fill it in by hand, `sim` being NULL then. Times are virtual nanoseconds since the start
 * of the run; WATCH_NEVER is later than all of them. */
#ifndef TESTS_SIM_CHECKERS_WATCH_H
#define TESTS_SIM_CHECKERS_WATCH_H

#include "tests/sim/checkers.h"

#define WATCH_NEVER UINT64_MAX

enum {
    WATCH_ISSUED_MAX = 8, /* generations of one host that are remembered, newest first */
    WATCH_BOOTS_MAX = 4,  /* restarts of one host under way, the latest orders */
    WATCH_LOSS_LIGHT_PPM = 100000,
    WATCH_DRIFT_LIGHT_PPM = 10000
};
#define WATCH_DELAY_LIGHT_NS UINT64_C(100000000)

/* The highest that a host said of itself under one generation. */
struct issued {
    uint64_t generation;
    uint32_t version, payload_version;
};

/* A boot that an action has ordered. */
struct ordered_boot {
    uint64_t at_ns;
    uint32_t through;    /* the host it joins through; SIM_NOBODY: none */
    bool moves, forgets; /* to another address */
};

struct host_facts {
    bool is_up;
    bool is_leaving; /* up, and LEFT by its own word */
    bool was_faulty; /* ever in the fault set */
    bool is_evicted; /* by an operator, in its present generation or an earlier one */
    uint8_t issued_count;
    uint32_t boots;
    uint32_t through;   /* the host it joins through in this boot; SIM_NOBODY: none */
    uint64_t booted_ns; /* last */
    uint64_t down_ns;   /* since when it is down */
    uint64_t joined_ns; /* when it first knew of others in this boot; WATCH_NEVER: not yet */
    uint64_t raised_ns; /* when its own generation last rose while up */
    uint32_t raises;    /* so often in this boot */
    uint64_t wakes_ns;  /* end of the last pause or stall, maybe yet to come; 0: none ever */
    uint64_t probes_ns; /* likewise, of those that stop its detector */
    uint64_t fault_ns[SIM_ACTION_KINDS]; /* end of the fault of this kind; 0: none ever */
    struct issued issued[WATCH_ISSUED_MAX];
    struct ordered_boot ordered[WATCH_BOOTS_MAX];
    uint32_t ordered_next;
};

struct watch {
    struct sim *sim;
    uint32_t hosts_count;
    uint32_t mask;
    uint64_t now_ns;
    struct host_facts *hosts;

    /* The configuration, and what follows from it and the present size. */
    uint64_t period_ns;
    uint64_t tombstone_ns;
    uint64_t dissemination_ns; /* D */
    uint64_t suspicion_min_ns, suspicion_max_ns;
    uint64_t settle_ns;  /* a fault has its effects so long after its end */
    uint64_t publish_ns; /* from a change of the records to the ring of them */
    bool is_strict;      /* profile henge: what it alone promises is asked for */

    /* The network as a whole. */
    uint64_t network_ns[SIM_ACTION_KINDS]; /* end of SIM_LOSS, DUPLICATE, REPLAY */
    uint64_t heavy_ns;                     /* loss above 10 % ends */
    bool is_heavy_always; /* by the settings: loss above 10 %, or delays near the timeouts */
    bool had_cut;         /* some hosts were cut apart for longer than a suspicion */
    uint32_t up_count;    /* up and not leaving */
    uint32_t missed;      /* crashed, and not yet judged by I12: members whom probes fail at */
    uint64_t last_boot_ns;
    uint64_t last_join_ns; /* a node that is up was told to join: it asks for a snapshot */
    uint64_t last_act_ns;  /* last action, boot or end of a node */

    /* Since when no fault is under way; WATCH_NEVER: one is. Being down is not: it is what I12
     * waits for. */
    uint64_t calm_ns;
    bool is_agreement_judged; /* by I13: since the last fault, action and boot */
    bool is_healed;
    uint64_t healed_ns;

    /* watch_reach.c */
    uint64_t *acquainted; /* a row of bits by host */
    uint32_t words;       /* of a row */
    uint32_t *components; /* by host, at components_ns; 0: down */
    uint32_t *queue;
    uint64_t components_ns;

    struct checkers_counts counts;
    struct violation kept[CHECKERS_KEPT];
    uint64_t violations_count;
    uint64_t violations_by[CHECKERS_INVARIANTS + 1];
};

bool watch_init(struct watch *watch, struct sim *sim, uint32_t hosts);
void watch_deinit(struct watch *watch);

/* Something is wrong. `format` says what; host and subject may be SIM_NOBODY. */
__attribute__((format(printf, 5, 6))) void watch_report(struct watch *watch, uint8_t invariant,
                                                        uint32_t host, uint32_t subject,
                                                        const char *format, ...);

/* watch_faults.c: the fault set. */
void watch_action(struct watch *watch, const struct sim_action *action);
void watch_boot(struct watch *watch, uint32_t host, bool is_end);
/* Renews calm_ns: O(hosts). */
void watch_calm(struct watch *watch);
/* A fault befalls it, or did a settle ago. */
bool watch_in_fault_set(const struct watch *watch, uint32_t host);
/* Loss of more than 10 % each way, now or a settle ago: I8 only counts. */
bool watch_is_heavy(const struct watch *watch);

/* watch_reach.c: may liveness be asked for? */
bool watch_reach_init(struct watch *watch);
void watch_reach_deinit(struct watch *watch);
void watch_acquaint(struct watch *watch, uint32_t host, uint32_t subject, bool is_known);
/* A host begins anew; has_moved: where nobody can find it; has_forgotten: whom it knew. */
void watch_begin_anew(struct watch *watch, uint32_t host, bool has_moved, bool has_forgotten);
bool watch_can_meet(struct watch *watch, uint32_t host, uint32_t other);
bool watch_can_all_meet(struct watch *watch);

/* What `host` says of itself: remembered as issued. */
void watch_issued(struct watch *watch, uint32_t host, uint64_t generation, uint32_t version,
                  uint32_t payload_version);
/* NULL: it never had this generation, or long ago. */
const struct issued *watch_find_issued(const struct watch *watch, uint32_t host,
                                       uint64_t generation);

/* "ALIVE", ...: henge_member_status_text is the runtime's, which the simulator does without. */
const char *watch_status_text(uint8_t status);

/* The bounds at the present size, from the biggest table of a node that is up. */
void watch_bounds(struct watch *watch);

#endif
