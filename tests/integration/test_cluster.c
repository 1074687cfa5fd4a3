/* Five daemons: agreement, a crash, a restart, a leave; every node answers lookups throughout. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIVE = 5 };

static char directory[128];
static struct daemon daemons[FIVE];

static void begin(void) {
    daemons_begin(directory);
}

/* The last line of a test, not its .fini: what a failed one leaves is shown. */
static void end(void) {
    for (int index = 0; index < FIVE; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

TestSuite(cluster, .init = begin, .timeout = 300);

static void owners_text(const struct daemon *daemon, const char *key, char *text, size_t room) {
    char words[128];
    snprintf(words, sizeof(words), "lookup %s -n 3", key);
    json_t *answer = daemon_ask(daemon, words);
    char *owners = json_dumps(json_object_get(answer, "owners"), JSON_SORT_KEYS | JSON_COMPACT);
    snprintf(text, room, "%s", owners ? owners : "");
    free(owners);
    json_decref(answer);
}

static size_t zones_of(const struct daemon *daemon, const char *key) {
    char words[128];
    bool seen[256] = {false};
    size_t index, zones = 0;
    json_t *owner;
    snprintf(words, sizeof(words), "lookup %s -n 3", key);
    json_t *answer = daemon_ask(daemon, words);
    json_array_foreach(json_object_get(answer, "owners"), index, owner) {
        unsigned char zone = (unsigned char)json_string_value(json_object_get(owner, "zone"))[0];
        zones += !seen[zone];
        seen[zone] = true;
    }
    json_decref(answer);
    return zones;
}

/* A lookup must give three owners; once this node holds `dead` DEAD, never that one as up. */
static void check_lookup(const struct daemon *daemon, const char *dead) {
    bool is_dead = strcmp(daemon_status_of(daemon, dead), "DEAD") == 0;
    size_t index;
    json_t *owner;
    json_t *answer = daemon_ask(daemon, "lookup some-key -n 3");
    cr_assert_eq(json_array_size(json_object_get(answer, "owners")), 3);
    json_array_foreach(json_object_get(answer, "owners"), index, owner) {
        bool is_it = strcmp(json_string_value(json_object_get(owner, "name")), dead) == 0;
        cr_assert(!is_dead || !is_it || !json_is_true(json_object_get(owner, "up")));
    }
    json_decref(answer);
}

Test(cluster, five_agree_on_members_ring_and_owners) {
    static const char *const keys[] = {"user:17", "cart:9", "video:cat", "k"};
    char first[1024], other[1024];
    cr_assert(daemons_cluster(daemons, FIVE, directory, NULL));
    for (size_t key = 0; key < 4; key++) {
        owners_text(&daemons[0], keys[key], first, sizeof(first));
        cr_assert_eq(zones_of(&daemons[0], keys[key]), 3);
        for (int index = 1; index < FIVE; index++) {
            owners_text(&daemons[index], keys[key], other, sizeof(other));
            cr_assert_str_eq(first, other);
        }
    }
    char fingerprint[64];
    snprintf(fingerprint, sizeof(fingerprint), "%s", daemon_info_text(&daemons[0], "fingerprint"));
    for (int index = 1; index < FIVE; index++) {
        cr_assert_str_eq(daemon_info_text(&daemons[index], "fingerprint"), fingerprint);
    }
    end();
}

Test(cluster, a_crash_is_one_ring_version_and_a_restart_a_higher_generation) {
    uint64_t versions[FIVE];
    size_t suspicions = 0;
    uint64_t accusations = 0;
    uint64_t refused = 0;
    cr_assert(daemons_cluster(daemons, FIVE, directory, NULL));
    daemon_sleep_ms(1000); /* the last publication of the bootstrap is out */
    for (int index = 0; index < FIVE; index++) {
        versions[index] = daemon_info(&daemons[index], "ring_version");
    }
    uint64_t generation = daemon_number_of(&daemons[0], "n3", "generation");
    char address[64];
    snprintf(address, sizeof(address), "%s", daemons[2].address);
    daemon_stop(&daemons[2], SIGKILL);
    for (int dead_at = 0, round = 0; dead_at < FIVE - 1 && round < 3000; round++) {
        dead_at = 0;
        for (int index = 0; index < FIVE; index++) {
            if (index != 2) {
                check_lookup(&daemons[index], "n3");
                dead_at += strcmp(daemon_status_of(&daemons[index], "n3"), "DEAD") == 0;
            }
        }
    }
    cr_assert(daemons_wait_agreement(daemons, FIVE));
    for (int index = 0; index < FIVE; index++) {
        if (index != 2) {
            cr_assert(daemon_wait_status(&daemons[index], "n3", "DEAD"));
            cr_assert(daemon_wait_info(&daemons[index], "ring_version", versions[index] + 1));
            cr_assert_eq(daemon_events_count(&daemons[index], "member-failed", "n3"), 1);
            suspicions += daemon_events_count(&daemons[index], "member-suspected", "n3");
            accusations += daemon_info(&daemons[index], "accusations");
            refused += daemon_info(&daemons[index], "probes_refused");
        }
    }
    /* So the zeros that other tests expect of these mean something. */
    cr_assert_gt(suspicions, 0, "nobody is DEAD who was not SUSPECT to somebody");
    cr_assert_gt(accusations, 0);
    cr_assert_gt(refused, 0, "its host said that nobody listens there any more");
    daemon_sleep_ms(1000); /* a second ring would be out by now */
    for (int index = 0; index < FIVE; index++) {
        if (index != 2) {
            cr_assert_eq(daemon_info(&daemons[index], "ring_version"), versions[index] + 1);
        }
    }
    const char *flags[] = {"--zone", "c", "--join", daemons[0].address, NULL};
    cr_assert(daemon_start(&daemons[2], directory, "n3", flags));
    for (int index = 0; index < FIVE; index++) {
        cr_assert(daemon_wait_status(&daemons[index], "n3", "ALIVE"));
        cr_assert_gt(daemon_number_of(&daemons[index], "n3", "generation"), generation);
        cr_assert(daemon_wait_info(&daemons[index], "members_alive", FIVE));
        json_t *members = daemon_ask(&daemons[index], "members");
        cr_assert_eq(json_array_size(json_object_get(members, "members")), FIVE);
        json_decref(members);
    }
    cr_assert_str_neq(daemons[2].address, address);
    cr_assert(daemons_wait_agreement(daemons, FIVE));
    end();
}

Test(cluster, a_leave_by_sigterm_is_never_a_suspicion) {
    cr_assert(daemons_cluster(daemons, FIVE, directory, NULL));
    cr_assert_eq(daemon_stop(&daemons[4], SIGTERM), 0);
    for (int index = 0; index < FIVE - 1; index++) {
        cr_assert(daemon_wait_status(&daemons[index], "n5", "LEFT"));
    }
    daemon_sleep_ms(3000); /* longer than a suspicion takes */
    for (int index = 0; index < FIVE - 1; index++) {
        cr_assert_str_eq(daemon_status_of(&daemons[index], "n5"), "LEFT");
        cr_assert_eq(daemon_events_count(&daemons[index], "member-left", "n5"), 1);
        cr_assert_eq(daemon_events_count(&daemons[index], "member-suspected", "n5"), 0);
    }
    end();
}
