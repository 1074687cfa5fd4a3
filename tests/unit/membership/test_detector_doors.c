/* tests/unit/membership/test_detector_doors.c - stories in virtual time of what comes in from
 * others and goes out to the caller: stray answers, help asked of this node, refusals, noise. */
#include "core/base/random.h"
#include "henge/members.h"
#include "membership/detector/local_health.h"
#include "membership/detector/relay.h"
#include "tests/unit/membership/detector_world.h"
#include <criterion/criterion.h>

static bool drops_nacks(const struct world_sent *sent) {
    return sent->message.head.type == MESSAGE_NACK;
}

/* -- Answers that fit no question -- */

Test(detector, late_and_foreign_acks_are_contact_but_no_answer) {
    world_create(3, 1);
    (void)world_run_to_ping(0, 1);
    uint32_t sequence = world_sent_last(0, MESSAGE_PING, 0)->message.as.ping.sequence;
    struct probe_message ack = {.head = world_head(1, MESSAGE_ACK),
                                .as.ack = {.sequence = sequence + 1000,
                                           .subject_name_hash = world_name(1),
                                           .subject_generation = FIRST_GENERATION + 1}};
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
    cr_assert_eq(world.nodes[0].contacts[2], 1);
    ack.as.ack.sequence = sequence;
    ack.as.ack.subject_generation++;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
    ack.as.ack.subject_name_hash = world_name(2);
    ack.as.ack.subject_generation = FIRST_GENERATION + 2;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ack);
    cr_assert_eq(world_counters(0).answers_late, 3);
    world_run(PERIOD);
    cr_assert_eq(world.nodes[0].failed[2], 1, "none of them was the answer");
    world_destroy();
}

Test(detector, answers_go_where_the_packet_came_from) {
    world_create(3, 3);
    struct probe_message ping = world_ping(1, 0);
    world_forge(0, &world.nodes[2].address, FIRST_GENERATION, &ping);
    const struct world_sent *reply = world_sent_last(0, MESSAGE_ACK, 0);
    cr_assert_eq(reply->to, 2);
    cr_assert_eq(reply->destination_generation, FIRST_GENERATION + 1);
    cr_assert_eq(world.nodes[0].contacts[2], 0, "contact is from its own address");
    world_destroy();
}

Test(detector, strangers_are_answered_too) {
    world_create(2, 2);
    struct probe_message ping = world_ping(1, 0);
    detector_peer_remove(world.nodes[0].detector, 2);
    world_forge(0, &world.nodes[1].address, 0, &ping);
    cr_assert_eq(world_sent_count(0, MESSAGE_ACK, 0), 1);
    cr_assert_eq(world_counters(0).acks_sent, 1);
    world_destroy();
}

Test(detector, messages_under_the_own_name_are_not_taken) {
    world_create(2, 2);
    for (uint64_t step = 0; step < 2; step++) {
        struct probe_message ping = world_ping(0, 0);
        ping.head.source_generation += step;
        ping.as.ping.held = (struct held){HELD_DEAD, 5};
        world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    }
    cr_assert_eq(world_counters(0).misdirected, 2);
    cr_assert_eq(world.log_count, 0);
    cr_assert_eq(detector_version(world.nodes[0].detector), 0);
    world_destroy();
}

Test(detector, longer_messages_of_a_later_version_are_read_and_counted) {
    world_create(2, 2);
    struct probe_message ping = world_ping(1, 0);
    uint8_t bytes[PROBE_WIRE_BYTES_MAX + 7] = {0};
    struct bytes_writer writer = bytes_writer_of(bytes, sizeof bytes);
    probe_wire_put(&writer, &ping);
    world_forge_bytes(0, 1, bytes, sizeof bytes);
    cr_assert_eq(world_counters(0).acks_sent, 1);
    cr_assert_eq(world_counters(0).unknown_type, 1);
    world_forge_bytes(0, 1, bytes, PROBE_WIRE_BYTES_MAX);
    cr_assert_eq(world_counters(0).unknown_type, 1);
    world_destroy();
}

/* -- Helping others -- */

