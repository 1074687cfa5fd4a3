/* Streams: requests and answers, and all the ways in which they end. stream_world checks each
 * frame's bytes and order, that scripts and ends are told at most once, and that nothing is left.
 */
#include "tests/unit/io/stream_world.h"
#include <stdlib.h>

enum { TOKEN = 5, ANSWER_TOKEN = 9 };

static void answer_with(struct stream_world *world, const struct script *answer, uint32_t after) {
    world->answer = answer;
    world->answer_after = after;
    world->answer_token = ANSWER_TOKEN;
}

static void check_ended(const struct stream_world *world, uint64_t token, bool failed) {
    cr_assert_eq(world->ended[token], 1);
    cr_assert_eq(world->failed[token], failed ? 1 : 0);
    cr_assert_eq(world->scripts_done[token], 1);
}

static void exchange(enum henge_transport kind, uint32_t request_records, uint32_t answer_records) {
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(request_records), answer = script_create(answer_records);
    answer_with(world, &answer, request_records);
    cr_assert(stream_world_request(world, &request, TOKEN));
    cr_assert(stream_hub_is_using(world->hub, world->client));
    STREAM_UNTIL(world, world->ended[TOKEN] == 1 && world->server_ended == 1);
    check_ended(world, TOKEN, false);
    cr_assert_eq(world->scripts_done[ANSWER_TOKEN], 1);
    cr_assert_eq(world->server_failed, 0);
    cr_assert_eq(world->request_frames, request_records);
    cr_assert_eq(world->answer_frames, answer_records);
    cr_assert_eq(world->forged, 0);
    stream_world_destroy(world);
    script_destroy(&request);
    script_destroy(&answer);
}

STREAM_CASE(one_record_is_answered_by_500) {
    exchange(kind, 1, 500);
}

STREAM_CASE(three_hundred_records_are_answered_by_500) {
    exchange(kind, 300, 500);
}

STREAM_CASE(one_record_is_answered_by_one) {
    exchange(kind, 1, 1);
}

STREAM_CASE(many_requests_at_once_each_get_their_answer) {
    enum { REQUESTS = STREAM_WORLD_STREAMS / 2, FIRST_TOKEN = 40 };
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(20), answer = script_create(50);
    answer_with(world, &answer, 20);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        cr_assert(stream_world_request(world, &request, FIRST_TOKEN + i));
    }
    for (uint32_t i = 0; i < REQUESTS; i++) {
        STREAM_UNTIL(world, world->ended[FIRST_TOKEN + i] == 1);
        check_ended(world, FIRST_TOKEN + i, false);
        cr_assert_eq(world->scripts_done[ANSWER_TOKEN + i], 1);
    }
    cr_assert_eq(world->answer_frames, REQUESTS * 50);
    stream_world_destroy(world);
    script_destroy(&request);
    script_destroy(&answer);
}

STREAM_CASE(a_request_is_refused_when_all_streams_are_open) {
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(1);
    uint64_t taken = 0;
    while (taken < STREAM_WORLD_STREAMS + 1 && stream_world_request(world, &request, taken + 1)) {
        taken++;
    }
    cr_assert_geq(taken, STREAM_WORLD_STREAMS / 2);
    cr_assert_leq(taken, STREAM_WORLD_STREAMS);
    cr_assert_eq(world->ended[taken + 1], 0);
    cr_assert_eq(world->scripts_done[taken + 1], 0, "a script that was not taken is not done");
    world->now_ns += 60 * NS_PER_S;
    STREAM_UNTIL(world, stream_world_is_quiet(world) || (world->now_ns += NS_PER_S, false));
    for (uint64_t i = 1; i <= taken; i++) {
        check_ended(world, i, true);
    }
    stream_world_destroy(world);
    script_destroy(&request);
}

