/* tests/sim/checkers.h - the contract of the protocol, invariants I1..I16, watched while the
 * simulator runs.
 *
 * One checker per invariant, each in a file of its own (tests/sim/checkers.c says which). Safety is
 * judged with every change, event, packet and step. Liveness is judged against deadlines that the
 * checkers compute from size, period and profile; a deadline runs while no fault is under way, and
 * starts again after the last one has ended. So a scenario that heals itself (faults with a
 * duration) needs no more than sim_run and checkers_finish:
 *
 *     struct checkers *checkers = checkers_create(sim, CHECKERS_ALL);
 *     sim_schedule(sim, actions, count);
 *     sim_run(sim, until_ns);
 *     checkers_healed(checkers);                           nothing more goes wrong from here
 *     sim_run(sim, checkers_deadline_ns(checkers));
 *     checkers_finish(checkers);
 *     ... checkers_violations ...
 *     checkers_destroy(checkers);
 *     sim_destroy(sim);
 *
 * They look, and change nothing: a run with checkers has the trace hash of one without. */
#ifndef TESTS_SIM_CHECKERS_H
#define TESTS_SIM_CHECKERS_H

#include "tools/sim/sim.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHECKERS_INVARIANTS = 16, CHECKERS_KEPT = 64, CHECKERS_TEXT_BYTES = 160 };

struct invariant {
    uint8_t number; /* 1..16, as in protocol.md */
    bool is_liveness;
    const char *name;        /* "I8 no-false-death" */
    const char *description; /* one line */
};
/* In order of their numbers. */
extern const struct invariant checkers_invariants[CHECKERS_INVARIANTS];

struct violation {
    uint64_t at_ns;
    uint32_t host;    /* where it was seen; SIM_NOBODY: in all together */
    uint32_t subject; /* whom it is about; SIM_NOBODY: nobody in particular */
    uint8_t invariant;
    char text[CHECKERS_TEXT_BYTES];
};

/* Which invariants are judged: bit 1 << number. */
#define CHECKERS_BIT(number) (UINT32_C(1) << (number))
#define CHECKERS_ALL UINT32_C(0x1fffe)

/* What plain SWIM and Lifeguard do not promise is not asked of them: I8, I9, I12 to I16 are left
 * out of `mask` for other profiles than henge. What there is to count is counted all the same. */
struct checkers;
/* Call before the first action. NULL: no memory. */
struct checkers *checkers_create(struct sim *sim, uint32_t mask);
/* Before sim_destroy; the simulator must not run afterwards. */
void checkers_destroy(struct checkers *checkers);

/* The scenario brings no more faults (those without end have been healed by SIM_HEAL). From here
 * liveness has its deadlines; a fault that begins later takes the word back. */
void checkers_healed(struct checkers *checkers);
/* When everything that liveness demands is due: run the simulator until then, then finish. With
 * checkers_healed not called: as if it were called now. */
uint64_t checkers_deadline_ns(const struct checkers *checkers);
/* Judges what is due now. May be called again later. */
void checkers_finish(struct checkers *checkers);

/* Of a run that is over: why liveness (I12 to I16) was not judged up to its end; NULL: it was. */
const char *checkers_liveness_unjudged(const struct checkers *checkers);

/* The first CHECKERS_KEPT in order of time; the number of all. */
size_t checkers_violations(const struct checkers *checkers, const struct violation **kept_out);
uint64_t checkers_violations_count(const struct checkers *checkers);
/* Of one invariant, 1..16. */
uint64_t checkers_violations_of(const struct checkers *checkers, uint8_t invariant);

/* It was in the scenario's fault set at any time: hosts that a fault action names (crash, restart,
 * leave, pause, stall, deaf, slow, loss, cut, delay, capacity, drift beyond 1 %). */
bool checkers_was_faulty(const struct checkers *checkers, uint32_t host);

/* What is counted, never forbidden by itself. A verdict: a node's own DEAD about another, not
 * hearsay. */
struct checkers_counts {
    uint64_t verdicts;
    uint64_t false_positives;         /* FP: about a member that never was in the fault set */
    uint64_t false_positives_healthy; /* FP-: and by one that never was either */
    uint64_t verdicts_about_down;     /* about a host that is down: right */
    uint64_t verdicts_about_faulty;   /* about one that is up, but was in the fault set */
    /* All up hosts hold the same members, who are the up hosts, and equal rings: since when, and
     * how long after checkers_healed that first was so; UINT64_MAX = is not so, was never so. */
    uint64_t agreed_since_ns;
    uint64_t converged_after_ns;
};
void checkers_counts_get(const struct checkers *checkers, struct checkers_counts *out);

#endif
