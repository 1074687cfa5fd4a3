/* Members that choose where they stand: one after the other, several at once, again after a
 * restart. */
#include "core/runtime/place_file.h"
#include "tests/support/nodes.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VNODES = 100, TOGETHER = 8 };

static struct henge_config choosy(void) {
    struct henge_config config = nodes_config("a", 2);
    config.ring_token_choices = 16;
    config.vnodes = VNODES;
    return config;
}

struct seen {
    enum henge_ring_state ring_state;
    uint32_t choices_bytes;
    uint8_t choices[HENGE_RING_CHOICES_BYTES];
};

static struct seen look(struct henge_node *at, const char *name) {
    struct henge_reader *reader;
    const struct henge_view *view;
    struct henge_member member;
    struct seen seen = {.ring_state = HENGE_RING_JOINING};
    cr_assert_eq(henge_reader_create(at, "look", &reader), HENGE_OK);
    henge_reader_begin(reader, &view);
    if (henge_members_find(view, name, &member) == HENGE_OK) {
        seen.ring_state = member.ring_state;
        seen.choices_bytes = member.choices_bytes;
        memcpy(seen.choices, member.choices, member.choices_bytes);
    }
    henge_reader_end(reader);
    henge_reader_destroy(reader);
    return seen;
}

/* For all of its virtual nodes; at the end may be a few that stay at their first place. */
static bool has_chosen(const struct seen *seen, uint32_t vnodes) {
    return seen->choices_bytes <= vnodes / 2 && seen->choices_bytes >= vnodes / 2 - 10;
}

static struct seen wait_active(struct henge_node *at, const char *name) {
    for (int tries = 0; tries < NODES_WAIT_MS / 10; tries++) {
        const struct seen seen = look(at, name);
        if (seen.ring_state == HENGE_RING_ACTIVE) {
            return seen;
        }
        nodes_sleep_ms(10);
    }
    cr_assert_fail("%s is not ACTIVE", name);
    return (struct seen){0};
}

/* The greatest share of the ring over the mean, once `members` own it. */
static double wait_peak(struct henge_node *at, size_t members) {
    struct henge_reader *reader;
    const struct henge_view *view;
    double peak = 0;
    cr_assert_eq(henge_reader_create(at, "peak", &reader), HENGE_OK);
    for (int tries = 0; peak == 0 && tries < NODES_WAIT_MS / 10; tries++) {
        henge_reader_begin(reader, &view);
        const struct henge_ring *ring = henge_view_ring(view, HENGE_RING_CURRENT);
        for (uint32_t slot = 0; henge_ring_members_count(ring) == members && slot < 64; slot++) {
            const double share = henge_ring_ownership(ring, slot) * (double)members;
            peak = share > peak ? share : peak;
        }
        henge_reader_end(reader);
        nodes_sleep_ms(10);
    }
    henge_reader_destroy(reader);
    return peak;
}

static bool are_equal(const struct seen *one, const struct seen *other) {
    return one->choices_bytes == other->choices_bytes &&
           memcmp(one->choices, other->choices, one->choices_bytes) == 0;
}

Test(place, who_joins_chooses_and_who_forms_does_not, .timeout = 120) {
    struct henge_config config = choosy();
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    cr_assert_eq(look(b, "b").ring_state, HENGE_RING_JOINING, "first it looks around");
    const struct seen seen = wait_active(a, "b");
    cr_assert(has_chosen(&seen, VNODES));
    cr_assert_eq(wait_active(a, "a").choices_bytes, 0);
    struct henge_config plain = config;
    plain.ring_token_choices = 1;
    struct henge_node *c = nodes_start(runtime, &plain, "c", a);
    cr_assert_eq(look(c, "c").ring_state, HENGE_RING_ACTIVE);
    cr_assert_eq(look(c, "c").choices_bytes, 0);
    henge_runtime_destroy(runtime);
}

/* Each has joined before the one before it has chosen. They take turns, or the shares would be as
 * uneven as without choices: 15 % or so. */
Test(place, those_that_come_together_take_turns, .timeout = 120) {
    struct henge_config config = choosy();
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *first = nodes_start(runtime, &config, "first", NULL);
    char name[16];
    for (int i = 0; i < TOGETHER; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        nodes_start(runtime, &config, name, first);
    }
    for (int i = 0; i < TOGETHER; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        const struct seen seen = wait_active(first, name);
        cr_assert(has_chosen(&seen, VNODES), "%s", name);
    }
    cr_assert_lt(wait_peak(first, TOGETHER + 1), 1.03);
    henge_runtime_destroy(runtime);
}

