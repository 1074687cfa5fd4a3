/* ring_plan.c - see ring_plan.h. */
#include "tools/ring_plan.h"
#include "tools/json_tools.h"

#include <henge/config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHT_MAX = 100, OWNERS_DEFAULT = 3 };

/* The ring before or after, and how much each slot has of it. */
struct side {
    struct henge_ring_member *members;
    size_t count;
    struct henge_ring *ring;
    double *shares;   /* by slot: of the hash space */
    double *replicas; /* by slot: of all copies */
    uint32_t owners_per_key;
    uint32_t zones_per_key;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct ring_plan_reason *reason,
                                                         const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason->text, sizeof(reason->text), format, arguments);
    va_end(arguments);
    return false;
}

static const char *kind_text(json_type kind) {
    static const char *const texts[] = {[JSON_OBJECT] = "an object",
                                        [JSON_ARRAY] = "a list",
                                        [JSON_STRING] = "a text",
                                        [JSON_INTEGER] = "a whole number",
                                        [JSON_REAL] = "a number with a fraction",
                                        [JSON_TRUE] = "true",
                                        [JSON_FALSE] = "false",
                                        [JSON_NULL] = "null"};
    return texts[kind];
}

static bool is_of_kind(const json_t *value, json_type kind, const char *where, const char *key,
                       struct ring_plan_reason *reason) {
    return json_typeof(value) == kind || refuse(reason, "%s%s: %s is wanted, not %s", where, key,
                                                kind_text(kind), kind_text(json_typeof(value)));
}

/* If it is there at all. */
static bool has_kind(const json_t *object, json_type kind, const char *where, const char *key,
                     struct ring_plan_reason *reason) {
    const json_t *value = json_object_get(object, key);
    return value == NULL || is_of_kind(value, kind, where, key, reason);
}

/* What is not of its type is refused, never passed over. */
static bool check_list(const json_t *request, const char *key, json_type kind,
                       struct ring_plan_reason *reason) {
    const json_t *list = json_object_get(request, key);
    size_t index;
    json_t *entry;
    if (!has_kind(request, JSON_ARRAY, "", key, reason)) {
        return false;
    }
    json_array_foreach(list, index, entry) {
        char where[32];
        snprintf(where, sizeof(where), "%s[%zu]", key, index);
        if (!is_of_kind(entry, kind, where, "", reason)) {
            return false;
        }
        snprintf(where, sizeof(where), "%s[%zu].", key, index);
        if (!has_kind(entry, JSON_STRING, where, "name", reason) ||
            !has_kind(entry, JSON_STRING, where, "zone", reason) ||
            !has_kind(entry, JSON_INTEGER, where, "weight", reason)) {
            return false;
        }
    }
    return true;
}

static struct henge_ring_member *find(const struct side *side, const char *name) {
    for (size_t i = 0; i < side->count; i++) {
        if (strcmp(side->members[i].name, name) == 0) {
            return &side->members[i];
        }
    }
    return NULL;
}

/* -1: not a weight. */
static int64_t weight_of(const json_t *entry) {
    const int64_t weight = json_number(entry, "weight", 1);
    return weight < 0 || weight > WEIGHT_MAX ? -1 : weight;
}

static bool remove_all(struct side *side, const json_t *names, struct ring_plan_reason *reason) {
    size_t index;
    json_t *entry;
    json_array_foreach(names, index, entry) {
        const char *name = json_string_value(entry);
        struct henge_ring_member *member = find(side, name);
        if (member == NULL) {
            return refuse(reason, "remove: no member \"%.64s\" is in the ring", name);
        }
        *member = side->members[--side->count];
    }
    return true;
}

static bool weigh_all(struct side *side, const json_t *entries, struct ring_plan_reason *reason) {
    size_t index;
    json_t *entry;
    json_array_foreach(entries, index, entry) {
        const char *name = json_text(entry, "name", "");
        struct henge_ring_member *member = find(side, name);
        if (member == NULL) {
            return refuse(reason, "weight: no member \"%.64s\" is in the ring", name);
        }
        if (weight_of(entry) < 0 || json_object_get(entry, "weight") == NULL) {
            return refuse(reason, "weight: \"%.64s\" may have 0 to %d", name, WEIGHT_MAX);
        }
        member->weight = (uint16_t)weight_of(entry);
    }
    return true;
}

