/* membership/script.c - see script.h. */
#include "membership/script.h"
#include "core/base/assert.h"

void scripts_init(struct scripts *scripts, struct memory *memory) {
    *scripts = (struct scripts){.memory = memory, .shared = NO_SLOT, .shared_until_ns = TIME_NEVER};
}

static void free_script(struct scripts *scripts, struct script *script) {
    memory_release(scripts->memory, script->bytes, script->allocated, HENGE_MEMORY_MEMBER);
    *script = (struct script){0};
}

/* The caller has ended all streams by now, so nothing is lent any more. */
void scripts_deinit(struct scripts *scripts) {
    for (uint32_t i = 0; i < SCRIPTS_MAX; i++)
        free_script(scripts, &scripts->entries[i]);
}

struct script *script_take(struct scripts *scripts, size_t bytes) {
    for (uint32_t i = 0; i < SCRIPTS_MAX; i++) {
        struct script *script = &scripts->entries[i];
        if (script->bytes != NULL)
            continue;
        script->bytes = memory_alloc(scripts->memory, bytes, HENGE_MEMORY_MEMBER);
        if (script->bytes == NULL)
            return NULL;
        script->size = 0;
        script->allocated = bytes;
        script->references = 1;
        return script;
    }
    return NULL;
}

bool scripts_have_room(const struct scripts *scripts) {
    bool has_room = scripts->shared != NO_SLOT;
    for (uint32_t i = 0; i < SCRIPTS_MAX; i++)
        has_room |= scripts->entries[i].bytes == NULL;
    return has_room;
}

void script_release(struct scripts *scripts, struct script *script) {
    ASSERT(script->references > 0);
    if (--script->references == 0)
        free_script(scripts, script);
}

uint64_t script_token(const struct scripts *scripts, const struct script *script) {
    return (uint64_t)(script - scripts->entries) + 1;
}

void script_done(struct scripts *scripts, uint64_t token) {
    if (token == 0)
        return;
    ASSERT(token <= SCRIPTS_MAX);
    script_release(scripts, &scripts->entries[token - 1]);
}

void script_share(struct scripts *scripts, struct script *script, uint64_t changes,
                  uint64_t now_ns) {
    scripts_step(scripts, TIME_NEVER);
    script->references++;
    scripts->shared = (uint32_t)(script - scripts->entries);
    scripts->shared_until_ns = now_ns + SCRIPT_SHARED_NS;
    scripts->shared_changes = changes;
}

void scripts_step(struct scripts *scripts, uint64_t now_ns) {
    if (scripts->shared == NO_SLOT || now_ns < scripts->shared_until_ns)
        return;
    script_release(scripts, &scripts->entries[scripts->shared]);
    scripts->shared = NO_SLOT;
    scripts->shared_until_ns = TIME_NEVER;
}

uint64_t scripts_deadline(const struct scripts *scripts) {
    return scripts->shared_until_ns;
}
