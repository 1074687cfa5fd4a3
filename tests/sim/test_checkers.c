/* Single checkers on changes, events and packets made by hand: what they let pass, and what not. */
#include "membership/message.h"
#include "tests/sim/checkers/checker.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { HOSTS = 4 };
#define SECOND UINT64_C(1000000000)

static struct watch watch;

static void setup(void) {
    cr_assert(watch_init(&watch, NULL, HOSTS));
    watch.period_ns = SECOND;
    watch.tombstone_ns = 3600 * SECOND;
    watch.suspicion_min_ns = 3 * SECOND;
    watch.suspicion_max_ns = 18 * SECOND;
    watch.dissemination_ns = SECOND;
    watch.settle_ns = 23 * SECOND;
    for (uint32_t host = 0; host < HOSTS; host++) {
        watch_boot(&watch, host, false);
        watch_issued(&watch, host, 5, 0, 0);
    }
    watch.now_ns = 100 * SECOND;
}

static void teardown(void) {
    watch_deinit(&watch);
}

TestSuite(checkers, .init = setup, .fini = teardown);

/* A checker with its state. */
struct tried {
    const struct checker *checker;
    void *state;
};

static struct tried try_checker(const struct checker *checker) {
    struct tried tried = {checker, calloc(1, checker->state_bytes + 1)};
    cr_assert(tried.state != NULL);
    if (checker->init != NULL)
        cr_assert(checker->init(&watch, tried.state));
    for (uint32_t host = 0; host < HOSTS && checker->on_boot != NULL; host++)
        checker->on_boot(&watch, tried.state, host, false);
    return tried;
}

static void end(struct tried *tried) {
    if (tried->checker->deinit != NULL)
        tried->checker->deinit(&watch, tried->state);
    free(tried->state);
}

/* Host 1 holds host 2: from (generation, version, status) to another. */
struct held {
    uint64_t generation;
    uint32_t version;
    uint8_t status;
    uint32_t payload_version;
};

static void change(struct tried *tried, struct held from, struct held to, uint8_t origin) {
    struct member_change change = {.slot = 2,
                                   .payload_changed = from.payload_version != to.payload_version,
                                   .generation_changed = from.generation != to.generation,
                                   .before_status = from.status,
                                   .status = to.status,
                                   .origin = origin,
                                   .before_version = from.version,
                                   .before_generation = from.generation,
                                   .before_payload_version = from.payload_version};
    struct sight sight = {.change = &change,
                          .host = 1,
                          .subject = 2,
                          .generation = to.generation,
                          .version = to.version,
                          .status = to.status,
                          .payload_generation = to.generation,
                          .payload_version = to.payload_version};
    tried->checker->on_change(&watch, tried->state, &sight);
}

static void appears(struct tried *tried, struct held to, bool is_forgotten) {
    struct member_change change = {.slot = 2,
                                   .is_new = !is_forgotten,
                                   .is_forgotten = is_forgotten,
                                   .before_status = to.status,
                                   .status = to.status,
                                   .origin = CHANGE_HEARSAY};
    struct sight sight = {.change = &change,
                          .host = 1,
                          .subject = 2,
                          .generation = to.generation,
                          .version = to.version,
                          .status = to.status,
                          .payload_generation = to.generation,
                          .payload_version = to.payload_version};
    tried->checker->on_change(&watch, tried->state, &sight);
}

#define found() ((int)watch.violations_count)

Test(checkers, liveness_goes_up_or_is_i1) {
    struct tried tried = try_checker(&checker_monotone);
    appears(&tried, (struct held){5, 1, HENGE_ALIVE, 0}, false);
    change(&tried, (struct held){5, 1, HENGE_ALIVE, 0}, (struct held){5, 1, HENGE_SUSPECT, 0}, 0);
    change(&tried, (struct held){5, 1, HENGE_SUSPECT, 0}, (struct held){5, 2, HENGE_ALIVE, 0}, 0);
    change(&tried, (struct held){5, 2, HENGE_ALIVE, 0}, (struct held){6, 0, HENGE_ALIVE, 0}, 0);
    cr_assert_eq(found(), 0);
    change(&tried, (struct held){6, 0, HENGE_ALIVE, 0}, (struct held){5, 9, HENGE_DEAD, 0}, 0);
    cr_assert_eq(found(), 1, "an older generation");
    change(&tried, (struct held){5, 9, HENGE_DEAD, 0}, (struct held){5, 9, HENGE_ALIVE, 0}, 0);
    cr_assert_eq(found(), 2, "a lower rank at the same version");
    end(&tried);
}

