/* tests/sim/checkers/watch.c - see watch.h: what was found, what was said, how long things take. */
#include "tests/sim/checkers/watch.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool watch_init(struct watch *watch, struct sim *sim, uint32_t hosts) {
    *watch = (struct watch){.sim = sim, .hosts_count = hosts, .mask = CHECKERS_ALL};
    watch->hosts = calloc(hosts, sizeof *watch->hosts);
    watch->counts.agreed_since_ns = WATCH_NEVER;
    watch->counts.converged_after_ns = WATCH_NEVER;
    return watch->hosts != NULL && watch_reach_init(watch);
}

void watch_deinit(struct watch *watch) {
    watch_reach_deinit(watch);
    free(watch->hosts);
    watch->hosts = NULL;
}

void watch_report(struct watch *watch, uint8_t invariant, uint32_t host, uint32_t subject,
                  const char *format, ...) {
    if ((watch->mask & CHECKERS_BIT(invariant)) == 0)
        return;
    uint64_t index = watch->violations_count++;
    watch->violations_by[invariant]++;
    if (index >= CHECKERS_KEPT)
        return;
    struct violation *violation = &watch->kept[index];
    *violation = (struct violation){
        .at_ns = watch->now_ns, .host = host, .subject = subject, .invariant = invariant};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(violation->text, sizeof violation->text, format, arguments);
    va_end(arguments);
}

void watch_issued(struct watch *watch, uint32_t host, uint64_t generation, uint32_t version,
                  uint32_t payload_version) {
    struct host_facts *facts = &watch->hosts[host];
    for (uint8_t i = 0; i < facts->issued_count; i++) {
        struct issued *issued = &facts->issued[i];
        if (issued->generation != generation)
            continue;
        if (version > issued->version)
            issued->version = version;
        if (payload_version > issued->payload_version)
            issued->payload_version = payload_version;
        return;
    }
    if (facts->issued_count < WATCH_ISSUED_MAX)
        facts->issued_count++;
    memmove(&facts->issued[1], &facts->issued[0],
            (facts->issued_count - 1u) * sizeof facts->issued[0]);
    facts->issued[0] = (struct issued){generation, version, payload_version};
}

const struct issued *watch_find_issued(const struct watch *watch, uint32_t host,
                                       uint64_t generation) {
    const struct host_facts *facts = &watch->hosts[host];
    for (uint8_t i = 0; i < facts->issued_count; i++)
        if (facts->issued[i].generation == generation)
            return &facts->issued[i];
    return NULL;
}

const char *watch_status_text(uint8_t status) {
    static const char *const texts[] = {"ALIVE", "SUSPECT", "DEAD", "LEFT"};
    return status < sizeof texts / sizeof texts[0] ? texts[status] : "?";
}

static const struct membership *biggest(const struct watch *watch) {
    const struct membership *found = NULL;
    uint32_t most = 0;
    for (uint32_t host = 0; host < watch->hosts_count; host++) {
        if (!watch->hosts[host].is_up)
            continue;
        const struct gossip_node *node = sim_gossip(watch->sim, host);
        uint32_t size = (uint32_t)atomic_load_explicit(&node->counters.alive, memory_order_relaxed);
        if (found != NULL && size <= most)
            continue;
        found = node->membership;
        most = size;
    }
    return found;
}

void watch_bounds(struct watch *watch) {
    const struct henge_config *config = &sim_settings(watch->sim)->config;
    const struct membership *membership = biggest(watch);
    if (membership != NULL) {
        uint64_t min_ns = membership_suspicion_min_ns(membership);
        watch->dissemination_ns = membership_dissemination_bound_ns(membership);
        watch->suspicion_min_ns = min_ns;
        watch->suspicion_max_ns = min_ns * config->suspicion_max_factor;
    }
    watch->settle_ns = watch->suspicion_max_ns + 2 * watch->dissemination_ns + 3 * watch->period_ns;
    watch->publish_ns = config->publish_window_max_ms * UINT64_C(1000000) +
                        config->ring_removal_delay_ms * UINT64_C(1000000) +
                        watch->suspicion_min_ns + watch->period_ns;
}
