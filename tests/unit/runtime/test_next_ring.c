/* The next ring of a live cluster: a member that joins and one that drains, seen by a third. */
#include "tests/support/nodes.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct seen {
    uint64_t current;
    uint64_t next;
    bool are_one;
    size_t owners; /* in the current ring */
};

static struct seen look(struct henge_reader *reader) {
    const struct henge_view *view;
    henge_reader_begin(reader, &view);
    const struct henge_ring *current = henge_view_ring(view, HENGE_RING_CURRENT);
    const struct henge_ring *next = henge_view_ring(view, HENGE_RING_NEXT);
    const struct seen seen = {.current = henge_ring_fingerprint(current),
                              .next = henge_ring_fingerprint(next),
                              .are_one = current == next,
                              .owners = henge_ring_members_count(current)};
    henge_reader_end(reader);
    return seen;
}

/* Until so many own keys, and the rings are two or one. */
static struct seen wait_for(struct henge_reader *reader, size_t owners, bool are_one) {
    for (int tries = 0; tries < NODES_WAIT_MS / 10; tries++) {
        const struct seen seen = look(reader);
        if (seen.owners == owners && seen.are_one == are_one) {
            return seen;
        }
        nodes_sleep_ms(10);
    }
    cr_assert_fail("no ring of %zu owners", owners);
    return (struct seen){0};
}

static uint32_t slot_of(const struct henge_view *view, const char *name) {
    struct henge_member member;
    cr_assert_eq(henge_members_find(view, name, &member), HENGE_OK);
    return member.slot;
}

/* Of 1000 keys with one owner each: how many are `name`'s to be. Each of them says so. */
static size_t count_pending(struct henge_reader *reader, const char *name) {
    const struct henge_view *view;
    size_t found = 0;
    henge_reader_begin(reader, &view);
    const struct henge_ring *next = henge_view_ring(view, HENGE_RING_NEXT);
    const uint32_t slot = slot_of(view, name);
    for (uint64_t key = 0; key < 1000; key++) {
        const uint64_t hash = henge_ring_hash(&key, sizeof(key));
        struct henge_route route;
        cr_assert_eq(henge_view_route(view, hash, 1, &route), HENGE_OK);
        const bool is_pending = route.pending_count == 1 && route.pending[0].slot == slot;
        cr_assert_eq(is_pending,
                     henge_ring_is_mine(next, hash, slot) && route.owners[0].slot != slot);
        if (is_pending) {
            cr_assert_eq(route.pending[0].replaces, route.owners[0].slot);
            cr_assert(route.owners[0].flags & HENGE_OWNER_LEAVING);
            cr_assert(route.pending[0].flags & HENGE_OWNER_UP);
            found++;
        }
    }
    henge_reader_end(reader);
    return found;
}

/* c joins the store; both keep to their roles. */
Test(next_ring, of_a_role_has_its_members_alone, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    char reason[HENGE_REASON_BYTES];
    cr_assert_eq(henge_config_set(&config, "ring.roles", "store,cache", reason, sizeof(reason)),
                 HENGE_OK, "%s", reason);
    snprintf(config.role, sizeof(config.role), "store");
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    snprintf(config.role, sizeof(config.role), "cache");
    (void)nodes_start(runtime, &config, "b", a);
    snprintf(config.role, sizeof(config.role), "store");
    struct henge_node *c = nodes_start(runtime, &config, "c", a);
    struct henge_reader *reader;
    const struct henge_view *view;
    cr_assert_eq(henge_reader_create(a, "test", &reader), HENGE_OK);
    wait_for(reader, 3, true);
    cr_assert_eq(henge_node_set_ring_state(c, HENGE_RING_JOINING), HENGE_OK);
    wait_for(reader, 2, false);

    henge_reader_begin(reader, &view);
    const struct henge_ring *store = henge_view_ring_of_role(view, "store", HENGE_RING_CURRENT);
    const struct henge_ring *next = henge_view_ring_of_role(view, "store", HENGE_RING_NEXT);
    const struct henge_ring *cache = henge_view_ring_of_role(view, "cache", HENGE_RING_CURRENT);
    cr_assert_eq(henge_ring_members_count(store), 1);
    cr_assert_eq(henge_ring_members_count(next), 2);
    cr_assert_eq(henge_ring_members_count(cache), 1);
    cr_assert_eq(cache, henge_view_ring_of_role(view, "cache", HENGE_RING_NEXT));
    cr_assert_null(henge_view_ring_of_role(view, "other", HENGE_RING_CURRENT));
    struct henge_route route;
    uint32_t pending = 0;
    for (uint64_t hash = 0; hash < 1000; hash++) {
        const uint64_t spread = hash << 54;
        cr_assert_eq(henge_view_route_of_role(view, "store", spread, 1, &route), HENGE_OK);
        cr_assert_eq(route.owners[0].slot, slot_of(view, "a"));
        pending += route.pending_count;
        cr_assert_eq(henge_view_route_of_role(view, "cache", spread, 1, &route), HENGE_OK);
        cr_assert_eq(route.owners[0].slot, slot_of(view, "b"));
        cr_assert_eq(route.pending_count, 0);
    }
    cr_assert(pending > 200 && pending < 800, "%u of 1000 are to be c's", pending);
    cr_assert_eq(henge_view_route_of_role(view, "other", 1, 1, &route), HENGE_NOT_FOUND);
    henge_reader_end(reader);
    henge_reader_destroy(reader);
    henge_runtime_destroy(runtime);
}

Test(next_ring, shows_who_joins_and_who_drains_before_keys_move, .timeout = 120) {
    struct henge_config config = nodes_config("a", 3);
    struct henge_runtime *runtime = nodes_runtime(&config);
    struct henge_node *a = nodes_start(runtime, &config, "a", NULL);
    struct henge_node *b = nodes_start(runtime, &config, "b", a);
    struct henge_reader *reader;
    cr_assert_eq(henge_reader_create(a, "test", &reader), HENGE_OK);
    const struct seen two = wait_for(reader, 2, true);
    cr_assert_eq(count_pending(reader, "b"), 0);

    cr_assert_eq(henge_node_set_ring_state(b, HENGE_RING_JOINING), HENGE_OK);
    const struct seen joining = wait_for(reader, 1, false);
    cr_assert_eq(joining.next, two.current, "what will be is what was");
    cr_assert_gt(count_pending(reader, "b"), 300);

    cr_assert_eq(henge_node_set_ring_state(b, HENGE_RING_ACTIVE), HENGE_OK);
    cr_assert_eq(wait_for(reader, 2, true).current, joining.next);
    cr_assert_eq(count_pending(reader, "b"), 0);

    cr_assert_eq(henge_node_set_ring_state(b, HENGE_RING_DRAINING), HENGE_OK);
    const struct seen draining = wait_for(reader, 2, false);
    cr_assert_eq(draining.next, joining.current);
    cr_assert_gt(count_pending(reader, "a"), 300);

    cr_assert_eq(henge_node_leave(b, 5000), HENGE_OK);
    cr_assert_eq(wait_for(reader, 1, true).current, draining.next);
    henge_reader_destroy(reader);
    henge_runtime_destroy(runtime);
}