Test(detector, nack_leaves_at_four_fifths_of_the_time_remaining) {
    world_create(4, 4);
    world.nodes[3].is_crashed = true;
    uint64_t asked_ns = world.now_ns;
    struct probe_message request = world_request(1, 3, 88, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    const struct world_sent *ping = world_sent_last(0, MESSAGE_PING, 0);
    cr_assert_eq(ping->to, 3);
    cr_assert_eq(ping->time_ns, asked_ns);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_sent_last(0, MESSAGE_PING, 0), ping, "a doubled request is served once");
    world_run(400 * NS_PER_MS - 1);
    cr_assert_null(world_sent_last(0, MESSAGE_NACK, 0));
    world_run(1);
    const struct world_sent *nack = world_sent_last(0, MESSAGE_NACK, 0);
    cr_assert_not_null(nack);
    cr_assert_eq(nack->to, 1);
    cr_assert_eq(nack->message.as.nack.sequence, 88);
    /* An ack between the nack and the end is still worth passing on. */
    struct probe_message ack = {.head = world_head(3, MESSAGE_ACK),
                                .as.ack = {.sequence = ping->message.as.ping.sequence,
                                           .subject_name_hash = world_name(3),
                                           .subject_generation = FIRST_GENERATION + 3,
                                           .held = {HELD_SUSPECT, 0},
                                           .vitals = {.version = 2, .fingerprint = 99}}};
    world_forge(0, &world.nodes[3].address, FIRST_GENERATION, &ack);
    const struct world_sent *passed = world_sent_last(0, MESSAGE_ACK, 0);
    cr_assert_not_null(passed);
    cr_assert_eq(passed->to, 1);
    cr_assert_eq(passed->message.as.ack.sequence, 88);
    cr_assert_eq(passed->message.as.ack.subject_name_hash, world_name(3));
    cr_assert_eq(passed->message.as.ack.vitals.version, 2);
    cr_assert_eq(passed->message.as.ack.vitals.fingerprint, 99);
    cr_assert_eq(passed->message.as.ack.held.flags, 0, "not what the target says of the helper");
    world_forge(0, &world.nodes[3].address, FIRST_GENERATION, &ack);
    cr_assert_eq(world_sent_last(0, MESSAGE_ACK, 0), passed, "once");
    world_destroy();
}

Test(detector, unknown_targets_are_not_pinged) {
    world_create(5, 5);
    world_know(0, 3, FIRST_GENERATION + 3, 0, HENGE_LEFT);
    detector_peer_remove(world.nodes[0].detector, 3);
    struct probe_message request = world_request(1, 2, 1, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    request = world_request(1, 3, 2, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    request = world_request(1, 4, 3, 500000);
    request.as.ping_req.target_generation++;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    request = world_request(1, 0, 4, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_counters(0).relays_unknown, 4);
    request = world_request(1, 4, 5, 0);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_counters(0).relays_dropped, 1, "no time left");
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), 0);
    world_destroy();
}

Test(detector, full_relay_table_is_counted_and_empties_itself) {
    world_create(3, 1);
    for (uint32_t i = 0; i < RELAYS_MAX + 10; i++) {
        struct probe_message request = world_request(1, 2, i + 1, UINT32_MAX);
        world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    }
    cr_assert_eq(world_counters(0).relays_dropped, 10);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, 0), RELAYS_MAX);
    world_run(10 * PERIOD); /* the time asked for is cut to 9 periods */
    cr_assert_eq(world_sent_count(0, MESSAGE_NACK, 0), RELAYS_MAX);
    uint32_t since = world.log_count;
    struct probe_message request = world_request(1, 2, 999, 500000);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &request);
    cr_assert_eq(world_sent_count(0, MESSAGE_PING, since), 1, "room again");
    cr_assert_eq(world_counters(0).relays_dropped, 10);
    world_destroy();
}

/* -- Local health -- */

Test(detector, full_nacks_leave_local_health_alone_and_missing_ones_do_not) {
    for (int round = 0; round < 2; round++) {
        world_create(5, 5);
        world_run(20 * PERIOD);
        world.nodes[4].is_crashed = true;
        world.drops = round == 0 ? NULL : drops_nacks;
        uint64_t begun_ns = world_run_to_ping(0, 4)->time_ns;
        world_run(begun_ns + PERIOD + NS_PER_MS - world.now_ns);
        cr_assert_eq(world.nodes[0].failed[5], 1);
        cr_assert_eq(world_counters(0).nacks_received, round == 0 ? 3 : 0);
        cr_assert_eq(detector_health(world.nodes[0].detector), round == 0 ? 0 : 1);
        world_destroy();
    }
}