Test(checkers, payload_goes_up_or_is_i1) {
    struct tried tried = try_checker(&checker_monotone);
    appears(&tried, (struct held){5, 0, HENGE_ALIVE, 3}, false);
    change(&tried, (struct held){5, 0, HENGE_ALIVE, 3}, (struct held){5, 0, HENGE_ALIVE, 4}, 0);
    change(&tried, (struct held){5, 0, HENGE_ALIVE, 4}, (struct held){6, 0, HENGE_ALIVE, 0}, 0);
    cr_assert_eq(found(), 0);
    change(&tried, (struct held){6, 0, HENGE_ALIVE, 7}, (struct held){6, 1, HENGE_ALIVE, 6}, 0);
    cr_assert_eq(found(), 1);
    end(&tried);
}

Test(checkers, a_change_that_was_not_told_is_i1) {
    struct tried tried = try_checker(&checker_monotone);
    appears(&tried, (struct held){5, 0, HENGE_ALIVE, 0}, false);
    change(&tried, (struct held){5, 1, HENGE_ALIVE, 0}, (struct held){5, 2, HENGE_ALIVE, 0}, 0);
    cr_assert_eq(found(), 1);
    end(&tried);
}

Test(checkers, the_dead_return_at_a_higher_version_only) {
    struct tried tried = try_checker(&checker_tombstone);
    change(&tried, (struct held){5, 1, HENGE_DEAD, 0}, (struct held){5, 2, HENGE_ALIVE, 0}, 0);
    change(&tried, (struct held){5, 2, HENGE_LEFT, 0}, (struct held){6, 0, HENGE_SUSPECT, 0}, 0);
    cr_assert_eq(found(), 0);
    change(&tried, (struct held){6, 3, HENGE_DEAD, 0}, (struct held){6, 3, HENGE_ALIVE, 0}, 0);
    cr_assert_eq(found(), 1);
    cr_assert_eq(watch.kept[0].invariant, 2);
    end(&tried);
}

Test(checkers, the_forgotten_return_at_a_higher_version_or_when_the_tombstone_is_gone) {
    struct tried tried = try_checker(&checker_tombstone);
    appears(&tried, (struct held){5, 3, HENGE_DEAD, 0}, true);
    appears(&tried, (struct held){5, 4, HENGE_ALIVE, 0}, false);
    cr_assert_eq(found(), 0);
    appears(&tried, (struct held){5, 4, HENGE_DEAD, 0}, true);
    appears(&tried, (struct held){5, 4, HENGE_ALIVE, 0}, false);
    cr_assert_eq(found(), 1);
    watch.now_ns += watch.tombstone_ns + 1;
    appears(&tried, (struct held){5, 4, HENGE_ALIVE, 0}, false);
    cr_assert_eq(found(), 1);
    end(&tried);
}

Test(checkers, nobody_holds_more_than_was_issued) {
    struct tried tried = try_checker(&checker_issued);
    const struct held alive = {5, 0, HENGE_ALIVE, 0};
    watch_issued(&watch, 2, 5, 3, 1);
    change(&tried, alive, (struct held){5, 3, HENGE_SUSPECT, 1}, 0);
    cr_assert_eq(found(), 0);
    change(&tried, alive, (struct held){5, 4, HENGE_ALIVE, 1}, 0);
    cr_assert_eq(found(), 1, "version");
    change(&tried, alive, (struct held){5, 3, HENGE_ALIVE, 2}, 0);
    cr_assert_eq(found(), 2, "payload version");
    change(&tried, alive, (struct held){6, 0, HENGE_ALIVE, 0}, 0);
    cr_assert_eq(found(), 3, "generation");
    watch_issued(&watch, 2, 6, 0, 0);
    change(&tried, alive, (struct held){6, 0, HENGE_ALIVE, 0}, 0);
    change(&tried, alive, (struct held){5, 3, HENGE_DEAD, 0}, 0);
    cr_assert_eq(found(), 3, "an earlier generation's highest is still its highest");
    end(&tried);
}

static uint64_t event_number;

static void tell(struct tried *tried, enum henge_event_type type) {
    struct henge_event event = {.type = type, .number = ++event_number, .name = "n2"};
    tried->checker->on_event(&watch, tried->state, 1, 2, &event);
}

