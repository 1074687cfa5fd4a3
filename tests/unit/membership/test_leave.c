/* Stories of leaving. */
#include "core/base/hash.h"
#include "membership/message.h"
#include "membership/state.h"
#include "tests/support/cluster.h"
#include <criterion/criterion.h>

static void leave(struct cluster *cluster, uint32_t number, uint64_t timeout_ns) {
    membership_leave(cluster->nodes[number].membership, cluster->now_ns,
                     cluster->now_ns + timeout_ns);
    cluster->nodes[number].is_dirty = true;
}

Test(leave, is_known_everywhere_within_a_second_and_nobody_suspects) {
    struct cluster *cluster = cluster_create(40);
    cluster_form(cluster, 30);
    cluster->probes = true;
    cluster_run(cluster, 3 * NS_PER_S);
    cluster_reset_counts(cluster);
    leave(cluster, 4, 5 * NS_PER_S);
    cr_assert_eq(membership_leave_state(cluster->nodes[4].membership), LEAVE_UNDER_WAY);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(membership_leave_state(cluster->nodes[4].membership), LEAVE_DONE);
    cr_assert_geq(membership_leave_acks(cluster->nodes[4].membership), 3);
    cluster_kill(cluster, 4);
    cluster_run(cluster, 60 * NS_PER_S);
    for (uint32_t i = 0; i < 30; i++) {
        if (i == 4)
            continue;
        cr_assert_eq(cluster_look(cluster, i, 4)->status, HENGE_LEFT);
        cr_assert_eq(cluster->nodes[i].statuses_seen[HENGE_SUSPECT], 0);
        cr_assert_eq(cluster->nodes[i].statuses_seen[HENGE_DEAD], 0);
        cr_assert_eq(cluster_counters(cluster, i).alive, 29);
    }
    cluster_destroy(cluster);
}

Test(leave, alone_is_done_at_once) {
    struct cluster *cluster = cluster_create(41);
    cluster_start(cluster, 0, 0, 1000);
    leave(cluster, 0, NS_PER_S);
    cr_assert_eq(membership_leave_state(cluster->nodes[0].membership), LEAVE_DONE);
    cr_assert_eq(membership_member(cluster->nodes[0].membership, 0)->status, HENGE_LEFT);
    cluster_destroy(cluster);
}

Test(leave, of_two_one_ack_is_all) {
    struct cluster *cluster = cluster_create(42);
    cluster_form(cluster, 2);
    leave(cluster, 1, NS_PER_S);
    cluster_run(cluster, NS_PER_S / 10);
    cr_assert_eq(membership_leave_state(cluster->nodes[1].membership), LEAVE_DONE);
    cr_assert_eq(membership_leave_acks(cluster->nodes[1].membership), 1);
    cluster_destroy(cluster);
}

Test(leave, unheard_ends_at_the_deadline) {
    struct cluster *cluster = cluster_create(43);
    cluster_form(cluster, 5);
    cluster->nodes[1].side = 1;
    leave(cluster, 1, 2 * NS_PER_S);
    cluster_run(cluster, 2 * NS_PER_S - NS_PER_S / 10);
    cr_assert_eq(membership_leave_state(cluster->nodes[1].membership), LEAVE_UNDER_WAY);
    cluster_run(cluster, NS_PER_S / 5);
    cr_assert_eq(membership_leave_state(cluster->nodes[1].membership), LEAVE_DONE);
    cr_assert_eq(membership_leave_acks(cluster->nodes[1].membership), 0);
    cluster_destroy(cluster);
}

Test(leave, survives_heavy_loss) {
    struct cluster *cluster = cluster_create(44);
    cluster_form(cluster, 5);
    cluster->loss_permille = 400;
    leave(cluster, 1, 10 * NS_PER_S);
    cluster_run(cluster, 5 * NS_PER_S);
    cr_assert_eq(membership_leave_state(cluster->nodes[1].membership), LEAVE_DONE);
    cr_assert_geq(membership_leave_acks(cluster->nodes[1].membership), 1);
    for (uint32_t i = 0; i < 5; i++)
        if (i != 1)
            cr_assert_eq(cluster_look(cluster, i, 1)->status, HENGE_LEFT);
    cluster_destroy(cluster);
}

Test(leave, among_dead_that_nobody_found_out_one_ack_will_do_after_a_while) {
    struct cluster *cluster = cluster_create(49);
    cluster_form(cluster, 5);
    for (uint32_t i = 2; i < 5; i++)
        cluster_kill(cluster, i);
    leave(cluster, 1, 10 * NS_PER_S);
    cluster_run(cluster, NS_PER_S - NS_PER_S / 10);
    cr_assert_eq(membership_leave_acks(cluster->nodes[1].membership), 1);
    cr_assert_eq(membership_leave_state(cluster->nodes[1].membership), LEAVE_UNDER_WAY);
    cluster_run(cluster, NS_PER_S / 2);
    cr_assert_eq(membership_leave_state(cluster->nodes[1].membership), LEAVE_DONE);
    cluster_destroy(cluster);
}

Test(leave, then_join_again_is_a_new_generation) {
    struct cluster *cluster = cluster_create(45);
    cluster_form(cluster, 5);
    uint64_t before = cluster->nodes[1].generation;
    leave(cluster, 1, NS_PER_S);
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_eq(cluster_look(cluster, 3, 1)->status, HENGE_LEFT);
    cluster_join(cluster, 1, 0);
    cr_assert(cluster_run_until(cluster, 3 * NS_PER_S, cluster_agrees));
    cr_assert_gt(member_generation(cluster_look(cluster, 3, 1)), before);
    cr_assert_eq(membership_leave_state(cluster->nodes[1].membership), LEAVE_NONE);
    cr_assert_eq(cluster->nodes[1].generation_calls, 1);
    cluster_destroy(cluster);
}

