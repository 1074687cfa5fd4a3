/* Lives and names on real daemons: what a restart remembers. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREE = 3, FOUR = 4, TRIES_MAX = 3000 };

static char directory[128];
static char output[1 << 16];
static struct daemon daemons[FOUR];

static void begin(void) {
    daemons_begin(directory);
    setenv("D", directory, 1);
}

static void end(void) {
    for (int index = 0; index < FOUR; index++) {
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

/* Until one of the two has ended; its index. */
static int wait_end(int first, int second, int *code_out) {
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        for (int index = first; index <= second; index += second - first) {
            int status;
            if (waitpid(daemons[index].pid, &status, WNOHANG) == daemons[index].pid) {
                daemons[index].pid = 0;
                *code_out = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
                return index;
            }
        }
        daemon_sleep_ms(20);
    }
    return -1;
}

Test(lives, of_two_processes_with_one_name_exactly_one_goes_on) {
    char twin_directory[160];
    int code = 0;
    cr_assert(daemon_start(&daemons[0], directory, "a", NULL));
    const char *flags[] = {"--join", daemons[0].address, NULL};
    cr_assert(daemon_start(&daemons[1], directory, "twin", flags));
    cr_assert(daemon_wait_info(&daemons[0], "members_alive", 2));
    /* Its socket and log are elsewhere, under the same name. */
    snprintf(twin_directory, sizeof(twin_directory), "%s/twin.d", directory);
    char line[512];
    snprintf(line, sizeof(line), "mkdir %s && cp $D/key %s/key", twin_directory, twin_directory);
    cr_assert_eq(daemon_run(line, NULL, 0), 0);
    daemon_spawn(&daemons[2], twin_directory, "twin", flags, NULL);
    int ended = wait_end(1, 2, &code);
    cr_assert_neq(ended, -1, "both live on");
    cr_assert_eq(code, 1);
    snprintf(line, sizeof(line), "grep -q 'name conflict' %s/twin.log",
             ended == 1 ? directory : twin_directory);
    cr_assert_eq(daemon_run(line, NULL, 0), 0, "it says why");
    const struct daemon *winner = &daemons[ended == 1 ? 2 : 1];
    daemon_sleep_ms(3000); /* longer than a suspicion takes */
    cr_assert_eq(waitpid(winner->pid, NULL, WNOHANG), 0, "the other goes on");
    cr_assert_str_eq(daemon_status_of(&daemons[0], "twin"), "ALIVE");
    cr_assert_str_eq(daemon_text_of(&daemons[0], "twin", "address"),
                     daemon_info_text(winner, "address"));
    cr_assert(daemon_wait_info(&daemons[0], "members_alive", 2));
    end();
}

Test(lives, each_profile_finds_a_crash) {
    static const char *const profiles[] = {"lifeguard", "classic"};
    for (int index = 0; index < 2; index++) {
        const char *flags[] = {"--profile", profiles[index], NULL};
        cr_assert(daemons_cluster(daemons, THREE, directory, flags));
        cr_assert_str_eq(daemon_info_text(&daemons[1], "profile"), profiles[index]);
        daemon_stop(&daemons[2], SIGKILL);
        cr_assert(daemon_wait_status(&daemons[0], "n3", "DEAD"));
        cr_assert(daemon_wait_status(&daemons[1], "n3", "DEAD"));
        cr_assert(daemons_wait_agreement(daemons, THREE));
        cr_assert_eq(daemon_stop(&daemons[1], SIGTERM), 0);
        cr_assert(daemon_wait_status(&daemons[0], "n2", "LEFT"));
        daemon_stop(&daemons[0], SIGKILL);
    }
    end();
}

Test(lives, two_of_four_that_were_stopped_accuse_nobody_and_come_back) {
    cr_assert(daemons_cluster(daemons, FOUR, directory, NULL));
    for (int index = 1; index < 3; index++) {
        kill(daemons[index].pid, SIGSTOP);
    }
    cr_assert(daemon_wait_status(&daemons[0], "n2", "DEAD"));
    cr_assert(daemon_wait_status(&daemons[3], "n3", "DEAD"));
    for (int index = 1; index < 3; index++) {
        kill(daemons[index].pid, SIGCONT);
    }
    for (int index = 0; index < FOUR; index++) {
        cr_assert(daemon_wait_info(&daemons[index], "members_alive", FOUR));
    }
    for (int index = 1; index < 3; index++) {
        cr_assert_eq(daemon_info(&daemons[index], "accusations"), 0);
        cr_assert_eq(daemon_info(&daemons[index], "verdicts"), 0);
        cr_assert_geq(daemon_info(&daemons[index], "pauses"), 1);
        cr_assert(daemon_wait_text(&daemons[0], daemons[index].name, "ring_state", "active"),
                  "held back for a while, then in the ring again");
    }
    cr_assert(daemons_wait_agreement(daemons, FOUR));
    end();
}

/* False where the kernel's filter is not ours to command. */
static bool datagrams_cut(const struct daemon *daemon) {
    char line[512];
    snprintf(line, sizeof(line),
             "t=henge_test_%d; p=%s; nft add table inet $t 2>/dev/null && "
             "nft \"add chain inet $t c { type filter hook input priority 0; }\" && "
             "nft add rule inet $t c udp dport $p drop && nft add rule inet $t c udp sport $p drop",
             (int)getpid(), strrchr(daemon->address, ':') + 1);
    return daemon_run(line, NULL, 0) == 0;
}

static void datagrams_restore(void) {
    char line[128];
    snprintf(line, sizeof(line), "nft delete table inet henge_test_%d 2>/dev/null", (int)getpid());
    daemon_run(line, NULL, 0);
}

Test(lives, where_datagrams_are_lost_and_streams_pass_nobody_is_dead, .fini = datagrams_restore) {
    cr_assert(daemons_cluster(daemons, THREE, directory, NULL));
    if (!datagrams_cut(&daemons[2])) {
        end();
        cr_skip_test("no nft here, or no right to use it");
    }
    for (int tries = 0; tries < TRIES_MAX && daemon_info(&daemons[0], "probes_streamed") < 10;
         tries++) {
        daemon_sleep_ms(20);
    }
    cr_assert_geq(daemon_info(&daemons[0], "probes_streamed"), 10);
    cr_assert_gt(daemon_info(&daemons[2], "probes_streamed"), 0);
    for (int index = 0; index < THREE; index++) {
        cr_assert(daemon_wait_info(&daemons[index], "members_alive", THREE));
        cr_assert_eq(daemon_info(&daemons[index], "verdicts"), 0);
    }
    end();
}
