/* worker_test.c - control calls in the worker's thread: each is answered, to its own client; the
 * joining in the background goes on until it is done or unwanted. */
#include "tests/unit/tools/fake_library.h"
#include "tools/clock_ms.h"
#include "tools/henged_log.h"
#include "tools/json_tools.h"
#include "tools/worker.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

enum { DEADLINE_MS = 30000 };

static void setup(void) {
    henged_log_init(HENGE_LOG_ERROR, false);
}
TestSuite(worker, .init = setup);

static json_t *request_of(const char *json) {
    json_error_t error;
    json_t *request = json_loads(json, 0, &error);
    cr_assert_not_null(request, "%s", error.text);
    return request;
}

/* The next reply, which must come. */
static json_t *reply_wait(struct worker *worker, uint64_t *client_out) {
    uint64_t deadline_ms = clock_ms() + DEADLINE_MS;
    json_t *reply = NULL;
    while (!worker_next(worker, client_out, &reply)) {
        struct pollfd fd = {.fd = worker_fd(worker), .events = POLLIN};
        cr_assert_lt(clock_ms(), deadline_ms, "no reply");
        (void)poll(&fd, 1, 1000);
    }
    return reply;
}

static json_t *call(struct worker *worker, const char *json) {
    uint64_t client = 0;
    json_t *request = request_of(json);
    cr_assert(worker_submit(worker, 77, request));
    json_decref(request);
    json_t *reply = reply_wait(worker, &client);
    cr_expect_eq(client, 77);
    return reply;
}

static void expect_call(struct worker *worker, const char *json, const char *error) {
    json_t *reply = call(worker, json);
    cr_expect_eq(json_flag(reply, "ok"), error == NULL, "%s", json);
    if (error != NULL) {
        cr_expect_not_null(strstr(json_text(reply, "error", ""), error), "%s: %s", json,
                           json_text(reply, "error", "no error"));
    }
    json_decref(reply);
}

Test(worker, each_verb_makes_its_call) {
    struct worker *worker = worker_start(NULL, false);
    expect_call(worker, "{\"verb\":\"join\",\"addresses\":[\"a:1\",\"b:2\"]}", NULL);
    expect_call(worker, "{\"verb\":\"set-weight\",\"weight\":7}", NULL);
    expect_call(worker, "{\"verb\":\"set-meta\",\"pairs\":{\"a\":\"1\",\"b\":null}}", NULL);
    cr_expect_eq(fake.seeded_joins, 1);
    cr_expect_eq(fake.weight, 7);
    cr_expect_eq(fake.sets, 2);
    cr_expect_eq(fake.removed, 1);
    expect_call(worker, "{\"verb\":\"evict\",\"name\":\"n2\"}", NULL);
    cr_expect_eq(fake.evictions, 1);
    expect_call(worker, "{\"verb\":\"drain\"}", NULL);
    cr_expect_eq(fake.ring_state, HENGE_RING_DRAINING);
    expect_call(worker, "{\"verb\":\"activate\"}", NULL);
    cr_expect_eq(fake.ring_state, HENGE_RING_ACTIVE);
    cr_expect_not(worker_stop(worker));
}

Test(worker, bad_arguments_are_refused_before_the_call) {
    struct worker *worker = worker_start(NULL, false);
    expect_call(worker, "{\"verb\":\"join\"}", "addresses");
    expect_call(worker, "{\"verb\":\"join\",\"addresses\":[1]}", "not a text");
    expect_call(worker, "{\"verb\":\"set-weight\",\"weight\":101}", "0 to 100");
    expect_call(worker, "{\"verb\":\"set-weight\",\"weight\":\"1\"}", "0 to 100");
    expect_call(worker, "{\"verb\":\"set-meta\",\"pairs\":{}}", "pairs");
    expect_call(worker, "{\"verb\":\"set-meta\",\"pairs\":{\"a\":1}}", "neither");
    cr_expect_eq(fake.seeded_joins + fake.sets + fake.weight, 0);
    (void)worker_stop(worker);
}

