/* tools/sim/timeline_svg.c - the picture of timeline.h as SVG: integers only, so that one run gives
 * one file. */
#include "core/base/clock.h"
#include "tools/sim/timeline_internal.h"
#include <inttypes.h>

enum { LEFT = 56, TOP = 64, WIDTH = 1200, MARGIN = 16, TICKS_MAX = 12, LEGEND_STEP = 150 };

static const struct {
    const char *name, *colour;
} statuses[TIMELINE_STATUSES] = {[TIMELINE_UNKNOWN] = {"unknown", "#eeeeee"},
                                 [TIMELINE_ALIVE] = {"alive", "#a8d5a2"},
                                 [TIMELINE_SUSPECT] = {"suspected", "#f2c14e"},
                                 [TIMELINE_DEAD] = {"dead", "#d1495b"},
                                 [TIMELINE_LEFT] = {"left", "#8d96c7"}};

static const struct {
    const char *name, *colour;
} kinds[SIM_ACTION_KINDS] = {
    [SIM_START] = {"start", "#1b7f3b"},
    [SIM_CRASH] = {"crash", "#000000"},
    [SIM_RESTART] = {"restart", "#1b4f9c"},
    [SIM_LEAVE] = {"leave", "#6b4fa0"},
    [SIM_JOIN] = {"join", "#1b7f3b"},
    [SIM_METADATA] = {"metadata", "#777777"},
    [SIM_EVICT] = {"evicts another", "#9c1b1b"},
    [SIM_PAUSE] = {"pause", "#222222"},
    [SIM_STALL_GOSSIP] = {"gossip stalled", "#5b5b5b"},
    [SIM_STALL_DETECTOR] = {"detector stalled", "#444444"},
    [SIM_DEAF] = {"deaf", "#7b3fa0"},
    [SIM_SLOW] = {"slow", "#a05a2c"},
    [SIM_LOSS_IN] = {"loss in", "#c2571a"},
    [SIM_LOSS_OUT] = {"loss out", "#d98324"},
    [SIM_CUT] = {"cut", "#1f6f8b"},
    [SIM_DELAY] = {"delay", "#b3842d"},
    [SIM_CAPACITY] = {"little capacity", "#8b6f47"},
    [SIM_CLOCK_STEP] = {"clock step", "#008080"},
    [SIM_CLOCK_DRIFT] = {"clock drift", "#5fa8a8"},
    [SIM_LATER_VERSION] = {"later version", "#b0b0b0"},
    [SIM_DUPLICATE] = {"duplicates", "#6aa5d9"},
    [SIM_REPLAY] = {"replays", "#3f72af"},
    [SIM_LOSS] = {"loss", "#c2571a"},
};

struct drawing {
    const struct timeline *timeline;
    FILE *out;
    uint64_t length_ns;
    uint32_t row; /* height */
    uint32_t top; /* of the first host */
    bool has_network;
};

/* In hundredths of a pixel. */
static uint64_t x_of(const struct drawing *drawing, uint64_t at_ns) {
    uint64_t within_ns = at_ns < drawing->length_ns ? at_ns : drawing->length_ns;
    /* Milliseconds: no overflow in ten years. */
    return (uint64_t)LEFT * 100 +
           within_ns / NS_PER_MS * WIDTH * 100 / (drawing->length_ns / NS_PER_MS);
}

static void text(const struct drawing *drawing, uint32_t x, uint32_t y, const char *words) {
    fprintf(drawing->out, "<text x=\"%" PRIu32 "\" y=\"%" PRIu32 "\">", x, y);
    for (const char *at = words; *at != '\0'; at++) {
        if (*at == '<' || *at == '&') {
            fputs(*at == '<' ? "&lt;" : "&amp;", drawing->out);
        } else {
            fputc(*at, drawing->out);
        }
    }
    fputs("</text>\n", drawing->out);
}

static void rectangle(const struct drawing *drawing, uint64_t x, uint32_t y, uint64_t width,
                      uint32_t height, const char *colour, const char *title) {
    width = width > 0 ? width : 100;
    fprintf(drawing->out,
            "<rect x=\"%" PRIu64 ".%02u\" y=\"%" PRIu32 "\" width=\"%" PRIu64
            ".%02u\" height=\"%" PRIu32 "\" fill=\"%s\"",
            x / 100, (unsigned)(x % 100), y, width / 100, (unsigned)(width % 100), height, colour);
    if (title) {
        fprintf(drawing->out, "><title>%s</title></rect>\n", title);
    } else {
        fputs("/>\n", drawing->out);
    }
}

static bool is_same(struct timeline_cell a, struct timeline_cell b) {
    return a.most == b.most && a.worst == b.worst && a.is_down == b.is_down;
}

/* What most think fills the row; what one thinks that is worse is a stripe at its top. */
static void draw_cells(const struct drawing *drawing, uint32_t host) {
    const struct timeline *timeline = drawing->timeline;
    uint64_t column_ns = timeline->seconds_per_column * NS_PER_S;
    uint32_t y = drawing->top + host * drawing->row;
    for (uint32_t from = 0; from < timeline->columns;) {
        struct timeline_cell cell = timeline_cell(timeline, host, from);
        uint32_t to = from + 1;
        while (to < timeline->columns && is_same(cell, timeline_cell(timeline, host, to))) {
            to++;
        }
        uint64_t x = x_of(drawing, from * column_ns);
        uint64_t width = x_of(drawing, to * column_ns) - x;
        uint32_t height = drawing->row - 1;
        rectangle(drawing, x, y, width, height, statuses[cell.most].colour, NULL);
        if (cell.worst > cell.most && cell.worst != TIMELINE_LEFT) {
            rectangle(drawing, x, y, width, height / 3 > 0 ? height / 3 : 1,
                      statuses[cell.worst].colour, NULL);
        }
        from = to;
    }
}

