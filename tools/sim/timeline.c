/* tools/sim/timeline.c - see timeline.h: what is gathered, one column per virtual second; when
 * there are too many, every two columns become one. */
#include "tools/sim/timeline.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct timeline {
    struct sim *sim;
    uint32_t hosts;
    uint32_t columns;
    uint32_t seconds_per_column, seconds_pending;
    /* By host and column: enum timeline_cell, and bit 7: has a fault, or is down. */
    uint8_t *cells;
    uint8_t *column; /* being gathered */
};

enum { CELL_FAULT = 0x80, CELL_STATUS = 0x7f };

struct timeline *timeline_create(void) {
    return calloc(1, sizeof(struct timeline));
}

static void release(struct timeline *timeline) {
    free(timeline->cells);
    free(timeline->column);
    timeline->cells = timeline->column = NULL;
}

void timeline_destroy(struct timeline *timeline) {
    if (timeline) {
        release(timeline);
        free(timeline);
    }
}

bool timeline_attach(struct timeline *timeline, struct sim *sim) {
    uint32_t hosts = sim_settings(sim)->hosts;
    release(timeline);
    *timeline = (struct timeline){.sim = sim, .hosts = hosts, .seconds_per_column = 1};
    if (hosts > TIMELINE_HOSTS_MAX) {
        return false;
    }
    timeline->cells = calloc(hosts, TIMELINE_COLUMNS_MAX);
    timeline->column = calloc(hosts, 1);
    return timeline->cells && timeline->column;
}

void timeline_detach(struct timeline *timeline) {
    timeline->sim = NULL;
}

/* The worst that any other holds; of worse and better in one column the worse is shown. */
static uint8_t look(const struct timeline *timeline, uint32_t subject) {
    uint8_t worst = TIMELINE_UNKNOWN;
    for (uint32_t at = 0; at < timeline->hosts; at++) {
        if (at == subject || !sim_is_up(timeline->sim, at)) {
            continue;
        }
        const struct member *member = sim_look(timeline->sim, at, subject);
        if (member) {
            static const uint8_t cells[] = {[HENGE_ALIVE] = TIMELINE_ALIVE,
                                            [HENGE_SUSPECT] = TIMELINE_SUSPECT,
                                            [HENGE_DEAD] = TIMELINE_DEAD,
                                            [HENGE_LEFT] = TIMELINE_LEFT};
            worst = cells[member->status] > worst ? cells[member->status] : worst;
        }
    }
    return worst;
}

static void gather(struct timeline *timeline) {
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        uint8_t now = look(timeline, host);
        uint8_t before = timeline->column[host];
        uint8_t fault = sim_is_faulty(timeline->sim, host) ? CELL_FAULT : 0;
        uint8_t status = now > (before & CELL_STATUS) ? now : before & CELL_STATUS;
        timeline->column[host] = (uint8_t)(status | fault | (before & CELL_FAULT));
    }
}

static void halve(struct timeline *timeline) {
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        uint8_t *row = timeline->cells + (size_t)host * TIMELINE_COLUMNS_MAX;
        for (uint32_t i = 0; i < TIMELINE_COLUMNS_MAX / 2; i++) {
            uint8_t left = row[2 * i];
            uint8_t right = row[2 * i + 1];
            uint8_t status = (left & CELL_STATUS) > (right & CELL_STATUS) ? left & CELL_STATUS
                                                                          : right & CELL_STATUS;
            row[i] = (uint8_t)(status | ((left | right) & CELL_FAULT));
        }
    }
    timeline->columns = TIMELINE_COLUMNS_MAX / 2;
    timeline->seconds_per_column *= 2;
}

void timeline_second(struct timeline *timeline) {
    if (!timeline->sim) {
        return;
    }
    gather(timeline);
    if (++timeline->seconds_pending < timeline->seconds_per_column) {
        return;
    }
    if (timeline->columns == TIMELINE_COLUMNS_MAX) {
        halve(timeline);
    }
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        timeline->cells[(size_t)host * TIMELINE_COLUMNS_MAX + timeline->columns] =
            timeline->column[host];
        timeline->column[host] = 0;
    }
    timeline->columns++;
    timeline->seconds_pending = 0;
}

