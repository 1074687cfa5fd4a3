/* control_server_test.c - the daemon's side of the control socket, with real sockets and a clock
 * that the test moves. */
#include "tools/control_server.h"
#include "tools/json_tools.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    char dir[64], path[96];
    struct control_server *server;
    uint64_t now_ms;
    uint64_t later_client; /* of the last request with the verb "later" */
    unsigned requests;
} world;

static enum control_next handle(void *context, uint64_t client, const json_t *request,
                                json_t **reply_out) {
    const char *verb = json_text(request, "verb", "");
    cr_assert_eq(context, &world);
    world.requests++;
    if (strcmp(verb, "later") == 0) {
        world.later_client = client;
        return CONTROL_LATER;
    }
    *reply_out = json_object();
    json_put_bool(*reply_out, "ok", true);
    json_put_text(*reply_out, "echo", verb);
    if (strcmp(verb, "large") == 0) {
        char *text = calloc(1, 3000001);
        memset(text, 'x', 3000000);
        json_put_text(*reply_out, "text", text);
        free(text);
    }
    return strcmp(verb, "follow") == 0 ? CONTROL_FOLLOW : CONTROL_ANSWER;
}

static struct control_server *server_open(char *reason, size_t reason_bytes) {
    const struct control_handler handler = {.context = &world, .handle = handle};
    return control_server_open(world.path, &handler, reason, reason_bytes);
}

static void setup(void) {
    char reason[256];
    snprintf(world.dir, sizeof(world.dir), "%s", "/tmp/henge-server-XXXXXX");
    cr_assert_not_null(mkdtemp(world.dir));
    snprintf(world.path, sizeof(world.path), "%s/s", world.dir);
    world.now_ms = 1000;
    world.server = server_open(reason, sizeof(reason));
    cr_assert_not_null(world.server, "%s", reason);
}

static void teardown(void) {
    control_server_close(world.server);
    cr_expect_neq(access(world.path, F_OK), 0, "the socket file is left");
    rmdir(world.dir);
}

TestSuite(control_server, .init = setup, .fini = teardown);

