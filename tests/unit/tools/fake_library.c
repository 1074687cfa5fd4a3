/* fake_library.c - see fake_library.h. */
#include "tests/unit/tools/fake_library.h"
#include "tools/ring_diff.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct fake_library fake;

static void hold(void) {
    unsigned ms = atomic_load(&fake.hold_ms);
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

const char *henge_status_text(enum henge_status status) {
    static const char *const texts[] = {"ok",   "invalid", "no memory", "busy",
                                        "full", "empty",   "timeout"};
    return (size_t)status < sizeof(texts) / sizeof(texts[0]) ? texts[status] : "other";
}

enum henge_status henge_config_get(const struct henge_config *config, const char *key,
                                   char *value_out, size_t value_bytes) {
    (void)config;
    snprintf(value_out, value_bytes, "%s of the fake", key);
    return HENGE_OK;
}

const char *henge_version_text(void) {
    return "0.0.0";
}

const char *henge_address_format(const struct henge_address *address,
                                 char text_out[HENGE_ADDRESS_TEXT_BYTES]) {
    snprintf(text_out, HENGE_ADDRESS_TEXT_BYTES, "127.0.0.1:%u", address->port);
    return text_out;
}

const char *henge_member_status_text(enum henge_member_status status) {
    static const char *const texts[] = {"ALIVE", "SUSPECT", "DEAD", "LEFT"};
    return texts[status];
}

const char *henge_ring_state_text(enum henge_ring_state state) {
    return state == HENGE_RING_ACTIVE ? "active" : "other";
}

const char *henge_event_type_text(enum henge_event_type type) {
    return type == HENGE_TOPOLOGY_CHANGED ? "topology-changed"
           : type == HENGE_RESYNC         ? "resync"
           : type == HENGE_PARTITIONED    ? "partitioned"
           : type == HENGE_NAME_CONFLICT  ? "name-conflict"
                                          : "member-joined";
}

enum henge_status henge_members_at(const struct henge_view *view, size_t index,
                                   struct henge_member *member_out) {
    (void)view;
    if (index >= fake.members_count) {
        return HENGE_NOT_FOUND;
    }
    *member_out = fake.members[index];
    return HENGE_OK;
}

enum henge_status henge_members_by_slot(const struct henge_view *view, uint32_t slot,
                                        struct henge_member *member_out) {
    (void)view;
    for (size_t i = 0; i < fake.members_count; i++) {
        if (fake.members[i].slot == slot) {
            *member_out = fake.members[i];
            return HENGE_OK;
        }
    }
    return HENGE_NOT_FOUND;
}

enum henge_status henge_member_metadata(const struct henge_member *member, uint32_t index,
                                        const char **key_out, const char **value_out) {
    if (index >= member->metadata_count) {
        return HENGE_NOT_FOUND;
    }
    *key_out = fake.metadata_key;
    *value_out = fake.metadata_value;
    return HENGE_OK;
}

const struct henge_ring *henge_view_ring(const struct henge_view *view,
                                         enum henge_ring_which which) {
    (void)which;
    return (const struct henge_ring *)(const void *)view;
}

uint64_t henge_view_number(const struct henge_view *view) {
    (void)view;
    return 12;
}

uint64_t henge_view_fingerprint(const struct henge_view *view) {
    (void)view;
    return 0xfedcba9876543210u;
}

uint32_t henge_view_self(const struct henge_view *view) {
    (void)view;
    return fake.members[0].slot;
}

uint64_t henge_ring_version(const struct henge_ring *ring) {
    (void)ring;
    return 7;
}

uint64_t henge_ring_fingerprint(const struct henge_ring *ring) {
    (void)ring;
    return 0x00000000000000abu;
}

size_t henge_ring_members_count(const struct henge_ring *ring) {
    (void)ring;
    return fake.members_count;
}

size_t henge_ring_points_count(const struct henge_ring *ring) {
    (void)ring;
    return fake.points_count != 0 ? fake.points_count : fake.ranges_count;
}

enum henge_status henge_ring_range_at(const struct henge_ring *ring, size_t index,
                                      struct henge_ring_range *range_out) {
    (void)ring;
    if (index >= fake.ranges_count) {
        return HENGE_NOT_FOUND;
    }
    *range_out = fake.ranges[index];
    return HENGE_OK;
}

const char *henge_node_name(const struct henge_node *node) {
    (void)node;
    return "n1";
}

struct henge_address henge_node_address(const struct henge_node *node) {
    (void)node;
    return (struct henge_address){.port = 7946, .family = 4};
}

struct henge_runtime *henge_node_runtime(const struct henge_node *node) {
    (void)node;
    return NULL;
}

const char *henge_runtime_transport(const struct henge_runtime *runtime) {
    (void)runtime;
    return "epoll";
}

const char *henge_runtime_transport_reason(const struct henge_runtime *runtime) {
    (void)runtime;
    return "asked for";
}

enum henge_status henge_stats_get(const struct henge_node *node, struct henge_stats *stats_out) {
    (void)node;
    stats_out->generation = 5;
    stats_out->version = 3;
    stats_out->members_alive = 2;
    stats_out->is_joined = atomic_load(&fake.is_joined);
    return HENGE_OK;
}

enum henge_status henge_node_join(struct henge_node *node, const char *const *seeds, size_t count,
                                  unsigned timeout_ms) {
    (void)node, (void)seeds, (void)timeout_ms;
    hold();
    atomic_fetch_add(count > 0 ? &fake.seeded_joins : &fake.joins, 1);
    return (enum henge_status)atomic_load(&fake.join_status);
}

enum henge_status henge_node_leave(struct henge_node *node, unsigned timeout_ms) {
    (void)node, (void)timeout_ms;
    hold();
    atomic_fetch_add(&fake.leaves, 1);
    return (enum henge_status)atomic_load(&fake.leave_status);
}

enum henge_status henge_node_set_metadata(struct henge_node *node, const char *key,
                                          const char *value) {
    (void)node, (void)key;
    atomic_fetch_add(&fake.sets, 1);
    atomic_fetch_add(&fake.removed, value == NULL);
    return (enum henge_status)atomic_load(&fake.set_status);
}

enum henge_status henge_node_maintain(struct henge_node *node) {
    (void)node;
    atomic_fetch_add(&fake.upkeeps, 1);
    return (enum henge_status)atomic_load(&fake.set_status);
}

enum henge_status henge_node_evict(struct henge_node *node, const char *name) {
    (void)node;
    atomic_fetch_add(&fake.evictions, strcmp(name, "n2") == 0);
    return (enum henge_status)atomic_load(&fake.set_status);
}

enum henge_status henge_node_set_ring_state(struct henge_node *node, enum henge_ring_state state) {
    (void)node;
    atomic_store(&fake.ring_state, (unsigned)state);
    return (enum henge_status)atomic_load(&fake.set_status);
}

enum henge_status henge_node_set_weight(struct henge_node *node, unsigned weight) {
    (void)node;
    atomic_store(&fake.weight, weight);
    return (enum henge_status)atomic_load(&fake.set_status);
}

/* Rings in files have a test of their own. */
json_t *ring_diff_json(const char *from, const char *to, size_t count,
                       struct ring_diff_reason *reason_out) {
    (void)from;
    (void)to;
    (void)count;
    (void)reason_out;
    return NULL;
}
