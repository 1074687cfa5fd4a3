/* tools/sim/timeline_text.c - the picture of timeline.h in letters. */
#include "core/base/clock.h"
#include "tools/sim/timeline_internal.h"
#include <inttypes.h>

enum { TEXT_COLUMNS = 100 };

static bool is_under_fault(const struct timeline *timeline, uint32_t host, uint64_t from_ns,
                           uint64_t to_ns) {
    for (uint32_t i = 0; i < timeline->bars_count; i++) {
        const struct timeline_bar *bar = &timeline->bars[i];
        if (bar->host == host && !timeline_is_moment(bar->kind) && bar->from_ns < to_ns &&
            bar->to_ns > from_ns) {
            return true;
        }
    }
    return false;
}

static char letter(const struct timeline *timeline, uint32_t host, uint32_t from, uint32_t to) {
    static const char most_letters[] = {' ', '.', '?', 'X', '-'};
    uint64_t column_ns = timeline->seconds_per_column * NS_PER_S;
    struct timeline_cell cell = timeline_cell(timeline, host, from);
    for (uint32_t i = from + 1; i < to; i++) {
        struct timeline_cell next = timeline_cell(timeline, host, i);
        next.worst = cell.worst > next.worst ? cell.worst : next.worst;
        cell = next;
    }
    if (cell.most != TIMELINE_ALIVE) {
        return most_letters[cell.most];
    }
    if (cell.worst == TIMELINE_SUSPECT || cell.worst == TIMELINE_DEAD) {
        return cell.worst == TIMELINE_DEAD ? 'x' : ',';
    }
    if (cell.is_down) {
        return ' ';
    }
    return is_under_fault(timeline, host, from * column_ns, to * column_ns)
               ? '~'
               : most_letters[cell.most];
}

bool timeline_write_text(const struct timeline *timeline, FILE *out) {
    uint32_t columns = timeline->columns < TEXT_COLUMNS ? timeline->columns : TEXT_COLUMNS;
    uint64_t seconds = (uint64_t)timeline->columns * timeline->seconds_per_column;
    fprintf(out,
            "  held by most of the others: . alive  ? suspected  X dead  - left    by one: , "
            "suspected  x dead\n"
            "  ~ alive, under a fault      0 to %" PRIu64 " s\n",
            seconds);
    for (uint32_t host = 0; host < timeline->hosts && columns > 0; host++) {
        fprintf(out, "%6s%-4" PRIu32 " ", "n", host);
        for (uint32_t i = 0; i < columns; i++) {
            uint32_t from = (uint32_t)((uint64_t)i * timeline->columns / columns);
            uint32_t to = (uint32_t)((uint64_t)(i + 1) * timeline->columns / columns);
            fputc(letter(timeline, host, from, to), out);
        }
        fputc('\n', out);
    }
    return !ferror(out);
}
