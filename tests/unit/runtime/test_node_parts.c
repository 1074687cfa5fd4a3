/* The calculations around a node: when to publish, the own record, the generation file, affinity.
 */
#include "core/base/clock.h"
#include "core/runtime/affinity.h"
#include "core/runtime/generation_file.h"
#include "core/runtime/node/node_settings.h"
#include "core/runtime/node/own_record.h"
#include "core/runtime/node/publication.h"
#include "core/runtime/peers_file.h"
#include "core/runtime/resolve.h"
#include "core/runtime/slack.h"
#include "core/runtime/spread.h"
#include "core/runtime/suspend_watch.h"
#include "henge/events.h"
#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS NS_PER_MS

Test(slack, is_an_eighth_of_the_way_at_most_and_far_timers_meet) {
    cr_assert_eq(slack_deadline(TIME_NEVER, 5), TIME_NEVER);
    cr_assert_eq(slack_deadline(5, 5), 5);
    cr_assert_eq(slack_deadline(12, 5), 12, "too near");
    for (uint64_t way_ns = 1; way_ns < 1000 * NS_PER_S; way_ns += way_ns / 3 + 1) {
        const uint64_t now_ns = 12345678901, deadline_ns = now_ns + way_ns;
        const uint64_t late_ns = slack_deadline(deadline_ns, now_ns) - deadline_ns;
        cr_assert_leq(late_ns, way_ns / 8);
        cr_assert_lt(late_ns, SLACK_MAX_NS);
    }
    uint64_t moments = 0;
    uint64_t last_ns = 0;
    for (uint64_t at_ns = NS_PER_S; at_ns < 2 * NS_PER_S; at_ns += MS) {
        const uint64_t due_ns = slack_deadline(at_ns, at_ns - NS_PER_S);
        moments += due_ns != last_ns;
        last_ns = due_ns;
    }
    cr_assert_leq(moments, 17, "a thousand timers of a second");
}

Test(publication, the_first_change_after_quiet_goes_out_at_once) {
    struct publication publication;
    publication_init(&publication, 250 * MS, 2000 * MS, true);
    cr_assert_eq(publication_ring_due(&publication, false, 0), TIME_NEVER);
    publication_ring_changed(&publication, 10000 * MS, false);
    cr_assert_eq(publication_ring_due(&publication, false, 0), 10000 * MS);
}

Test(publication, while_members_change_all_the_time_views_become_rarer) {
    struct publication publication;
    publication_init(&publication, 250 * MS, 2000 * MS, true);
    uint64_t now_ns = 10000 * MS;
    uint64_t views = 0;
    for (; now_ns < 11000 * MS; now_ns += MS) {
        publication_members_changed(&publication);
        if (publication_members_due(&publication) <= now_ns) {
            publication_done(&publication, now_ns, false);
            views++;
        }
    }
    cr_assert(views >= 9 && views <= 12, "%lu", (unsigned long)views);
    publication_generation_changed(&publication);
    cr_assert_leq(publication_members_due(&publication), now_ns + 1 * MS, "but for an address");
    publication_done(&publication, now_ns, false);
    now_ns += 400 * MS;
    publication_members_changed(&publication);
    cr_assert_leq(publication_members_due(&publication), now_ns, "after quiet: at once");
    publication_done(&publication, now_ns, false);
    publication_members_changed(&publication);
    cr_assert_eq(publication_members_due(&publication), now_ns + 10 * MS);
}

Test(publication, further_changes_are_gathered_at_most_two_seconds) {
    struct publication publication;
    publication_init(&publication, 250 * MS, 2000 * MS, true);
    publication_ring_changed(&publication, 10000 * MS, false);
    publication_done(&publication, 10000 * MS, true);
    publication_ring_changed(&publication, 10100 * MS, false);
    cr_assert_eq(publication_ring_due(&publication, false, 0), 10350 * MS);
    publication_ring_changed(&publication, 10300 * MS, false);
    cr_assert_eq(publication_ring_due(&publication, false, 0), 10550 * MS);
    publication_ring_changed(&publication, 12050 * MS, false);
    cr_assert_eq(publication_ring_due(&publication, false, 0), 12100 * MS);
}

Test(publication, a_death_waits_for_the_other_suspects_but_not_for_ever) {
    struct publication publication;
    publication_init(&publication, 250 * MS, 2000 * MS, true);
    publication_ring_changed(&publication, 10000 * MS, true);
    cr_assert_eq(publication_ring_due(&publication, true, 3000 * MS), 16000 * MS);
    cr_assert_eq(publication_ring_due(&publication, false, 3000 * MS), 10000 * MS);
}

