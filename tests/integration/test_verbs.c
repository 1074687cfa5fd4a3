/* The verbs that act, on real daemons: join, leave, set-meta, set-weight, events --follow; and a
 * local cluster from up to down. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TWO = 2, TRIES_MAX = 3000 };

static char directory[128];
static char output[1 << 16];
static struct daemon daemons[TWO];

static void begin(void) {
    daemons_begin(directory);
    setenv("D", directory, 1);
}

static void end(void) {
    for (int index = 0; index < TWO; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

TestSuite(verbs, .init = begin, .timeout = 200);

/* The exit code of `henge -s SOCKET words`; `output` holds what was said. */
static int act(const struct daemon *daemon, const char *words) {
    char line[3072];
    snprintf(line, sizeof(line), "timeout 100 $HENGE_BIN/henge -s %s/%s.sock %s 2>&1",
             daemon->directory, daemon->name, words);
    return daemon_run(line, output, sizeof(output));
}

/* Does `daemon` come to hold `value` (NULL: nothing) under `key` in the metadata of `who`? */
static bool wait_metadata(const struct daemon *daemon, const char *who, const char *key,
                          const char *value) {
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        size_t index;
        json_t *member;
        bool is_so = false;
        json_t *members = daemon_ask(daemon, "members");
        json_array_foreach(json_object_get(members, "members"), index, member) {
            const char *held =
                json_string_value(json_object_get(json_object_get(member, "metadata"), key));
            bool is_it = strcmp(json_string_value(json_object_get(member, "name")), who) == 0;
            is_so |= is_it && (value ? held && strcmp(held, value) == 0 : !held);
        }
        json_decref(members);
        if (is_so) {
            return true;
        }
        daemon_sleep_ms(20);
    }
    return false;
}

Test(verbs, join_leave_and_join_again) {
    char words[128];
    cr_assert(daemon_start(&daemons[0], directory, "a", NULL));
    cr_assert(daemon_start(&daemons[1], directory, "b", NULL));
    cr_assert_eq(daemon_info(&daemons[0], "members_alive"), 1);
    snprintf(words, sizeof(words), "join %s", daemons[1].address);
    cr_assert_eq(act(&daemons[0], words), 0, "%s", output);
    cr_assert(strstr(output, "a has joined"), "%s", output);
    cr_assert(daemon_wait_status(&daemons[1], "a", "ALIVE"));
    cr_assert(daemon_wait_status(&daemons[0], "b", "ALIVE"));
    cr_assert(daemons_wait_agreement(daemons, TWO));
    uint64_t generation = daemon_number_of(&daemons[1], "a", "generation");

    cr_assert_eq(act(&daemons[0], "leave"), 0, "%s", output);
    cr_assert(daemon_wait_status(&daemons[1], "a", "LEFT"));
    cr_assert_eq(daemon_events_count(&daemons[1], "member-suspected", "a"), 0);
    cr_assert_str_eq(daemon_info_text(&daemons[0], "name"), "a", "the daemon runs on");

    cr_assert_eq(act(&daemons[0], words), 0, "%s", output);
    cr_assert(daemon_wait_status(&daemons[1], "a", "ALIVE"));
    cr_assert_gt(daemon_number_of(&daemons[1], "a", "generation"), generation);
    cr_assert(daemons_wait_agreement(daemons, TWO));
    end();
}

Test(verbs, a_join_that_nobody_answers_is_a_failure) {
    char words[128];
    cr_assert(daemon_start(&daemons[0], directory, "a", NULL));
    cr_assert(daemon_start(&daemons[1], directory, "b", NULL));
    snprintf(words, sizeof(words), "join %s --timeout 1", daemons[1].address);
    cr_assert_eq(daemon_stop(&daemons[1], SIGKILL), -SIGKILL);
    cr_assert_eq(act(&daemons[0], words), 1, "%s", output);
    cr_assert(strstr(output, "henge: "), "%s", output);
    cr_assert_eq(daemon_info(&daemons[0], "members_alive"), 1);
    end();
}

