/* json_view.c - see json_view.h. Info and statistics stand in json_info.c. */
#include "tools/json_view.h"
#include "tools/json_tools.h"

#include <stdlib.h>

static json_t *member_metadata(const struct henge_member *member) {
    json_t *metadata = json_object();
    for (uint32_t i = 0; i < member->metadata_count; i++) {
        const char *key = NULL;
        const char *value = NULL;
        if (henge_member_metadata(member, i, &key, &value) == HENGE_OK) {
            json_put_text(metadata, key, value);
        }
    }
    return metadata;
}

static void put_address(json_t *object, const struct henge_address *address) {
    char text[HENGE_ADDRESS_TEXT_BYTES];
    json_put_text(object, "address", henge_address_format(address, text));
}

/* Two digits a byte; "" is a member at its first places. */
static void put_choices(json_t *object, const struct henge_member *member) {
    static const char digits[] = "0123456789abcdef";
    char text[2 * HENGE_RING_CHOICES_BYTES + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < member->choices_bytes && i < HENGE_RING_CHOICES_BYTES; i++) {
        text[count++] = digits[member->choices[i] >> 4];
        text[count++] = digits[member->choices[i] & 15];
    }
    text[count] = '\0';
    json_put_text(object, "choices", text);
}

json_t *json_member(const struct henge_member *member) {
    json_t *object = json_object();
    json_put_text(object, "name", member->name);
    put_address(object, &member->address);
    json_put_text(object, "status", henge_member_status_text(member->status));
    json_put_text(object, "ring_state", henge_ring_state_text(member->ring_state));
    json_put_text(object, "zone", member->zone);
    json_put_text(object, "region", member->region);
    json_put_text(object, "role", member->role);
    json_put_u64(object, "weight", member->weight);
    json_put_u64(object, "vnodes", member->vnodes);
    put_choices(object, member);
    json_put_u64(object, "generation", member->generation);
    json_put_u64(object, "version", member->version);
    json_put_u64(object, "rtt_us", member->rtt_us);
    if (member->last_seen_ms == UINT64_MAX) {
        json_put_null(object, "last_seen_ms");
    } else {
        json_put_u64(object, "last_seen_ms", member->last_seen_ms);
    }
    json_put(object, "metadata", member_metadata(member));
    return object;
}

json_t *json_members(const struct henge_view *view) {
    json_t *document = json_object();
    json_t *list = json_array();
    const char *self = "";
    struct henge_member member;
    for (size_t i = 0; henge_members_at(view, i, &member) == HENGE_OK; i++) {
        (void)json_array_append_new(list, json_member(&member));
        self = member.is_self ? member.name : self;
    }
    json_put(document, "members", list);
    json_put_u64(document, "view", henge_view_number(view));
    json_put_text(document, "self", self);
    return document;
}

/* NULL: not in this view, the route is older. */
static json_t *owner_json(const struct henge_view *view, uint16_t slot, uint16_t flags) {
    struct henge_member member;
    if (henge_members_by_slot(view, slot, &member) != HENGE_OK) {
        return NULL;
    }
    json_t *object = json_object();
    json_put_text(object, "name", member.name);
    put_address(object, &member.address);
    json_put_text(object, "zone", member.zone);
    json_put_bool(object, "up", (flags & HENGE_OWNER_UP) != 0);
    return object;
}

static json_t *owners_json(const struct henge_view *view, const struct henge_route *route) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < route->owners_count; i++) {
        const struct henge_route_owner *entry = &route->owners[i];
        json_t *owner = owner_json(view, entry->slot, entry->flags);
        if (owner != NULL) {
            json_put_bool(owner, "leaving", (entry->flags & HENGE_OWNER_LEAVING) != 0);
            (void)json_array_append_new(list, owner);
        }
    }
    return list;
}

static json_t *pending_json(const struct henge_view *view, const struct henge_route *route) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < route->pending_count; i++) {
        const struct henge_route_pending *entry = &route->pending[i];
        json_t *owner = owner_json(view, entry->slot, entry->flags);
        struct henge_member replaced;
        if (owner != NULL) {
            const bool is_known =
                henge_members_by_slot(view, entry->replaces, &replaced) == HENGE_OK;
            json_put_text(owner, "replaces", is_known ? replaced.name : "");
            (void)json_array_append_new(list, owner);
        }
    }
    return list;
}

json_t *json_lookup(const struct henge_view *view, const char *key, uint64_t hash,
                    const struct henge_route *route) {
    const struct henge_ring *ring = henge_view_ring(view, HENGE_RING_CURRENT);
    json_t *document = json_object();
    json_put_text(document, "key", key);
    json_put_hex(document, "hash", hash);
    json_put_u64(document, "ring_version", henge_ring_version(ring));
    json_put_hex(document, "ring_fingerprint", henge_ring_fingerprint(ring));
    json_put(document, "owners", owners_json(view, route));
    json_put(document, "pending", pending_json(view, route));
    return document;
}