static uint8_t cell(const struct timeline *timeline, uint32_t host, uint32_t column) {
    return timeline->cells[(size_t)host * TIMELINE_COLUMNS_MAX + column];
}

enum { SVG_ROW = 10, SVG_LEFT = 60, SVG_TOP = 40, SVG_WIDTH = 1200 };

/* Neighbours that look alike are one rectangle. Widths in hundredths of a pixel: integers. */
static void svg_row(const struct timeline *timeline, uint32_t host, FILE *out) {
    static const char *const colours[] = {"#eeeeee", "#8fbf8f", "#f0c040", "#c04040", "#9090b0"};
    uint32_t y = SVG_TOP + host * SVG_ROW;
    fprintf(out, "<text x=\"4\" y=\"%u\" class=\"n\">n%u</text>\n", y + 8, host);
    for (uint32_t from = 0; from < timeline->columns;) {
        uint8_t here = cell(timeline, host, from);
        uint32_t to = from;
        while (to < timeline->columns && cell(timeline, host, to) == here) {
            to++;
        }
        uint64_t x = (uint64_t)from * SVG_WIDTH * 100 / timeline->columns;
        uint64_t width = (uint64_t)(to - from) * SVG_WIDTH * 100 / timeline->columns;
        fprintf(out,
                "<rect x=\"%" PRIu64 ".%02u\" y=\"%u\" width=\"%" PRIu64
                ".%02u\" height=\"6\" fill=\"%s\"/>\n",
                SVG_LEFT + x / 100, (unsigned)(x % 100), y, width / 100, (unsigned)(width % 100),
                colours[here & CELL_STATUS]);
        if (here & CELL_FAULT) {
            fprintf(out,
                    "<rect x=\"%" PRIu64 ".%02u\" y=\"%u\" width=\"%" PRIu64
                    ".%02u\" height=\"2\" fill=\"#303030\"/>\n",
                    SVG_LEFT + x / 100, (unsigned)(x % 100), y + 6, width / 100,
                    (unsigned)(width % 100));
        }
        from = to;
    }
}

bool timeline_write_svg(const struct timeline *timeline, const char *title, FILE *out) {
    uint32_t height = SVG_TOP + timeline->hosts * SVG_ROW + 20;
    uint32_t seconds = timeline->columns * timeline->seconds_per_column;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\">\n"
            "<style>text{font:12px sans-serif}.n{font-size:8px}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            "<text x=\"4\" y=\"16\">%s</text>\n"
            "<text x=\"4\" y=\"32\" class=\"n\">green alive, yellow suspected, red dead, blue left,"
            " at one other node at least; black line: down or under a fault; 0 to %u s</text>\n",
            SVG_LEFT + SVG_WIDTH + 10, height, title, seconds);
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        svg_row(timeline, host, out);
    }
    fputs("</svg>\n", out);
    return !ferror(out);
}

enum { TEXT_COLUMNS = 100 };

bool timeline_write_text(const struct timeline *timeline, FILE *out) {
    static const char letters[] = " .?X-";
    uint32_t columns = timeline->columns < TEXT_COLUMNS ? timeline->columns : TEXT_COLUMNS;
    fprintf(out,
            ". alive  ? suspected  X dead  - left, at one other node at least; # down or faulty\n");
    for (uint32_t host = 0; host < timeline->hosts && columns > 0; host++) {
        fprintf(out, "%5u ", host);
        for (uint32_t i = 0; i < columns; i++) {
            uint32_t from = (uint32_t)((uint64_t)i * timeline->columns / columns);
            uint32_t to = (uint32_t)((uint64_t)(i + 1) * timeline->columns / columns);
            uint8_t status = 0;
            bool is_faulty = false;
            for (uint32_t at = from; at < to; at++) {
                uint8_t here = cell(timeline, host, at);
                status = (here & CELL_STATUS) > status ? here & CELL_STATUS : status;
                is_faulty |= (here & CELL_FAULT) != 0;
            }
            fputc(is_faulty && status <= TIMELINE_ALIVE ? '#' : letters[status], out);
        }
        fputc('\n', out);
    }
    return !ferror(out);
}