Test(verbs, metadata_and_weight_reach_the_others) {
    char words[2048] = "set-meta big=";
    cr_assert(daemons_cluster(daemons, TWO, directory, NULL));
    cr_assert_eq(act(&daemons[0], "set-meta colour=red size=9"), 0, "%s", output);
    cr_assert(wait_metadata(&daemons[1], "n1", "colour", "red"));
    cr_assert(wait_metadata(&daemons[1], "n1", "size", "9"));
    cr_assert_eq(act(&daemons[0], "set-meta colour="), 0, "%s", output);
    cr_assert(wait_metadata(&daemons[1], "n1", "colour", NULL));
    cr_assert(wait_metadata(&daemons[1], "n1", "size", "9"));
    memset(words + strlen(words), 'x', 1100); /* over 1 KiB in all */
    cr_assert_eq(act(&daemons[0], words), 1, "%s", output);
    cr_assert(wait_metadata(&daemons[1], "n1", "size", "9"), "a refused change changes nothing");

    cr_assert_eq(act(&daemons[0], "set-weight 0"), 0, "%s", output);
    bool owns = true;
    for (int tries = 0; tries < TRIES_MAX && owns; tries++) {
        json_t *ring = daemon_ask(&daemons[1], "ring");
        owns = json_array_size(json_object_get(ring, "members")) != 1;
        json_decref(ring);
        daemon_sleep_ms(10);
    }
    cr_assert_not(owns, "weight 0 owns nothing");
    cr_assert(daemon_wait_info(&daemons[1], "members_alive", 2));
    cr_assert_eq(act(&daemons[0], "set-weight 2"), 0, "%s", output);
    cr_assert(daemons_wait_agreement(daemons, TWO));
    end();
}

/* Asks for a plan; its fingerprint of `when` into fingerprint_out. */
static void plan_ask(const char *changes, const char *when, char fingerprint_out[32]) {
    char words[128];
    snprintf(words, sizeof(words), "ring plan %s", changes);
    json_t *plan = daemon_ask(&daemons[0], words);
    const char *text =
        json_string_value(json_object_get(json_object_get(plan, when), "ring_fingerprint"));
    cr_assert_not_null(text);
    snprintf(fingerprint_out, 32, "%s", text);
    json_decref(plan);
}

static bool wait_fingerprint(const char *fingerprint) {
    bool is_so = false;
    for (int tries = 0; tries < TRIES_MAX && !is_so; tries++) {
        is_so = strcmp(daemon_info_text(&daemons[0], "ring_fingerprint"), fingerprint) == 0;
        daemon_sleep_ms(10);
    }
    return is_so;
}

/* What was planned is, when it has happened, the ring: of salt, weights, names and all. */
Test(verbs, a_plan_is_the_ring_that_will_be) {
    char before[32];
    char heavier[32];
    char alone[32];
    cr_assert(daemons_cluster(daemons, TWO, directory, NULL));
    plan_ask("--weight n2=3", "before", before);
    cr_assert_str_eq(before, daemon_info_text(&daemons[0], "ring_fingerprint"));
    plan_ask("--weight n2=3", "after", heavier);
    cr_assert_str_neq(before, heavier);
    cr_assert_eq(act(&daemons[1], "set-weight 3"), 0, "%s", output);
    cr_assert(wait_fingerprint(heavier));

    plan_ask("--remove n2", "after", alone);
    cr_assert_eq(act(&daemons[1], "leave"), 0, "%s", output);
    cr_assert(wait_fingerprint(alone));
    cr_assert_eq(act(&daemons[0], "ring plan --add n3:far:2 -n 2"), 0, "%s", output);
    cr_assert(strstr(output, "far") && strstr(output, "2 owners in 2 zones"), "%s", output);
    cr_assert_eq(act(&daemons[0], "ring plan --remove n9"), 1, "%s", output);
    cr_assert(strstr(output, "n9"), "%s", output);
    cr_assert_eq(act(&daemons[0], "ring plan --weight n1"), 2, "%s", output);
    cr_assert_eq(act(&daemons[0], "lookup some:key --explain"), 0, "%s", output);
    cr_assert(strstr(output, "owner 1"), "%s", output);
    end();
}

