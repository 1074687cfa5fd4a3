/* core/runtime/node/gossip_node.c - see gossip_node.h: making a node, and its doors. */
#include "core/runtime/node/gossip_node.h"
#include "core/base/assert.h"
#include "core/base/mutant.h"

#define PAUSE_MAX_NS (500 * NS_PER_MS)

static bool is_owner(uint8_t status) {
    return status == HENGE_ALIVE || status == HENGE_SUSPECT;
}

static void note_publication(struct gossip_node *node, const struct member_change *change) {
    bool is_kept = node->settings.ring_removal_delay_ns > 0 && change->status == HENGE_LEFT &&
                   change->before_status == HENGE_DEAD; /* in the ring until now, maybe */
    bool was_in = !change->is_new && (is_kept || is_owner(change->before_status));
    bool is_in = !change->is_forgotten && is_owner(change->status);
    bool content = change->payload_changed || change->generation_changed;
    if (change->is_new || change->is_forgotten || content || was_in != is_in) {
        publication_members_changed(&node->publication);
    }
    if (change->generation_changed) {
        publication_generation_changed(&node->publication);
    }
    bool is_shown_dead = node->settings.ring_removal_delay_ns > 0 && content &&
                         change->status == HENGE_DEAD; /* in the ring yet, with what is new */
    if (is_shown_dead) {
        publication_ring_changed(&node->publication, node->now_ns, false);
    }
    if (was_in == is_in && !(is_in && content)) {
        return;
    }
    bool is_death = was_in && change->status == HENGE_DEAD;
    if (is_death && node->settings.ring_removal_delay_ns > 0) {
        uint64_t due_ns = node->now_ns + node->settings.ring_removal_delay_ns;
        node->removal_ns = due_ns < node->removal_ns ? due_ns : node->removal_ns;
        return;
    }
    publication_ring_changed(&node->publication, node->now_ns, is_death);
}

static void on_change(void *context, const struct member_change *change) {
    struct gossip_node *node = context;
    const struct member *member = membership_member(node->membership, change->slot);
    bool is_shown = gossip_node_is_shown(node, change->slot);
    overlay_set(node->overlay, change->slot, change->status, member_generation(member),
                member->version);
    overlay_up_set(node->overlay, gossip_node_shown_slot(node, change->slot),
                   is_shown && change->status == HENGE_ALIVE);
    node->has_unshown |= !is_shown;
    if (change->slot == 0 && change->is_evicted) {
        node->is_silent = true;
        node->generation_dirty = true;
    }
    gossip_node_feed_mark(node, change);
    note_publication(node, change);
    if (change->is_forgotten) {
        gossip_node_slot_forgotten(node, change->slot);
    } else {
        gossip_node_event_change(node, change);
    }
    if (node->hooks.on_change) {
        node->hooks.on_change(node->hooks.context, change);
    }
}

static bool on_accused(void *context, uint64_t generation, uint32_t version) {
    struct gossip_node *node = context;
    struct role_message message = {.kind = ROLE_ACCUSED, .node = node->settings.id};
    message.as.incarnation.generation = generation;
    message.as.incarnation.version = version;
    return node->hooks.to_detector(node->hooks.context, &message);
}

static void on_generation(void *context, uint64_t generation) {
    struct gossip_node *node = context;
    (void)generation;
    node->generation_dirty = true;
    node->is_silent = false;
}

static void on_conflict(void *context, uint32_t slot, const struct henge_address *other,
                        uint64_t other_generation) {
    struct gossip_node *node = context;
    gossip_node_event_conflict(node, slot, other, other_generation);
    if (slot == 0) {
        node->is_silent = true;
        node->generation_dirty = true;
    }
}

/* The detector hears first what is believed of the suspect: it probes it as SUSPECT. */
static bool on_verify(void *context, uint32_t slot) {
    struct gossip_node *node = context;
    if (!gossip_node_feed(node)) {
        return false;
    }
    const struct member *member = membership_member(node->membership, slot);
    struct role_message message = {.kind = ROLE_VERIFY, .node = node->settings.id};
    message.as.incarnation.slot = slot;
    message.as.incarnation.generation = member_generation(member);
    message.as.incarnation.version = member->version;
    return node->hooks.to_detector(node->hooks.context, &message);
}

static void on_partitioned(void *context, bool begins) {
    gossip_node_event_partitioned(context, begins);
}

/* What only views need. */
static void read_destroy(struct gossip_node *node) {
    size_t slots = node->settings.membership.members_max;
    memory_release(node->memory, node->slots_waiting, slots * sizeof(*node->slots_waiting),
                   HENGE_MEMORY_MEMBER);
    memory_release(node->memory, node->retired,
                   node->settings.live_views_max * sizeof(struct henge_view *),
                   HENGE_MEMORY_MEMBER);
    node->slots_waiting = NULL;
    node->retired = NULL;
}

