/* tests/sim/checkers/i13_agreement.c - I13: after the last fault all tables, fingerprints and rings
 * agree within O(log N) periods, without a full-table exchange. I14: so do halves that were cut off
 * from each other for any length of time.
 *
 * Agreement is followed step by step at the cost of one comparison: each node's table and ring
 * fingerprint is counted in a map; all agree while each map has one entry, whose table has as many
 * members as there are nodes up (each node is in its own table, so they are those very nodes).
 *
 * A full-table exchange shows in the records that go about by repair: they must stay in proportion
 * to what differed when calm came and what has changed since; a repair hands over whole buckets. */
#include "core/base/map.h"
#include "membership/limits.h"
#include "tests/sim/checkers/checker.h"
#include "tools/sim/sim_memory.h"
#include <math.h>
#include <stdlib.h>

enum {
    PERIODS_BASE = 40,
    PERIODS_PER_LOG = 8,
    /* One difference is repaired at once by several, each in both directions. */
    RECORDS_PER_DIFFERENCE = 32,
    RECORDS_ALLOWANCE = 64,
    RECORDS_PER_NODE = 4,   /* of what was under way when calm came */
    LOOKS_BEFORE_CALM = 128 /* hosts up to which differences are counted during faults too */
};

struct counted {
    uint64_t table, ring;
    bool is_counted;
};

struct agreement {
    struct memory memory;
    struct map tables, rings; /* fingerprint -> nodes that have it */
    struct counted *hosts;
    uint64_t since_ns;           /* what the deadline runs from; WATCH_NEVER: no calm */
    uint64_t calm_ns;            /* when it began */
    uint64_t agreed_ns;          /* all agreed, last */
    uint64_t differences_before; /* at the last look while a fault was under way */
    uint64_t differences;        /* of what fingerprints cover: when calm came, and since */
    uint64_t records_then;       /* received by repair, all nodes */
    bool is_exchange_reported;
    bool had_boots; /* since the calm began */
};

static bool init(struct watch *watch, void *state) {
    struct agreement *own = state;
    memory_init(&own->memory, &sim_allocator);
    own->since_ns = WATCH_NEVER;
    own->hosts = calloc(watch->hosts_count, sizeof *own->hosts);
    return own->hosts != NULL && map_init(&own->tables, &own->memory, 16, HENGE_MEMORY_MEMBER) &&
           map_init(&own->rings, &own->memory, 16, HENGE_MEMORY_MEMBER);
}

static void deinit(struct watch *watch, void *state) {
    struct agreement *own = state;
    (void)watch;
    free(own->hosts);
    map_deinit(&own->tables);
    map_deinit(&own->rings);
}

static void add(struct map *map, uint64_t fingerprint) {
    uint32_t *count = map_find(map, fingerprint);
    if (count != NULL)
        ++*count;
    else
        (void)map_set(map, fingerprint, 1);
}

static void take(struct map *map, uint64_t fingerprint) {
    uint32_t *count = map_find(map, fingerprint);
    if (count != NULL && --*count == 0)
        (void)map_remove(map, fingerprint);
}

static void uncount(struct agreement *own, uint32_t host) {
    struct counted *counted = &own->hosts[host];
    if (!counted->is_counted)
        return;
    take(&own->tables, counted->table);
    take(&own->rings, counted->ring);
    counted->is_counted = false;
}

static void recount(struct watch *watch, struct agreement *own, uint32_t host) {
    struct counted *counted = &own->hosts[host];
    const struct gossip_node *node = sim_gossip(watch->sim, host);
    uint64_t table = membership_fingerprint(node->membership);
    uint64_t ring = atomic_load_explicit(&node->counters.ring_fingerprint, memory_order_relaxed);
    if (counted->is_counted && counted->table == table && counted->ring == ring)
        return;
    uncount(own, host);
    *counted = (struct counted){.table = table, .ring = ring, .is_counted = true};
    add(&own->tables, table);
    add(&own->rings, ring);
}

