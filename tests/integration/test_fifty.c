/* Fifty daemons join through one seed at once. */
#include "tests/support/daemons.h"
#include <criterion/criterion.h>
#include <signal.h>

enum { FIFTY = 50 };

Test(fifty, all_see_all_and_one_ring, .timeout = 600) {
    static struct daemon daemons[FIFTY];
    char directory[128];
    daemons_begin(directory);
    bool is_good = daemons_cluster(daemons, FIFTY, directory, NULL);
    for (int index = 0; index < FIFTY; index++) {
        daemon_stop(&daemons[index], SIGKILL);
    }
    daemons_end(directory);
    cr_assert(is_good);
}
