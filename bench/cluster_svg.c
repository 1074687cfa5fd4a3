/* bench/cluster_svg.c - a run as a picture: over time, the share of the nodes that agreed, the CPU
 * that all of them took, and how many were up; a band for each phase. See cluster.h. */
#include "bench/cluster.h"
#include <stdio.h>

enum {
    LEFT = 60,
    TOP = 40,
    WIDTH = 1200,
    HEIGHT = 150, /* of a curve */
    GAP = 40,
    CURVES = 3,
    MARGIN = 16,
    TICKS_MAX = 15,
    BOTTOM = TOP + CURVES * (HEIGHT + GAP)
};

struct drawing {
    const struct cluster *cluster;
    FILE *out;
    double end_s;
};

static double x_of(const struct drawing *drawing, double at_s) {
    return LEFT + at_s / drawing->end_s * WIDTH;
}

static void draw_phases(const struct drawing *drawing) {
    const struct cluster *cluster = drawing->cluster;
    for (uint32_t phase = 0; phase < cluster->phases_count; phase++) {
        double from = x_of(drawing, cluster->phase_begins_s[phase]);
        double to = phase + 1 < cluster->phases_count
                        ? x_of(drawing, cluster->phase_begins_s[phase + 1])
                        : LEFT + WIDTH;
        fprintf(drawing->out,
                "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n"
                "<text x=\"%.1f\" y=\"%d\">%s</text>\n",
                from, TOP - 14, to - from, BOTTOM - TOP, phase % 2 == 0 ? "#f4f4f4" : "#e6ecf2",
                from + 3, TOP - 3, cluster->phase_names[phase]);
    }
}

static void draw_axis(const struct drawing *drawing) {
    static const unsigned steps_s[] = {1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200};
    size_t step = 0;
    while (step + 1 < sizeof(steps_s) / sizeof(steps_s[0]) &&
           drawing->end_s / steps_s[step] > TICKS_MAX) {
        step++;
    }
    for (unsigned at_s = 0; at_s <= drawing->end_s; at_s += steps_s[step]) {
        double x = x_of(drawing, at_s);
        fprintf(drawing->out,
                "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#cccccc\"/>\n"
                "<text x=\"%.1f\" y=\"%d\">%u s</text>\n",
                x, TOP, x, BOTTOM - 14, x, BOTTOM, at_s);
    }
}

static double agreed(const struct cluster_sample *sample) {
    return sample->agreed * 100;
}

static double cpu(const struct cluster_sample *sample) {
    return sample->cpu * 100;
}

static double up(const struct cluster_sample *sample) {
    return sample->up;
}

/* The curve whose number this is, from 0 to `most`. */
static void draw_curve(const struct drawing *drawing, int number, const char *name, double most,
                       double (*value)(const struct cluster_sample *sample), const char *colour) {
    const struct cluster *cluster = drawing->cluster;
    int bottom = TOP + number * (HEIGHT + GAP) + HEIGHT;
    fprintf(drawing->out,
            "<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n"
            "<text x=\"4\" y=\"%d\">%.0f</text>\n<text x=\"4\" y=\"%d\">0</text>\n"
            "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#888888\"/>\n"
            "<polyline fill=\"none\" stroke=\"%s\" points=\"",
            LEFT + 4, bottom + 14, colour, name, bottom - HEIGHT + 10, most, bottom, LEFT, bottom,
            LEFT + WIDTH, bottom, colour);
    for (size_t i = 0; i < cluster->samples_count; i++) {
        const struct cluster_sample *sample = &cluster->samples[i];
        fprintf(drawing->out, "%.1f,%.1f ", x_of(drawing, sample->at_s),
                bottom - (most > 0 ? value(sample) / most : 0) * HEIGHT);
    }
    fputs("\"/>\n", drawing->out);
}

static double most_of(const struct cluster *cluster,
                      double (*value)(const struct cluster_sample *sample)) {
    double most = 0;
    for (size_t i = 0; i < cluster->samples_count; i++) {
        double own = value(&cluster->samples[i]);
        most = own > most ? own : most;
    }
    return most;
}

bool cluster_write_svg(const struct cluster *cluster, const char *path) {
    struct drawing drawing = {cluster, fopen(path, "we"), cluster_now_s(cluster)};
    if (!drawing.out) {
        return false;
    }
    fprintf(drawing.out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\">\n"
            "<style>text{font:10px sans-serif}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
            "<text x=\"4\" y=\"16\">henge bench cluster: %u nodes, %u runtimes, %.1f %% of packets "
            "lost</text>\n",
            LEFT + WIDTH + MARGIN, BOTTOM + MARGIN, cluster->options.nodes,
            cluster->options.runtimes, cluster->options.loss_percent);
    draw_phases(&drawing);
    draw_axis(&drawing);
    draw_curve(&drawing, 0, "nodes that agree, %", 100, agreed, "#1b7f3b");
    draw_curve(&drawing, 1, "CPU of all nodes, % of one CPU", most_of(cluster, cpu), cpu,
               "#c2571a");
    draw_curve(&drawing, 2, "nodes that are up", most_of(cluster, up), up, "#1b4f9c");
    fputs("</svg>\n", drawing.out);
    bool is_written = !ferror(drawing.out);
    return fclose(drawing.out) == 0 && is_written;
}