Test(publication, profiles_that_do_not_gather_publish_each_change) {
    struct publication publication;
    publication_init(&publication, 250 * MS, 2000 * MS, false);
    publication_ring_changed(&publication, 10000 * MS, false);
    publication_done(&publication, 10000 * MS, true);
    cr_assert_eq(publication_ring_due(&publication, true, 3000 * MS), TIME_NEVER);
    publication_ring_changed(&publication, 10100 * MS, true);
    cr_assert_eq(publication_ring_due(&publication, true, 3000 * MS), 10100 * MS);
}

Test(publication, members_are_not_published_faster_than_the_interval) {
    struct publication publication;
    publication_init(&publication, 250 * MS, 2000 * MS, true);
    publication_done(&publication, 10000 * MS, false);
    cr_assert_eq(publication_members_due(&publication), TIME_NEVER);
    publication_members_changed(&publication);
    cr_assert_eq(publication_members_due(&publication), 10000 * MS + PUBLICATION_MEMBERS_NS);
}

Test(events, each_type_has_a_text_of_its_own) {
    static const char *const texts[HENGE_EVENT_TYPE_COUNT] = {
        [HENGE_MEMBER_JOINED] = "member-joined",
        [HENGE_MEMBER_UPDATED] = "member-updated",
        [HENGE_MEMBER_SUSPECTED] = "member-suspected",
        [HENGE_MEMBER_RECOVERED] = "member-recovered",
        [HENGE_MEMBER_LEFT] = "member-left",
        [HENGE_MEMBER_FAILED] = "member-failed",
        [HENGE_MEMBER_EVICTED] = "member-evicted",
        [HENGE_TOPOLOGY_CHANGED] = "topology-changed",
        [HENGE_PARTITIONED] = "partitioned",
        [HENGE_NAME_CONFLICT] = "name-conflict",
        [HENGE_RESYNC] = "resync"};
    for (int type = 0; type < HENGE_EVENT_TYPE_COUNT; type++) {
        cr_expect_str_eq(henge_event_type_text((enum henge_event_type)type), texts[type]);
    }
    cr_expect_str_eq(henge_event_type_text(HENGE_EVENT_TYPE_COUNT), "unknown");
}

Test(suspend_watch, a_sleep_is_told_once_and_a_late_reading_never) {
    struct suspend_watch watch = {0};
    uint64_t now = 50000 * MS;
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 7000 * MS, now), 0, "slept before the start");
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 7000 * MS + 300, now + 500), 0);
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 9000 * MS, now + 900 * MS), 0,
                 "this thread was stopped between the readings");
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 7000 * MS, now + 500), 0);
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 67000 * MS, now + 500), 60000 * MS);
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 67000 * MS, now + 500), 0);
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 67020 * MS, now + 500), 20 * MS);
    cr_expect_eq(suspend_watch_gap(&watch, now, now + 60000 * MS, now + 500), 0, "no going back");
    cr_expect_eq(suspend_watch_gap(&watch, now, now - 1, now + 500), 0);
}

Test(settings, the_profile_reaches_both_halves) {
    static const char *const names[] = {"henge", "lifeguard", "classic"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct henge_config config;
        struct gossip_node_settings gossip;
        struct detector_settings detector;
        henge_config_init(&config, HENGE_PRESET_LAN);
        cr_assert_eq(henge_config_set(&config, "profile", names[i], NULL, 0), HENGE_OK);
        node_settings_gossip(&config, 0, &gossip);
        node_settings_detector(&config, &detector);
        cr_expect_eq(gossip.membership.profile, profile_of_name(names[i]));
        cr_expect_eq(detector.profile, profile_of_name(names[i]));
    }
}

static void fields_of(struct henge_config *config, struct record_fields *fields) {
    henge_config_init(config, HENGE_PRESET_LAN);
    snprintf(config->name, sizeof(config->name), "n");
    snprintf(config->metadata, sizeof(config->metadata), "b=2\na=1\nc=\n");
    cr_assert_eq(own_record_fields(config, fields), HENGE_OK);
}

