/* tools/sim/cuts.c - one-way cuts between sets of hosts; several add up.
 *
 * A cut holds for each sender by itself, so that healing some hosts mends what they send. */
#include "tools/sim/sim_internal.h"

enum { WORD_BITS = 64 };

static size_t words_of(const struct sim *sim) {
    return (sim->settings.hosts + WORD_BITS - 1) / WORD_BITS;
}

static size_t cut_bytes(const struct sim *sim) {
    return sizeof(struct cut) + words_of(sim) * sizeof(uint64_t);
}

static bool holds_for(const struct cut *cut, uint32_t from) {
    return (cut->holds[from / WORD_BITS] >> (from % WORD_BITS) & 1) != 0;
}

/* What this host sends passes again. */
static void lift(struct cut *cut, uint32_t from) {
    if (holds_for(cut, from)) {
        cut->holds[from / WORD_BITS] &= ~(UINT64_C(1) << (from % WORD_BITS));
        cut->left--;
    }
}

static void sweep(struct sim *sim) {
    struct cut **place = &sim->cuts;
    while (*place) {
        struct cut *cut = *place;
        if (cut->left > 0) {
            place = &cut->next;
        } else {
            *place = cut->next;
            memory_release(&sim->memory, cut, cut_bytes(sim), HENGE_MEMORY_CORE);
        }
    }
}

void cut_begin(struct sim *sim, const struct ordered *ordered) {
    const struct sim_action *action = &ordered->action;
    struct cut *cut = sim_take(sim, cut_bytes(sim));
    cut->order = ordered->number;
    cut->who = action->who;
    cut->other = action->other;
    for (uint32_t host = 0; host < sim->settings.hosts; host++) {
        if (hosts_have(&cut->who, host)) {
            cut->holds[host / WORD_BITS] |= UINT64_C(1) << (host % WORD_BITS);
            cut->left++;
        }
    }
    cut->next = sim->cuts;
    sim->cuts = cut;
    sweep(sim);
}

static void lift_all(struct sim *sim, struct cut *cut, const struct sim_hosts *who) {
    for (uint32_t host = 0; host < sim->settings.hosts; host++) {
        if (hosts_have(who, host)) {
            lift(cut, host);
        }
    }
}

void cut_end(struct sim *sim, uint64_t order) {
    for (struct cut *cut = sim->cuts; cut; cut = cut->next) {
        if (cut->order == order) {
            lift_all(sim, cut, &cut->who);
        }
    }
    sweep(sim);
}

void cut_heal(struct sim *sim, const struct sim_hosts *who) {
    for (struct cut *cut = sim->cuts; cut; cut = cut->next) {
        lift_all(sim, cut, who);
    }
    sweep(sim);
}

bool cut_is(const struct sim *sim, uint32_t from, uint32_t to) {
    for (const struct cut *cut = sim->cuts; cut; cut = cut->next) {
        if (holds_for(cut, from) && hosts_have(&cut->other, to)) {
            return true;
        }
    }
    return false;
}

void cut_deinit(struct sim *sim) {
    while (sim->cuts) {
        struct cut *cut = sim->cuts;
        sim->cuts = cut->next;
        memory_release(&sim->memory, cut, cut_bytes(sim), HENGE_MEMORY_CORE);
    }
}
