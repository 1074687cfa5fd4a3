/* A daemon that is stopped for a while accuses nobody when it goes on, and is ALIVE again
 * everywhere. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>

enum { FIVE = 5, STOPPED_MS = 20000 };

Test(pause, a_stopped_daemon_accuses_nobody_and_comes_back, .timeout = 300) {
    char directory[128];
    struct daemon daemons[FIVE];
    daemons_begin(directory);
    cr_assert(daemons_cluster(daemons, FIVE, directory, NULL));
    struct daemon *stopped = &daemons[3];
    uint64_t accusations = daemon_info(stopped, "accusations");
    kill(stopped->pid, SIGSTOP);
    daemon_sleep_ms(STOPPED_MS);
    for (int index = 0; index < FIVE; index++) {
        if (index != 3) {
            cr_assert(daemon_wait_status(&daemons[index], "n4", "DEAD"));
        }
    }
    kill(stopped->pid, SIGCONT);
    for (int index = 0; index < FIVE; index++) {
        cr_assert(daemon_wait_status(&daemons[index], "n4", "ALIVE"));
    }
    daemon_sleep_ms(3000); /* what it might have begun would be through by now */
    cr_assert_eq(daemon_info(stopped, "accusations"), accusations);
    cr_assert_geq(daemon_info(stopped, "pauses"), 1);
    for (int index = 0; index < FIVE; index++) {
        cr_assert(daemon_wait_info(&daemons[index], "members_alive", FIVE));
    }
    cr_assert(daemons_wait_agreement(daemons, FIVE));
    for (int index = 0; index < FIVE; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
}
