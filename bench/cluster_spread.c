/* bench/cluster_spread.c - one thing happens to one member: when does each of the others hear of
 * it? See cluster.h; cluster.c says how to read what these phases tell.
 *
 * Delays are those that the nodes' own events bear, in whole milliseconds of the wall clock. */
#include "bench/cluster.h"
#include "core/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BETWEEN_S = 2, STEP = 7 /* from one subject's slot to the next one's */ };

struct spread {
    uint32_t subject; /* slot */
    char name[HENGE_NAME_BYTES];
    enum henge_event_type type;
    uint64_t begin_ms;
    double *delays_ms; /* of those who heard, in no order */
    uint32_t heard, room;
    uint32_t suspected, failed; /* told of others than the subject: false alarms */
};

static void spread_hear(void *context, uint32_t observer, const struct henge_event *event) {
    struct spread *spread = context;
    if (strcmp(event->name, spread->name) != 0) {
        spread->suspected += event->type == HENGE_MEMBER_SUSPECTED;
        spread->failed += event->type == HENGE_MEMBER_FAILED;
    } else if (event->type == spread->type && observer != spread->subject &&
               spread->heard < spread->room) {
        bool is_later = event->time_ms > spread->begin_ms;
        spread->delays_ms[spread->heard++] =
            is_later ? (double)(event->time_ms - spread->begin_ms) : 0;
    }
}

/* From now on. */
static void spread_begin(struct spread *spread, uint32_t subject) {
    spread->subject = subject;
    cluster_node_name(subject, spread->name);
    spread->delays_ms += spread->heard;
    spread->room -= spread->heard;
    spread->heard = 0;
    spread->begin_ms = clock_wall_ms();
}

/* Until `count` have heard. */
static void spread_wait(struct cluster *cluster, const struct spread *spread, uint32_t count) {
    double until_s = cluster_now_s(cluster) + cluster->options.limit_s;
    while (spread->heard < count && cluster_now_s(cluster) < until_s) {
        cluster_rest(cluster);
    }
    if (spread->heard < count) {
        fprintf(stderr, "bench_cluster: %s %s: heard by %u of %u (%llu events lost)\n",
                spread->name, henge_event_type_text(spread->type), spread->heard, count,
                (unsigned long long)cluster->events_lost);
        cluster->has_failed = true;
    }
}

static int compare(const void *one, const void *other) {
    double first = *(const double *)one, second = *(const double *)other;
    return (first > second) - (first < second);
}

static void sort(double *values, size_t count) {
    qsort(values, count, sizeof(*values), compare);
}

/* The subjects of a phase: not the seed. */
static uint32_t subject_of(const struct cluster *cluster, uint32_t turn) {
    return 1 + turn * STEP % (cluster->options.nodes - 1);
}

/* One update after the other, each of another node; all their delays together. */
void cluster_update(struct cluster *cluster) {
    uint32_t others = cluster->up - 1, updates = cluster->options.updates;
    double *delays_ms = calloc((size_t)updates * others + 1, sizeof(*delays_ms));
    struct spread spread = {
        .type = HENGE_MEMBER_UPDATED, .delays_ms = delays_ms, .room = updates * others};
    size_t count = 0;
    char value[24];
    cluster_phase_begin(cluster, "update");
    if (!delays_ms) {
        return;
    }
    cluster_listen(cluster, 1u << spread.type, (struct cluster_listener){&spread, spread_hear});
    for (uint32_t turn = 0; turn < updates; turn++) {
        cluster_wait_s(cluster, BETWEEN_S);
        snprintf(value, sizeof(value), "%u", turn);
        spread_begin(&spread, subject_of(cluster, turn));
        struct henge_node *node = cluster->nodes[spread.subject].node;
        if (henge_node_set_metadata(node, "bench", value) == HENGE_OK) {
            spread_wait(cluster, &spread, others);
        }
        count += spread.heard;
    }
    cluster_deafen(cluster);
    sort(delays_ms, count);
    if (count > 0) {
        cluster_row(cluster, "update: p50", delays_ms[count / 2], "ms", 0);
        cluster_row(cluster, "update: p99", delays_ms[count * 99 / 100], "ms", 100);
        cluster_row(cluster, "update: max", delays_ms[count - 1], "ms", 0);
    }
    free(delays_ms);
}

/* Seconds until the first, half and all of the others had heard, over the crashes. */
struct crash_times {
    double first_s[CLUSTER_TURNS_MAX], median_s[CLUSTER_TURNS_MAX], last_s[CLUSTER_TURNS_MAX],
        back_s[CLUSTER_TURNS_MAX];
};

/* The victim comes back under its name afterwards. */
static void crash_one(struct cluster *cluster, struct spread *spread, uint32_t turn,
                      struct crash_times *times) {
    uint32_t others = cluster->up - 1;
    cluster_wait_s(cluster, BETWEEN_S);
    spread_begin(spread, subject_of(cluster, turn));
    cluster_node_stop(cluster, spread->subject, false);
    spread_wait(cluster, spread, others);
    sort(spread->delays_ms, spread->heard);
    if (spread->heard > 0) {
        times->first_s[turn] = spread->delays_ms[0] / 1000;
        times->median_s[turn] = spread->delays_ms[spread->heard / 2] / 1000;
        times->last_s[turn] = spread->delays_ms[spread->heard - 1] / 1000;
    }
    (void)cluster_wait_agreed(cluster, "crash", CLUSTER_RINGS);
    double begin_s = cluster_now_s(cluster);
    if (!cluster_node_start(cluster, spread->subject)) {
        cluster->has_failed = true;
    }
    (void)cluster_wait_agreed(cluster, "restart of the crashed", CLUSTER_RINGS);
    times->back_s[turn] = cluster_now_s(cluster) - begin_s;
}