static bool read_create(struct gossip_node *node) {
    size_t slots = node->settings.membership.members_max;
    /* Not cleared: what is not touched costs no page. */
    node->slots_waiting =
        memory_alloc(node->memory, slots * sizeof(*node->slots_waiting), HENGE_MEMORY_MEMBER);
    node->retired = memory_alloc_array(node->memory, node->settings.live_views_max,
                                       sizeof(struct henge_view *), HENGE_MEMORY_MEMBER);
    return node->slots_waiting && node->retired && overlay_open(node->overlay, node->memory);
}

bool gossip_node_read(struct gossip_node *node, uint64_t now_ns) {
    if (!node->settings.is_unread) {
        return true;
    }
    node->settings.is_unread = false;
    if (read_create(node) && gossip_node_first_view(node, now_ns)) {
        return true;
    }
    gossip_node_last_view(node);
    read_destroy(node);
    node->settings.is_unread = true;
    return false;
}

static bool arrays_create(struct gossip_node *node) {
    node->events_capacity =
        node->settings.is_unread ? GOSSIP_NODE_EVENTS_UNREAD : GOSSIP_NODE_EVENTS_PENDING;
    node->events = memory_alloc_array(node->memory, node->events_capacity, sizeof(*node->events),
                                      HENGE_MEMORY_EVENT);
    return gossip_node_feed_create(node) && node->events &&
           gossip_node_roles_create(node, node->settings.ring_roles) &&
           (node->settings.is_unread || read_create(node));
}

struct gossip_node *gossip_node_create(const struct gossip_node_settings *settings,
                                       const struct gossip_node_hooks *hooks,
                                       struct overlay *overlay,
                                       const struct gossip_commons *commons, uint64_t now_ns) {
    struct memory *memory = commons->memory;
    struct gossip_node *node = memory_alloc_zeroed(memory, sizeof(*node), HENGE_MEMORY_CORE);
    if (!node) {
        return NULL;
    }
    node->settings = *settings;
    node->hooks = *hooks;
    node->memory = memory;
    node->store = commons->store;
    node->epochs = commons->epochs;
    gossip_node_view_init(node, commons->rings);
    node->overlay = overlay;
    node->now_ns = now_ns;
    node->deadline_ns = TIME_NEVER;
    node->removal_ns = TIME_NEVER;
    node->place_due_ns = TIME_NEVER;
    node->place_until_ns = TIME_NEVER;
    const struct profile *profile = settings->membership.profile;
    publication_init(&node->publication, settings->publish_window_ns,
                     settings->publish_window_max_ns, !profile || profile->is_ring_batched);
    struct membership_observer observer = {.context = node,
                                           .on_change = on_change,
                                           .on_accused = on_accused,
                                           .on_generation = on_generation,
                                           .on_conflict = on_conflict,
                                           .on_verify = on_verify,
                                           .on_partitioned = on_partitioned};
    if (arrays_create(node)) {
        node->membership =
            membership_create(&settings->membership, &observer, node->store, memory, now_ns);
    }
    node->settings.ring_roles = NULL; /* lent for creation only, all of them */
    node->settings.membership.self = NULL;
    node->settings.membership.former = NULL;
    node->settings.membership.former_count = 0;
    if (!node->membership) {
        gossip_node_destroy(node);
        return NULL;
    }
    if (!gossip_node_first_view(node, now_ns)) {
        gossip_node_destroy(node);
        return NULL;
    }
    node->events_count = 0;
    return node;
}

bool gossip_node_is_reclaimed(const struct gossip_node *node) {
    const struct henge_view *view = atomic_load_explicit(&node->view, memory_order_relaxed);
    return node->retired_count == 0 &&
           (!view || atomic_load_explicit(&view->pins, memory_order_acquire) == 0);
}

void gossip_node_destroy(struct gossip_node *node) {
    struct memory *memory = node->memory;
    gossip_node_last_view(node);
    if (node->membership) {
        membership_destroy(node->membership);
    }
    read_destroy(node);
    gossip_node_feed_destroy(node);
    gossip_node_roles_destroy(node);
    memory_release(memory, node->events, node->events_capacity * sizeof(*node->events),
                   HENGE_MEMORY_EVENT);
    memory_release(memory, node, sizeof(*node), HENGE_MEMORY_CORE);
}

void gossip_node_receive(struct gossip_node *node, const uint8_t *message, size_t bytes,
                         const struct packet_source *source, uint64_t now_ns,
                         struct outbox *outbox) {
    node->now_ns = now_ns;
    membership_receive(node->membership, message, bytes, source, now_ns, outbox);
}