Test(place, is_kept_over_a_restart_with_a_data_dir, .timeout = 120) {
    char directory[] = "/tmp/henge-test-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    struct henge_config config = choosy();
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_config durable = config;
    snprintf(durable.data_dir, sizeof(durable.data_dir), "%s", directory);
    struct henge_node *b = nodes_start(runtime, &durable, "b", a);
    const struct seen before = wait_active(a, "b");
    cr_assert(has_chosen(&before, VNODES));
    henge_node_destroy(b);
    b = nodes_start(runtime, &durable, "b", a);
    const struct seen after = look(b, "b");
    cr_assert_eq(after.ring_state, HENGE_RING_ACTIVE, "it need not choose");
    cr_assert(are_equal(&before, &after));
    henge_node_destroy(b);
    durable.ring_token_choices = 1;
    b = nodes_start(runtime, &durable, "b", a);
    cr_assert_eq(look(b, "b").choices_bytes, 0, "the setting says first places");
    henge_runtime_destroy(runtime);
    static const char *const files[] = {"generation", "peers", "place"};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/b.%s", directory, files[i]);
        unlink(path);
    }
    cr_assert_eq(rmdir(directory), 0);
}

/* Its seed remembers. */
Test(place, is_found_again_without_a_data_dir, .timeout = 120) {
    struct henge_config config = choosy();
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    const struct seen before = wait_active(a, "b");
    struct henge_node *c = nodes_start(runtime, &config, "c", a);
    wait_active(a, "c"); /* in this ring b would choose otherwise */
    henge_node_destroy(b);
    b = nodes_start(runtime, &config, "b", a);
    const struct seen after = wait_active(a, "b");
    cr_assert(are_equal(&before, &after));
    (void)c;
    henge_runtime_destroy(runtime);
}

Test(place, of_a_greater_weight_is_chosen_too, .timeout = 120) {
    struct henge_config config = choosy();
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    const struct seen one = wait_active(b, "b");
    cr_assert_eq(henge_node_set_weight(b, 2), HENGE_OK);
    const struct seen two = look(b, "b");
    cr_assert(has_chosen(&two, 2 * VNODES));
    cr_assert(memcmp(one.choices, two.choices, one.choices_bytes) == 0);
    cr_assert_eq(henge_node_set_weight(b, 1), HENGE_OK);
    cr_assert_eq(henge_node_set_weight(b, 2), HENGE_OK);
    const struct seen again = look(b, "b");
    cr_assert(are_equal(&two, &again), "its old places");
    henge_runtime_destroy(runtime);
}

static void file_put(const char *path, const char *text, size_t bytes) {
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, bytes, file), bytes);
    fclose(file);
}

Test(place_file, survives_and_reports_damage) {
    char directory[] = "/tmp/henge-test-XXXXXX";
    char path[64];
    struct place place;
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/n.place", directory);
    cr_assert_eq(place_file_read(directory, "n", &place), HENGE_OK);
    cr_assert_not(place.is_taken);
    cr_assert_eq(place_file_write(directory, "n", &place), HENGE_OK);
    cr_assert_eq(place_file_read(directory, "n", &place), HENGE_OK);
    cr_assert(place.is_taken && place.choices_bytes == 0);
    struct place full = {.is_taken = true, .choices_bytes = HENGE_RING_CHOICES_BYTES};
    for (size_t i = 0; i < sizeof(full.choices); i++) {
        full.choices[i] = (uint8_t)(255 - i);
    }
    cr_assert_eq(place_file_write(directory, "n", &full), HENGE_OK);
    cr_assert_eq(place_file_read(directory, "n", &place), HENGE_OK);
    cr_assert(place.is_taken && place.choices_bytes == sizeof(full.choices));
    cr_assert(memcmp(place.choices, full.choices, sizeof(full.choices)) == 0);
    static const char *const damaged[] = {"", "0f", "0f1\n", "0x\n", "0f\n\n", "0F\n", "1000\n"};
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        file_put(path, damaged[i], strlen(damaged[i]));
        cr_assert_eq(place_file_read(directory, "n", &place), HENGE_CORRUPT, "%s", damaged[i]);
        cr_assert_not(place.is_taken);
    }
    char large[2 * HENGE_RING_CHOICES_BYTES + 3];
    memset(large, '1', sizeof(large));
    large[sizeof(large) - 1] = '\n';
    file_put(path, large, sizeof(large));
    cr_assert_eq(place_file_read(directory, "n", &place), HENGE_CORRUPT, "one too many");
    file_put(path, "0\0\n", 3);
    cr_assert_eq(place_file_read(directory, "n", &place), HENGE_CORRUPT);
    unlink(path);
    rmdir(directory);
    cr_assert_eq(place_file_write(directory, "n", &full), HENGE_SYSTEM);
}
