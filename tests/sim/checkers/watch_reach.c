/* tests/sim/checkers/watch_reach.c - who can find whom: what liveness may be asked for.
 *
 * A scenario may start a host that joins through nobody, or through one that is down, at an address
 * where nobody ever met it: no protocol can unite it with the others. So hosts are united by
 * acquaintance: one that a host knows, or knew as a living member, unless it left; and the one that
 * it joins through. A restart remembers, if the disk does and all of them have room in the 64
 * addresses that are kept. Moving to another address ends what others know. */
#include "tests/sim/checkers/watch.h"
#include <stdlib.h>
#include <string.h>

enum { REMEMBERED_MAX = 32 /* hosts; some of the 64 may be addresses that they have left */ };

static uint64_t *row_of(const struct watch *watch, uint32_t host) {
    return &watch->acquainted[(size_t)host * watch->words];
}

bool watch_reach_init(struct watch *watch) {
    watch->words = (watch->hosts_count + 63) / 64;
    watch->acquainted = calloc((size_t)watch->hosts_count * watch->words, sizeof(uint64_t));
    watch->components = calloc(watch->hosts_count, sizeof *watch->components);
    watch->queue = calloc(watch->hosts_count, sizeof *watch->queue);
    watch->components_ns = WATCH_NEVER;
    return watch->acquainted != NULL && watch->components != NULL && watch->queue != NULL;
}

void watch_reach_deinit(struct watch *watch) {
    free(watch->acquainted);
    free(watch->components);
    free(watch->queue);
}

void watch_acquaint(struct watch *watch, uint32_t host, uint32_t subject, bool is_known) {
    uint64_t bit = UINT64_C(1) << (subject % 64);
    if (is_known)
        row_of(watch, host)[subject / 64] |= bit;
    else
        row_of(watch, host)[subject / 64] &= ~bit;
}

void watch_begin_anew(struct watch *watch, uint32_t host, bool has_moved, bool has_forgotten) {
    if (has_forgotten || watch->hosts_count > REMEMBERED_MAX)
        memset(row_of(watch, host), 0, watch->words * sizeof(uint64_t));
    for (uint32_t other = 0; other < watch->hosts_count && has_moved; other++)
        watch_acquaint(watch, other, host, false);
}

static bool is_acquainted(const struct watch *watch, uint32_t host, uint32_t other) {
    return (row_of(watch, host)[other / 64] >> (other % 64) & 1) != 0 ||
           (row_of(watch, other)[host / 64] >> (host % 64) & 1) != 0;
}

/* A departed or evicted one unites nobody, even while it is up. */
static bool is_there(const struct watch *watch, uint32_t host) {
    return watch->hosts[host].is_up && !watch->hosts[host].is_leaving;
}

/* Floods from `first`. */
static void flood(struct watch *watch, uint32_t first) {
    uint32_t count = 0;
    watch->components[first] = first + 1;
    watch->queue[count++] = first;
    for (uint32_t at = 0; at < count; at++)
        for (uint32_t other = 0; other < watch->hosts_count; other++)
            if (is_there(watch, other) && watch->components[other] == 0 &&
                is_acquainted(watch, watch->queue[at], other)) {
                watch->components[other] = first + 1;
                watch->queue[count++] = other;
            }
}

static void renew(struct watch *watch) {
    if (watch->components_ns == watch->now_ns)
        return;
    watch->components_ns = watch->now_ns;
    memset(watch->components, 0, watch->hosts_count * sizeof *watch->components);
    for (uint32_t host = 0; host < watch->hosts_count; host++)
        if (is_there(watch, host) && watch->components[host] == 0)
            flood(watch, host);
}

bool watch_can_meet(struct watch *watch, uint32_t host, uint32_t other) {
    renew(watch);
    return watch->components[host] == watch->components[other];
}

bool watch_can_all_meet(struct watch *watch) {
    renew(watch);
    uint32_t component = 0;
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (!is_there(watch, host))
            continue;
        if (component != 0 && watch->components[host] != component)
            return false;
        component = watch->components[host];
    }
    return true;
}
