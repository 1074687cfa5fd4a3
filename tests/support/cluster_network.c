/* tests/support/cluster_network.c - see cluster_network.h. */
#include "tests/support/cluster_network.h"
#include "core/base/assert.h"
#include "membership/message.h"
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_NS (2 * NS_PER_S)
#define IDLE_TIMEOUT_NS (5 * NS_PER_S)

enum event_kind {
    EVENT_MESSAGE,
    EVENT_SCRIPT_DONE,
    EVENT_STREAM_ENDED,
    EVENT_STREAM_TIMEOUT,
    EVENT_VOID /* its node is gone */
};

struct cluster_event {
    uint64_t time_ns, number;
    enum event_kind kind;
    uint32_t to, from;
    uint32_t stream;
    uint64_t destination_generation;
    uint64_t token;
    bool failed;
    uint8_t *bytes; /* owned */
    size_t size;
};

static bool is_before(const struct cluster_event *left, const struct cluster_event *right) {
    if (left->time_ns != right->time_ns)
        return left->time_ns < right->time_ns;
    return left->number < right->number;
}

static void swap(struct cluster_event *left, struct cluster_event *right) {
    struct cluster_event event = *left;
    *left = *right;
    *right = event;
}

static void push(struct cluster *cluster, struct cluster_event event) {
    if (cluster->events_count == cluster->events_capacity) {
        cluster->events_capacity = cluster->events_capacity * 2 + 64;
        cluster->events =
            realloc(cluster->events, cluster->events_capacity * sizeof *cluster->events);
        ASSERT(cluster->events != NULL);
    }
    event.number = ++cluster->events_made;
    size_t at = cluster->events_count++;
    cluster->events[at] = event;
    for (; at > 0 && is_before(&cluster->events[at], &cluster->events[(at - 1) / 2]);
         at = (at - 1) / 2)
        swap(&cluster->events[at], &cluster->events[(at - 1) / 2]);
}

static struct cluster_event pop(struct cluster *cluster) {
    struct cluster_event *events = cluster->events;
    struct cluster_event first = events[0];
    events[0] = events[--cluster->events_count];
    for (size_t at = 0;;) {
        size_t child = 2 * at + 1;
        if (child >= cluster->events_count)
            break;
        if (child + 1 < cluster->events_count && is_before(&events[child + 1], &events[child]))
            child++;
        if (!is_before(&events[child], &events[at]))
            break;
        swap(&events[child], &events[at]);
        at = child;
    }
    return first;
}

static uint8_t *copy_of(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size);
    ASSERT(copy != NULL);
    memcpy(copy, bytes, size);
    return copy;
}

static uint64_t one_way(struct cluster *cluster) {
    return cluster->delay_ns + random_below(&cluster->random, cluster->jitter_ns + 1);
}

static uint32_t number_at(const struct cluster *cluster, const struct henge_address *address) {
    for (uint32_t i = 0; i < CLUSTER_NODES_MAX; i++)
        if (memcmp(&cluster->nodes[i].address, address, sizeof *address) == 0)
            return i;
    return CLUSTER_NODES_MAX;
}

static bool is_reachable(const struct cluster *cluster, uint32_t from, uint32_t to) {
    return to < CLUSTER_NODES_MAX && cluster->nodes[to].membership != NULL &&
           cluster->nodes[to].side == cluster->nodes[from].side;
}

/* The outbox. */

static uint8_t *outbox_begin(void *context, size_t *capacity_out) {
    struct cluster_node *node = context;
    *capacity_out = sizeof node->message;
    return node->cluster->no_buffers ? NULL : node->message;
}

static void outbox_commit(void *context, const struct packet_target *target, size_t bytes) {
    struct cluster_node *node = context;
    struct cluster *cluster = node->cluster;
    if (bytes == 0)
        return;
    ASSERT(bytes <= cluster->settings.payload_bytes_max);
    ASSERT(target->lane == LANE_GOSSIP);
    node->packets++;
    node->bytes += bytes;
    node->packets_by_type[node->message[0] & 63]++;
    uint32_t to = number_at(cluster, &target->address);
    if (cluster->filter != NULL &&
        !cluster->filter(cluster, node->number, to, node->message, bytes))
        return;
    if (!is_reachable(cluster, node->number, to) ||
        random_below(&cluster->random, 1000) < cluster->loss_permille)
        return;
    push(cluster, (struct cluster_event){.time_ns = cluster->now_ns + one_way(cluster),
                                         .kind = EVENT_MESSAGE,
                                         .to = to,
                                         .from = node->number,
                                         .destination_generation = target->generation,
                                         .bytes = copy_of(node->message, bytes),
                                         .size = bytes});
}

/* Each record of the script is an event, 10 us after the one before. */
static uint64_t push_script(struct cluster *cluster, uint32_t from, uint32_t to, uint32_t stream,
                            uint64_t generation, const uint8_t *script, size_t size) {
    uint64_t time_ns = cluster->now_ns + 2 * one_way(cluster);
    for (size_t at = 0; at < size;) {
        size_t bytes = script[at] | (size_t)script[at + 1] << 8;
        ASSERT(at + 2 + bytes <= size);
        push(cluster, (struct cluster_event){.time_ns = time_ns,
                                             .kind = EVENT_MESSAGE,
                                             .to = to,
                                             .from = from,
                                             .stream = stream,
                                             .destination_generation = generation,
                                             .bytes = copy_of(script + at + 2, bytes),
                                             .size = bytes});
        time_ns += 10 * NS_PER_US;
        at += 2 + bytes;
    }
    return time_ns;
}

static void push_done(struct cluster *cluster, uint32_t to, uint64_t token, uint64_t time_ns) {
    push(cluster, (struct cluster_event){
                      .time_ns = time_ns, .kind = EVENT_SCRIPT_DONE, .to = to, .token = token});
}