static bool do_all_agree(const struct watch *watch, const struct agreement *own, uint32_t host) {
    if (own->tables.count != 1 || own->rings.count != 1 || !own->hosts[host].is_counted)
        return false;
    const struct gossip_node_counters *counters = &sim_gossip(watch->sim, host)->counters;
    uint64_t size = atomic_load_explicit(&counters->alive, memory_order_relaxed) +
                    atomic_load_explicit(&counters->suspect, memory_order_relaxed);
    return size == watch->up_count;
}

static void look(struct watch *watch, struct agreement *own, uint32_t host) {
    const struct host_facts *facts = &watch->hosts[host];
    if (!facts->is_up || facts->is_leaving) {
        uncount(own, host);
        return;
    }
    recount(watch, own, host);
    struct checkers_counts *counts = &watch->counts;
    if (!do_all_agree(watch, own, host)) {
        counts->agreed_since_ns = WATCH_NEVER;
    } else {
        own->agreed_ns = watch->now_ns;
        if (counts->agreed_since_ns == WATCH_NEVER)
            counts->agreed_since_ns = watch->now_ns;
    }
    if (watch->is_healed && counts->agreed_since_ns != WATCH_NEVER &&
        counts->converged_after_ns == WATCH_NEVER)
        counts->converged_after_ns =
            watch->now_ns > watch->healed_ns ? watch->now_ns - watch->healed_ns : 0;
}

static void on_step(struct watch *watch, void *state, uint32_t host) {
    look(watch, state, host);
}

static void on_boot(struct watch *watch, void *state, uint32_t host, bool is_end) {
    struct agreement *own = state;
    uncount(own, host);
    (void)is_end;
    own->had_boots = true;
    watch->counts.agreed_since_ns = WATCH_NEVER;
}

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    struct agreement *own = state;
    (void)watch;
    const struct member_change *change = sight->change;
    bool was_in = !change->is_new && change->before_status < HENGE_DEAD;
    own->differences += change->payload_changed || change->generation_changed ||
                        was_in != (sight->status < HENGE_DEAD);
}

static uint64_t records_received(const struct watch *watch) {
    uint64_t sum = 0;
    for (uint32_t host = 0; host < watch->hosts_count; host++)
        if (watch->hosts[host].is_up)
            sum += atomic_load_explicit(&sim_gossip(watch->sim, host)->counters.records_received,
                                        memory_order_relaxed);
    return sum;
}

static bool differs(const struct watch *watch, uint32_t host, uint32_t subject) {
    const struct member *held = sim_look(watch->sim, host, subject);
    bool is_held = held != NULL && held->status < HENGE_DEAD;
    if (!watch->hosts[subject].is_up)
        return is_held;
    const struct issued *issued = &watch->hosts[subject].issued[0];
    return !is_held || member_generation(held) != issued->generation ||
           held->record->payload_version != issued->payload_version;
}

/* O(hosts^2), once per calm. */
static uint64_t count_differences(const struct watch *watch) {
    uint64_t sum = 0;
    for (uint32_t host = 0; host < watch->hosts_count; host++)
        for (uint32_t subject = 0; subject < watch->hosts_count; subject++)
            sum += watch->hosts[host].is_up && differs(watch, host, subject);
    return sum;
}

uint64_t agreement_bound_ns(const struct watch *watch) {
    double size = watch->up_count < 2 ? 2 : (double)watch->up_count;
    uint64_t periods = PERIODS_BASE + (uint64_t)(PERIODS_PER_LOG * ceil(log2(size)));
    /* Each lets go of its dead at its own time. */
    uint64_t removal_ns = sim_settings(watch->sim)->config.ring_removal_delay_ms * NS_PER_MS;
    return periods * watch->period_ns + watch->settle_ns + watch->suspicion_max_ns + removal_ns;
}