static bool add_all(struct side *side, const struct ring_plan *plan, const json_t *entries,
                    struct ring_plan_reason *reason) {
    size_t index;
    json_t *entry;
    json_array_foreach(entries, index, entry) {
        const char *name = json_text(entry, "name", "");
        if (find(side, name) != NULL) {
            return refuse(reason, "add: \"%.64s\" is a member already", name);
        }
        if (name[0] == '\0' || strlen(name) >= HENGE_NAME_BYTES || weight_of(entry) < 0) {
            return refuse(reason, "add: \"%.64s\": a name has 1 to %d bytes, a weight is 0 to %d",
                          name, HENGE_NAME_BYTES - 1, WEIGHT_MAX);
        }
        side->members[side->count++] =
            (struct henge_ring_member){.size_bytes = sizeof(*side->members),
                                       .name = name,
                                       .zone = json_text(entry, "zone", ""),
                                       .vnodes = plan->vnodes,
                                       .weight = (uint16_t)weight_of(entry),
                                       .ring_state = HENGE_RING_ACTIVE};
    }
    return true;
}

static bool side_init(struct side *side, const struct ring_plan *plan, size_t added,
                      struct ring_plan_reason *reason) {
    const size_t room = plan->count + added + 1; /* nothing of nothing is nobody's question */
    side->members = calloc(room, sizeof(*side->members));
    side->shares = calloc(room, sizeof(*side->shares));
    side->replicas = calloc(room, sizeof(*side->replicas));
    if (side->members == NULL || side->shares == NULL || side->replicas == NULL) {
        return refuse(reason, "out of memory");
    }
    if (plan->count > 0) {
        memcpy(side->members, plan->members, plan->count * sizeof(*plan->members));
    }
    side->count = plan->count;
    return true;
}

static void side_deinit(struct side *side) {
    henge_ring_destroy(side->ring);
    free(side->members);
    free(side->shares);
    free(side->replicas);
}

/* One pass over all stretches that have one list of owners: what moves from a ring of nobody. Owner
 * by owner, range by range would take minutes where a zone is rare. */
static enum henge_status loads_count(struct side *side, size_t owners) {
    struct henge_ring *nobody = NULL;
    struct henge_ring_diff_cursor cursor;
    struct henge_ring_move move;
    enum henge_status status = henge_ring_build(NULL, NULL, 0, &nobody);
    if (status == HENGE_OK) {
        status = henge_ring_diff_begin(nobody, side->ring, owners, &cursor);
    }
    while (status == HENGE_OK && henge_ring_diff_next(&cursor, &move) == HENGE_OK) {
        const double width = move.until == move.after
                                 ? 1.0
                                 : (double)(move.until - move.after) / 18446744073709551616.0;
        side->shares[move.new_slots[0]] += width;
        for (uint32_t k = 0; k < move.new_count; k++) {
            side->replicas[move.new_slots[k]] += width / move.new_count;
        }
    }
    henge_ring_destroy(nobody);
    return status;
}

static bool side_build(struct side *side, const struct ring_plan *plan, size_t owners,
                       struct ring_plan_reason *reason) {
    struct henge_ring *ring = NULL;
    struct henge_route route;
    enum henge_status status =
        henge_ring_build(plan->parameters, side->members, side->count, &ring);
    side->ring = ring;
    if (status == HENGE_OK) {
        status = loads_count(side, owners);
    }
    if (status != HENGE_OK) {
        return refuse(reason, "the ring cannot be built: %s", henge_status_text(status));
    }
    if (henge_ring_owners(ring, 0, owners, &route) == HENGE_OK) { /* the same for each key */
        side->owners_per_key = route.owners_count;
        side->zones_per_key = route.zones_count;
    }
    return true;
}

/* The largest load by the part of all points that its member has. */
static double balance(const struct side *side, const double *loads) {
    const double points_count = (double)henge_ring_points_count(side->ring);
    double worst = 0;
    for (uint32_t slot = 0; slot < side->count; slot++) {
        const double points = (double)side->members[slot].vnodes * side->members[slot].weight;
        if (loads[slot] * points_count > worst * points) {
            worst = loads[slot] * points_count / points;
        }
    }
    return worst;
}

static json_t *side_json(const struct side *side) {
    json_t *object = json_object();
    json_put_hex(object, "ring_fingerprint", henge_ring_fingerprint(side->ring));
    json_put_u64(object, "members_count", henge_ring_members_count(side->ring));
    json_put_u64(object, "points", henge_ring_points_count(side->ring));
    json_put_u64(object, "owners_per_key", side->owners_per_key);
    json_put_u64(object, "zones_per_key", side->zones_per_key);
    json_put(object, "balance", json_real(balance(side, side->shares)));
    json_put(object, "replica_balance", json_real(balance(side, side->replicas)));
    return object;
}