Test(detector, foreign_and_doubled_nacks_do_not_count) {
    world_create(5, 1);
    (void)world_run_to_ping(0, 4);
    uint32_t since = world.log_count;
    while (world_sent_count(0, MESSAGE_PING_REQ, since) == 0) {
        world_run(NS_PER_MS);
    }
    const struct world_sent *request = world_sent_last(0, MESSAGE_PING_REQ, 0);
    cr_assert_not_null(request);
    struct probe_message nack = {.head = world_head(request->to, MESSAGE_NACK),
                                 .as.nack = {request->message.as.ping_req.sequence}};
    struct henge_address helper = world_address(request->to);
    world_forge(0, &helper, FIRST_GENERATION, &nack);
    world_forge(0, &helper, FIRST_GENERATION, &nack);
    cr_assert_eq(world_counters(0).nacks_received, 1);
    nack.head = world_head(4, MESSAGE_NACK);
    world_forge(0, &world.nodes[4].address, FIRST_GENERATION, &nack);
    nack.head = world_head(request->to, MESSAGE_NACK);
    nack.as.nack.sequence += 5;
    world_forge(0, &helper, FIRST_GENERATION, &nack);
    cr_assert_eq(world_counters(0).nacks_received, 1);
    world_destroy();
}

/* Alone with silence on all sides, a node slows down nine-fold instead of accusing in a hurry. */
Test(detector, cut_off_node_stretches_its_period) {
    world_create(6, 1);
    world_run(60 * PERIOD);
    cr_assert_eq(detector_health(world.nodes[0].detector), LOCAL_HEALTH_MAX);
    uint64_t before = world_counters(0).probes_sent;
    world_run(90 * PERIOD);
    cr_assert_eq(world_counters(0).probes_sent - before, 10);
    world_destroy();
}

/* -- Refusals of the caller -- */

Test(detector, what_the_observer_refused_is_told_again) {
    world_create(4, 1);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    detector_accused(node->detector, FIRST_GENERATION, 0);
    struct probe_message ping = world_ping(2, 0);
    ping.as.ping.vitals.version = 7;
    world_forge(0, &world.nodes[2].address, FIRST_GENERATION, &ping);
    ping.as.ping.vitals.version = 6; /* the later word is the older one */
    world_forge(0, &world.nodes[2].address, FIRST_GENERATION, &ping);
    struct probe_message not_me = {
        .head = {.type = MESSAGE_NOT_ME,
                 .source_name_hash = world_name(30),
                 .source_generation = 1},
        .as.not_me = {.asked_name_hash = world_name(3), .asked_generation = FIRST_GENERATION + 3}};
    world_forge(0, &world.nodes[3].address, FIRST_GENERATION, &not_me);
    world_run(30 * PERIOD);
    cr_assert_eq(world_failures(0) + node->alive[3] + node->not_me[4] + node->self_versions, 0);
    cr_assert_leq(node->steps, 30 * 15, "retried, not polled");
    node->is_refusing = false;
    world_run(PERIOD / 5);
    cr_assert_eq(node->self_versions, 1);
    cr_assert_eq(node->self_version, 1);
    cr_assert_eq(node->alive[3], 1);
    cr_assert_eq(node->alive_version, 7);
    cr_assert_eq(node->not_me[4], 1);
    cr_assert(node->failed[2] >= 1 && node->failed[3] >= 1 && node->failed[4] >= 1);
    world_run(PERIOD / 5);
    cr_assert_eq(node->alive[3] + node->not_me[4] + node->self_versions, 3, "once");
    world_destroy();
}

Test(detector, refused_report_that_was_overtaken_is_not_told) {
    world_create(2, 1);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    world_run(2 * PERIOD);
    struct probe_message ping = world_ping(1, 0);
    ping.as.ping.vitals.version = 4;
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    world_know(0, 1, FIRST_GENERATION + 1, 4, HENGE_ALIVE); /* gossip had it from elsewhere */
    node->is_refusing = false;
    world_run(0);
    detector_peer_remove(node->detector, 2);
    world_run(3 * PERIOD);
    cr_assert_eq(world_failures(0) + node->alive[2], 0);
    world_destroy();
}

