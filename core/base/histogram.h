/* core/base/histogram.h - counts by power-of-two bucket with 16 sub-buckets each (as HdrHistogram):
 * relative error under 6.25 %, no allocation. */
#ifndef CORE_BASE_HISTOGRAM_H
#define CORE_BASE_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BUCKETS = 61 * 16 };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max;
};

void histogram_init(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);
/* The value below or at which `share` (0..1) of all values lie; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