/* The moves of a change that has happened, from the rings that were kept before and after. */
Test(verbs, rings_that_were_kept_are_compared) {
    char words[512];
    char path[256];
    char before[32];
    cr_assert(daemons_cluster(daemons, TWO, directory, NULL));
    plan_ask("--weight n2=3", "after", before);
    snprintf(words, sizeof(words), "ring --save %s/before.ring", directory);
    cr_assert_eq(act(&daemons[0], words), 0, "%s", output);
    cr_assert(strstr(output, "balance"), "the ring is shown, too: %s", output);
    cr_assert_eq(act(&daemons[1], "set-weight 3"), 0, "%s", output);
    cr_assert(wait_fingerprint(before));
    snprintf(words, sizeof(words), "ring --save %s/after.ring", directory);
    cr_assert_eq(act(&daemons[0], words), 0, "%s", output);

    snprintf(words, sizeof(words), "ring --diff %s/before.ring %s/after.ring -n 1", directory,
             directory);
    json_t *diff = daemon_ask(&daemons[0], words);
    const json_t *to = json_object_get(diff, "to");
    cr_assert_str_eq(json_string_value(json_object_get(to, "ring_fingerprint")), before);
    size_t index;
    json_t *range;
    cr_assert_gt(json_array_size(json_object_get(diff, "ranges")), 20);
    json_array_foreach(json_object_get(diff, "ranges"), index, range) {
        const json_t *gained = json_object_get(range, "gained");
        cr_assert_str_eq(json_string_value(json_array_get(gained, 0)), "n2");
    }
    json_decref(diff);
    cr_assert_eq(act(&daemons[0], words), 0, "%s", output);
    cr_assert(strstr(output, "+n2") && strstr(output, "-n1"), "%s", output);
    snprintf(path, sizeof(path), "%s/nowhere", directory);
    snprintf(words, sizeof(words), "ring --save %s/after.ring", path);
    cr_assert_eq(act(&daemons[0], words), 1, "%s", output);
    cr_assert(strstr(output, path), "%s", output);
    snprintf(words, sizeof(words), "ring --diff %s/before.ring %s/info", directory, directory);
    cr_assert_eq(act(&daemons[0], words), 1, "%s", output);
    end();
}

Test(verbs, draining_is_told_and_taken_back) {
    cr_assert(daemons_cluster(daemons, TWO, directory, NULL));
    cr_assert_eq(act(&daemons[0], "drain"), 0, "%s", output);
    cr_assert(daemon_wait_text(&daemons[1], "n1", "ring_state", "draining"));
    cr_assert(daemons_wait_agreement(daemons, TWO));
    cr_assert_eq(act(&daemons[0], "activate"), 0, "%s", output);
    cr_assert(daemon_wait_text(&daemons[1], "n1", "ring_state", "active"));
    end();
}

/* n2 changes its metadata over and over, so that it does not matter when the follower is ready. */
Test(verbs, a_follower_sees_events_as_they_happen) {
    char line[1024];
    cr_assert(daemons_cluster(daemons, TWO, directory, NULL));
    snprintf(line, sizeof(line),
             "(n=0; while [ $n -lt 600 ]; do n=$((n+1)); sleep 0.1;"
             " $HENGE_BIN/henge -s $D/n2.sock set-meta n=$n; done >/dev/null 2>&1) & other=$!;"
             " timeout 50 $HENGE_BIN/henge -s $D/n1.sock events --follow --json | head -n 1;"
             " kill $other");
    daemon_run(line, output, sizeof(output));
    json_t *event = json_loads(output, 0, NULL);
    cr_assert(event, "not one JSON object: %s", output);
    cr_assert_str_eq(json_string_value(json_object_get(event, "event")), "member-updated");
    cr_assert_str_eq(json_string_value(json_object_get(event, "name")), "n2");
    json_decref(event);
    end();
}

/* --- henge cluster --- */