bool gossip_node_message(struct gossip_node *node, const struct role_message *message,
                         uint64_t now_ns) {
    struct membership *membership = node->membership;
    uint32_t slot = message->as.incarnation.slot;
    uint64_t generation = message->as.incarnation.generation;
    uint32_t version = message->as.incarnation.version;
    node->now_ns = now_ns;
    switch (message->kind) {
    case ROLE_PROBE_FAILED:
        membership_probe_failed(membership, slot, generation, version, now_ns);
        break;
    case ROLE_PEER_ALIVE:
        membership_peer_alive(membership, slot, generation, version, now_ns);
        break;
    case ROLE_NOT_ME:
        membership_not_me(membership, slot, generation, now_ns);
        break;
    case ROLE_SELF_VERSION:
        membership_self_version(membership, generation, version, now_ns);
        break;
    case ROLE_PEER_FINGERPRINT:
        return membership_peer_fingerprint(membership, message->as.fingerprint.slot,
                                           message->as.fingerprint.fingerprint,
                                           message->as.fingerprint.time_ns, now_ns);
    case ROLE_DECLARED_DEAD:
        membership_declared_dead(membership, generation, version, now_ns);
        break;
    case ROLE_PROBES:
        membership_probes(membership, version, now_ns);
        break;
    case ROLE_SCRIPT_DONE:
        membership_script_done(membership, message->as.token);
        break;
    case ROLE_STREAM_ENDED:
        membership_stream_ended(membership, message->as.token, message->flag, now_ns);
        break;
    default:
        ASSERT(false && "a message that is not for the gossip role");
    }
    return true;
}

static void count(struct gossip_node *node) {
    struct gossip_node_counters *out = &node->counters;
    const struct member *self = membership_member(node->membership, 0);
    struct membership_counters in;
    membership_counters_get(node->membership, &in);
    counter_set(&out->view_number, node->view_number);
    counter_set(&out->ring_version, node->ring_version);
    counter_set(&out->ring_fingerprint, node->ring_fingerprint);
    counter_set(&out->view_fingerprint, membership_fingerprint(node->membership));
    counter_set(&out->generation, member_generation(self));
    counter_set(&out->version, self->version);
    counter_set(&out->is_joined,
                membership_join_state(node->membership) == JOIN_DONE || in.alive + in.suspect > 1);
    counter_set(&out->alive, in.alive);
    counter_set(&out->suspect, in.suspect);
    counter_set(&out->dead, in.dead);
    counter_set(&out->left, in.left);
    counter_set(&out->agreement_permille, in.agreement_permille);
    counter_set(&out->malformed, in.malformed + in.unknown_type);
    counter_set(&out->misdirected, in.misdirected);
    counter_set(&out->accusations, in.accusations);
    counter_set(&out->verdicts, in.verdicts);
    counter_set(&out->updates_sent, in.updates_sent);
    counter_set(&out->updates_received, in.updates_received);
    counter_set(&out->updates_news, in.updates_news);
    counter_set(&out->updates_refused, in.updates_refused);
    counter_set(&out->syncs_started, in.syncs_started);
    counter_set(&out->records_received, in.records_received);
    counter_set(&out->evictions, in.evictions);
    counter_set(&out->leaves_refused, in.leaves_refused);
    counter_set(&out->members_refused, in.members_refused);
}

void gossip_node_step(struct gossip_node *node, uint64_t now_ns, uint64_t horizon_ns,
                      struct outbox *outbox) {
    uint64_t period_ns = node->settings.membership.probe_period_ns;
    uint64_t guard_ns = period_ns < PAUSE_MAX_NS ? period_ns : PAUSE_MAX_NS;
    node->now_ns = now_ns;
    if (now_ns > node->deadline_ns && now_ns - node->deadline_ns > guard_ns &&
        !MUTANT(WAKES_BLIND)) {
        membership_paused(node->membership, now_ns - node->deadline_ns, now_ns);
        node->deadline_ns = TIME_NEVER; /* one gap counts once, however many steps follow */
    }
    membership_step(node->membership, now_ns, horizon_ns, outbox);
    gossip_node_place(node, now_ns);
    node->feed_is_behind = !gossip_node_feed(node);
    gossip_node_publish_due(node, now_ns);
    if (!node->publication.members_dirty || now_ns < node->publish_not_before_ns) {
        gossip_node_events_flush(node);
    }
    count(node);
}

uint64_t gossip_node_deadline(struct gossip_node *node) {
    uint64_t deadline_ns = membership_deadline(node->membership);
    uint64_t publish_ns = gossip_node_publish_deadline(node);
    deadline_ns = deadline_ns < publish_ns ? deadline_ns : publish_ns;
    deadline_ns = deadline_ns < node->place_due_ns ? deadline_ns : node->place_due_ns;
    if (node->feed_is_behind) {
        uint64_t retry_ns = node->now_ns + NS_PER_MS;
        deadline_ns = deadline_ns < retry_ns ? deadline_ns : retry_ns;
    }
    /* What is due at once is due since the last call, not since the beginning of time: the next
     * step would take itself to be late by as much. */
    node->deadline_ns = deadline_ns > node->now_ns ? deadline_ns : node->now_ns;
    return node->deadline_ns;
}
