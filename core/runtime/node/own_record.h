/* core/runtime/node/own_record.h - this node's record: from its settings, and edited. */
#ifndef CORE_RUNTIME_NODE_OWN_RECORD_H
#define CORE_RUNTIME_NODE_OWN_RECORD_H

#include "henge/config.h"
#include "membership/record.h"

/* The texts point into `config`. Address, generation and boot id are the caller's to fill in.
 * HENGE_INVALID: metadata is not lines of key=value, or more pairs than there may be. */
enum henge_status own_record_fields(const struct henge_config *config,
                                    struct record_fields *fields_out);

/* Sets (value != NULL) or removes one pair, keeping the order; role, region and zone set those
 * fields. The texts are lent. HENGE_INVALID for a key that cannot be one, HENGE_FULL past the
 * limits, HENGE_NOT_FOUND when there is nothing to remove. */
enum henge_status own_record_set_pair(struct record_fields *fields, const char *key,
                                      const char *value);

#endif
