/* bench/course.h - a ring that goes through many changes, as its members would make them: each who
 * joins or grows chooses in the ring that it finds. */
#ifndef BENCH_COURSE_H
#define BENCH_COURSE_H

#include "core/base/random.h"
#include "ring/ring.h"

enum {
    COURSE_ZONES = 3,
    COURSE_VNODES = 100,
    COURSE_WEIGHT_MAX = 3,
    COURSE_MEMBERS_MAX = 1200,
    COURSE_NAME_BYTES = 24,
    COURSE_CHOICES_MAX = 10000
};

enum course_change { COURSE_JOIN, COURSE_LEAVE, COURSE_WEIGHT, COURSE_CHANGE_KINDS };

/* A member's slot is its place in names and choices. */
struct cluster {
    struct memory memory;
    struct random random;
    struct ring_parameters parameters;
    struct henge_ring *ring;
    struct ring_member members[COURSE_MEMBERS_MAX];
    size_t count;
    char names[COURSE_MEMBERS_MAX][COURSE_NAME_BYTES];
    uint8_t choices[COURSE_MEMBERS_MAX][RING_CHOICES_BYTES];
    unsigned named; /* so far */
    uint32_t candidates;
    double choosing_ms[COURSE_CHOICES_MAX]; /* since it was formed */
    size_t choosing_count;
};

/* Members of weight 1 that joined one after the other, in each zone in turn. */
struct cluster *cluster_form(size_t members, uint32_t candidates, uint64_t seed);
void cluster_disband(struct cluster *cluster);
/* A member drawn at random goes, and then another comes into its zone. */
void cluster_replace_one(struct cluster *cluster);

/* What the worst-off member holds over what is its due, by weight: as primary among all, as one of
 * three replicas within its zone. */
struct peaks {
    double primaries;
    double replicas;
};

struct peaks cluster_peaks(const struct cluster *cluster);

/* What one kind of change moved, and what any placement would have to, in millionths of the circle.
 */
struct movement {
    double *moved; /* of each change */
    size_t count;
    double moved_sum;
    double ideal_sum;
};

struct course {
    double *primaries; /* the peaks after each change */
    double *replicas;
    struct movement movements[COURSE_CHANGE_KINDS];
};

/* Random changes; the number of members stays within a tenth of `members`. */
void cluster_run(struct cluster *cluster, size_t members, size_t changes, struct course *course);

#endif
