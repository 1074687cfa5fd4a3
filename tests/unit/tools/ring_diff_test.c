/* ring_diff_test.c - two rings in files: what moves from one to the other, and files that are none.
 */
#include "tools/json_tools.h"
#include "tools/ring_diff.h"

#include <criterion/criterion.h>
#include <henge/ring.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMBERS = 9, OWNERS = 3 };

static char directory[] = "/tmp/henge-ring-diff-XXXXXX";
static char paths[2][64];

static void begin(void) {
    cr_assert_not_null(mkdtemp(directory));
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/%d.ring", directory, i);
    }
}

static void end(void) {
    (void)unlink(paths[0]);
    (void)unlink(paths[1]);
    (void)rmdir(directory);
}

TestSuite(ring_diff, .init = begin, .fini = end, .timeout = 60);

static void file_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

/* The first `count` members in three zones, as they are saved; to be destroyed. */
static struct henge_ring *ring_kept(const char *path, size_t count) {
    static const char *const names[MEMBERS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    static const char *const zones[] = {"x", "y", "z"};
    struct henge_ring_member members[MEMBERS];
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct henge_ring_member){.size_bytes = sizeof(members[i]),
                                                .name = names[i],
                                                .zone = zones[i % 3],
                                                .vnodes = 1500, /* files of many blocks */
                                                .weight = 1,
                                                .ring_state = HENGE_RING_ACTIVE};
    }
    struct henge_ring *ring = NULL;
    cr_assert_eq(henge_ring_build(NULL, members, count, &ring), HENGE_OK);
    const size_t size = henge_ring_saved_bytes(ring);
    char *bytes = malloc(size);
    cr_assert_eq(henge_ring_save(ring, NULL, bytes, size), HENGE_OK);
    file_write(path, bytes, size);
    free(bytes);
    return ring;
}

static void hex(const json_t *object, const char *key, uint64_t *value_out) {
    const char *text = json_text(object, key, "");
    cr_assert_eq(sscanf(text, "%16" SCNx64, value_out), 1, "%s", text);
}

/* As many as `bits` has, and each is the next one of the ring's whose bit is set. */
static void check_names(const json_t *range, const char *key, const struct henge_ring *ring,
                        const uint16_t *slots, uint32_t count, uint32_t bits) {
    const json_t *names = json_object_get(range, key);
    size_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        if ((bits & 1u << i) != 0) {
            cr_assert_str_eq(json_string_value(json_array_get(names, found++)),
                             henge_ring_name(ring, slots[i]));
        }
    }
    cr_assert_eq(json_array_size(names), found);
}

static void check_side(const json_t *document, const char *key, const char *path,
                       const struct henge_ring *ring) {
    const json_t *side = json_object_get(document, key);
    uint64_t fingerprint;
    hex(side, "ring_fingerprint", &fingerprint);
    cr_assert_eq(fingerprint, henge_ring_fingerprint(ring));
    cr_assert_str_eq(json_text(side, "file", ""), path);
    cr_assert_eq((size_t)json_number(side, "points", 0), henge_ring_points_count(ring));
    cr_assert_eq((size_t)json_number(side, "members_count", 0), henge_ring_members_count(ring));
}

Test(ring_diff, of_two_files_is_that_of_the_rings_that_were_saved) {
    struct henge_ring *from = ring_kept(paths[0], MEMBERS - 1);
    struct henge_ring *to = ring_kept(paths[1], MEMBERS);
    struct ring_diff_reason reason = {""};
    json_t *document = ring_diff_json(paths[0], paths[1], OWNERS, &reason);
    cr_assert_not_null(document, "%s", reason.text);
    check_side(document, "from", paths[0], from);
    check_side(document, "to", paths[1], to);

    struct henge_ring_diff_sum sum;
    struct henge_ring_diff_sum primaries;
    struct henge_ring_diff_cursor cursor;
    struct henge_ring_move move;
    cr_assert_eq(henge_ring_diff(from, to, 1, NULL, 0, &primaries), HENGE_OK);
    cr_assert_eq(henge_ring_diff(from, to, OWNERS, NULL, 0, &sum), HENGE_OK);
    cr_assert_gt(sum.moves, 1000);
    cr_assert_eq(json_number(document, "count", 0), OWNERS);
    cr_assert_eq((uint64_t)json_number(document, "moves", 0), sum.moves);
    cr_assert_float_eq(json_fraction(document, "moved", 0), primaries.share, 1e-12);
    cr_assert_float_eq(json_fraction(document, "lists_moved", 0), sum.share, 1e-12);
    cr_assert_float_eq(json_fraction(document, "copies", 0), sum.copies, 1e-12);

    const json_t *ranges = json_object_get(document, "ranges");
    cr_assert_eq(json_array_size(ranges), sum.moves);
    cr_assert_eq(henge_ring_diff_begin(from, to, OWNERS, &cursor), HENGE_OK);
    for (size_t i = 0; henge_ring_diff_next(&cursor, &move) == HENGE_OK; i++) {
        const json_t *range = json_array_get(ranges, i);
        uint64_t after;
        uint64_t until;
        hex(range, "after", &after);
        hex(range, "until", &until);
        cr_assert(after == move.after && until == move.until);
        check_names(range, "old", from, move.old_slots, move.old_count, UINT32_MAX);
        check_names(range, "new", to, move.new_slots, move.new_count, UINT32_MAX);
        check_names(range, "lost", from, move.old_slots, move.old_count, move.lost);
        check_names(range, "gained", to, move.new_slots, move.new_count, move.gained);
    }
    json_decref(document);
    henge_ring_destroy(from);
    henge_ring_destroy(to);
}

Test(ring_diff, of_one_ring_is_nothing) {
    henge_ring_destroy(ring_kept(paths[0], MEMBERS));
    struct ring_diff_reason reason = {""};
    json_t *document = ring_diff_json(paths[0], paths[0], 1, &reason);
    cr_assert_not_null(document, "%s", reason.text);
    cr_assert_eq(json_number(document, "moves", -1), 0);
    cr_assert_eq(json_array_size(json_object_get(document, "ranges")), 0);
    json_decref(document);
}

static void check_refused(const char *from, const char *to, const char *named, const char *why) {
    struct ring_diff_reason reason = {""};
    cr_assert_null(ring_diff_json(from, to, OWNERS, &reason));
    cr_assert(strstr(reason.text, named) && strstr(reason.text, why), "%s", reason.text);
}

Test(ring_diff, names_the_file_that_is_no_ring) {
    henge_ring_destroy(ring_kept(paths[0], MEMBERS));
    check_refused(paths[1], paths[0], paths[1], "No such file");
    check_refused(paths[0], paths[1], paths[1], "No such file");
    check_refused(paths[0], directory, directory, "cannot be read");
    file_write(paths[1], "", 0);
    check_refused(paths[0], paths[1], paths[1], "not a saved ring");
    file_write(paths[1], "HRNG and what else", 18);
    check_refused(paths[1], paths[0], paths[1], "not a saved ring");
    struct ring_diff_reason reason = {""};
    cr_assert_null(ring_diff_json(paths[0], paths[0], HENGE_ROUTE_OWNERS_MAX + 1, &reason));
    cr_assert_not_null(strstr(reason.text, "1 to 8"));
}