Test(worker, what_the_library_refuses_is_told) {
    struct worker *worker = worker_start(NULL, false);
    fake.join_status = HENGE_TIMEOUT;
    fake.set_status = HENGE_FULL;
    expect_call(worker, "{\"verb\":\"join\",\"addresses\":[\"a:1\"]}", "goes on trying");
    expect_call(worker, "{\"verb\":\"set-meta\",\"pairs\":{\"a\":\"1\"}}", "set-meta a: full");
    fake.set_status = HENGE_NOT_FOUND;
    expect_call(worker, "{\"verb\":\"evict\",\"name\":\"n2\"}", "no member \"n2\"");
    fake.set_status = HENGE_INVALID;
    expect_call(worker, "{\"verb\":\"evict\",\"name\":\"n1\"}", "own");
    (void)worker_stop(worker);
}

Test(worker, a_leave_is_remembered_and_a_join_forgets_it) {
    struct worker *worker = worker_start(NULL, false);
    expect_call(worker, "{\"verb\":\"leave\"}", NULL);
    cr_expect(worker_stop(worker));
    worker = worker_start(NULL, false);
    expect_call(worker, "{\"verb\":\"leave\"}", NULL);
    expect_call(worker, "{\"verb\":\"join\",\"addresses\":[\"a:1\"]}", NULL);
    cr_expect_not(worker_stop(worker));
}

static void joins_wait(unsigned count) {
    uint64_t deadline_ms = clock_ms() + DEADLINE_MS;
    while (fake.joins < count) {
        cr_assert_lt(clock_ms(), deadline_ms, "%u joins after all this time", fake.joins);
        sleep_ms(5);
    }
}

Test(worker, the_seeds_are_tried_until_one_answers) {
    fake.join_status = HENGE_TIMEOUT;
    struct worker *worker = worker_start(NULL, true);
    joins_wait(2);
    fake.join_status = HENGE_OK;
    unsigned before = fake.joins;
    joins_wait(before + 1);
    sleep_ms(1500); /* longer than the pause between tries */
    cr_expect_geq(fake.upkeeps, 1, "the upkeep goes on meanwhile");
    cr_expect_leq(fake.joins, before + 2, "it went on after the answer");
    (void)worker_stop(worker);
}

Test(worker, after_a_leave_the_seeds_are_left_alone) {
    fake.join_status = HENGE_TIMEOUT;
    struct worker *worker = worker_start(NULL, true);
    joins_wait(1);
    expect_call(worker, "{\"verb\":\"leave\"}", NULL);
    unsigned before = fake.joins;
    sleep_ms(1500);
    cr_expect_eq(fake.joins, before);
    (void)worker_stop(worker);
}

Test(worker, calls_beyond_the_limit_are_refused_and_all_others_answered) {
    struct worker *worker = worker_start(NULL, false);
    json_t *request = request_of("{\"verb\":\"leave\"}");
    unsigned accepted = 0;
    fake.hold_ms = 3;
    for (uint64_t i = 0; i < WORKER_JOBS_MAX + 10u; i++) {
        accepted += worker_submit(worker, i, request);
    }
    json_decref(request);
    cr_expect_eq(accepted, WORKER_JOBS_MAX, "replies that nobody took count too");
    for (unsigned i = 0; i < accepted; i++) {
        uint64_t client = 0;
        json_decref(reply_wait(worker, &client));
        cr_expect_eq(client, i, "in the order of asking");
    }
    (void)worker_stop(worker);
}

Test(worker, stopping_with_work_waiting_loses_no_memory_and_no_time) {
    struct worker *worker = worker_start(NULL, false);
    json_t *request = request_of("{\"verb\":\"leave\"}");
    fake.hold_ms = 20;
    for (uint64_t i = 0; i < 20; i++) {
        (void)worker_submit(worker, i, request);
    }
    json_decref(request);
    (void)worker_stop(worker);
    cr_expect_lt(fake.leaves, 20);
}