static int connect_client(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, world.path, strlen(world.path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* A few turns of the daemon's loop, which never wait. */
static void turns(int count) {
    struct pollfd fds[CONTROL_POLL_MAX];
    int timeout_ms;
    for (int i = 0; i < count; i++) {
        size_t used = control_server_prepare(world.server, world.now_ms, fds, &timeout_ms);
        (void)poll(fds, used, 0);
        control_server_turn(world.server, world.now_ms, fds, used);
    }
}

static void say(int fd, const char *text) {
    size_t bytes = strlen(text);
    cr_assert_eq(send(fd, text, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
    turns(3);
}

/* Reads to the end, or to what there is; the number of bytes, `is_closed` if the end was seen. */
static size_t hear(int fd, char *text, size_t bytes, bool *is_closed_out) {
    size_t used = 0;
    *is_closed_out = false;
    for (int i = 0; i < 100000 && used + 1 < bytes; i++) {
        ssize_t got = recv(fd, text + used, bytes - used - 1, 0);
        if (got == 0) {
            *is_closed_out = true;
            break;
        }
        if (got < 0) {
            if (errno != EAGAIN) {
                *is_closed_out = true;
                break;
            }
            size_t before = used;
            turns(2);
            got = recv(fd, text + used, bytes - used - 1, 0);
            if (got <= 0) {
                *is_closed_out = got == 0;
                (void)before;
                break;
            }
        }
        used += (size_t)got;
    }
    text[used] = '\0';
    return used;
}

static void expect_reply(int fd, const char *wanted) {
    char text[4096];
    bool is_closed;
    (void)hear(fd, text, sizeof(text), &is_closed);
    cr_expect_not_null(strstr(text, wanted), "got %s", text);
    cr_expect(is_closed);
    close(fd);
}

Test(control_server, answers_one_line_and_closes) {
    int fd = connect_client();
    say(fd, "{\"verb\":\"hello\"}\n");
    expect_reply(fd, "{\"ok\": true, \"echo\": \"hello\"}\n");
}

Test(control_server, a_request_may_come_in_pieces_or_end_with_the_writing) {
    int fd = connect_client();
    say(fd, "{\"verb\":");
    cr_expect_eq(world.requests, 0);
    say(fd, "\"pieces\"}\n");
    expect_reply(fd, "\"echo\": \"pieces\"");
    fd = connect_client();
    say(fd, "{\"verb\":\"end\"}");
    shutdown(fd, SHUT_WR);
    turns(2);
    expect_reply(fd, "\"echo\": \"end\"");
}

Test(control_server, what_is_no_request_is_refused_and_not_handled) {
    static const char *const bad[] = {
        "\n", "hello\n", "[1]\n", "{\"verb\":\"a\"\n", "{} {}\n", "{\"verb\":\"\xff\"}\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd = connect_client();
        say(fd, bad[i]);
        expect_reply(fd, "\"status\": \"invalid\"");
    }
    cr_expect_eq(world.requests, 0);
}

Test(control_server, a_request_over_the_limit_is_refused) {
    int fd = connect_client();
    char block[4096];
    memset(block, 'a', sizeof(block));
    for (size_t sent = 0; sent <= CONTROL_REQUEST_BYTES_MAX; sent += sizeof(block)) {
        (void)send(fd, block, sizeof(block), MSG_NOSIGNAL);
        turns(2);
    }
    expect_reply(fd, "longer than 65536 bytes");
    cr_expect_eq(world.requests, 0);
}

Test(control_server, a_large_reply_goes_out_as_fast_as_it_is_taken) {
    static char text[4000000];
    int fd = connect_client();
    bool is_closed;
    say(fd, "{\"verb\":\"large\"}\n");
    size_t bytes = hear(fd, text, sizeof(text), &is_closed);
    cr_expect_gt(bytes, 3000000);
    cr_expect(is_closed);
    cr_expect_eq(text[bytes - 1], '\n');
    close(fd);
}

Test(control_server, an_answer_may_come_later_and_others_are_served_meanwhile) {
    int waiting = connect_client();
    say(waiting, "{\"verb\":\"later\"}\n");
    world.now_ms += 10 * CONTROL_IDLE_MS; /* the work has its own deadline */
    int other = connect_client();
    turns(2);
    say(other, "{\"verb\":\"now\"}\n");
    expect_reply(other, "now");
    json_t *reply = json_object();
    json_put_text(reply, "done", "at last");
    control_server_answer(world.server, world.later_client, reply, world.now_ms);
    expect_reply(waiting, "at last");
}

Test(control_server, an_answer_for_a_client_that_is_gone_goes_to_nobody_else) {
    int waiting = connect_client();
    say(waiting, "{\"verb\":\"later\"}\n");
    uint64_t gone = world.later_client;
    close(waiting);
    turns(2);
    int next = connect_client(); /* takes the same place */
    say(next, "{\"verb\":\"later\"}\n");
    control_server_answer(world.server, gone, json_object(), world.now_ms);
    char text[64];
    bool is_closed;
    cr_expect_eq(hear(next, text, sizeof(text), &is_closed), 0);
    cr_expect_not(is_closed);
    close(next);
}

Test(control_server, an_idle_client_is_closed_at_its_deadline) {
    int fd = connect_client();
    turns(2);
    struct pollfd fds[CONTROL_POLL_MAX];
    int timeout_ms = 0;
    (void)control_server_prepare(world.server, world.now_ms, fds, &timeout_ms);
    cr_expect_eq(timeout_ms, CONTROL_IDLE_MS);
    world.now_ms += CONTROL_IDLE_MS;
    turns(1);
    char text[16];
    bool is_closed;
    cr_expect_eq(hear(fd, text, sizeof(text), &is_closed), 0);
    cr_expect(is_closed);
    close(fd);
}

Test(control_server, clients_beyond_the_limit_wait_their_turn) {
    int fds[CONTROL_CLIENTS_MAX + 1];
    for (size_t i = 0; i <= CONTROL_CLIENTS_MAX; i++) {
        fds[i] = connect_client();
        turns(1);
    }
    say(fds[CONTROL_CLIENTS_MAX], "{\"verb\":\"patient\"}\n");
    cr_expect_eq(world.requests, 0);
    close(fds[0]);
    turns(4);
    expect_reply(fds[CONTROL_CLIENTS_MAX], "patient");
    for (size_t i = 1; i < CONTROL_CLIENTS_MAX; i++) {
        close(fds[i]);
    }
}

static void publish(const char *line) {
    control_server_publish(world.server, line, strlen(line), world.now_ms);
}

Test(control_server, followers_get_each_line_and_only_followers) {
    int fd = connect_client();
    int other = connect_client();
    char text[256];
    bool is_closed;
    say(fd, "{\"verb\":\"follow\"}\n");
    turns(2);
    publish("{\"event\": 1}\n");
    publish("{\"event\": 2}\n");
    (void)hear(fd, text, sizeof(text), &is_closed);
    cr_expect_str_eq(text,
                     "{\"ok\": true, \"echo\": \"follow\"}\n{\"event\": 1}\n{\"event\": 2}\n");
    cr_expect_not(is_closed);
    cr_expect_eq(hear(other, text, sizeof(text), &is_closed), 0);
    close(other);
    close(fd);
}

Test(control_server, a_follower_that_falls_behind_is_told_what_it_missed) {
    static char text[2 * CONTROL_FOLLOW_BYTES_MAX];
    char line[1001];
    bool is_closed;
    int fd = connect_client();
    say(fd, "{\"verb\":\"follow\"}\n");
    memset(line, 'e', sizeof(line) - 2);
    line[sizeof(line) - 2] = '\n';
    line[sizeof(line) - 1] = '\0';
    unsigned published = 2000; /* 2 MB: more than the socket and the buffer hold */
    for (unsigned i = 0; i < published; i++) {
        publish(line);
    }
    /* A short one would fit where the long ones did not, and then stand before the gap is told. */
    publish("z\n");
    published++;
    unsigned lines = 0;
    unsigned resyncs = 0;
    unsigned long lost = 0;
    for (int round = 0; round < 100; round++) {
        size_t bytes = hear(fd, text, sizeof(text), &is_closed);
        for (size_t i = 0; i < bytes; i++) {
            lines += text[i] == '\n';
            cr_expect_neq(text[i], 'z');
        }
        const char *resync = strstr(text, "{\"event\": \"resync\", \"lost\": ");
        if (resync != NULL) {
            resyncs++;
            lost += strtoul(resync + 28, NULL, 10);
        }
    }
    cr_expect_eq(resyncs, 1);
    cr_expect_gt(lost, 0);
    cr_expect_eq(lines - 1 - resyncs + lost, published, "none doubled, none lost untold");
    publish("{\"event\": \"fresh\"}\n");
    (void)hear(fd, text, sizeof(text), &is_closed);
    cr_expect_str_eq(text, "{\"event\": \"fresh\"}\n");
    close(fd);
}

Test(control_server, a_follower_that_never_reads_is_dropped) {
    char line[1001];
    int fd = connect_client();
    say(fd, "{\"verb\":\"follow\"}\n");
    memset(line, 'e', sizeof(line) - 2);
    line[sizeof(line) - 2] = '\n';
    line[sizeof(line) - 1] = '\0';
    for (unsigned i = 0; i < CONTROL_LOST_MAX + 3000u; i++) {
        publish(line);
    }
    static char text[1024 * 1024];
    bool is_closed = false;
    for (int i = 0; i < 100 && !is_closed; i++) {
        (void)hear(fd, text, sizeof(text), &is_closed);
    }
    cr_expect(is_closed);
    close(fd);
}

Test(control_server, the_socket_is_private) {
    struct stat info;
    cr_assert_eq(stat(world.path, &info), 0);
    cr_expect_eq(info.st_mode & 0777, 0600);
}

Test(control_server, a_living_socket_is_not_taken_over_a_dead_one_is) {
    char reason[256];
    cr_expect_null(server_open(reason, sizeof(reason)));
    cr_expect_not_null(strstr(reason, "another daemon listens"), "%s", reason);
    control_server_close(world.server);
    /* As a killed daemon leaves it. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, world.path, strlen(world.path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    world.server = server_open(reason, sizeof(reason));
    cr_assert_not_null(world.server, "%s", reason);
    fd = connect_client();
    say(fd, "{\"verb\":\"again\"}\n");
    expect_reply(fd, "again");
}

Test(control_server, a_file_that_is_no_socket_is_left_alone) {
    char reason[256];
    control_server_close(world.server);
    int fd = open(world.path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    world.server = server_open(reason, sizeof(reason));
    cr_expect_null(world.server);
    cr_expect_not_null(strstr(reason, "not a socket"), "%s", reason);
    cr_expect_eq(access(world.path, F_OK), 0);
    unlink(world.path);
}
