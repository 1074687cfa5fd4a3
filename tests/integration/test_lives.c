/* Lives and names on real daemons: what a restart remembers. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREE = 3, TRIES_MAX = 3000 };

static char directory[128];
static char output[1 << 16];
static struct daemon daemons[THREE];

static void begin(void) {
    daemons_begin(directory);
    setenv("D", directory, 1);
}

static void end(void) {
    for (int index = 0; index < THREE; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}

TestSuite(lives, .init = begin, .timeout = 120);

static bool wait_line(const char *line, const char *wanted) {
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        daemon_run(line, output, sizeof(output));
        if (strcmp(output, wanted) == 0) {
            return true;
        }
        daemon_sleep_ms(20);
    }
    fprintf(stderr, "%s: %s\n", line, output);
    return false;
}

static bool start_again(int index) {
    char address[64];
    char name[64];
    snprintf(address, sizeof(address), "%.63s", daemons[index].address);
    snprintf(name, sizeof(name), "%.63s", daemons[index].name);
    const char *flags[] = {"--bind", address, "--data-dir", directory, NULL};
    return daemon_start(&daemons[index], directory, name, flags);
}

Test(lives, a_cluster_that_restarts_without_seeds_finds_itself) {
    const char *flags[] = {"--data-dir", directory, NULL};
    cr_assert(daemons_cluster(daemons, THREE, directory, flags));
    for (int index = 0; index < THREE; index++) {
        char line[256];
        snprintf(line, sizeof(line), "grep -sc : $D/%.63s.peers", daemons[index].name);
        cr_assert(wait_line(line, "2\n"), "two addresses, beside the generation");
    }
    for (int index = 0; index < THREE; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    cr_assert_eq(daemon_run("echo damaged >> $D/n3.peers", NULL, 0), 0);
    for (int index = 0; index < THREE; index++) {
        cr_assert(start_again(index));
    }
    for (int index = 0; index < THREE; index++) {
        cr_assert(daemon_wait_info(&daemons[index], "members_alive", THREE));
    }
    cr_assert(daemons_wait_agreement(daemons, THREE));
    cr_assert_eq(daemon_run("grep -c 'n3.peers.*not used' $D/n3.log", NULL, 0), 0,
                 "a damaged file is reported");
    cr_assert(wait_line("grep -sc : $D/n3.peers", "2\n"), "and replaced");
    end();
}

static int act(const struct daemon *daemon, const char *words) {
    char line[512];
    snprintf(line, sizeof(line), "timeout 60 $HENGE_BIN/henge -s $D/%.63s.sock %s 2>&1",
             daemon->name, words);
    return daemon_run(line, output, sizeof(output));
}

Test(lives, an_evicted_one_is_silent_until_it_is_told_to_join) {
    char words[128];
    cr_assert(daemons_cluster(daemons, THREE, directory, NULL));
    uint64_t generation = daemon_number_of(&daemons[0], "n3", "generation");
    cr_assert_eq(act(&daemons[0], "evict n1"), 1, "not oneself: %s", output);
    cr_assert_eq(act(&daemons[0], "evict n4"), 1, "nobody: %s", output);
    cr_assert_eq(act(&daemons[0], "evict n3"), 0, "%s", output);
    cr_assert(strstr(output, "n1 has evicted n3"), "%s", output);
    for (int index = 0; index < 2; index++) {
        cr_assert(daemon_wait_status(&daemons[index], "n3", "LEFT"));
    }
    daemon_sleep_ms(2000); /* ten periods of probes and gossip */
    for (int index = 0; index < 2; index++) {
        cr_assert_str_eq(daemon_status_of(&daemons[index], "n3"), "LEFT", "it stays out");
        cr_assert_eq(daemon_events_count(&daemons[index], "member-evicted", "n3"), 1);
        cr_assert_eq(daemon_events_count(&daemons[index], "member-suspected", "n3"), 0);
    }
    cr_assert_eq(act(&daemons[0], "evict n3"), 1, "it has gone: %s", output);
    snprintf(words, sizeof(words), "join %.63s", daemons[0].address);
    cr_assert_eq(act(&daemons[2], words), 0, "%s", output);
    for (int index = 0; index < 2; index++) {
        cr_assert(daemon_wait_status(&daemons[index], "n3", "ALIVE"));
        cr_assert_gt(daemon_number_of(&daemons[index], "n3", "generation"), generation);
    }
    cr_assert(daemons_wait_agreement(daemons, THREE));
    end();
}