Test(own_record, pairs_are_ordered_replaced_and_removed) {
    struct henge_config config;
    struct record_fields fields;
    fields_of(&config, &fields);
    cr_assert_eq(fields.metadata_count, 3);
    cr_assert_eq(fields.metadata[0].key[0], 'a');
    cr_assert_eq(fields.metadata[2].value_bytes, 0);
    cr_assert_eq(own_record_set_pair(&fields, "b", "22"), HENGE_OK);
    cr_assert_eq(fields.metadata_count, 3);
    cr_assert_eq(fields.metadata[1].value_bytes, 2);
    cr_assert_eq(own_record_set_pair(&fields, "aa", "x"), HENGE_OK);
    cr_assert_eq(fields.metadata[1].key_bytes, 2);
    cr_assert_eq(own_record_set_pair(&fields, "a", NULL), HENGE_OK);
    cr_assert_eq(own_record_set_pair(&fields, "a", NULL), HENGE_NOT_FOUND);
    cr_assert_eq(fields.metadata_count, 3);
}

Test(own_record, limits_hold) {
    struct henge_config config;
    struct record_fields fields;
    char big[HENGE_METADATA_BYTES + 2];
    fields_of(&config, &fields);
    memset(big, 'x', sizeof(big));
    big[HENGE_METADATA_BYTES - 10] = '\0'; /* the other pairs take more than is left */
    cr_assert_eq(own_record_set_pair(&fields, "big", big), HENGE_FULL);
    memset(big, 'z', HENGE_LABEL_BYTES);
    big[HENGE_LABEL_BYTES] = '\0';
    uint16_t pairs = fields.metadata_count;
    cr_assert_eq(own_record_set_pair(&fields, "zone", big), HENGE_INVALID);
    cr_assert_eq(fields.metadata_count, pairs, "it is no pair of that name instead");
    cr_assert_eq(own_record_set_pair(&fields, "", "x"), HENGE_INVALID);
    cr_assert_eq(own_record_set_pair(&fields, "k=", "x"), HENGE_INVALID);
    cr_assert_eq(own_record_set_pair(&fields, "k", "x\ny"), HENGE_INVALID);
    snprintf(config.metadata, sizeof(config.metadata), "novalue");
    cr_assert_eq(own_record_fields(&config, &fields), HENGE_INVALID);
}

static void file_put(const char *path, const char *text, size_t bytes) {
    FILE *file = fopen(path, "w");
    cr_assert_eq(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
}

Test(peers_file, survives_and_reports_damage) {
    static const char *const damaged[] = {
        "",
        "nothing",
        "# henge peers",
        "# other peers\n127.0.0.1:1\n",
        "# henge peers\n127.0.0.1:1",
        "# henge peers\n127.0.0.1:0\n",
        "# henge peers\n127.0.0.1\n",
        "# henge peers\n\n",
        "# henge peers\n127.0.0.1:1\n127.0.0.1:2\n127.0.0.1:\n",
        "# henge peers\n127.0.0.1:1\nlocalhost:2\n",
    };
    char directory[] = "/tmp/henge-test-XXXXXX";
    char path[64];
    static char large[1 << 16];
    struct henge_address peers[PEERS_FILE_MAX], again[PEERS_FILE_MAX];
    uint32_t count = 9;
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/n.peers", directory);
    cr_assert_eq(peers_file_read(directory, "n", again, &count), HENGE_OK);
    cr_assert_eq(count, 0, "no file is an empty list");
    for (uint32_t i = 0; i < PEERS_FILE_MAX; i++) {
        char text[HENGE_ADDRESS_TEXT_BYTES];
        snprintf(text, sizeof(text), i % 2 ? "[fe80::%x]:%u" : "127.0.0.%u:%u", i, 65000 + i);
        cr_assert_eq(henge_address_parse(text, &peers[i]), HENGE_OK, "%s", text);
    }
    cr_assert_eq(peers_file_write(directory, "n", peers, PEERS_FILE_MAX), HENGE_OK);
    cr_assert_eq(peers_file_read(directory, "n", again, &count), HENGE_OK);
    cr_assert_eq(count, PEERS_FILE_MAX);
    cr_assert_eq(memcmp(peers, again, sizeof(peers)), 0);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        file_put(path, damaged[i], strlen(damaged[i]));
        cr_assert_eq(peers_file_read(directory, "n", again, &count), HENGE_CORRUPT, "%s",
                     damaged[i]);
        cr_assert_eq(count, 0);
    }
    file_put(path, "# henge peers\n127.0.0.1:1\n\0\n", 28);
    cr_assert_eq(peers_file_read(directory, "n", again, &count), HENGE_CORRUPT);
    size_t used = (size_t)snprintf(large, sizeof(large), "# henge peers\n");
    for (uint32_t i = 0; i <= PEERS_FILE_MAX; i++) {
        used += (size_t)snprintf(large + used, sizeof(large) - used, "127.0.0.1:%u\n", i + 1);
    }
    file_put(path, large, used);
    cr_assert_eq(peers_file_read(directory, "n", again, &count), HENGE_CORRUPT, "one too many");
    memset(large, '1', sizeof(large));
    file_put(path, large, sizeof(large));
    cr_assert_eq(peers_file_read(directory, "n", again, &count), HENGE_CORRUPT);
    unlink(path);
    rmdir(directory);
    cr_assert_eq(peers_file_write(directory, "n", peers, 1), HENGE_SYSTEM);
}

