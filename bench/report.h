/* bench/report.h - how every program of bench/ tells its figures: a table for people, or one JSON
 * object of one shape for machines. A figure stands beside a reference measured in the same run. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_ratio {
    REPORT_TIMES_FASTER, /* ratio = reference / value; a goal is a lower bound */
    REPORT_TIMES_AS_LONG /* ratio = value / reference; a goal is an upper bound */
};

struct report_row {
    const char *name;
    uint64_t n;       /* size of the problem; what it counts, the program says */
    double value;     /* median over the rounds */
    double low, high; /* quartiles over the rounds */
    const char *unit;
    const char *reference; /* NULL: none, and then no ratio */
    double reference_value;
    enum report_ratio ratio;
    double goal; /* of the ratio; without a reference, an upper bound of the value; 0: none */
};

/* Median and quartiles; sorts the samples. count > 0. */
void report_set_samples(struct report_row *row, double *samples, size_t count);

/* Pins the calling thread to the CPU it runs on; reports say so. */
void report_pin(void);

/* n_name heads the column of `n`. */
void report_print(const char *bench, const char *n_name, const struct report_row *rows,
                  size_t count, bool json);

#endif