/* A suspicion that was young at the leave is as young at the return. */
Test(leave, gives_nobody_up_for_the_time_away) {
    struct cluster *cluster = cluster_create(49);
    cluster_form(cluster, 4);
    struct membership *leaver = cluster->nodes[0].membership;
    const struct member *suspect = cluster_look(cluster, 0, 3);
    cluster->nodes[0].side = 1;
    membership_probe_failed(leaver, cluster_slot(cluster, 0, 3), member_generation(suspect),
                            suspect->version, cluster->now_ns);
    cluster->nodes[0].is_dirty = true;
    cr_assert_eq(suspect->status, HENGE_SUSPECT);
    leave(cluster, 0, NS_PER_S);
    cluster_run(cluster, 100 * NS_PER_S);
    cr_assert_eq(membership_leave_state(leaver), LEAVE_DONE);
    cr_assert_eq(suspect->status, HENGE_SUSPECT);
    cluster->nodes[0].side = 0;
    cluster_join(cluster, 0, 1);
    cr_assert(cluster_run_until(cluster, 10 * NS_PER_S, cluster_agrees));
    cr_assert_eq(cluster_counters(cluster, 0).verdicts, 0);
    cluster_destroy(cluster);
}

Test(leave, an_answered_ping_does_not_revive_the_departed) {
    struct cluster *cluster = cluster_create(46);
    cluster_form(cluster, 5);
    leave(cluster, 1, NS_PER_S);
    cluster_run(cluster, 2 * NS_PER_S);
    struct membership *membership = cluster->nodes[0].membership;
    uint32_t slot = cluster_slot(cluster, 0, 1);
    membership_peer_alive(membership, slot, cluster->nodes[1].generation, 5, cluster->now_ns);
    cr_assert_eq(membership_member(membership, slot)->status, HENGE_LEFT);
    cluster_destroy(cluster);
}

static size_t leave_message(const struct cluster *cluster, uint8_t *bytes, size_t room,
                            uint32_t subject, uint32_t speaker) {
    const struct member *left = membership_member(cluster->nodes[subject].membership, 0);
    const struct member *says = membership_member(cluster->nodes[speaker].membership, 0);
    struct bytes_writer writer = bytes_writer_of(bytes, room);
    struct message_head head = {MESSAGE_LEAVE, says->record->name_hash, member_generation(left)};
    struct update update = {.name_hash = left->record->name_hash,
                            .liveness = {member_generation(left), left->version, HENGE_LEFT},
                            .proof = departure_own_proof(cluster->nodes[subject].membership)};
    message_head_put(&writer, &head);
    bytes_put_u16(&writer, 1);
    wire_update_put(&writer, &update);
    return bytes_written(&writer);
}

/* The detector half of one who is accused answers with a higher version, of which the other half
 * has not heard when it leaves: what it says at last counts all the same. */
Test(leave, is_above_every_version_of_that_life) {
    struct cluster *cluster = cluster_create(49);
    cluster_form(cluster, 5);
    const struct member *leaver = membership_member(cluster->nodes[4].membership, 0);
    membership_peer_alive(cluster->nodes[1].membership, cluster_slot(cluster, 1, 4),
                          member_generation(leaver), leaver->version + 3, cluster->now_ns);
    cluster->nodes[1].is_dirty = true;
    cr_assert_eq(cluster_look(cluster, 1, 4)->version, leaver->version + 3);
    leave(cluster, 4, 5 * NS_PER_S);
    cluster_run(cluster, NS_PER_S);
    cr_assert_eq(membership_leave_state(cluster->nodes[4].membership), LEAVE_DONE);
    cluster_kill(cluster, 4);
    cluster->probes = true;
    cluster_run(cluster, 60 * NS_PER_S);
    for (uint32_t i = 0; i < 4; i++)
        cr_assert_eq(cluster_look(cluster, i, 4)->status, HENGE_LEFT);
    cluster_destroy(cluster);
}

Test(leave, is_said_by_its_owner_only) {
    struct cluster *cluster = cluster_create(47);
    cluster_form(cluster, 4);
    uint8_t bytes[128];
    size_t size = leave_message(cluster, bytes, sizeof bytes, 2, 3);
    cluster_inject(cluster, 0, 3, bytes, size);
    cr_assert_eq(cluster_look(cluster, 0, 2)->status, HENGE_ALIVE);
    cr_assert_eq(cluster_counters(cluster, 0).malformed, 1);
    size = leave_message(cluster, bytes, sizeof bytes, 2, 2);
    cluster_inject(cluster, 0, 2, bytes, size);
    cr_assert_eq(cluster_look(cluster, 0, 2)->status, HENGE_LEFT);
    cluster_destroy(cluster);
}

Test(leave, one_who_has_left_lets_nobody_in) {
    struct cluster *cluster = cluster_create(48);
    cluster_form(cluster, 3);
    leave(cluster, 0, NS_PER_S);
    cluster_run(cluster, 2 * NS_PER_S);
    cluster_start(cluster, 5, 0, 5000000);
    cluster_join(cluster, 5, 0);
    cluster_run(cluster, 3 * NS_PER_S);
    cr_assert_null(cluster_look(cluster, 0, 5));
    /* But it names others to be asked. */
    cr_assert_eq(membership_join_state(cluster->nodes[5].membership), JOIN_DONE);
    cr_assert_eq(cluster_look(cluster, 1, 5)->status, HENGE_ALIVE);
    cluster_destroy(cluster);
}
