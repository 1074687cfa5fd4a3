/* core/runtime/spread.c - see spread.h. */
#include "core/runtime/spread.h"

bool spread_look(struct spread *spread, uint64_t now_ns, uint64_t used_ns) {
    const bool was_wide = spread->is_wide;
    const bool is_first = spread->since_ns == 0;
    const uint64_t percent = (used_ns - spread->used_ns) * 100 / (now_ns - spread->since_ns);
    spread->since_ns = now_ns;
    spread->used_ns = used_ns;
    if (is_first) {
        return false;
    }
    spread->calm = percent < SPREAD_CALM_PERCENT ? spread->calm + 1 : 0;
    spread->is_wide = was_wide ? spread->calm < SPREAD_CALM_WHILES : percent >= SPREAD_BUSY_PERCENT;
    return spread->is_wide != was_wide;
}
