/* membership/record_wire.h - the canonical encoding of a record; docs/protocol.md has its bytes.
 *
 * Canonical: one content has one encoding, so equality and order of records are those of bytes. */
#ifndef MEMBERSHIP_RECORD_WIRE_H
#define MEMBERSHIP_RECORD_WIRE_H

#include "membership/record.h"

enum { RECORD_FORMAT = 1, RECORD_WEIGHT_MAX = 100, RECORD_VNODES_MAX = 1000 };

/* Bytes that record_encode writes. */
size_t record_wire_bytes(const struct record_fields *fields);

#endif