Test(checkers, events_follow_their_grammar) {
    struct tried tried = try_checker(&checker_events);
    const enum henge_event_type good[] = {
        HENGE_MEMBER_JOINED,  HENGE_MEMBER_UPDATED,   HENGE_MEMBER_SUSPECTED,
        HENGE_MEMBER_UPDATED, HENGE_MEMBER_RECOVERED, HENGE_MEMBER_SUSPECTED,
        HENGE_MEMBER_FAILED,  HENGE_MEMBER_JOINED,    HENGE_MEMBER_LEFT};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        tell(&tried, good[i]);
    cr_assert_eq(found(), 0);
    tell(&tried, HENGE_MEMBER_FAILED);
    cr_assert_eq(found(), 1, "it has left already");
    tell(&tried, HENGE_MEMBER_JOINED);
    tell(&tried, HENGE_MEMBER_JOINED);
    cr_assert_eq(found(), 2, "joined twice");
    tell(&tried, HENGE_MEMBER_RECOVERED);
    cr_assert_eq(found(), 3, "was not suspected");
    event_number++;
    tell(&tried, HENGE_MEMBER_UPDATED);
    cr_assert_eq(found(), 4, "a number is missing");
    end(&tried);
}

Test(checkers, an_event_that_never_comes_is_i7) {
    struct tried tried = try_checker(&checker_events);
    appears(&tried, (struct held){5, 0, HENGE_ALIVE, 0}, false);
    tell(&tried, HENGE_MEMBER_JOINED);
    tried.checker->on_step(&watch, tried.state, 1);
    tried.checker->on_finish(&watch, tried.state);
    cr_assert_eq(found(), 0);
    change(&tried, (struct held){5, 0, HENGE_ALIVE, 0}, (struct held){5, 0, HENGE_DEAD, 0}, 0);
    change(&tried, (struct held){5, 0, HENGE_DEAD, 0}, (struct held){5, 1, HENGE_ALIVE, 0}, 0);
    tried.checker->on_step(&watch, tried.state, 1);
    cr_assert_eq(found(), 1, "went and came, and nobody was told");
    end(&tried);
}

Test(checkers, topology_versions_hang_together) {
    struct tried tried = try_checker(&checker_events);
    struct henge_event event = {
        .type = HENGE_TOPOLOGY_CHANGED, .number = 1, .ring_version_old = 1, .ring_version_new = 2};
    tried.checker->on_event(&watch, tried.state, 1, SIM_NOBODY, &event);
    cr_assert_eq(found(), 0);
    event.number = 2;
    event.ring_version_old = 3;
    event.ring_version_new = 4;
    tried.checker->on_event(&watch, tried.state, 1, SIM_NOBODY, &event);
    cr_assert_eq(found(), 1);
    end(&tried);
}

static const struct held suspect = {5, 0, HENGE_SUSPECT, 0};
static const struct held dead = {5, 0, HENGE_DEAD, 0};

Test(checkers, a_well_member_is_not_declared_dead) {
    struct tried tried = try_checker(&checker_verdicts);
    change(&tried, suspect, dead, CHANGE_HEARSAY);
    cr_assert_eq(found(), 0, "another's word is another's verdict");
    change(&tried, suspect, dead, CHANGE_VERDICT);
    cr_assert_eq(found(), 1);
    cr_assert_eq(watch.counts.false_positives, 1);
    cr_assert_eq(watch.counts.false_positives_healthy, 1);
    end(&tried);
}

static void pause_host(uint32_t host, uint64_t duration_ns) {
    struct sim_action action = {
        .kind = SIM_PAUSE, .duration_ns = duration_ns, .who = {.first = host, .count = 1}};
    watch_action(&watch, &action);
}

Test(checkers, the_fault_set_ends_a_settle_after_the_fault) {
    struct tried tried = try_checker(&checker_verdicts);
    pause_host(2, 10 * SECOND);
    watch.now_ns += 33 * SECOND - 1;
    change(&tried, suspect, dead, CHANGE_VERDICT);
    cr_assert_eq(found(), 0);
    cr_assert_eq(watch.counts.verdicts_about_faulty, 1);
    watch.now_ns += 2;
    change(&tried, suspect, dead, CHANGE_VERDICT);
    cr_assert_eq(found(), 1);
    cr_assert_eq(watch.counts.false_positives, 0, "it was faulty once: no figure of experiments");
    end(&tried);
}

