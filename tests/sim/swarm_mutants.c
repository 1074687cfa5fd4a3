/* tests/sim/swarm_mutants.c - a failing seed from beginning to end: a deliberate bug is found by
 * the swarm, the run is made smaller, and what is printed is read again and fails the same way.
 *
 * Made of the sources compiled with HENGE_MUTANTS, as tests/sim/mutants.c. Exit code 0: every bug
 * was found within SEEDS seeds, and its smaller run holds. */
#include "core/base/mutant.h"
#include "tools/sim/shrink.h"
#include "tools/sim/swarm.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 60, BUDGET_MS = 20000 };

extern enum mutant mutant_active;
enum mutant mutant_active;

static const struct bug {
    enum mutant mutant;
    const char *name;
} bugs[] = {
    {MUTANT_DEATH_UNTOLD, "DEATH_UNTOLD"},
    {MUTANT_MISSED_PING_KILLS, "MISSED_PING_KILLS"},
    {MUTANT_CRASH_UNSEEN, "CRASH_UNSEEN"},
    {MUTANT_REPAIR_NEVER, "REPAIR_NEVER"},
};

static struct run_options options = {.mask = CHECKERS_ALL};
static struct run_result result, smaller;
static struct scenario scenario;

static void draw(uint64_t seed) {
    struct sim_settings settings;
    sim_settings_init(&settings, 5, seed);
    scenario_init(&scenario, &settings);
    if (!swarm_draw(&scenario, 0)) {
        abort();
    }
}

static bool fails(uint8_t invariant) {
    run_scenario(&scenario, &options, &result);
    for (size_t i = 0; i < result.violations_kept; i++) {
        if (invariant == 0 || result.violations[i].invariant == invariant) {
            return true;
        }
    }
    return false;
}

/* As a user does it: written to a file, read from it. */
static bool read_back(void) {
    char *text = NULL;
    size_t bytes = 0;
    struct sim_settings settings;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) {
        return false;
    }
    scenario_write(&scenario, out);
    fclose(out);
    scenario_deinit(&scenario);
    sim_settings_init(&settings, 5, 1);
    scenario_init(&scenario, &settings);
    bool ok = scenario_read(&scenario, "shrunk", text) && scenario_complete(&scenario);
    if (!ok) {
        printf("  %s\n%s", scenario.reason, text);
    }
    free(text);
    return ok;
}

static bool is_found(const struct bug *bug) {
    uint64_t seed = 1;
    mutant_active = bug->mutant;
    for (draw(seed); !fails(0) && seed < SEEDS; draw(++seed)) {
        scenario_deinit(&scenario);
    }
    if (result.violations_count == 0) {
        printf("%-18s not found within %d seeds\n", bug->name, SEEDS);
        return false;
    }
    uint8_t invariant = result.violations[0].invariant;
    size_t before = scenario.count;
    smaller = result;
    shrink_scenario(&scenario, &options, invariant, BUDGET_MS, &smaller);
    uint64_t hash = smaller.trace_hash;
    bool ok = read_back() && fails(invariant) && result.trace_hash == hash;
    printf("%-18s I%-2u seed %2llu: %zu actions made %zu of %u hosts: %s\n", bug->name, invariant,
           (unsigned long long)seed, before, scenario.count, scenario.settings.hosts,
           ok ? "the same again" : "NOT the same when read again");
    scenario_deinit(&scenario);
    return ok && scenario.count <= before;
}

int main(void) {
    int missed = 0;
    for (size_t i = 0; i < sizeof(bugs) / sizeof(bugs[0]); i++) {
        missed += !is_found(&bugs[i]);
    }
    return missed > 0;
}
