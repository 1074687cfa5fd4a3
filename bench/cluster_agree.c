/* bench/cluster_agree.c - do all nodes hold the same? See cluster.h.
 *
 * Asked every few milliseconds while a cluster is on its way, so the usual answer, no, must be
 * cheap: the node that differed last is asked first. */
#include "bench/cluster.h"

/* What is equal everywhere once all agree. */
struct belief {
    uint64_t members, ring;
};

static bool is_same(const struct belief *one, const struct belief *other) {
    return one->members == other->members && one->ring == other->ring;
}

static bool are_members_same(const struct belief *one, const struct belief *other) {
    return one->members == other->members;
}

/* False: it is down, or holds somebody as gone who is up, or the reverse. */
static bool belief_get(struct cluster *cluster, uint32_t slot, struct belief *belief_out) {
    struct henge_stats stats;
    if (!cluster_node_stats(cluster, slot, &stats)) {
        return false;
    }
    *belief_out = (struct belief){stats.view_fingerprint, stats.ring_fingerprint};
    return stats.members_alive == cluster->up && stats.members_suspect == 0;
}

/* Equal rings may all be the one of before. */
static bool ring_is_whole(struct cluster *cluster, uint32_t slot) {
    const struct henge_view *view;
    struct henge_reader *reader = cluster->nodes[slot].reader;
    if (!reader) {
        return true;
    }
    henge_reader_begin(reader, &view);
    size_t members = henge_ring_members_count(henge_view_ring(view, HENGE_RING_CURRENT));
    henge_reader_end(reader);
    return members == cluster->up;
}

/* The crew is not at work now: whoever is down stays so meanwhile. */
bool cluster_is_agreed(struct cluster *cluster, enum cluster_agreement on) {
    bool (*agree)(const struct belief *, const struct belief *) =
        on == CLUSTER_RINGS ? is_same : are_members_same;
    struct belief first = {0, 0}, own;
    uint32_t asked = 0, slot = cluster->cursor;
    for (uint32_t step = 0; step < cluster->slots; step++, slot = (slot + 1) % cluster->slots) {
        if (!cluster->nodes[slot].node) {
            continue;
        }
        if (!belief_get(cluster, slot, &own) || (asked > 0 && !agree(&own, &first))) {
            cluster->cursor = slot;
            return false;
        }
        first = own;
        if (asked++ == 0 && on == CLUSTER_RINGS && !ring_is_whole(cluster, slot)) {
            return false;
        }
    }
    return true;
}

/* Whom most hold with is found by a vote (Boyer and Moore): what differs cancels out. */
double cluster_agreed_share(struct cluster *cluster) {
    static struct belief beliefs[CLUSTER_NODES_MAX + CLUSTER_SPARE]; /* the main thread's */
    struct belief most = {0, 0};
    uint32_t up = cluster->up, count = 0, lead = 0, same = 0;
    for (uint32_t slot = 0; slot < cluster->slots; slot++) {
        struct belief *own = &beliefs[count];
        if (belief_get(cluster, slot, own)) {
            most = lead == 0 ? *own : most;
            lead = is_same(own, &most) ? lead + 1 : lead - 1;
            count++;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        same += is_same(&beliefs[i], &most);
    }
    return up > 0 && same < up ? (double)same / up : 1;
}
