/* Consumers that stand still never make the detector deaf: a gossip thread held by ptrace, as a
 * debugger would; an application that neither ends its section nor reads its events. With the times
 * of a LAN: those of the local preset are so short that a loaded machine alone misses some. */
#include "henge/henge.h"
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { THREE = 3, STALL_MS = 30000 };

static pid_t thread_named(pid_t pid, const char *wanted) {
    char path[64], file[400], name[32];
    pid_t found = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    for (struct dirent *task; tasks && (task = readdir(tasks)) != NULL;) {
        snprintf(file, sizeof(file), "%s/%s/comm", path, task->d_name);
        FILE *comm = fopen(file, "re");
        if (comm && fgets(name, sizeof(name), comm) && strcmp(name, wanted) == 0) {
            found = (pid_t)strtol(task->d_name, NULL, 10);
        }
        if (comm) {
            fclose(comm);
        }
    }
    closedir(tasks);
    return found;
}

/* ALIVE at both others all the time; their gossip goes on meanwhile. */
static void watch(const struct daemon *others, const char *who) {
    uint64_t until_ms = daemon_now_ms() + STALL_MS;
    for (int change = 0; daemon_now_ms() < until_ms; change++) {
        char words[64];
        snprintf(words, sizeof(words), "set-meta n=%d", change);
        json_decref(daemon_ask(&others[0], words));
        for (int index = 0; index < 2; index++) {
            cr_assert_str_eq(daemon_status_of(&others[index], who), "ALIVE");
        }
        daemon_sleep_ms(50);
    }
}

/* That it was seen to join shows that the daemon's memory of events goes back that far. */
static bool never_suspected(const struct daemon *daemon, const char *who) {
    return daemon_events_count(daemon, "member-joined", who) == 1 &&
           daemon_events_count(daemon, "member-suspected", who) == 0;
}

Test(stall, a_held_gossip_thread_leaves_the_probes_answered, .timeout = 300) {
    char directory[128];
    struct daemon daemons[THREE];
    const char *three[] = {"--threads", "3", "--preset", "lan", NULL};
    daemons_begin(directory);
    cr_assert(daemons_cluster(daemons, THREE, directory, three));
    pid_t thread = thread_named(daemons[2].pid, "henge-gossip\n");
    cr_assert_gt(thread, 0);
    cr_assert_eq(ptrace(PTRACE_SEIZE, thread, NULL, NULL), 0);
    cr_assert_eq(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
    int status;
    cr_assert_eq(waitpid(thread, &status, __WALL), thread);
    uint64_t acks = daemon_info(&daemons[2], "acks_sent");
    watch(daemons, "n3");
    cr_assert_gt(daemon_info(&daemons[2], "acks_sent"), acks, "probes were answered");
    cr_assert_eq(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
    cr_assert(never_suspected(&daemons[0], "n3"));
    cr_assert(never_suspected(&daemons[1], "n3"));
    cr_assert_eq(daemon_info(&daemons[2], "accusations"), 0);
    cr_assert(daemons_wait_agreement(daemons, THREE));
    for (int index = 0; index < THREE; index++) {
        cr_assert(daemon_wait_info(&daemons[index], "members_alive", THREE));
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

static struct henge_node *embed(const char *directory, const struct daemon *seed) {
    struct henge_config config;
    struct henge_node *node = NULL;
    char reason[HENGE_REASON_BYTES], key[256];
    const char *transport = getenv("HENGE_TEST_TRANSPORT");
    henge_config_init(&config, HENGE_PRESET_LAN);
    snprintf(key, sizeof(key), "%s/key", directory);
    cr_assert_eq(henge_config_set(&config, "name", "app", reason, sizeof(reason)), HENGE_OK);
    cr_assert_eq(henge_config_set(&config, "bind", "127.0.0.1:0", reason, sizeof(reason)),
                 HENGE_OK);
    cr_assert_eq(henge_config_set(&config, "key_file", key, reason, sizeof(reason)), HENGE_OK);
    cr_assert_eq(henge_config_set(&config, "join", seed->address, reason, sizeof(reason)),
                 HENGE_OK);
    if (transport) {
        cr_assert_eq(henge_config_set(&config, "transport", transport, reason, sizeof(reason)),
                     HENGE_OK);
    }
    config.live_views_max = 3;
    cr_assert_eq(henge_open(&config, NULL, 30000, &node, reason, sizeof(reason)), HENGE_OK, "%s",
                 reason);
    return node;
}

Test(stall, an_application_that_stands_still_is_never_suspected, .timeout = 300) {
    char directory[128];
    struct daemon daemons[2];
    struct henge_reader *reader;
    struct henge_events *events;
    const struct henge_view *view;
    daemons_begin(directory);
    const char *lan[] = {"--preset", "lan", NULL};
    cr_assert(daemons_cluster(daemons, 2, directory, lan));
    struct henge_node *node = embed(directory, &daemons[0]);
    cr_assert(daemon_wait_status(&daemons[0], "app", "ALIVE"));
    cr_assert(daemon_wait_status(&daemons[1], "app", "ALIVE"));
    cr_assert_eq(henge_events_subscribe(node, HENGE_EVENTS_ALL, 16, &events), HENGE_OK);
    cr_assert_eq(henge_reader_create(node, "still", &reader), HENGE_OK);
    henge_reader_begin(reader, &view);
    watch(daemons, "app");
    henge_reader_end(reader);
    cr_assert(never_suspected(&daemons[0], "app"));
    cr_assert(never_suspected(&daemons[1], "app"));

    json_decref(daemon_ask(&daemons[0], "set-meta n=last"));
    bool is_there = false;
    for (int tries = 0; tries < 3000 && !is_there; tries++) {
        struct henge_member member;
        const char *key;
        const char *value;
        henge_reader_begin(reader, &view);
        is_there = henge_members_find(view, "n1", &member) == HENGE_OK &&
                   henge_member_metadata(&member, 0, &key, &value) == HENGE_OK &&
                   strcmp(value, "last") == 0;
        henge_reader_end(reader);
        daemon_sleep_ms(10);
    }
    cr_assert(is_there, "the newest view comes through once the section has ended");
    struct henge_event event;
    bool is_resynced = false;
    while (henge_events_next(events, &event) == HENGE_OK) {
        is_resynced |= event.type == HENGE_RESYNC;
    }
    cr_assert(is_resynced);
    henge_events_unsubscribe(events);
    henge_reader_destroy(reader);
    henge_close(node, 1000);
    for (int index = 0; index < 2; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}
