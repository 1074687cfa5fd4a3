/* tests/sim/checkers/i03_semilattice.c - I3: merging is commutative, associative and idempotent:
 * whoever heard the same things, in whatever order and how often, believes the same.
 *
 * The laws of the pure merge are property-tested in tests/unit/membership/test_merge.c. Here the
 * very messages of the run are taken: an even sample of its GOSSIP messages, and the records of a
 * table as it is in the end (what repair would bring). They are handed to fresh nodes, to each in
 * another order and again until nothing is news any more (what is said of an unknown member without
 * its record cannot be taken before the record came). All must then hold the same of the living. */
#include "core/base/hash.h"
#include "core/base/random.h"
#include "membership/wire.h"
#include "tests/sim/checkers/checker.h"
#include "tools/sim/sim_memory.h"
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES_MAX = 2048,
    MESSAGE_BYTES = 1500,
    ORDERS = 3,
    ROUNDS = 4 /* the second brings what waited for a record, the others must bring nothing */
};

struct kept_message {
    uint16_t bytes;
    uint8_t data[MESSAGE_BYTES];
};

struct semilattice {
    struct kept_message *messages; /* of the run; from `count` on those of the table */
    uint32_t *order;
    struct random random;
    uint64_t seen;
    uint32_t count;
};

static bool init(struct watch *watch, void *state) {
    struct semilattice *own = state;
    own->random = random_of_seed(watch->hosts_count);
    own->messages = calloc(MESSAGES_MAX + watch->hosts_count, sizeof *own->messages);
    own->order = calloc(MESSAGES_MAX + watch->hosts_count, sizeof *own->order);
    return own->messages != NULL && own->order != NULL;
}

static void deinit(struct watch *watch, void *state) {
    struct semilattice *own = state;
    (void)watch;
    free(own->messages);
    free(own->order);
}

/* Reservoir sampling: each message of the run is equally likely to be kept. */
static void on_send(struct watch *watch, void *state, const struct packet_sight *packet) {
    struct semilattice *own = state;
    (void)watch;
    if (packet->lane != LANE_GOSSIP || packet->bytes == 0 || packet->bytes > MESSAGE_BYTES ||
        packet->message[0] != MESSAGE_GOSSIP)
        return;
    uint64_t index = own->seen++;
    if (index >= MESSAGES_MAX)
        index = random_below(&own->random, own->seen);
    if (index >= MESSAGES_MAX)
        return;
    struct kept_message *kept = &own->messages[index];
    kept->bytes = (uint16_t)packet->bytes;
    memcpy(kept->data, packet->message, packet->bytes);
    if (own->count < MESSAGES_MAX)
        own->count++;
}

static uint8_t *no_room(void *context, size_t *capacity_out) {
    (void)context;
    *capacity_out = 0;
    return NULL;
}

static void no_commit(void *context, const struct packet_target *target, size_t bytes) {
    (void)context;
    (void)target;
    (void)bytes;
}

static bool no_request(void *context, const struct packet_target *target, const uint8_t *script,
                       size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    (void)context;
    (void)target;
    (void)script;
    (void)script_bytes;
    (void)script_token;
    (void)request_token;
    return false;
}

static bool no_answer(void *context, uint32_t stream, const uint8_t *script, size_t script_bytes,
                      uint64_t script_token) {
    (void)context;
    (void)stream;
    (void)script;
    (void)script_bytes;
    (void)script_token;
    return false;
}

static struct membership *listener(const struct watch *watch, uint32_t host,
                                   struct record_store *store, struct memory *memory) {
    struct membership_settings settings = sim_gossip(watch->sim, host)->settings.membership;
    static const char name[] = "listener";
    struct record_fields self = {.name = name,
                                 .name_bytes = sizeof name - 1,
                                 .role = "",
                                 .region = "",
                                 .zone = "",
                                 .generation = 1,
                                 .weight = 1,
                                 .vnodes = 1,
                                 .ring_state = HENGE_RING_ACTIVE,
                                 .address = sim_address(watch->sim, host)};
    settings.self = &self;
    struct membership_observer observer = {.on_change = NULL};
    return membership_create(&settings, &observer, store, memory, 0);
}

