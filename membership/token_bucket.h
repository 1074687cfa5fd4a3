/* membership/token_bucket.h - a rate with a burst, as one time stamp.
 *
 * The generic cell rate algorithm (ITU-T I.371): each token moves the time at which the bucket is
 * full again by one interval; a token may be taken while that time is at most a burst ahead. */
#ifndef MEMBERSHIP_TOKEN_BUCKET_H
#define MEMBERSHIP_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct token_bucket {
    uint64_t interval_ns;
    uint64_t burst_ns;
    uint64_t full_ns; /* when it is full again */
};

struct token_bucket token_bucket_of(uint32_t per_s, uint32_t burst);
bool token_bucket_take(struct token_bucket *bucket, uint64_t now_ns);
/* When the next token may be taken. */
uint64_t token_bucket_ready(const struct token_bucket *bucket);

#endif