/* A path of little capacity lets go of the SYNCs of many seconds at once when it is healed. */
static bool was_any_path_narrow(const struct watch *watch) {
    for (uint32_t host = 0; host < watch->hosts_count; host++)
        if (watch->hosts[host].fault_ns[SIM_CAPACITY] != 0)
            return true;
    return false;
}

static void judge_exchange(struct watch *watch, struct agreement *own) {
    /* A newcomer's snapshot is all of the table. And a SYNC of long ago, come once more, says that
     * much differs: the real io lets no replay through. */
    bool had_joins = watch->last_join_ns + watch->settle_ns > own->calm_ns;
    if (own->had_boots || (watch->last_join_ns != 0 && had_joins) || own->is_exchange_reported ||
        was_any_path_narrow(watch) || watch->network_ns[SIM_REPLAY] != 0 ||
        sim_settings(watch->sim)->network.replay_ppm != 0)
        return;
    uint64_t bucket = 1 + watch->up_count / SYNC_BUCKETS;
    uint64_t records = records_received(watch) - own->records_then;
    uint64_t limit = RECORDS_ALLOWANCE + RECORDS_PER_NODE * watch->up_count +
                     RECORDS_PER_DIFFERENCE * bucket * own->differences;
    own->is_exchange_reported = records > limit;
    if (records > limit)
        watch_report(watch, 13, SIM_NOBODY, SIM_NOBODY,
                     "%llu records went about to mend %llu differences, limit %llu",
                     (unsigned long long)records, (unsigned long long)own->differences,
                     (unsigned long long)limit);
}

static void look_at_any(struct watch *watch, struct agreement *own) {
    uint32_t host = 0;
    while (host + 1 < watch->hosts_count &&
           (!watch->hosts[host].is_up || watch->hosts[host].is_leaving))
        host++;
    look(watch, own, host);
}

static void judge(struct watch *watch, struct agreement *own) {
    look_at_any(watch, own); /* who is alone has no turns */
    bool is_over = watch->now_ns > own->since_ns + agreement_bound_ns(watch);
    bool is_agreed = own->agreed_ns != 0 && own->agreed_ns >= own->since_ns;
    if (is_over && !is_agreed && watch_can_all_meet(watch))
        watch_report(watch, watch->had_cut ? 14 : 13, SIM_NOBODY, SIM_NOBODY,
                     "%llu ms after the last fault: %u different tables, %u different rings",
                     (unsigned long long)((watch->now_ns - own->since_ns) / 1000000),
                     own->tables.count, own->rings.count);
    watch->is_agreement_judged = is_agreed || is_over;
}

static void begin(struct watch *watch, struct agreement *own) {
    own->since_ns = own->calm_ns = watch->now_ns;
    watch->is_agreement_judged = false;
    own->had_boots = own->is_exchange_reported = false;
    /* Repairs may be under way when calm comes; it is looked at up to a period later. */
    own->differences = count_differences(watch) + own->differences_before;
    own->differences_before = 0;
    own->records_then = records_received(watch);
}

static void on_sample(struct watch *watch, void *state) {
    struct agreement *own = state;
    if (watch->calm_ns == WATCH_NEVER || watch->is_heavy_always || watch->up_count == 0) {
        own->since_ns = WATCH_NEVER;
        watch->is_agreement_judged = false;
        if (watch->hosts_count <= LOOKS_BEFORE_CALM)
            own->differences_before = count_differences(watch);
        return;
    }
    if (own->since_ns == WATCH_NEVER) {
        begin(watch, own);
    } else if (watch->last_act_ns > own->since_ns) {
        own->since_ns = watch->last_act_ns;
        watch->is_agreement_judged = false;
    }
    judge_exchange(watch, own);
    if (!watch->is_agreement_judged)
        judge(watch, own);
}

const struct checker checker_agreement = {.number = 13,
                                          .state_bytes = sizeof(struct agreement),
                                          .init = init,
                                          .deinit = deinit,
                                          .on_boot = on_boot,
                                          .on_change = on_change,
                                          .on_step = on_step,
                                          .on_sample = on_sample};