static void put_load(json_t *object, const char *when, const struct side *side,
                     const struct henge_ring_member *member) {
    const size_t slot = member == NULL ? 0 : (size_t)(member - side->members);
    char key[32];
    snprintf(key, sizeof(key), "weight_%s", when);
    json_put_u64(object, key, member == NULL ? 0 : member->weight);
    snprintf(key, sizeof(key), "share_%s", when);
    json_put(object, key, json_real(member == NULL ? 0 : side->shares[slot]));
    snprintf(key, sizeof(key), "replicas_%s", when);
    json_put(object, key, json_real(member == NULL ? 0 : side->replicas[slot]));
}

static void append_member(json_t *list, const struct side *before, const struct side *after,
                          const char *name) {
    const struct henge_ring_member *old = find(before, name);
    const struct henge_ring_member *new = find(after, name);
    json_t *object = json_object();
    json_put_text(object, "name", name);
    json_put_text(object, "zone", new != NULL ? new->zone : old->zone);
    put_load(object, "before", before, old);
    put_load(object, "after", after, new);
    (void)json_array_append_new(list, object);
}

static json_t *members_json(const struct side *before, const struct side *after) {
    json_t *list = json_array();
    for (size_t i = 0; i < before->count; i++) {
        append_member(list, before, after, before->members[i].name);
    }
    for (size_t i = 0; i < after->count; i++) {
        if (find(before, after->members[i].name) == NULL) {
            append_member(list, before, after, after->members[i].name);
        }
    }
    return list;
}

static json_t *compare(const struct side *before, const struct side *after, size_t owners,
                       struct ring_plan_reason *reason) {
    struct henge_ring_diff_sum primaries;
    struct henge_ring_diff_sum lists;
    if (henge_ring_diff(before->ring, after->ring, 1, NULL, 0, &primaries) != HENGE_OK ||
        henge_ring_diff(before->ring, after->ring, owners, NULL, 0, &lists) != HENGE_OK) {
        refuse(reason, "a key has 1 to %d owners", HENGE_ROUTE_OWNERS_MAX);
        return NULL;
    }
    json_t *document = json_object();
    json_put_u64(document, "count", owners);
    json_put(document, "moved", json_real(primaries.share));
    json_put(document, "lists_moved", json_real(lists.share));
    json_put(document, "copies", json_real(lists.copies));
    json_put_u64(document, "moves", lists.moves);
    json_put(document, "before", side_json(before));
    json_put(document, "after", side_json(after));
    json_put(document, "members", members_json(before, after));
    return document;
}

static bool sides_make(struct side *before, struct side *after, const struct ring_plan *plan,
                       const json_t *request, struct ring_plan_reason *reason) {
    const json_t *added = json_object_get(request, "add");
    return side_init(before, plan, 0, reason) &&
           side_init(after, plan, json_array_size(added), reason) &&
           weigh_all(after, json_object_get(request, "weights"), reason) &&
           remove_all(after, json_object_get(request, "remove"), reason) &&
           add_all(after, plan, added, reason);
}

json_t *ring_plan_json(const struct ring_plan *plan, const json_t *request,
                       struct ring_plan_reason *reason_out) {
    if (!has_kind(request, JSON_INTEGER, "", "count", reason_out) ||
        !check_list(request, "add", JSON_OBJECT, reason_out) ||
        !check_list(request, "remove", JSON_STRING, reason_out) ||
        !check_list(request, "weights", JSON_OBJECT, reason_out)) {
        return NULL;
    }
    const int64_t owners = json_number(request, "count", OWNERS_DEFAULT);
    if (owners < 1 || owners > HENGE_ROUTE_OWNERS_MAX) {
        refuse(reason_out, "a key has 1 to %d owners", HENGE_ROUTE_OWNERS_MAX);
        return NULL;
    }
    struct side before = {0};
    struct side after = {0};
    json_t *document = NULL;
    if (sides_make(&before, &after, plan, request, reason_out) &&
        side_build(&before, plan, (size_t)owners, reason_out) &&
        side_build(&after, plan, (size_t)owners, reason_out)) {
        document = compare(&before, &after, (size_t)owners, reason_out);
    }
    side_deinit(&before);
    side_deinit(&after);
    return document;
}
