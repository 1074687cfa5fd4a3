/* membership/script.h - what is lent to streams: records of [u16 bytes][message].
 *
 * A script is counted: once for each stream that sends it, and once while it is kept for sharing. A
 * full snapshot is kept for SCRIPT_SHARED_NS, so that many joiners get one buffer. */
#ifndef MEMBERSHIP_SCRIPT_H
#define MEMBERSHIP_SCRIPT_H

#include "core/base/memory.h"
#include "membership/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script {
    size_t size, room; /* of the bytes */
    uint32_t references;
    uint32_t index; /* of the entry */
    uint8_t bytes[];
};

struct scripts {
    struct memory *memory;
    struct script *entries[SCRIPTS_MAX]; /* NULL: not in use */
    uint32_t shared; /* index of the kept snapshot, NO_SLOT when there is none */
    uint64_t shared_until_ns;
    uint64_t shared_changes; /* table.changes when it was made */
};

void scripts_init(struct scripts *scripts, struct memory *memory);
void scripts_deinit(struct scripts *scripts);
/* A free script with room for `bytes` and one reference; NULL: all are in use, or no memory. */
struct script *script_take(struct scripts *scripts, size_t bytes);
/* Could a snapshot be answered with now? */
bool scripts_have_room(const struct scripts *scripts);
void script_release(struct scripts *scripts, struct script *script);
/* Tokens name scripts in the outbox; they are index + 1, 0 is nobody's. */
uint64_t script_token(const struct script *script);
void script_done(struct scripts *scripts, uint64_t token);
void script_share(struct scripts *scripts, struct script *script, uint64_t changes,
                  uint64_t now_ns);
/* Lets go of the kept snapshot when its time is over (or at once: now_ns = TIME_NEVER). */
void scripts_step(struct scripts *scripts, uint64_t now_ns);
uint64_t scripts_deadline(const struct scripts *scripts);

#endif
