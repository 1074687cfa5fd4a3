/* tests/sim/checkers/i11_strangers.c - I11: nothing enters the table from a packet that is not
 * authentic or bears another cluster's label.
 *
 * Sealing is io's, which the simulator does without; that real daemons with other keys, other
 * labels or none never mix is shown by tests/integration/test_isolation.c, and every damaged packet
 * by tests/unit/io. Here: only hosts of this run, at addresses where they live or lived, are ever
 * in a table, whatever an intruder of another cluster (other ring parameters) says; see
 * tests/sim/intruder.h. */
#include "tests/sim/checkers/checker.h"

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    (void)state;
    if (sight->subject == SIM_NOBODY && sight->change->is_new)
        watch_report(watch, 11, sight->host, SIM_NOBODY,
                     "a stranger is in the table: no host of this cluster bears the name");
}

const struct checker checker_strangers = {.number = 11, .on_change = on_change};
