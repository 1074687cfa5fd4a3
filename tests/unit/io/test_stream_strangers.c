/* Streams of strangers: forged, broken, slow and random. */
#include "io/socket.h"
#include "tests/unit/io/stream_world.h"
#include <stdlib.h>
#include <unistd.h>

enum { FRAME_BYTES_MAX = 2 + PACKET_BYTES_MAX, TOKEN = 5 };

static struct seal_keyring other_keyring(void) {
    static const uint8_t key[32] = "another key";
    struct seal_keyring keyring;
    cr_assert_eq(seal_keyring_init(&keyring, key, "streams"), HENGE_OK);
    return keyring;
}

static void check_thrown_out(struct stream_world *world, uint32_t forged) {
    STREAM_UNTIL(world, world->raw.has_ended);
    STREAM_UNTIL(world, stream_world_is_quiet(world));
    cr_assert_eq(world->forged, forged);
    cr_assert_eq(world->raw.read_bytes, 0, "strangers are told nothing");
    cr_assert_eq(world->server_ended, 1);
    cr_assert_eq(world->server_failed, 1);
}

STREAM_CASE(a_frame_of_another_key_ends_the_stream) {
    struct stream_world *world = stream_world_create(kind);
    struct seal_keyring other = other_keyring();
    uint8_t frame[FRAME_BYTES_MAX];
    raw_connect(world);
    raw_write(world, frame, (uint32_t)frame_make(world, &other, 0, frame));
    check_thrown_out(world, 1);
    cr_assert_eq(world->request_frames, 0);
    stream_world_destroy(world);
}

STREAM_CASE(a_forged_frame_after_good_ones_ends_the_stream) {
    struct stream_world *world = stream_world_create(kind);
    uint8_t frames[3 * FRAME_BYTES_MAX];
    size_t bytes = 0;
    for (uint32_t i = 0; i < 3; i++) {
        bytes += frame_make(world, &world->keyring, i, frames + bytes);
    }
    frames[bytes - 1] ^= 1;
    raw_connect(world);
    raw_write(world, frames, (uint32_t)bytes);
    check_thrown_out(world, 1);
    cr_assert_eq(world->request_frames, 2);
    stream_world_destroy(world);
}

STREAM_CASE(lengths_that_no_frame_has_end_the_stream) {
    static const uint16_t lengths[] = {0, 1, SEAL_OVERHEAD_BYTES - 1, PACKET_BYTES_MAX + 1, 65535};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct stream_world *world = stream_world_create(kind);
        uint16_t length = htole16(lengths[i]);
        raw_connect(world);
        raw_write(world, &length, sizeof(length));
        check_thrown_out(world, 1);
        stream_world_destroy(world);
    }
}

STREAM_CASE(frames_cut_anywhere_are_put_together) {
    struct stream_world *world = stream_world_create(kind);
    uint8_t frames[8 * FRAME_BYTES_MAX];
    size_t bytes = 0;
    for (uint32_t i = 0; i < 8; i++) {
        bytes += frame_make(world, &world->keyring, i, frames + bytes);
    }
    raw_connect(world);
    for (size_t at = 0; at < bytes;) {
        size_t piece = 1 + random_below(&world->random, at % 5 == 0 ? 3 : 700);
        piece = piece < bytes - at ? piece : bytes - at;
        raw_write(world, frames + at, (uint32_t)piece);
        at += piece;
    }
    STREAM_UNTIL(world, world->request_frames == 8);
    cr_assert_eq(world->forged, 0);
    stream_world_destroy(world);
}

/* Waits, with turns, until the hub's step has seen all that moved. */
static void advance(struct stream_world *world, uint64_t ms) {
    stream_world_settle(world);
    world->now_ns += ms * NS_PER_MS;
    stream_world_settle(world);
}

STREAM_CASE(a_client_that_shows_no_key_in_time_is_closed) {
    struct stream_world *world = stream_world_create(kind);
    uint8_t frame[FRAME_BYTES_MAX];
    size_t bytes = frame_make(world, &world->keyring, 0, frame);
    raw_connect(world);
    advance(world, 0);
    /* Dribbling does not prolong it. */
    for (uint32_t i = 0; i < STREAM_FIRST_FRAME_MS / 500 - 1; i++) {
        raw_write(world, frame + i, 1);
        advance(world, 500);
    }
    advance(world, 499);
    cr_assert_not(world->raw.has_ended);
    cr_assert_lt(STREAM_FIRST_FRAME_MS / 500, bytes);
    advance(world, 1);
    check_thrown_out(world, 0);
    stream_world_destroy(world);
}

STREAM_CASE(a_stream_on_which_nothing_moves_is_closed) {
    struct stream_world *world = stream_world_create(kind);
    uint8_t frame[FRAME_BYTES_MAX];
    raw_connect(world);
    for (uint32_t i = 0; i < 3; i++) {
        raw_write(world, frame, (uint32_t)frame_make(world, &world->keyring, i, frame));
        STREAM_UNTIL(world, world->request_frames == i + 1);
        advance(world, STREAM_IDLE_MS - 1);
        cr_assert_not(world->raw.has_ended, "each frame gives it time anew");
    }
    advance(world, 1);
    check_thrown_out(world, 0);
    stream_world_destroy(world);
}

STREAM_CASE(what_was_written_before_a_close_arrives) {
    struct stream_world *world = stream_world_create(kind);
    uint8_t frame[FRAME_BYTES_MAX];
    raw_connect(world);
    stream_write(world->transport, world->raw.id, frame,
                 (uint32_t)frame_make(world, &world->keyring, 0, frame));
    raw_close(world); /* no turn between */
    STREAM_UNTIL(world, world->server_ended == 1);
    cr_assert_eq(world->request_frames, 1);
    stream_world_destroy(world);
}

