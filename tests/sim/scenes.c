/* tests/sim/scenes.c - see scenes.h. Each scene tells in its name what happens. */
#include "tests/sim/scenes.h"
#include "tests/sim/intruder.h"
#include <stdlib.h>

enum { TEN_PERCENT = SIM_MILLION / 10 };

static void crash(struct stage *stage) {
    stage_run(stage, 5 * STAGE_SECOND);
    stage_act(stage, SIM_CRASH, 3, 1, 0, 0);
}

/* Long enough to be suspected, too short to be buried. */
static void short_pause(struct stage *stage) {
    stage_run(stage, 2 * STAGE_SECOND);
    for (uint32_t host = 2; host < 5; host++) {
        stage_act(stage, SIM_PAUSE, host, 1, 4 * STAGE_SECOND, 0);
        stage_run(stage, 8 * STAGE_SECOND);
    }
}

/* Likewise, but its process runs on: it must refute by what it hears. */
static void short_silence(struct stage *stage) {
    stage_run(stage, 2 * STAGE_SECOND);
    for (uint32_t host = 2; host < 5; host++) {
        stage_mute(stage, host, 4 * STAGE_SECOND);
        stage_run(stage, 8 * STAGE_SECOND);
    }
}

/* Silent until all have buried them; then they refute. */
static void buried_alive(struct stage *stage) {
    stage_run(stage, 2 * STAGE_SECOND);
    stage_mute(stage, 2, 40 * STAGE_SECOND);
    stage_mute(stage, 3, 40 * STAGE_SECOND);
    stage_run(stage, 60 * STAGE_SECOND);
}

/* What was said before is said again, while versions rise. */
static void replays(struct stage *stage) {
    stage_act(stage, SIM_REPLAY, 0, 1, 0, SIM_MILLION / 2);
    for (uint32_t host = 1; host < 5; host++) {
        stage_act(stage, SIM_METADATA, host, 1, 0, 0);
        stage_act(stage, SIM_PAUSE, host, 1, 4 * STAGE_SECOND, 0);
        stage_run(stage, 6 * STAGE_SECOND);
        stage_act(stage, SIM_METADATA, host, 1, 0, 0);
    }
    stage_heal(stage);
}

static void forgets_soon(struct sim_settings *settings) {
    settings->config.dead_shown_s = 5;
}

/* Host 2 sleeps through the death of host 3 and its being forgotten, then tells of it. */
static void late_waker(struct stage *stage) {
    stage_act(stage, SIM_PAUSE, 2, 1, 60 * STAGE_SECOND, 0);
    stage_act(stage, SIM_CRASH, 3, 1, 0, 0);
    stage_run(stage, 70 * STAGE_SECOND);
}

/* Of hosts whose version has risen. */
static void restarts(struct stage *stage) {
    for (uint32_t host = 3; host < 7; host++) {
        stage_act(stage, SIM_PAUSE, host, 1, 4 * STAGE_SECOND, 0);
        stage_run(stage, 6 * STAGE_SECOND);
        stage_restart(stage, host, STAGE_SECOND / 4, 0, 0);
        stage_run(stage, 2 * STAGE_SECOND);
    }
}

static void forgets_soon_and_drops(struct sim_settings *settings) {
    forgets_soon(settings);
    settings->inbox_packets = 4; /* what came meanwhile is not there when it wakes */
}

static void with_views(struct sim_settings *settings) {
    settings->builds_views = true;
    settings->config.vnodes = 8;
}

static void leave(struct stage *stage) {
    stage_run(stage, 2 * STAGE_SECOND);
    stage_act(stage, SIM_LEAVE, 4, 3, 0, 0);
    stage_run(stage, 10 * STAGE_SECOND);
}

static void with_loss(struct sim_settings *settings) {
    settings->network.loss_ppm = TEN_PERCENT;
}

static void loss(struct stage *stage) {
    stage_run(stage, 60 * STAGE_SECOND);
}

/* Host 5 falls silent long enough to be suspected; host 6, who has heard so, is stopped before the
 * refutation comes, and wakes long after the suspicion would have run out. */
static void paused_observer(struct stage *stage) {
    for (uint32_t host = 1; host < 4; host++) {
        stage_run(stage, 2 * STAGE_SECOND);
        stage_act(stage, SIM_PAUSE, host, 1, 4 * STAGE_SECOND, 0);
        stage_run(stage, 4 * STAGE_SECOND - 10 * STAGE_MS);
        stage_act(stage, SIM_PAUSE, host + 5, 1, 60 * STAGE_SECOND, 0);
    }
    stage_run(stage, 70 * STAGE_SECOND);
}

