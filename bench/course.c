/* bench/course.c - see course.h. */
#include "bench/course.h"
#include "core/base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLICAS = 3 };

static const char *const zones[COURSE_ZONES] = {"zone-0", "zone-1", "zone-2"};

static void die(const char *what) {
    fprintf(stderr, "bench_balance: %s\n", what);
    exit(1);
}

static double points_of(const struct ring_member *member) {
    return (double)member->vnodes * member->weight;
}

static struct henge_ring *build(struct cluster *cluster) {
    struct henge_ring *ring = NULL;
    if (ring_build(&cluster->memory, &cluster->parameters, cluster->members, cluster->count,
                   &ring) != HENGE_OK) {
        die("cannot build a ring");
    }
    return ring;
}

/* Of the ring as it is; `kept` virtual nodes stay. */
static void choose(struct cluster *cluster, struct ring_member *self, uint32_t kept) {
    if (cluster->candidates == 1) {
        return;
    }
    const struct ring_choice choice = {.parameters = &cluster->parameters,
                                       .ring = cluster->ring,
                                       .members = cluster->members,
                                       .count = cluster->count,
                                       .self = self,
                                       .candidates = cluster->candidates,
                                       .kept = kept};
    const uint64_t start = clock_monotonic_ns();
    if (ring_choose(&cluster->memory, &choice, cluster->choices[self->slot]) != HENGE_OK) {
        die("no memory");
    }
    self->choices = cluster->choices[self->slot];
    self->choices_bytes = RING_CHOICES_BYTES;
    cluster->choosing_ms[cluster->choosing_count++ % COURSE_CHOICES_MAX] =
        (double)(clock_monotonic_ns() - start) / 1e6;
}

static void renew(struct cluster *cluster) {
    ring_destroy(&cluster->memory, cluster->ring);
    cluster->ring = build(cluster);
}

static uint16_t free_slot(const struct cluster *cluster) {
    bool taken[COURSE_MEMBERS_MAX] = {false};
    for (size_t i = 0; i < cluster->count; i++) {
        taken[cluster->members[i].slot] = true;
    }
    uint16_t slot = 0;
    while (taken[slot]) {
        slot++;
    }
    return slot;
}

static void join(struct cluster *cluster, const char *zone, uint16_t weight) {
    const uint16_t slot = free_slot(cluster);
    snprintf(cluster->names[slot], COURSE_NAME_BYTES, "node-%u", cluster->named++);
    struct ring_member member = {.name = cluster->names[slot],
                                 .zone = zone,
                                 .region = "",
                                 .role = "",
                                 .slot = slot,
                                 .vnodes = COURSE_VNODES,
                                 .weight = weight,
                                 .ring_state = HENGE_RING_ACTIVE};
    choose(cluster, &member, 0);
    cluster->members[cluster->count++] = member;
}

static void leave(struct cluster *cluster, size_t index) {
    cluster->members[index] = cluster->members[--cluster->count];
}

static void change_weight(struct cluster *cluster, size_t index) {
    struct ring_member *member = &cluster->members[index];
    const uint16_t before = member->weight;
    member->weight =
        (uint16_t)(1 + (before + random_below(&cluster->random, COURSE_WEIGHT_MAX - 1)) %
                           COURSE_WEIGHT_MAX);
    if (member->weight > before) {
        choose(cluster, member, (uint32_t)before * COURSE_VNODES);
    }
}

struct cluster *cluster_form(size_t members, uint32_t candidates, uint64_t seed) {
    struct cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        die("no memory");
    }
    memory_init(&cluster->memory, NULL);
    cluster->random = random_of_seed(seed);
    cluster->parameters.salt[0] = (uint8_t)seed;
    cluster->candidates = candidates;
    cluster->ring = build(cluster);
    for (size_t i = 0; i < members; i++) {
        join(cluster, zones[i % COURSE_ZONES], 1);
        renew(cluster);
    }
    cluster->choosing_count = 0;
    return cluster;
}

void cluster_replace_one(struct cluster *cluster) {
    const size_t index = random_below(&cluster->random, cluster->count);
    const char *zone = cluster->members[index].zone;
    leave(cluster, index);
    renew(cluster);
    join(cluster, zone, 1);
    renew(cluster);
}

void cluster_disband(struct cluster *cluster) {
    ring_destroy(&cluster->memory, cluster->ring);
    free(cluster);
}

static double width_of(const struct henge_ring_range *range) {
    return (double)(range->until - range->after) / 0x1p64;
}