/* With sockets of their own, so that only the server's ends take streams. */
static void keep_out_silent_strangers(enum henge_transport kind) {
    enum { STRANGERS = STREAM_WORLD_STREAMS + 4 };
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(2), answer = script_create(2);
    struct sockaddr_storage name;
    socklen_t name_bytes = sockaddr_of_address(&world->server_bound, &name);
    int strangers[STRANGERS];
    world->answer = &answer;
    world->answer_after = 2;
    for (uint32_t i = 0; i < STRANGERS; i++) {
        strangers[i] = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(strangers[i], (struct sockaddr *)&name, name_bytes), 0);
        STREAM_UNTIL(world, world->accepted_count == i + 1);
        stream_world_settle(world);
    }
    cr_assert_eq(world->server_ended, STRANGERS - STREAM_WORLD_STREAMS / 2, "the oldest went");
    cr_assert(stream_world_request(world, &request, TOKEN), "there is room for the honest");
    STREAM_UNTIL(world, world->ended[TOKEN] == 1);
    cr_assert_eq(world->failed[TOKEN], 0);
    for (uint32_t i = 0; i < STRANGERS; i++) {
        close(strangers[i]);
    }
    stream_world_destroy(world);
    script_destroy(&request);
    script_destroy(&answer);
}

Test(stream_epoll, silent_strangers_do_not_keep_an_honest_client_out, .timeout = CASE_LIMIT_S) {
    keep_out_silent_strangers(HENGE_TRANSPORT_EPOLL);
}

Test(stream_auto, silent_strangers_do_not_keep_an_honest_client_out, .timeout = CASE_LIMIT_S) {
    keep_out_silent_strangers(HENGE_TRANSPORT_AUTO);
}

/* A server that is a stranger. */

static void check_answer(struct stream_world *world, const uint8_t *bytes, size_t size,
                         bool failed) {
    struct script request = script_create(1);
    world->accepts_raw = true;
    cr_assert(stream_world_request(world, &request, TOKEN));
    STREAM_UNTIL(world, world->raw.is_open && world->raw.read_bytes > 0);
    if (size > 0) {
        raw_write(world, bytes, (uint32_t)size);
    }
    raw_close(world);
    STREAM_UNTIL(world, world->ended[TOKEN] == 1);
    cr_assert_eq(world->failed[TOKEN], failed ? 1 : 0);
    cr_assert_eq(world->scripts_done[TOKEN], 1);
    stream_world_destroy(world);
    script_destroy(&request);
}

STREAM_CASE(an_answer_counts_only_when_it_is_whole) {
    uint8_t frames[2 * FRAME_BYTES_MAX];
    for (int cut = 0; cut < 4; cut++) {
        struct stream_world *world = stream_world_create(kind);
        size_t first = frame_make(world, &world->keyring, 0, frames);
        size_t both = first + frame_make(world, &world->keyring, 1, frames + first);
        const size_t sizes[] = {both, both - 1, first + 1, 0};
        check_answer(world, frames, sizes[cut], cut != 0);
    }
}

STREAM_CASE(a_forged_answer_fails_the_request) {
    struct stream_world *world = stream_world_create(kind);
    struct seal_keyring other = other_keyring();
    uint8_t frame[FRAME_BYTES_MAX];
    size_t bytes = frame_make(world, &other, 0, frame);
    check_answer(world, frame, bytes, true);
}

/* Random bytes in random pieces; or good frames with a few bytes changed. */
static void fuzz_once(struct stream_world *world, uint8_t *bytes, size_t room, bool is_mutation) {
    size_t size = 0;
    for (uint32_t i = 0; is_mutation && i < 4; i++) {
        size += frame_make(world, &world->keyring, i, bytes + size);
    }
    for (uint32_t i = 0; is_mutation && i < 3; i++) {
        bytes[random_below(&world->random, size)] ^= (uint8_t)random_below(&world->random, 256);
    }
    if (!is_mutation) {
        size = 1 + random_below(&world->random, room);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)random_u64(&world->random);
        }
    }
    raw_connect(world);
    for (size_t at = 0; at < size && !world->raw.has_ended;) {
        size_t piece = 1 + random_below(&world->random, 900);
        piece = piece < size - at ? piece : size - at;
        raw_write(world, bytes + at, (uint32_t)piece);
        at += piece;
    }
    stream_world_settle(world);
    raw_close(world);
    STREAM_UNTIL(world, stream_world_is_quiet(world));
}

STREAM_CASE(random_bytes_do_no_harm) {
    enum { ROUNDS = 60 };
    struct stream_world *world = stream_world_create(kind);
    struct script request = script_create(5), answer = script_create(5);
    uint8_t *bytes = malloc(4 * FRAME_BYTES_MAX);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        fuzz_once(world, bytes, 4 * FRAME_BYTES_MAX, i % 2 == 0);
        cr_assert_eq(world->server_ended, i + 1);
    }
    cr_assert_gt(world->forged, ROUNDS / 3);
    /* And the server still serves. */
    world->answer = &answer;
    world->answer_after = 5;
    cr_assert(stream_world_request(world, &request, TOKEN));
    STREAM_UNTIL(world, world->ended[TOKEN] == 1);
    cr_assert_eq(world->failed[TOKEN], 0);
    stream_world_destroy(world);
    free(bytes);
    script_destroy(&request);
    script_destroy(&answer);
}