Test(detector, refused_accusation_does_not_fall_on_a_later_version) {
    world_create(2, 1);
    world.nodes[0].is_refusing = true;
    (void)world_run_to_ping(0, 1);
    world_run(PERIOD);
    cr_assert_eq(world_counters(0).probes_failed, 1);
    world_know(0, 1, FIRST_GENERATION + 1, 1, HENGE_ALIVE);
    world.nodes[0].is_refusing = false;
    world_run(PERIOD / 5);
    cr_assert_eq(world_failures(0), 0);
    world_destroy();
}

Test(detector, refused_version_of_an_old_generation_is_not_told) {
    world_create(2, 2);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    detector_accused(node->detector, FIRST_GENERATION, 0);
    node->generation = FIRST_GENERATION + 9;
    detector_generation_set(node->detector, FIRST_GENERATION + 9);
    node->is_refusing = false;
    world_run(2 * PERIOD);
    cr_assert_eq(node->self_versions, 0);
    world_destroy();
}

/* A contact makes an accusation that was not told yet void. */
Test(detector, contact_takes_a_refused_accusation_back) {
    world_create(2, 1);
    struct world_node *node = &world.nodes[0];
    node->is_refusing = true;
    world_run(2 * PERIOD);
    cr_assert_gt(node->refusals, 0);
    struct probe_message ping = world_ping(1, 0);
    world_forge(0, &world.nodes[1].address, FIRST_GENERATION, &ping);
    detector_peer_remove(node->detector, 9); /* nobody: changes nothing */
    node->is_refusing = false;
    uint64_t probes_failed = world_counters(0).probes_failed;
    world_run(PERIOD / 5);
    cr_assert_eq(world_failures(0), world_counters(0).probes_failed - probes_failed);
    world_destroy();
}

/* What could not be sent is nobody's fault but ours. */
Test(detector, without_send_buffers_nobody_is_accused) {
    world_create(3, 3);
    world_run(10 * PERIOD);
    world.nodes[0].is_muted = true;
    world_run(100 * PERIOD);
    cr_assert_eq(world_failures(0), 0);
    cr_assert_gt(world_counters(0).probes_abandoned, 5);
    cr_assert_eq(detector_health(world.nodes[0].detector), LOCAL_HEALTH_MAX);
    cr_assert_leq(world.nodes[0].steps, 1400);
    world.nodes[0].is_muted = false;
    world_run(60 * PERIOD);
    cr_assert_eq(world_failures(0), 0);
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    world_destroy();
}

/* The direct ping left, all that follows could not: no judgement either. */
Test(detector, second_chance_that_could_not_be_sent_is_no_failure) {
    world_create(4, 1);
    (void)world_run_to_ping(0, 1);
    world.nodes[0].is_muted = true;
    world_run(PERIOD + NS_PER_MS);
    cr_assert_eq(world_failures(0), 0);
    cr_assert_eq(world_counters(0).probes_abandoned, 1);
    world_destroy();
}

Test(detector, refusal_of_memory_is_counted) {
    world_create(2, 2);
    memory_fail_after(&world.memory, 0);
    struct detector_peer far = {.name_hash = 5, .generation = 1, .status = HENGE_ALIVE};
    detector_peer_set(world.nodes[0].detector, 200, &far);
    detector_peer_set(world.nodes[0].detector, 301, &far);
    cr_assert_eq(world_counters(0).peers_refused, 2);
    far.name_hash = world_name(0);
    detector_peer_set(world.nodes[0].detector, 20, &far);
    cr_assert_eq(world_counters(0).peers_refused, 2, "this node knows itself");
    struct detector_settings settings = {.period_ns = PERIOD, .peers_max = 10};
    struct detector_observer observer = {0};
    memory_fail_after(&world.memory, 0);
    cr_assert_null(detector_create(&settings, &observer, world.identities, &world.memory, 0));
    world_destroy();
}