static void draw_bar(const struct drawing *drawing, const struct timeline_bar *bar) {
    char title[96];
    bool is_moment = timeline_is_moment(bar->kind);
    uint32_t height = drawing->row / 3 > 1 ? drawing->row / 3 : 2;
    uint32_t y = bar->host == SIM_NOBODY
                     ? drawing->top - drawing->row
                     : drawing->top + bar->host * drawing->row + drawing->row - 1 - height;
    uint64_t x = x_of(drawing, bar->from_ns);
    uint64_t width = is_moment ? 200 : x_of(drawing, bar->to_ns) - x;
    if (is_moment) {
        height = drawing->row - 1;
        y = drawing->top + bar->host * drawing->row;
    }
    snprintf(title, sizeof(title), "%s %" PRId64 " at %" PRIu64 ".%03u s", kinds[bar->kind].name,
             bar->amount, bar->from_ns / NS_PER_S, (unsigned)(bar->from_ns / NS_PER_MS % 1000));
    rectangle(drawing, x, y, width, height, kinds[bar->kind].colour, title);
}

/* Only what is in the picture. */
static void draw_legend(const struct drawing *drawing) {
    bool is_in[SIM_ACTION_KINDS] = {false};
    uint32_t x = LEFT;
    for (uint32_t i = 0; i < drawing->timeline->bars_count; i++) {
        is_in[drawing->timeline->bars[i].kind] = true;
    }
    for (uint32_t i = 0; i < TIMELINE_STATUSES; i++, x += 90) {
        rectangle(drawing, x * UINT64_C(100), 24, 1000, 10, statuses[i].colour, NULL);
        text(drawing, x + 14, 33, statuses[i].name);
    }
    text(drawing, x, 33, "by most of the others; stripe at the top: by one; hover for amounts");
    x = LEFT;
    for (uint32_t kind = 0; kind < SIM_ACTION_KINDS; kind++) {
        if (is_in[kind] && kinds[kind].name && x + LEGEND_STEP < LEFT + WIDTH) {
            rectangle(drawing, x * UINT64_C(100), 40,
                      timeline_is_moment((uint8_t)kind) ? 200 : 1000,
                      timeline_is_moment((uint8_t)kind) ? 10 : 4, kinds[kind].colour, NULL);
            text(drawing, x + 14, 49, kinds[kind].name);
            x += LEGEND_STEP;
        }
    }
}

static void draw_axis(const struct drawing *drawing, uint32_t y) {
    static const uint32_t steps_s[] = {1,     2,     5,      10,      20,      30,   60,
                                       120,   300,   600,    1800,    3600,    7200, 14400,
                                       43200, 86400, 604800, 2592000, 31536000};
    uint64_t seconds = drawing->length_ns / NS_PER_S;
    size_t step = 0;
    while (step + 1 < sizeof(steps_s) / sizeof(steps_s[0]) && seconds / steps_s[step] > TICKS_MAX) {
        step++;
    }
    for (uint64_t at = 0; at <= seconds; at += steps_s[step]) {
        char label[32];
        uint64_t x = x_of(drawing, at * NS_PER_S);
        rectangle(drawing, x, y, 100, 4, "#555555", NULL);
        snprintf(label, sizeof(label), "%" PRIu64 " s", at);
        text(drawing, (uint32_t)(x / 100), y + 14, label);
    }
}

static uint32_t row_height(uint32_t hosts) {
    return hosts <= 40 ? 14 : hosts <= 128 ? 9 : 5;
}

bool timeline_write_svg(const struct timeline *timeline, const char *title, FILE *out) {
    struct drawing drawing = {.timeline = timeline,
                              .out = out,
                              .length_ns = (uint64_t)timeline->columns *
                                           timeline->seconds_per_column * NS_PER_S,
                              .row = row_height(timeline->hosts)};
    drawing.length_ns = drawing.length_ns > 0 ? drawing.length_ns : NS_PER_S;
    drawing.top = TOP + drawing.row;
    uint32_t bottom = drawing.top + timeline->hosts * drawing.row;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\">\n"
            "<style>text{font:10px sans-serif;fill:#222}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            (unsigned)(LEFT + WIDTH + MARGIN), bottom + 24 + MARGIN);
    text(&drawing, 4, 16, title);
    draw_legend(&drawing);
    text(&drawing, 4, drawing.top - 2, "network");
    for (uint32_t host = 0; host < timeline->hosts; host++) {
        char name[16];
        snprintf(name, sizeof(name), "n%" PRIu32, host);
        if (drawing.row >= 9 || host % 10 == 0) {
            text(&drawing, 4, drawing.top + host * drawing.row + 8, name);
        }
        draw_cells(&drawing, host);
    }
    for (uint32_t i = 0; i < timeline->bars_count; i++) {
        draw_bar(&drawing, &timeline->bars[i]);
    }
    draw_axis(&drawing, bottom + 2);
    if (timeline->bars_lost > 0) {
        text(&drawing, LEFT, bottom + 32, "more faults than a picture holds: the last are missing");
    }
    fputs("</svg>\n", out);
    return !ferror(out);
}
