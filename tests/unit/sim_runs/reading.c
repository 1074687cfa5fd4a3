#include "tests/unit/sim_runs/reading.h"
#include <criterion/criterion.h>
#include <stdlib.h>

struct scenario reading;

bool reading_open(const char *text) {
    struct sim_settings settings;
    scenario_deinit(&reading);
    sim_settings_init(&settings, 5, 1);
    scenario_init(&reading, &settings);
    return scenario_read(&reading, "test.sim", text);
}

void reading_whole(const char *text) {
    cr_assert(reading_open(text), "%s", reading.reason);
    cr_assert(scenario_complete(&reading));
}

void reading_close(void) {
    scenario_deinit(&reading);
}

char *reading_written(void) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    cr_assert(out);
    scenario_write(&reading, out);
    cr_assert_eq(fclose(out), 0);
    return text;
}