void cluster_crash(struct cluster *cluster) {
    uint32_t crashes = cluster->options.crashes;
    uint32_t room = crashes * cluster->options.nodes;
    double *delays_ms = calloc(room, sizeof(*delays_ms));
    struct spread spread = {.type = HENGE_MEMBER_FAILED, .delays_ms = delays_ms, .room = room};
    struct crash_times times;
    cluster_phase_begin(cluster, "crash");
    if (!delays_ms) {
        return;
    }
    for (uint32_t turn = 0; turn < crashes; turn++) {
        cluster_listen(cluster, 1u << HENGE_MEMBER_FAILED | 1u << HENGE_MEMBER_SUSPECTED,
                       (struct cluster_listener){&spread, spread_hear});
        crash_one(cluster, &spread, turn, &times);
        cluster_deafen(cluster); /* the restarted one does not listen yet */
    }
    cluster_row_samples(cluster, "crash: first has it DEAD", times.first_s, crashes, "s", 0);
    cluster_row_samples(cluster, "crash: half have it DEAD", times.median_s, crashes, "s", 0);
    cluster_row_samples(cluster, "crash: all have it DEAD", times.last_s, crashes, "s", 0);
    cluster_row_samples(cluster, "crash: back under its name, agreed", times.back_s, crashes, "s",
                        0);
    cluster_row(cluster, "crash: others suspected", spread.suspected, "events", 0);
    cluster_row(cluster, "crash: others declared DEAD", spread.failed, "events", 0);
    free(delays_ms);
}

/* A node that was never there joins, and leaves again. */
static void join_one(struct cluster *cluster, struct spread *spread, double *agreed_s) {
    cluster_wait_s(cluster, BETWEEN_S);
    spread->type = HENGE_MEMBER_JOINED;
    spread_begin(spread, cluster->options.nodes);
    uint32_t others = cluster->up;
    double begin_s = cluster_now_s(cluster);
    if (!cluster_node_start(cluster, spread->subject)) {
        cluster->has_failed = true;
    }
    (void)cluster_wait_agreed(cluster, "join", CLUSTER_RINGS);
    *agreed_s = cluster_now_s(cluster) - begin_s;
    spread_wait(cluster, spread, others);
}

static void leave_one(struct cluster *cluster, struct spread *spread, double *agreed_s) {
    cluster_wait_s(cluster, BETWEEN_S);
    spread->type = HENGE_MEMBER_LEFT;
    spread_begin(spread, cluster->options.nodes);
    double begin_s = cluster_now_s(cluster);
    cluster_node_stop(cluster, spread->subject, true);
    (void)cluster_wait_agreed(cluster, "leave", CLUSTER_RINGS);
    *agreed_s = cluster_now_s(cluster) - begin_s;
    spread_wait(cluster, spread, cluster->up);
}

static void heard_last(const struct spread *spread, double *last_ms) {
    *last_ms = 0;
    for (uint32_t i = 0; i < spread->heard; i++) {
        *last_ms = spread->delays_ms[i] > *last_ms ? spread->delays_ms[i] : *last_ms;
    }
}

void cluster_join(struct cluster *cluster) {
    uint32_t changes = cluster->options.changes;
    uint32_t room = 2 * changes * cluster->options.nodes;
    double *delays_ms = calloc(room, sizeof(*delays_ms));
    struct spread spread = {.delays_ms = delays_ms, .room = room};
    double joined_ms[CLUSTER_TURNS_MAX], joined_s[CLUSTER_TURNS_MAX];
    double left_ms[CLUSTER_TURNS_MAX], left_s[CLUSTER_TURNS_MAX];
    cluster_phase_begin(cluster, "join");
    if (!delays_ms) {
        return;
    }
    cluster_listen(cluster, 1u << HENGE_MEMBER_JOINED | 1u << HENGE_MEMBER_LEFT,
                   (struct cluster_listener){&spread, spread_hear});
    for (uint32_t turn = 0; turn < changes; turn++) {
        join_one(cluster, &spread, &joined_s[turn]);
        heard_last(&spread, &joined_ms[turn]);
        leave_one(cluster, &spread, &left_s[turn]);
        heard_last(&spread, &left_ms[turn]);
    }
    cluster_deafen(cluster);
    cluster_row_samples(cluster, "join: all have it", joined_ms, changes, "ms", 0);
    cluster_row_samples(cluster, "join: all agree, ring included", joined_s, changes, "s", 0);
    cluster_row_samples(cluster, "leave: all have it LEFT", left_ms, changes, "ms", 0);
    cluster_row_samples(cluster, "leave: all agree, ring included", left_s, changes, "s", 0);
    free(delays_ms);
}