static void write_record(struct kept_message *kept, const struct member *member) {
    struct bytes_writer writer = bytes_writer_of(kept->data, sizeof kept->data);
    const struct record *record = member->record;
    struct message_head head = {MESSAGE_GOSSIP, record->name_hash, record->generation};
    struct update update = {
        .name_hash = record->name_hash,
        .liveness = {member_generation(member), member->version, member->status},
        .encoded = record->encoded,
        .encoded_bytes = record->encoded_bytes};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    kept->bytes = (uint16_t)(writer.failed ? 0 : bytes_written(&writer));
}

/* Of the living, as the first host that is up holds them. Returns how many messages there are now.
 */
static uint32_t add_table(const struct watch *watch, struct semilattice *own, uint32_t host) {
    uint32_t count = own->count;
    for (uint32_t subject = 0; subject < watch->hosts_count; subject++) {
        const struct member *member = sim_look(watch->sim, host, subject);
        if (member != NULL && member->record != NULL && member->status < HENGE_DEAD)
            write_record(&own->messages[count++], member);
    }
    return count;
}

static void listen(struct semilattice *own, struct membership *membership, uint32_t count,
                   uint64_t seed) {
    struct outbox outbox = {.begin = no_room,
                            .commit = no_commit,
                            .stream_request = no_request,
                            .stream_answer = no_answer};
    struct packet_source source = {.destination_generation = 0};
    struct random random = random_of_seed(seed);
    for (uint32_t i = 0; i < count; i++)
        own->order[i] = i;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        random_shuffle_u32(&random, own->order, count);
        for (uint32_t i = 0; i < count; i++) {
            const struct kept_message *kept = &own->messages[own->order[i]];
            membership_receive(membership, kept->data, kept->bytes, &source, 0, &outbox);
        }
    }
}

/* Order-free, over all that merging decides about those who live. Slots differ; accusers beyond k
 * depend on the order; of the dead, a table's entry and a tombstone say the same. */
static uint64_t belief_of(const struct membership *membership) {
    uint64_t sum = 0;
    for (uint32_t slot = 1; slot < membership_slots(membership); slot++) {
        const struct member *member = membership_member(membership, slot);
        if (member->record == NULL || member->status >= HENGE_DEAD)
            continue;
        uint64_t liveness = hash64_pair(member_generation(member),
                                        (uint64_t)member->version << 8 | (uint64_t)member->status);
        sum += hash64_pair(member->record->digest, liveness);
    }
    return sum;
}

static uint32_t first_up(const struct watch *watch) {
    uint32_t host = 0;
    while (host < watch->hosts_count &&
           (!watch->hosts[host].is_up || watch->hosts[host].is_leaving))
        host++;
    return host;
}

static void on_finish(struct watch *watch, void *state) {
    struct semilattice *own = state;
    struct memory memory;
    memory_init(&memory, &sim_allocator);
    uint64_t beliefs[ORDERS] = {0};
    uint32_t host = first_up(watch);
    if (own->count == 0 || host == watch->hosts_count)
        return;
    uint32_t count = add_table(watch, own, host);
    for (uint64_t i = 0; i < ORDERS; i++) {
        struct record_store *store = record_store_create(&memory);
        struct membership *membership =
            store == NULL ? NULL : listener(watch, host, store, &memory);
        if (membership != NULL) {
            listen(own, membership, count, i + 1);
            beliefs[i] = belief_of(membership);
            membership_destroy(membership);
        }
        if (store != NULL)
            record_store_destroy(store);
        if (membership == NULL)
            return;
    }
    for (uint32_t i = 1; i < ORDERS; i++)
        if (beliefs[i] != beliefs[0])
            watch_report(watch, 3, SIM_NOBODY, SIM_NOBODY,
                         "%u messages in two orders give two beliefs: %016llx and %016llx", count,
                         (unsigned long long)beliefs[0], (unsigned long long)beliefs[i]);
}

const struct checker checker_semilattice = {.number = 3,
                                            .state_bytes = sizeof(struct semilattice),
                                            .init = init,
                                            .deinit = deinit,
                                            .on_send = on_send,
                                            .on_finish = on_finish};