STREAM_CASE(a_consumer_without_room_stops_the_stream_and_loses_nothing) {
    enum { RECORDS = 100, ROOM = 3 };
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(RECORDS), answer = script_create(RECORDS);
    answer_with(world, &answer, RECORDS);
    world->room = ROOM;
    uint32_t rooms = ROOM;
    cr_assert(stream_world_request(world, &request, TOKEN));
    while (world->ended[TOKEN] == 0) {
        /* Somebody is refused again, or it is over; and nothing comes without room. */
        STREAM_UNTIL(world, world->room == 0 || world->ended[TOKEN] == 1);
        stream_world_settle(world);
        cr_assert_leq(world->request_frames + world->answer_frames, rooms);
        world->room = ROOM;
        rooms += ROOM;
        stream_hub_resume(world->hub);
    }
    check_ended(world, TOKEN, false);
    cr_assert_gt(world->refusals, RECORDS / ROOM / 2);
    cr_assert_eq(world->request_frames, RECORDS);
    cr_assert_eq(world->answer_frames, RECORDS);
    stream_world_destroy(world);
    script_destroy(&request);
    script_destroy(&answer);
}

STREAM_CASE(a_consumer_that_holds_all_buffers_stops_the_stream_and_loses_nothing) {
    enum { RECORDS = 50 };
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(RECORDS), answer = script_create(RECORDS);
    answer_with(world, &answer, RECORDS);
    world->holds = true;
    cr_assert(stream_world_request(world, &request, TOKEN));
    while (world->ended[TOKEN] == 0) {
        STREAM_UNTIL(world, world->held_count == STREAM_WORLD_BUFFERS || world->ended[TOKEN] == 1);
        stream_world_settle(world);
        stream_world_give_held(world); /* no resume: the hub sees for itself */
    }
    check_ended(world, TOKEN, false);
    cr_assert_eq(world->request_frames, RECORDS);
    cr_assert_eq(world->answer_frames, RECORDS);
    stream_world_destroy(world);
    script_destroy(&request);
    script_destroy(&answer);
}

/* Ways to fail. */

STREAM_CASE(a_destination_that_does_not_listen_fails_the_request) {
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(3);
    endpoint_close(world->transport, world->server);
    STREAM_UNTIL(world, world->endpoints_closed == 1);
    cr_assert(stream_world_request(world, &request, TOKEN));
    cr_assert_eq(world->ended[TOKEN], 0, "nothing is called back from inside another call");
    STREAM_UNTIL(world, world->ended[TOKEN] == 1);
    check_ended(world, TOKEN, true);
    stream_world_destroy(world);
    script_destroy(&request);
}

STREAM_CASE(a_connect_that_takes_too_long_fails_the_request) {
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(3);
    cr_assert(stream_world_request(world, &request, TOKEN));
    stream_hub_step(world->hub, world->now_ns);
    cr_assert_eq(stream_hub_deadline(world->hub), world->now_ns + STREAM_CONNECT_MS * NS_PER_MS);
    world->now_ns += STREAM_CONNECT_MS * NS_PER_MS; /* without a turn: still connecting */
    STREAM_UNTIL(world, world->ended[TOKEN] == 1);
    check_ended(world, TOKEN, true);
    stream_world_destroy(world);
    script_destroy(&request);
}

STREAM_CASE(an_abort_by_the_server_fails_the_request) {
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(2);
    cr_assert(stream_world_request(world, &request, TOKEN));
    STREAM_UNTIL(world, world->request_frames == 2);
    stream_abort(world->hub, world->last_requested);
    stream_abort(world->hub, world->last_requested);
    cr_assert_eq(world->server_ended, 0, "nothing is called back from inside another call");
    STREAM_UNTIL(world, world->ended[TOKEN] == 1 && world->server_ended == 1);
    check_ended(world, TOKEN, true);
    cr_assert_eq(world->server_failed, 1);
    stream_world_destroy(world);
    script_destroy(&request);
}

STREAM_CASE(an_abort_in_the_middle_of_the_answer_gives_the_script_back) {
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(1), answer = script_create(2000);
    answer_with(world, &answer, 1);
    world->room = 4;
    cr_assert(stream_world_request(world, &request, TOKEN));
    STREAM_UNTIL(world, world->answer_frames == 3);
    cr_assert_eq(world->scripts_done[ANSWER_TOKEN], 0);
    stream_abort(world->hub, world->last_accepted);
    world->room = UINT32_MAX;
    stream_hub_resume(world->hub);
    STREAM_UNTIL(world, world->ended[TOKEN] == 1 && world->server_ended == 1);
    cr_assert_eq(world->scripts_done[ANSWER_TOKEN], 1);
    cr_assert_eq(world->server_failed, 1);
    cr_assert_lt(world->answer_frames, 2000);
    stream_world_destroy(world);
    script_destroy(&request);
    script_destroy(&answer);
}