static bool outbox_request(void *context, const struct packet_target *target, const uint8_t *script,
                           size_t script_bytes, uint64_t script_token, uint64_t request_token) {
    struct cluster_node *node = context;
    struct cluster *cluster = node->cluster;
    uint32_t id = 0;
    while (id < CLUSTER_STREAMS_MAX && cluster->streams[id].is_open)
        id++;
    if (id == CLUSTER_STREAMS_MAX || cluster->streams_refused)
        return false;
    uint32_t to = number_at(cluster, &target->address);
    node->streams++;
    cluster->streams[id] = (struct cluster_stream){
        .client = node->number, .server = to, .request_token = request_token, .is_open = true};
    uint64_t fails_ns = to < CLUSTER_NODES_MAX ? cluster->nodes[to].no_streams_ns : 0;
    bool answers = is_reachable(cluster, node->number, to) && fails_ns == 0;
    uint64_t done_ns = cluster->now_ns + (fails_ns > 0 ? fails_ns : CONNECT_TIMEOUT_NS);
    if (answers)
        done_ns = push_script(cluster, node->number, to, id + 1, target->generation, script,
                              script_bytes);
    push_done(cluster, node->number, script_token, done_ns);
    push(cluster,
         (struct cluster_event){.time_ns = answers ? cluster->now_ns + IDLE_TIMEOUT_NS : done_ns,
                                .kind = EVENT_STREAM_TIMEOUT,
                                .to = node->number,
                                .stream = id + 1,
                                .token = request_token});
    return true;
}

static bool outbox_answer(void *context, uint32_t stream, const uint8_t *script,
                          size_t script_bytes, uint64_t script_token) {
    struct cluster_node *node = context;
    struct cluster *cluster = node->cluster;
    ASSERT(stream > 0 && stream <= CLUSTER_STREAMS_MAX);
    struct cluster_stream *open = &cluster->streams[stream - 1];
    if (!open->is_open || open->server != node->number ||
        !is_reachable(cluster, node->number, open->client))
        return false;
    uint64_t end_ns =
        push_script(cluster, node->number, open->client, stream, 0, script, script_bytes);
    push_done(cluster, node->number, script_token, end_ns);
    push(cluster, (struct cluster_event){.time_ns = end_ns,
                                         .kind = EVENT_STREAM_ENDED,
                                         .to = open->client,
                                         .stream = stream,
                                         .token = open->request_token});
    return true;
}

struct outbox cluster_outbox(struct cluster_node *node) {
    return (struct outbox){.context = node,
                           .begin = outbox_begin,
                           .commit = outbox_commit,
                           .stream_request = outbox_request,
                           .stream_answer = outbox_answer};
}

/* Delivery. */

static void end_stream(struct cluster *cluster, struct cluster_node *node,
                       const struct cluster_event *event, bool failed) {
    struct cluster_stream *open = &cluster->streams[event->stream - 1];
    if (!open->is_open || open->request_token != event->token || open->client != event->to)
        return;
    open->is_open = false;
    membership_stream_ended(node->membership, event->token, failed, cluster->now_ns);
}

static void deliver(struct cluster *cluster, const struct cluster_event *event) {
    struct cluster_node *node = &cluster->nodes[event->to];
    if (node->membership == NULL || event->kind == EVENT_VOID)
        return;
    node->is_dirty = true;
    if (event->kind == EVENT_SCRIPT_DONE) {
        membership_script_done(node->membership, event->token);
    } else if (event->kind != EVENT_MESSAGE) {
        end_stream(cluster, node, event, event->kind == EVENT_STREAM_TIMEOUT);
    } else {
        struct henge_address from = cluster->nodes[event->from].address;
        if (event->stream != 0 && cluster->streams[event->stream - 1].client == event->from)
            from.port = 40000; /* a connection comes from a port where nobody listens */
        struct packet_source source = {.address = from,
                                       .destination_generation = event->destination_generation,
                                       .received_ns = cluster->now_ns,
                                       .stream = event->stream};
        struct outbox outbox = cluster_outbox(node);
        membership_receive(node->membership, event->bytes, event->size, &source, cluster->now_ns,
                           &outbox);
    }
}

uint64_t cluster_network_next(const struct cluster *cluster) {
    return cluster->events_count == 0 ? TIME_NEVER : cluster->events[0].time_ns;
}

void cluster_network_deliver(struct cluster *cluster) {
    while (cluster_network_next(cluster) <= cluster->now_ns) {
        struct cluster_event event = pop(cluster);
        deliver(cluster, &event);
        free(event.bytes);
    }
}

void cluster_network_forget(struct cluster *cluster, uint32_t number) {
    for (size_t i = 0; i < cluster->events_count; i++) {
        struct cluster_event *event = &cluster->events[i];
        if (event->to == number && event->kind != EVENT_MESSAGE)
            event->kind = EVENT_VOID;
    }
    for (uint32_t id = 0; id < CLUSTER_STREAMS_MAX; id++)
        if (cluster->streams[id].client == number)
            cluster->streams[id].is_open = false;
}

void cluster_network_clear(struct cluster *cluster) {
    while (cluster->events_count > 0) {
        struct cluster_event event = pop(cluster);
        free(event.bytes);
    }
    free(cluster->events);
}

void cluster_inject(struct cluster *cluster, uint32_t to, uint32_t from, const uint8_t *message,
                    size_t bytes) {
    struct cluster_event event = {.kind = EVENT_MESSAGE,
                                  .to = to,
                                  .from = from,
                                  .bytes = copy_of(message, bytes == 0 ? 1 : bytes),
                                  .size = bytes};
    deliver(cluster, &event);
    free(event.bytes);
}
