/* tests/sim/scenes.h - short scenes, each made so that one kind of bug must show: see mutants.c. */
#ifndef TESTS_SIM_SCENES_H
#define TESTS_SIM_SCENES_H

#include "tests/sim/stage.h"

struct scene {
    const char *name; /* what happens in it */
    uint32_t hosts;
    void (*set)(struct sim_settings *settings); /* may be NULL */
    void (*play)(struct stage *stage);          /* after the cluster has formed */
};

enum scene_number {
    SCENE_CRASH = 0,
    SCENE_SHORT_PAUSE,
    SCENE_SHORT_SILENCE,
    SCENE_BURIED_ALIVE,
    SCENE_REPLAYS,
    SCENE_LATE_WAKER,
    SCENE_RESTARTS,
    SCENE_LEAVE,
    SCENE_LOSS,
    SCENE_PAUSED_OBSERVER,
    SCENE_FLOOD,
    SCENE_COMINGS_AND_GOINGS,
    SCENE_INTRUDER,
    SCENE_MISSED_NEWS,
    SCENE_HALVES,
    SCENE_QUIET,
    SCENE_CLOCK_BACK,
    SCENES
};
extern const struct scene scenes[SCENES];

/* Plays it to the end. Bits 1 << invariant of the violations; their number in *count_out. */
uint32_t scene_play(const struct scene *scene, uint64_t seed, uint64_t *count_out);

#endif
