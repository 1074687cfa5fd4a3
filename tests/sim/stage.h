/* tests/sim/stage.h - a simulated cluster with its checkers, in few words: for stories and scenes.
 *
 *     struct stage stage;
 *     stage_init(&stage, 16, seed);      stage.settings may be changed now
 *     stage_form(&stage);                all have joined and agree
 *     stage_act(&stage, SIM_CRASH, 3, 1, 0, 0);
 *     stage_run(&stage, 10 * STAGE_SECOND);
 *     ... sim_look(stage.sim, ...) ...
 *     violations = stage_end(&stage);
 *
 * Without memory the program ends: these are tests. */
#ifndef TESTS_SIM_STAGE_H
#define TESTS_SIM_STAGE_H

#include "tests/sim/checkers.h"
#include "tools/sim/sim.h"

#define STAGE_MS UINT64_C(1000000)
#define STAGE_SECOND UINT64_C(1000000000)

/* What has happened since stage_reset, in all tables and on all wires. */
struct stage_tally {
    uint64_t changes[4];   /* about others, into this status: enum henge_member_status */
    uint64_t verdicts[4];  /* of them, by the node's own judgement */
    uint64_t packets[256]; /* by message type; acks are not told apart by whom they are for */
    uint64_t events[HENGE_EVENT_TYPE_COUNT];
    uint64_t packets_all, bytes_all; /* without SIM_PACKET_OVERHEAD */
};

struct stage {
    struct sim_settings settings;
    struct sim *sim;
    struct checkers *checkers;
    struct stage_tally tally;
};

void stage_init(struct stage *stage, uint32_t hosts, uint64_t seed);
/* Makes the simulator; nobody is up. stage_form does it too. */
void stage_open(struct stage *stage);
/* Starts host 0, then all others through it, and runs until they agree; false: not in a minute. */
bool stage_form(struct stage *stage);
/* Now, on hosts first .. first + count - 1. */
void stage_act(struct stage *stage, enum sim_action_kind kind, uint32_t first, uint32_t count,
               uint64_t duration_ns, int64_t amount);
void stage_restart(struct stage *stage, uint32_t host, uint64_t down_ns, uint32_t through,
                   uint8_t how);
/* Both ways between [0, border) and [border, hosts). */
void stage_split(struct stage *stage, uint32_t border, uint64_t duration_ns);
/* Nothing that the host sends arrives, by datagram or stream; it hears and runs on. */
void stage_mute(struct stage *stage, uint32_t host, uint64_t duration_ns);
void stage_heal(struct stage *stage);
void stage_run(struct stage *stage, uint64_t duration_ns);
void stage_reset(struct stage *stage); /* the tally */
/* At most so long, looking every 10 ms; true if it came true. */
bool stage_run_until(struct stage *stage, uint64_t duration_ns,
                     bool (*condition)(const struct stage *stage));
bool stage_agrees(const struct stage *stage);
/* What `at` calls `subject`: enum henge_member_status, -1 when unknown there. */
int stage_status(const struct stage *stage, uint32_t at, uint32_t subject);
/* How many of the others that are up call it so. */
uint32_t stage_count(const struct stage *stage, uint32_t subject, int status);

/* Faults are over: runs until all deadlines of liveness are past, and judges. Returns the number of
 * violations, printed on stderr, and takes everything down. */
uint64_t stage_end(struct stage *stage);
/* Likewise; the number in *count_out, bits 1 << invariant as the result. */
uint32_t stage_finish(struct stage *stage, uint64_t *count_out);

#endif
