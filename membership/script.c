/* membership/script.c - see script.h. */
#include "membership/script.h"
#include "core/base/assert.h"

void scripts_init(struct scripts *scripts, struct memory *memory) {
    *scripts = (struct scripts){.memory = memory, .shared = NO_SLOT, .shared_until_ns = TIME_NEVER};
}

static void free_script(struct scripts *scripts, struct script *script) {
    scripts->entries[script->index] = NULL;
    memory_release(scripts->memory, script, sizeof *script + script->room, HENGE_MEMORY_MEMBER);
}

/* The caller has ended all streams by now, so nothing is lent any more. */
void scripts_deinit(struct scripts *scripts) {
    for (uint32_t i = 0; i < SCRIPTS_MAX; i++)
        if (scripts->entries[i] != NULL)
            free_script(scripts, scripts->entries[i]);
}

struct script *script_take(struct scripts *scripts, size_t bytes) {
    uint32_t index = 0;
    while (index < SCRIPTS_MAX && scripts->entries[index] != NULL)
        index++;
    if (index == SCRIPTS_MAX)
        return NULL;
    struct script *script =
        memory_alloc(scripts->memory, sizeof *script + bytes, HENGE_MEMORY_MEMBER);
    if (script != NULL)
        *script = (struct script){.room = bytes, .references = 1, .index = index};
    return scripts->entries[index] = script;
}

bool scripts_have_room(const struct scripts *scripts) {
    bool has_room = scripts->shared != NO_SLOT;
    for (uint32_t i = 0; i < SCRIPTS_MAX; i++)
        has_room |= scripts->entries[i] == NULL;
    return has_room;
}

void script_release(struct scripts *scripts, struct script *script) {
    ASSERT(script->references > 0);
    if (--script->references == 0)
        free_script(scripts, script);
}

uint64_t script_token(const struct script *script) {
    return (uint64_t)script->index + 1;
}

void script_done(struct scripts *scripts, uint64_t token) {
    if (token == 0)
        return;
    ASSERT(token <= SCRIPTS_MAX && scripts->entries[token - 1] != NULL);
    script_release(scripts, scripts->entries[token - 1]);
}

void script_share(struct scripts *scripts, struct script *script, uint64_t changes,
                  uint64_t now_ns) {
    scripts_step(scripts, TIME_NEVER);
    script->references++;
    scripts->shared = script->index;
    scripts->shared_until_ns = now_ns + SCRIPT_SHARED_NS;
    scripts->shared_changes = changes;
}

void scripts_step(struct scripts *scripts, uint64_t now_ns) {
    if (scripts->shared == NO_SLOT || now_ns < scripts->shared_until_ns)
        return;
    script_release(scripts, scripts->entries[scripts->shared]);
    scripts->shared = NO_SLOT;
    scripts->shared_until_ns = TIME_NEVER;
}

uint64_t scripts_deadline(const struct scripts *scripts) {
    return scripts->shared_until_ns;
}