STREAM_CASE(an_abort_while_a_frame_is_refused_gives_its_buffer_back) {
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(3);
    world->room = 0;
    cr_assert(stream_world_request(world, &request, TOKEN));
    STREAM_UNTIL(world, world->refusals > 0);
    stream_abort(world->hub, world->last_accepted);
    STREAM_UNTIL(world, world->ended[TOKEN] == 1 && world->server_ended == 1);
    stream_hub_resume(world->hub);
    check_ended(world, TOKEN, true);
    cr_assert_eq(world->request_frames, 0);
    stream_world_destroy(world);
    script_destroy(&request);
}

STREAM_CASE(an_answer_is_taken_once_and_only_for_a_stream_that_is_there) {
    struct stream_world *world = stream_world_create(kind);
    struct script script = script_create(1);
    cr_assert_not(stream_answer(world->hub, 0, STREAM_WORLD_LANE, script.bytes, script.size, 1));
    cr_assert_not(
        stream_answer(world->hub, 0x00010001, STREAM_WORLD_LANE, script.bytes, script.size, 1));
    cr_assert(stream_world_request(world, &script, TOKEN));
    STREAM_UNTIL(world, world->request_frames == 1);
    uint32_t stream = world->last_requested;
    cr_assert(stream_answer(world->hub, stream, STREAM_WORLD_LANE, script.bytes, script.size,
                            ANSWER_TOKEN));
    cr_assert_not(
        stream_answer(world->hub, stream, STREAM_WORLD_LANE, script.bytes, script.size, 1));
    STREAM_UNTIL(world, world->ended[TOKEN] == 1 && world->server_ended == 1);
    cr_assert_not(
        stream_answer(world->hub, stream, STREAM_WORLD_LANE, script.bytes, script.size, 1));
    cr_assert_eq(world->scripts_done[1], 0);
    cr_assert_eq(world->scripts_done[ANSWER_TOKEN], 1);
    stream_world_destroy(world);
    script_destroy(&script);
}

STREAM_CASE(closing_an_endpoint_ends_its_streams_once) {
    for (int which = 0; which < 2; which++) {
        struct stream_world *world = stream_world_create(kind);
        struct script request = script_create(3), answer = script_create(2000);
        answer_with(world, &answer, 3);
        cr_assert(stream_world_request(world, &request, TOKEN));
        STREAM_UNTIL(world, world->answer_frames > 10);
        endpoint_close(world->transport, which == 0 ? world->client : world->server);
        STREAM_UNTIL(world, world->endpoints_closed == 1 && stream_world_is_quiet(world));
        /* A server that goes between two frames looks like one that has said all: the messages
         * themselves tell the last one. */
        check_ended(world, TOKEN, which == 0 || world->failed[TOKEN] == 1);
        cr_assert_eq(world->scripts_done[ANSWER_TOKEN], 1);
        cr_assert_eq(world->server_ended, 1);
        cr_assert_eq(world->server_failed, 1);
        stream_world_destroy(world);
        script_destroy(&request);
        script_destroy(&answer);
    }
}

Test(stream, creation_without_memory_leaves_nothing) {
    struct memory memory;
    struct seal_keyring keyring;
    struct stream_hub_settings settings = {
        .keyring = &keyring, .streams_max = 4, .buffers = 4, .endpoints_max = 2};
    struct stream_sink sink = {0};
    struct stream_hub *hub = NULL;
    memory_init(&memory, NULL);
    for (int64_t i = 0; hub == NULL; i++) {
        cr_assert_lt(i, 32, "creation never succeeds");
        memory_fail_after(&memory, i);
        hub = stream_hub_create(&settings, &sink, &memory);
        cr_assert(hub != NULL || memory.held_bytes[HENGE_MEMORY_NET] == 0);
    }
    stream_hub_destroy(hub);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_NET], 0);
    cr_assert_eq(memory.held_bytes[HENGE_MEMORY_CORE], 0);
}