Test(generation_file, survives_and_reports_damage) {
    char directory[] = "/tmp/henge-test-XXXXXX";
    char path[64];
    uint64_t generation = 1;
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(generation_file_read(directory, "n", &generation), HENGE_OK);
    cr_assert_eq(generation, 0);
    cr_assert_eq(generation_file_write(directory, "n", 1234567890123), HENGE_OK);
    cr_assert_eq(generation_file_read(directory, "n", &generation), HENGE_OK);
    cr_assert_eq(generation, 1234567890123);
    snprintf(path, sizeof(path), "%s/n.generation", directory);
    static const char *const damaged[] = {"not a number", "", "-5\n", "18446744073709551615\n",
                                          "12 13\n"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        file_put(path, damaged[i], strlen(damaged[i]));
        cr_assert_eq(generation_file_read(directory, "n", &generation), HENGE_CORRUPT, "%s",
                     damaged[i]);
    }
    unlink(path);
    rmdir(directory);
    cr_assert_eq(generation_file_write(directory, "n", 1), HENGE_SYSTEM);
}

Test(affinity, settings) {
    int cpus[3];
    cpu_set_t allowed;
    cr_assert(affinity_choose("none", 3, cpus));
    cr_assert_eq(cpus[0], -1);
    cr_assert(affinity_choose("auto", 3, cpus));
    cr_assert_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
    for (int index = 0; index < 3; index++) {
        cr_assert(cpus[index] >= 0 && CPU_ISSET((size_t)cpus[index], &allowed));
    }
    cr_assert_not(affinity_choose("1000,1000,1000", 3, cpus));
}

Test(spread, a_busy_thread_may_run_anywhere_until_it_has_been_calm_for_long) {
    struct spread spread = {.since_ns = 0};
    uint64_t now_ns = 100 * NS_PER_S, used_ns = 7 * NS_PER_S;
    cr_assert(spread_is_due(&spread, now_ns));
    cr_assert_not(spread_look(&spread, now_ns, used_ns), "what was before does not count");
    cr_assert_not(spread_is_due(&spread, now_ns + 49 * MS));
    cr_assert(spread_is_due(&spread, now_ns + 50 * MS));
    cr_assert_not(spread_look(&spread, now_ns += 100 * MS, used_ns += 24 * MS));
    cr_assert(spread_look(&spread, now_ns += 100 * MS, used_ns += 25 * MS));
    cr_assert(spread.is_wide);
    for (int i = 0; i < 19; i++) {
        cr_assert_not(spread_look(&spread, now_ns += 50 * MS, used_ns += 1 * MS));
    }
    cr_assert_not(spread_look(&spread, now_ns += 50 * MS, used_ns += 10 * MS), "not calm");
    for (int i = 0; i < 19; i++) {
        cr_assert_not(spread_look(&spread, now_ns += 50 * MS, used_ns += 1 * MS));
    }
    cr_assert(spread_look(&spread, now_ns += 50 * MS, used_ns += 1 * MS));
    cr_assert_not(spread.is_wide);
}

Test(resolve, numbers_names_and_nonsense) {
    struct henge_address addresses[4];
    cr_assert_eq(resolve_endpoint("127.0.0.1:80", addresses, 4), 1);
    cr_assert_eq(addresses[0].port, 80);
    cr_assert_geq(resolve_endpoint("localhost:7946", addresses, 4), 1);
    cr_assert_eq(addresses[0].port, 7946);
    cr_assert_eq(resolve_endpoint("no-port", addresses, 4), 0);
    cr_assert_eq(resolve_endpoint(":1", addresses, 4), 0);
}
