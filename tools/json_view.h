/* json_view.h - what the library says, as JSON. Keys equal the C field names.
 *
 * The functions that take a view are called inside a reader section. They allocate while it is
 * open; that is henged's own choice, on a reader that does nothing else. All return a new
 * reference, or NULL without memory. */
#ifndef TOOLS_JSON_VIEW_H
#define TOOLS_JSON_VIEW_H

#include <henge/henge.h>
#include <jansson.h>

enum { JSON_RANGES_MAX = 500000 }; /* of `ring --ranges`: about 50 MB of text */

/* One member, with its metadata. */
json_t *json_member(const struct henge_member *member);

/* {"members":[...],"view","self"} */
json_t *json_members(const struct henge_view *view);

/* {"key","hash","ring_version","ring_fingerprint","owners":[{"name","address","zone","up"}]} */
json_t *json_lookup(const struct henge_view *view, const char *key, uint64_t hash,
                    const struct henge_route *route);

/* Why these are the owners:
 * {"range","ranges_count","after","until","walk":[{"range","until","name",
 * "zone","verdict"}],"is_cut"}. The walk goes from the range of the hash clockwise to the last
 * owner, or EXPLAIN_STEPS_MAX ranges far. A verdict is "owner 1", "owner 2", ..., "again" for who
 * is one already, "zone taken" for who is passed over. */
enum { EXPLAIN_STEPS_MAX = 200 };
json_t *json_explain(const struct henge_view *view, const struct henge_route *route);

/* {"view","ring_version","ring_fingerprint","members_count","points","balance","members":[{"name",
 * "zone","weight","points","share"}]} and, on demand, "ranges":[{"after","until","owner"}].
 * *status_out is HENGE_FULL beyond JSON_RANGES_MAX, with NULL returned. */
json_t *json_ring(const struct henge_view *view, bool with_ranges, enum henge_status *status_out);

/* The own record, the state of the view, and every field of struct henge_stats. `config` and the
 * runtime give "transport", "transport_reason", "threads", "insecure", "label". */
json_t *json_info(const struct henge_node *node, const struct henge_view *view,
                  const struct henge_config *config, const struct henge_stats *stats);

/* {"event","number","time_ms", then what the type has} */
json_t *json_event(const struct henge_event *event);

#endif