/* What one pass over the ranges finds out about each slot. */
struct slot_share {
    uint32_t points;
    double share;
};

enum { SLOTS_MAX = HENGE_NO_SLOT };

static void shares_count(const struct henge_ring *ring, struct slot_share *shares) {
    struct henge_ring_range range;
    for (size_t i = 0; henge_ring_range_at(ring, i, &range) == HENGE_OK; i++) {
        if (range.slot >= SLOTS_MAX) {
            continue;
        }
        /* Wraps by itself; after == until is the whole circle in the first range, else nothing. */
        uint64_t width = range.until - range.after;
        shares[range.slot].points++;
        shares[range.slot].share +=
            width == 0 && i == 0 ? 1.0 : (double)width / 18446744073709551616.0;
    }
}

static json_t *shares_json(const struct henge_view *view, const struct slot_share *shares,
                           double *share_max_out) {
    json_t *list = json_array();
    struct henge_member member;
    for (size_t i = 0; henge_members_at(view, i, &member) == HENGE_OK; i++) {
        if (member.slot >= SLOTS_MAX || shares[member.slot].points == 0) {
            continue;
        }
        const struct slot_share *share = &shares[member.slot];
        json_t *object = json_object();
        json_put_text(object, "name", member.name);
        json_put_text(object, "zone", member.zone);
        json_put_u64(object, "weight", member.weight);
        json_put_u64(object, "points", share->points);
        json_put(object, "share", json_real(share->share));
        (void)json_array_append_new(list, object);
        *share_max_out = share->share > *share_max_out ? share->share : *share_max_out;
    }
    return list;
}

static json_t *ranges_json(const struct henge_view *view, const struct henge_ring *ring) {
    json_t *list = json_array();
    struct henge_ring_range range;
    for (size_t i = 0; henge_ring_range_at(ring, i, &range) == HENGE_OK; i++) {
        struct henge_member member;
        bool is_known = henge_members_by_slot(view, range.slot, &member) == HENGE_OK;
        json_t *object = json_object();
        json_put_hex(object, "after", range.after);
        json_put_hex(object, "until", range.until);
        json_put_text(object, "owner", is_known ? member.name : "");
        (void)json_array_append_new(list, object);
    }
    return list;
}

json_t *json_ring(const struct henge_view *view, bool with_ranges, enum henge_status *status_out) {
    const struct henge_ring *ring = henge_view_ring(view, HENGE_RING_CURRENT);
    if (with_ranges && henge_ring_points_count(ring) > JSON_RANGES_MAX) {
        *status_out = HENGE_FULL;
        return NULL;
    }
    struct slot_share *shares = calloc(SLOTS_MAX, sizeof(*shares));
    if (shares == NULL) {
        *status_out = HENGE_NO_MEMORY;
        return NULL;
    }
    shares_count(ring, shares);
    double share_max = 0;
    json_t *members = shares_json(view, shares, &share_max);
    free(shares);
    json_t *document = json_object();
    json_put_u64(document, "view", henge_view_number(view));
    json_put_u64(document, "ring_version", henge_ring_version(ring));
    json_put_hex(document, "ring_fingerprint", henge_ring_fingerprint(ring));
    json_put_hex(document, "next_fingerprint",
                 henge_ring_fingerprint(henge_view_ring(view, HENGE_RING_NEXT)));
    json_put_u64(document, "members_count", henge_ring_members_count(ring));
    json_put_u64(document, "points", henge_ring_points_count(ring));
    /* max / mean, where the mean share of n members is 1 / n */
    json_put(document, "balance", json_real(share_max * (double)json_array_size(members)));
    json_put(document, "members", members);
    if (with_ranges) {
        json_put(document, "ranges", ranges_json(view, ring));
    }
    *status_out = HENGE_OK;
    return document;
}

json_t *json_event(const struct henge_event *event) {
    json_t *object = json_object();
    json_put_text(object, "event", henge_event_type_text(event->type));
    json_put_u64(object, "number", event->number);
    json_put_u64(object, "time_ms", event->time_ms);
    if (event->type == HENGE_TOPOLOGY_CHANGED) {
        json_put_u64(object, "ring_version_old", event->ring_version_old);
        json_put_u64(object, "ring_version_new", event->ring_version_new);
        json_put_hex(object, "ring_fingerprint", event->ring_fingerprint);
    } else if (event->type == HENGE_RESYNC) {
        json_put_u64(object, "lost", event->lost);
    } else if (event->type == HENGE_PARTITIONED) {
        json_put_bool(object, "is_partitioned", event->is_partitioned);
    } else {
        json_put_text(object, "name", event->name);
        put_address(object, &event->address);
        json_put_u64(object, "generation", event->generation);
        json_put_u64(object, "version", event->version);
    }
    return object;
}