/* -- Anything from the network -- */

Test(detector, truncated_and_random_bytes_change_nothing) {
    world_create(3, 1);
    struct probe_message ping = world_ping(1, 0);
    uint8_t bytes[PROBE_WIRE_BYTES_MAX];
    struct bytes_writer writer = bytes_writer_of(bytes, sizeof bytes);
    probe_wire_put(&writer, &ping);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        world_forge_bytes(0, 1, bytes, cut);
    }
    cr_assert_eq(world_counters(0).malformed, sizeof bytes);
    cr_assert_eq(world.nodes[0].contacts[2], 0);
    struct random random = random_of_seed(99);
    for (int round = 0; round < 50000; round++) {
        uint8_t noise[80];
        size_t size = (size_t)random_below(&random, sizeof noise + 1);
        for (size_t i = 0; i < size; i++) {
            noise[i] = (uint8_t)random_u64(&random);
        }
        if (size > 0 && round % 2 == 0) {
            noise[0] = (uint8_t)(MESSAGE_PING + round / 2 % 7);
        }
        world_forge_bytes(0, 1, noise, size);
        world.log_count = 0;
    }
    struct detector_counters counters = world_counters(0);
    cr_assert_gt(counters.malformed, 1000);
    cr_assert_gt(counters.unknown_type, 1000);
    cr_assert_eq(counters.relays_dropped, 0);
    cr_assert_eq(detector_version(world.nodes[0].detector), 0);
    cr_assert_eq(world.nodes[0].not_me[2] + world.nodes[0].not_me[3] + world.nodes[0].alive[2], 0);
    world_destroy();
}

/* True heads, random bodies and generations: every handler is entered; memory stays whole. */
Test(detector, random_bodies_behind_true_heads_do_no_harm) {
    world_create(4, 4);
    struct random random = random_of_seed(5);
    for (int round = 0; round < 20000; round++) {
        struct probe_message message = {
            .head = world_head(1 + (uint32_t)random_below(&random, 3),
                               (uint8_t)(MESSAGE_PING + random_below(&random, 5)))};
        uint8_t *body = (uint8_t *)&message.as;
        for (size_t i = 0; i < sizeof message.as; i++) {
            body[i] = random_below(&random, 3) == 0 ? (uint8_t)random_u64(&random) : 0;
        }
        if (random_below(&random, 2) == 0 && message.head.type == MESSAGE_PING_REQ) {
            message = world_request(1, 2, (uint32_t)random_u64(&random),
                                    message.as.ping_req.remaining_us);
        }
        struct henge_address from = world_address((uint32_t)random_below(&random, 4));
        world_forge(0, &from, random_below(&random, 2) == 0 ? 0 : FIRST_GENERATION, &message);
        if (round % 16 == 0) {
            world_run(NS_PER_MS * random_below(&random, 50));
        }
        world.log_count = 0;
    }
    world_run(100 * PERIOD);
    cr_assert_eq(world_counters(0).pauses, 0);
    cr_assert_eq(detector_health(world.nodes[0].detector), 0);
    world_destroy();
}

static struct random loss;

static bool drops_one_in_ten(const struct world_sent *sent) {
    (void)sent;
    return random_below(&loss, 10) == 0;
}

/* At 10 % loss each way a probe fails with 0.19 * 0.19 * (1 - 0.9^4)^3 = 0.15 %. */
Test(detector, ten_per_cent_loss_rarely_fails_a_probe) {
    uint64_t probes = 0, indirect = 0, failed = 0;
    world_create(10, 10);
    loss = random_of_seed(8);
    world.drops = drops_one_in_ten;
    for (int i = 0; i < 500; i++) {
        world.log_count = 0;
        world_run(PERIOD);
    }
    for (uint32_t i = 0; i < 10; i++) {
        probes += world_counters(i).probes_sent;
        indirect += world_counters(i).probes_indirect;
        failed += world_counters(i).probes_failed;
        cr_assert_eq(world_failures(i), world_counters(i).probes_failed);
    }
    cr_assert_gt(probes, 4000);
    cr_assert(indirect * 100 > probes * 14 && indirect * 100 < probes * 24);
    cr_assert_lt(failed * 100, probes);
    world_destroy();
}
