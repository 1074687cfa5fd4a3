/* tools/sim/timeline.c - see timeline.h: gathering. When there are too many columns, every two
 * become one. */
#include "core/base/clock.h"
#include "tools/sim/sim_memory.h"
#include "tools/sim/timeline_internal.h"
#include <stdlib.h>
#include <string.h>

struct timeline *timeline_create(void) {
    return sim_zeroed(1, sizeof(struct timeline));
}

static void release(struct timeline *timeline) {
    free(timeline->cells);
    free(timeline->column);
    free(timeline->bars);
    *timeline = (struct timeline){0};
}

void timeline_destroy(struct timeline *timeline) {
    if (timeline) {
        release(timeline);
        free(timeline);
    }
}

static void add_bar(struct timeline *timeline, const struct sim_action *action, uint32_t host) {
    uint64_t now_ns = sim_now_ns(timeline->sim);
    if (timeline->bars_count == TIMELINE_BARS_MAX) {
        timeline->bars_lost++;
        return;
    }
    bool is_open = !timeline_is_moment(action->kind) && action->duration_ns == 0;
    uint64_t lasts_ns = timeline_is_moment(action->kind) ? 0 : action->duration_ns;
    timeline->bars[timeline->bars_count++] =
        (struct timeline_bar){.from_ns = now_ns,
                              .to_ns = is_open ? UINT64_MAX : now_ns + lasts_ns,
                              .amount = action->amount,
                              .host = host,
                              .kind = action->kind};
}

/* HEAL, or another fault of the same kind, ends a bar before its time. */
static void end_bars(struct timeline *timeline, uint32_t host, uint8_t kind) {
    uint64_t now_ns = sim_now_ns(timeline->sim);
    for (uint32_t i = 0; i < timeline->bars_count; i++) {
        struct timeline_bar *bar = &timeline->bars[i];
        bool is_kind = kind == SIM_HEAL || (kind == bar->kind && kind != SIM_CUT);
        if (bar->host == host && is_kind && bar->to_ns > now_ns) {
            bar->to_ns = now_ns;
        }
    }
}

static void add_bars(struct timeline *timeline, const struct sim_action *action,
                     const struct sim_hosts *hosts) {
    uint32_t step = hosts->step > 0 ? hosts->step : 1;
    for (uint32_t i = 0; i < hosts->count; i++) {
        uint64_t host = hosts->first + (uint64_t)i * step;
        if (host >= timeline->hosts) {
            break;
        }
        end_bars(timeline, (uint32_t)host, action->kind);
        if (action->kind != SIM_HEAL) {
            add_bar(timeline, action, (uint32_t)host);
        }
    }
}

static void on_action(void *context, struct sim *sim, const struct sim_action *action,
                      bool is_end) {
    struct timeline *timeline = context;
    (void)sim;
    if (is_end) {
        return; /* known from its beginning */
    }
    bool is_network =
        action->kind == SIM_LOSS || action->kind == SIM_DUPLICATE || action->kind == SIM_REPLAY;
    bool is_heal_of_all = action->kind == SIM_HEAL && action->who.count >= timeline->hosts;
    if (is_network || is_heal_of_all) {
        end_bars(timeline, SIM_NOBODY, action->kind);
    }
    if (is_network) {
        add_bar(timeline, action, SIM_NOBODY);
        return;
    }
    add_bars(timeline, action, &action->who);
    if (action->kind == SIM_CUT) {
        add_bars(timeline, action, &action->other);
    }
}

bool timeline_attach(struct timeline *timeline, struct sim *sim) {
    uint32_t hosts = sim_settings(sim)->hosts;
    release(timeline);
    *timeline = (struct timeline){.sim = sim, .hosts = hosts, .seconds_per_column = 1};
    if (hosts > TIMELINE_HOSTS_MAX) {
        return false;
    }
    timeline->cells = sim_zeroed((size_t)hosts * TIMELINE_COLUMNS_MAX, sizeof(*timeline->cells));
    timeline->column = sim_zeroed(hosts, sizeof(*timeline->column));
    timeline->bars = sim_zeroed(TIMELINE_BARS_MAX, sizeof(*timeline->bars));
    struct sim_observer observer = {.context = timeline, .on_action = on_action};
    sim_observe(sim, &observer);
    return true;
}

void timeline_detach(struct timeline *timeline) {
    if (timeline->sim) {
        timeline->end_ns = sim_now_ns(timeline->sim);
    }
    timeline->sim = NULL;
}

static struct timeline_cell look(const struct timeline *timeline, uint32_t subject) {
    static const uint8_t statuses[] = {[HENGE_ALIVE] = TIMELINE_ALIVE,
                                       [HENGE_SUSPECT] = TIMELINE_SUSPECT,
                                       [HENGE_DEAD] = TIMELINE_DEAD,
                                       [HENGE_LEFT] = TIMELINE_LEFT};
    uint32_t holders[TIMELINE_STATUSES] = {0};
    struct timeline_cell cell = {.is_down = !sim_is_up(timeline->sim, subject)};
    for (uint32_t at = 0; at < timeline->hosts; at++) {
        if (at != subject && sim_is_up(timeline->sim, at)) {
            const struct member *member = sim_look(timeline->sim, at, subject);
            uint8_t status = member ? statuses[member->status] : TIMELINE_UNKNOWN;
            holders[status]++;
            cell.worst = status > cell.worst ? status : cell.worst;
        }
    }
    for (int status = 1; status < TIMELINE_STATUSES; status++) {
        cell.most = holders[status] > holders[cell.most] ? (uint8_t)status : cell.most;
    }
    return cell;
}

static struct timeline_cell later(struct timeline_cell before, struct timeline_cell now) {
    now.worst = before.worst > now.worst ? before.worst : now.worst;
    return now;
}

static void halve(struct timeline *timeline) {
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        struct timeline_cell *row = timeline->cells + (size_t)host * TIMELINE_COLUMNS_MAX;
        for (size_t i = 0; i < TIMELINE_COLUMNS_MAX / 2; i++) {
            row[i] = later(row[2 * i], row[2 * i + 1]);
        }
    }
    timeline->columns = TIMELINE_COLUMNS_MAX / 2;
    timeline->seconds_per_column *= 2;
}

void timeline_second(struct timeline *timeline) {
    if (!timeline->sim) {
        return;
    }
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        timeline->column[host] = later(timeline->column[host], look(timeline, host));
    }
    if (++timeline->seconds_pending < timeline->seconds_per_column) {
        return;
    }
    if (timeline->columns == TIMELINE_COLUMNS_MAX) {
        halve(timeline);
        if (timeline->seconds_pending < timeline->seconds_per_column) {
            return;
        }
    }
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        timeline->cells[(size_t)host * TIMELINE_COLUMNS_MAX + timeline->columns] =
            timeline->column[host];
        timeline->column[host] = (struct timeline_cell){0};
    }
    timeline->columns++;
    timeline->seconds_pending = 0;
}