Test(checkers, under_heavy_loss_verdicts_are_only_counted) {
    struct tried tried = try_checker(&checker_verdicts);
    struct sim_action action = {.kind = SIM_LOSS, .duration_ns = SECOND, .amount = 100001};
    watch_action(&watch, &action);
    change(&tried, suspect, dead, CHANGE_VERDICT);
    cr_assert_eq(found(), 0);
    cr_assert_eq(watch.counts.false_positives_healthy, 1);
    action.amount = 100000;
    watch.now_ns += 30 * SECOND;
    watch_action(&watch, &action);
    change(&tried, suspect, dead, CHANGE_VERDICT);
    cr_assert_eq(found(), 1, "ten percent is no excuse");
    end(&tried);
}

Test(checkers, heal_ends_the_fault_and_a_boot_ends_being_down) {
    struct sim_action heal = {.kind = SIM_HEAL, .who = {.count = HOSTS}};
    pause_host(3, 0);
    watch_calm(&watch);
    cr_assert_eq(watch.calm_ns, WATCH_NEVER);
    watch_action(&watch, &heal);
    watch_calm(&watch);
    cr_assert(watch_in_fault_set(&watch, 3), "its effects last");
    cr_assert_eq(watch.calm_ns, watch.now_ns);
    watch_boot(&watch, 2, true);
    watch.now_ns += 1000 * SECOND;
    cr_assert(watch_in_fault_set(&watch, 2));
    watch_boot(&watch, 2, false);
    watch.now_ns += 24 * SECOND;
    cr_assert(!watch_in_fault_set(&watch, 2) && watch.hosts[2].was_faulty);
}

Test(checkers, who_wakes_accuses_nobody_for_a_period) {
    struct tried tried = try_checker(&checker_waking);
    const struct held alive = {5, 0, HENGE_ALIVE, 0};
    change(&tried, alive, suspect, CHANGE_VERDICT);
    pause_host(1, 10 * SECOND);
    watch.now_ns += 10 * SECOND + SECOND / 2;
    change(&tried, alive, suspect, CHANGE_HEARSAY);
    cr_assert_eq(found(), 0);
    change(&tried, alive, suspect, CHANGE_VERDICT);
    cr_assert_eq(found(), 1);
    watch.now_ns += SECOND;
    change(&tried, alive, suspect, CHANGE_VERDICT);
    cr_assert_eq(found(), 1, "a probe of its own may have failed");
    change(&tried, suspect, dead, CHANGE_VERDICT);
    cr_assert_eq(found(), 2);
    watch_boot(&watch, 2, true);
    change(&tried, suspect, dead, CHANGE_VERDICT);
    cr_assert_eq(found(), 2, "it is down indeed");
    end(&tried);
}

Test(checkers, a_probe_lane_that_answers_more_than_it_hears_is_i10) {
    struct tried tried = try_checker(&checker_bounds);
    const uint8_t message[] = {MESSAGE_ACK};
    struct packet_sight sent = {1, 2, LANE_DETECTOR, message, sizeof message};
    struct packet_sight received = {2, 1, LANE_DETECTOR, message, sizeof message};
    for (int i = 0; i < 1000; i++) {
        tried.checker->on_send(&watch, tried.state, &received);
        tried.checker->on_send(&watch, tried.state, &sent);
    }
    cr_assert_eq(found(), 0);
    for (int i = 0; i < 1500; i++)
        tried.checker->on_send(&watch, tried.state, &sent);
    cr_assert_eq(found(), 1, "once per second and host");
    cr_assert_eq(watch.kept[0].host, 1);
    end(&tried);
}

Test(checkers, a_name_that_no_host_bears_is_i11) {
    struct tried tried = try_checker(&checker_strangers);
    struct member_change is_new = {.slot = 3, .is_new = true};
    struct sight sight = {.change = &is_new, .host = 1, .subject = 2};
    tried.checker->on_change(&watch, tried.state, &sight);
    cr_assert_eq(found(), 0);
    sight.subject = SIM_NOBODY;
    tried.checker->on_change(&watch, tried.state, &sight);
    cr_assert_eq(found(), 1);
    end(&tried);
}

Test(checkers, the_first_violations_are_kept_and_all_are_counted) {
    for (int i = 0; i < 100; i++)
        watch_report(&watch, 8, 1, 2, "number %d", i);
    watch.mask &= ~CHECKERS_BIT(9);
    watch_report(&watch, 9, 1, 2, "not asked for");
    cr_assert_eq(found(), 100);
    cr_assert_str_eq(watch.kept[CHECKERS_KEPT - 1].text, "number 63");
}