struct peaks cluster_peaks(const struct cluster *cluster) {
    double primaries[COURSE_MEMBERS_MAX] = {0};
    double replicas[COURSE_MEMBERS_MAX] = {0};
    struct henge_ring_range range;
    for (size_t i = 0; henge_ring_range_at(cluster->ring, i, &range) == HENGE_OK; i++) {
        struct henge_route route;
        if (henge_ring_owners(cluster->ring, range.until, REPLICAS, &route) != HENGE_OK) {
            die("a ring of nobody");
        }
        primaries[range.slot] += width_of(&range);
        for (uint32_t owner = 0; owner < route.owners_count; owner++) {
            replicas[route.owners[owner].slot] += width_of(&range);
        }
    }
    double all = 0;
    double of_zone[COURSE_ZONES] = {0};
    for (size_t i = 0; i < cluster->count; i++) {
        const struct ring_member *member = &cluster->members[i];
        all += points_of(member);
        of_zone[member->zone[5] - '0'] += points_of(member);
    }
    struct peaks peaks = {0};
    for (size_t i = 0; i < cluster->count; i++) {
        const struct ring_member *member = &cluster->members[i];
        const double primary = primaries[member->slot] * all / points_of(member);
        const double replica =
            replicas[member->slot] * of_zone[member->zone[5] - '0'] / points_of(member);
        peaks.primaries = primary > peaks.primaries ? primary : peaks.primaries;
        peaks.replicas = replica > peaks.replicas ? replica : peaks.replicas;
    }
    return peaks;
}

/* The part of the circle that has another owner in the other ring. */
static double moved_between(const struct henge_ring *one, const struct henge_ring *other) {
    struct henge_ring_range first;
    struct henge_ring_range second;
    size_t i = 0;
    size_t k = 0;
    uint64_t from = 0;
    double moved = 0;
    while (henge_ring_range_at(one, i, &first) == HENGE_OK &&
           henge_ring_range_at(other, k, &second) == HENGE_OK) {
        const uint64_t until = first.until < second.until ? first.until : second.until;
        moved += first.slot != second.slot ? (double)(until - from) / 0x1p64 : 0;
        from = until;
        i += first.until == until;
        k += second.until == until;
    }
    return moved; /* but for the little behind the last point of either */
}

static double share_of(double part, const struct cluster *cluster) {
    double all = 0;
    for (size_t i = 0; i < cluster->count; i++) {
        all += points_of(&cluster->members[i]);
    }
    return part / all;
}

/* Returns what it had to move: the growth of the one that gained, or lost. */
static double make_change(struct cluster *cluster, enum course_change change) {
    const size_t index = random_below(&cluster->random, cluster->count);
    const double before = share_of(points_of(&cluster->members[index]), cluster);
    if (change == COURSE_LEAVE) {
        leave(cluster, index);
        return before;
    }
    if (change == COURSE_JOIN) {
        join(cluster, zones[random_below(&cluster->random, COURSE_ZONES)],
             (uint16_t)(1 + random_below(&cluster->random, COURSE_WEIGHT_MAX)));
        return share_of(points_of(&cluster->members[cluster->count - 1]), cluster);
    }
    change_weight(cluster, index);
    const double after = share_of(points_of(&cluster->members[index]), cluster);
    return after > before ? after - before : before - after;
}

/* The size stays within a tenth of what it was. */
static enum course_change draw_change(struct cluster *cluster, size_t members) {
    if (cluster->count > members + members / 10) {
        return COURSE_LEAVE;
    }
    return cluster->count < members - members / 10
               ? COURSE_JOIN
               : (enum course_change)random_below(&cluster->random, COURSE_CHANGE_KINDS);
}

void cluster_run(struct cluster *cluster, size_t members, size_t changes, struct course *course) {
    for (size_t i = 0; i < changes; i++) {
        const enum course_change change = draw_change(cluster, members);
        struct movement *movement = &course->movements[change];
        movement->ideal_sum += 1e6 * make_change(cluster, change);
        struct henge_ring *before = cluster->ring;
        cluster->ring = build(cluster);
        const double moved = 1e6 * moved_between(before, cluster->ring);
        ring_destroy(&cluster->memory, before);
        movement->moved_sum += moved;
        movement->moved[movement->count++] = moved;
        const struct peaks peaks = cluster_peaks(cluster);
        course->primaries[i] = peaks.primaries;
        course->replicas[i] = peaks.replicas;
    }
}
