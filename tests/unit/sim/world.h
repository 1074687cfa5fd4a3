/* tests/unit/sim/world.h - a simulation, with what the tests count of it. */
#ifndef TESTS_UNIT_SIM_WORLD_H
#define TESTS_UNIT_SIM_WORLD_H

#include "core/base/clock.h"
#include "membership/membership.h"
#include "tools/sim/sim.h"
#include <criterion/criterion.h>

enum { WORLD_HOSTS_MAX = 128 };

#define SECONDS(count) ((uint64_t)(count)*NS_PER_S)
#define MILLISECONDS(count) ((uint64_t)(count)*NS_PER_MS)

struct world {
    struct sim *sim;
    uint32_t hosts;
    /* Since world_forget. */
    uint64_t sends[WORLD_HOSTS_MAX][3]; /* by host and lane */
    uint64_t sends_to_nobody;
    uint64_t steps[WORLD_HOSTS_MAX];
    uint64_t verdicts[WORLD_HOSTS_MAX]; /* about the host, by others themselves */
    uint64_t boots[WORLD_HOSTS_MAX], ends[WORLD_HOSTS_MAX];
    uint64_t events, begun, ended;
    uint64_t stop_after_steps; /* 0 = never */
    uint64_t steps_all;
};

extern struct world world;

/* Hosts are all down. */
void world_open(const struct sim_settings *settings);
void world_close(void);
/* Starts all through host 0 and lets them find each other. */
void world_form(uint32_t hosts, uint64_t seed);
void world_forget(void);
void world_run(uint64_t duration_ns);

void world_act(enum sim_action_kind kind, uint32_t host, int64_t amount, uint64_t duration_ns);
void world_act_all(enum sim_action_kind kind, int64_t amount, uint64_t duration_ns);
void world_cut(uint32_t from, uint32_t to, uint64_t duration_ns);

/* A fault of its own is under way; cuts are not looked at. */
bool world_has_fault(uint32_t host);
/* enum henge_member_status of `subject` at `at`; -1: not known there. */
int world_status(uint32_t at, uint32_t subject);
/* Is it so at all others that are up? */
bool world_all_hold(uint32_t subject, int status);
/* Each host that is up holds exactly the hosts that are up as ALIVE. */
bool world_agrees(void);
struct membership_counters world_counters(uint32_t host);

#endif