static void forgets_soon_with_room(struct sim_settings *settings) {
    forgets_soon(settings);
    settings->config.members_max = 1000;
}

static void narrow(struct sim_settings *settings) {
    settings->config.gossip_packets_per_s = 20;
    settings->config.gossip_burst = 4;
}

static void flood(struct stage *stage) {
    for (int i = 0; i < 100; i++) {
        stage_act(stage, SIM_METADATA, 0, stage->settings.hosts, 0, 0);
        stage_run(stage, 20 * STAGE_MS);
    }
}

static void comings_and_goings(struct stage *stage) {
    for (int round = 0; round < 40; round++) {
        stage_act(stage, SIM_CRASH, 1, 3, 0, 0);
        stage_run(stage, 40 * STAGE_SECOND);
        stage_act(stage, SIM_START, 1, 3, 0, 0);
        stage_run(stage, 10 * STAGE_SECOND);
    }
}

static void intruder(struct stage *stage) {
    for (uint32_t host = 0; host < stage->settings.hosts; host++) {
        intruder_babbles(stage->sim, host, stage->settings.seed + host);
        intruder_syncs(stage->sim, host);
        intruder_joins(stage->sim, host);
    }
    stage_run(stage, 5 * STAGE_SECOND);
}

/* Two hosts hear nothing while two others change. */
static void missed_news(struct stage *stage) {
    stage_run(stage, 60 * STAGE_SECOND);
    stage_act(stage, SIM_LOSS_IN, 7, 2, 3 * STAGE_SECOND, SIM_MILLION);
    stage_act(stage, SIM_METADATA, 3, 2, 0, 0);
    stage_run(stage, 3 * STAGE_SECOND);
}

static void halves(struct stage *stage) {
    stage_split(stage, stage->settings.hosts / 2, 180 * STAGE_SECOND);
    stage_run(stage, 180 * STAGE_SECOND);
}

static void quiet(struct stage *stage) {
    stage_run(stage, 60 * STAGE_SECOND);
}

/* The clock goes back an hour, and what was persisted is lost. */
static void clock_back(struct stage *stage) {
    stage_run(stage, 2 * STAGE_SECOND);
    stage_act(stage, SIM_CLOCK_STEP, 3, 1, 0, -3600 * 1000);
    stage_restart(stage, 3, STAGE_SECOND, 0, SIM_RESTART_FORGETS | SIM_RESTART_OTHER_ADDRESS);
    stage_run(stage, 20 * STAGE_SECOND);
}

const struct scene scenes[SCENES] = {
    [SCENE_CRASH] = {"one of twelve crashes", 12, NULL, crash},
    [SCENE_SHORT_PAUSE] = {"short pauses", 12, NULL, short_pause},
    [SCENE_SHORT_SILENCE] = {"short silences", 12, NULL, short_silence},
    [SCENE_BURIED_ALIVE] = {"two silent for longer than a suspicion", 8, NULL, buried_alive},
    [SCENE_REPLAYS] = {"half of all packets come again", 12, NULL, replays},
    [SCENE_LATE_WAKER] = {"one sleeps through a death", 12, forgets_soon_and_drops, late_waker},
    [SCENE_RESTARTS] = {"restarts after pauses", 12, NULL, restarts},
    [SCENE_LEAVE] = {"three leave", 12, with_views, leave},
    [SCENE_LOSS] = {"10 % loss", 24, with_loss, loss},
    [SCENE_PAUSED_OBSERVER] = {"observers stopped for a minute", 16, NULL, paused_observer},
    [SCENE_FLOOD] = {"all change all the time", 12, narrow, flood},
    [SCENE_COMINGS_AND_GOINGS] = {"three go and come, forty times", 6, forgets_soon_with_room,
                                  comings_and_goings},
    [SCENE_INTRUDER] = {"another cluster's node speaks", 6, NULL, intruder},
    [SCENE_MISSED_NEWS] = {"two miss two changes", 128, NULL, missed_news},
    [SCENE_HALVES] = {"two halves, three minutes apart", 16, forgets_soon, halves},
    [SCENE_QUIET] = {"nothing happens", 24, NULL, quiet},
    [SCENE_CLOCK_BACK] = {"a restart with the clock an hour back", 12, NULL, clock_back},
};

uint32_t scene_play(const struct scene *scene, uint64_t seed, uint64_t *count_out) {
    struct stage stage;
    stage_init(&stage, scene->hosts, seed);
    if (scene->set != NULL)
        scene->set(&stage.settings);
    (void)stage_form(&stage);
    scene->play(&stage);
    return stage_finish(&stage, count_out);
}
