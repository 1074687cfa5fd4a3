/* tests/sim/checkers/i01_monotone.c - I1: a node's view of one member never moves backwards.
 *
 * Each change must continue from what the one before left, and go up in the order of protocol.md
 * section 2: liveness by (generation, version, status rank), payload by (generation, payload
 * version). In runs of up to MIRROR_HOSTS_MAX hosts a mirror of all tables shows that nothing
 * changes without being told, too. Forgetting is I2's. */
#include "tests/sim/checkers/checker.h"
#include <stdlib.h>

enum { MIRROR_HOSTS_MAX = 256 };

struct mirrored {
    uint64_t generation;
    uint32_t version;
    uint8_t status;
    bool is_known;
};

struct monotone {
    struct mirrored *mirror; /* host * hosts + subject; NULL: too many */
};

static bool init(struct watch *watch, void *state) {
    struct monotone *own = state;
    if (watch->hosts_count > MIRROR_HOSTS_MAX)
        return true;
    size_t hosts = watch->hosts_count;
    own->mirror = calloc(hosts * hosts, sizeof *own->mirror);
    return own->mirror != NULL;
}

static void deinit(struct watch *watch, void *state) {
    struct monotone *own = state;
    (void)watch;
    free(own->mirror);
}

/* A table begins empty but for its owner, of whose first record nobody is told. */
static void on_boot(struct watch *watch, void *state, uint32_t host, bool is_end) {
    struct monotone *own = state;
    if (own->mirror == NULL || is_end)
        return;
    for (uint32_t subject = 0; subject < watch->hosts_count; subject++)
        own->mirror[(size_t)host * watch->hosts_count + subject].is_known = false;
}

static int order(uint64_t left_generation, uint32_t left_version, uint8_t left_status,
                 const struct sight *right) {
    if (left_generation != right->generation)
        return left_generation < right->generation ? -1 : 1;
    if (left_version != right->version)
        return left_version < right->version ? -1 : 1;
    return (left_status > right->status) - (left_status < right->status);
}

static void check_mirror(struct watch *watch, struct mirrored *mirrored,
                         const struct sight *sight) {
    const struct member_change *change = sight->change;
    bool fits = change->is_new
                    ? !mirrored->is_known
                    : mirrored->is_known && mirrored->generation == change->before_generation &&
                          mirrored->version == change->before_version &&
                          mirrored->status == change->before_status;
    /* What is_forgotten says of before is its status alone; a host's own first record is silent. */
    bool is_first = !mirrored->is_known && sight->host == sight->subject;
    if (!fits && !is_first && !change->is_forgotten)
        watch_report(watch, 1, sight->host, sight->subject,
                     "changes from (%llu, %u, %u), but was (%llu, %u, %u)%s",
                     (unsigned long long)change->before_generation, change->before_version,
                     change->before_status, (unsigned long long)mirrored->generation,
                     mirrored->version, mirrored->status,
                     mirrored->is_known ? "" : " and forgotten");
    *mirrored = (struct mirrored){.generation = sight->generation,
                                  .version = sight->version,
                                  .status = sight->status,
                                  .is_known = !change->is_forgotten};
}

static void on_change(struct watch *watch, void *state, const struct sight *sight) {
    struct monotone *own = state;
    const struct member_change *change = sight->change;
    if (own->mirror != NULL && sight->subject != SIM_NOBODY)
        check_mirror(watch, &own->mirror[(size_t)sight->host * watch->hosts_count + sight->subject],
                     sight);
    if (change->is_new || change->is_forgotten)
        return;
    if (order(change->before_generation, change->before_version, change->before_status, sight) > 0)
        watch_report(watch, 1, sight->host, sight->subject,
                     "back from (%llu, %u, %u) to (%llu, %u, %u)",
                     (unsigned long long)change->before_generation, change->before_version,
                     change->before_status, (unsigned long long)sight->generation, sight->version,
                     sight->status);
    /* While a member lives, its payload is of its generation; of a dead one it may be older. */
    if (!change->payload_changed || change->before_status >= HENGE_DEAD)
        return;
    if (sight->payload_generation < change->before_generation ||
        (sight->payload_generation == change->before_generation &&
         sight->payload_version < change->before_payload_version))
        watch_report(watch, 1, sight->host, sight->subject,
                     "payload back from (%llu, %u) to (%llu, %u)",
                     (unsigned long long)change->before_generation, change->before_payload_version,
                     (unsigned long long)sight->payload_generation, sight->payload_version);
}

const struct checker checker_monotone = {.number = 1,
                                         .state_bytes = sizeof(struct monotone),
                                         .init = init,
                                         .deinit = deinit,
                                         .on_boot = on_boot,
                                         .on_change = on_change};
