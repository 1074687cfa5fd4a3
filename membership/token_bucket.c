/* membership/token_bucket.c - see token_bucket.h. */
#include "membership/token_bucket.h"
#include "core/base/clock.h"
#include "core/base/mutant.h"

struct token_bucket token_bucket_of(uint32_t per_s, uint32_t burst) {
    uint64_t interval = NS_PER_S / (per_s == 0 ? 1 : per_s);
    return (struct token_bucket){.interval_ns = interval,
                                 .burst_ns = interval * (burst == 0 ? 1 : burst)};
}

uint64_t token_bucket_ready(const struct token_bucket *bucket) {
    uint64_t filled = bucket->full_ns + bucket->interval_ns;
    return filled > bucket->burst_ns ? filled - bucket->burst_ns : 0;
}

bool token_bucket_take(struct token_bucket *bucket, uint64_t now_ns) {
    if (token_bucket_ready(bucket) > now_ns && !MUTANT(BUCKET_WITHOUT_BOTTOM))
        return false;
    uint64_t from = bucket->full_ns > now_ns ? bucket->full_ns : now_ns;
    bucket->full_ns = from + bucket->interval_ns;
    return true;
}