static int cluster(const char *words) {
    char line[512];
    snprintf(line, sizeof(line), "timeout 150 $HENGE_BIN/henge cluster %s --dir $D/c 2>&1", words);
    return daemon_run(line, output, sizeof(output));
}

/* Its daemons are not this program's children: they are taken down whatever happened. */
static void cluster_end(void) {
    cluster("down");
}

TestSuite(local_cluster, .init = begin, .fini = cluster_end, .timeout = 300);

/* The field of one daemon in `henge cluster status --json`; to be freed. */
static json_t *field_of(const char *who, const char *key) {
    size_t index;
    json_t *daemon;
    json_t *found = NULL;
    cr_assert_eq(cluster("status --json"), 0, "%s", output);
    json_t *status = json_loads(output, 0, NULL);
    json_array_foreach(json_object_get(status, "daemons"), index, daemon) {
        if (strcmp(json_string_value(json_object_get(daemon, "name")), who) == 0) {
            found = json_incref(json_object_get(daemon, key));
        }
    }
    json_decref(status);
    cr_assert(found, "%s has no %s", who, key);
    return found;
}

static json_int_t number_of(const char *who, const char *key) {
    json_t *field = field_of(who, key);
    json_int_t number = json_integer_value(field);
    json_decref(field);
    return number;
}

static bool has_text(const char *who, const char *key, const char *wanted) {
    json_t *field = field_of(who, key);
    bool is_so = strcmp(json_string_value(field), wanted) == 0;
    json_decref(field);
    return is_so;
}

static void wait_number(const char *who, const char *key, json_int_t wanted) {
    json_int_t number = -1;
    for (int tries = 0; tries < TRIES_MAX && number != wanted; tries++) {
        number = number_of(who, key);
        daemon_sleep_ms(20);
    }
    cr_assert_eq(number, wanted, "%s of %s is %lld", key, who, (long long)number);
}

/* Nobody may have reaped it: a zombie has ended. */
static bool is_running(pid_t pid) {
    char path[64];
    char state = 'Z';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
    if (stat) {
        if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1) {
            state = 'Z';
        }
        fclose(stat);
    }
    return state != 'Z' && state != 'X';
}

Test(local_cluster, from_up_to_down) {
    pid_t pids[4];
    cr_assert_eq(cluster("up -n 4 --zones x,y"), 0, "%s", output);
    cr_assert_eq(cluster("up -n 4"), 1, "there is one already: %s", output);
    cr_assert(has_text("n1", "zone", "x") && has_text("n2", "zone", "y") &&
              has_text("n3", "zone", "x"));
    for (int index = 0; index < 4; index++) {
        char name[8];
        snprintf(name, sizeof(name), "n%d", index + 1);
        wait_number(name, "members_alive", 4);
        pids[index] = (pid_t)number_of(name, "pid");
        cr_assert(is_running(pids[index]));
    }
    json_int_t generation = number_of("n2", "generation");
    cr_assert_eq(cluster("start n2"), 1, "it runs already: %s", output);
    cr_assert_eq(cluster("kill n9"), 1, "there is none: %s", output);
    cr_assert_eq(cluster("kill n2"), 0, "%s", output);
    cr_assert(has_text("n2", "state", "down"));
    wait_number("n1", "members_dead", 1);
    cr_assert_eq(cluster("kill n2"), 1, "it does not run: %s", output);
    cr_assert_eq(cluster("start n2"), 0, "%s", output);
    cr_assert_gt(number_of("n2", "generation"), generation);
    wait_number("n1", "members_alive", 4);
    pids[1] = (pid_t)number_of("n2", "pid");
    cr_assert_eq(cluster("stop n3"), 0, "%s", output);
    wait_number("n1", "members_left", 1);
    cr_assert_eq(cluster("down"), 0, "%s", output);
    for (int index = 0; index < 4; index++) {
        cr_assert_not(is_running(pids[index]), "n%d is still there", index + 1);
    }
    cr_assert_eq(daemon_run("test -e $D/c", NULL, 0), 1, "its directory is gone");
    cr_assert_eq(cluster("status"), 1);
    daemons_end(directory);
}
