/* control_client_test.c - henge's side of the control socket, against answers that go wrong. */
#include "tools/control_client.h"
#include "tools/json_tools.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char path[96];
static int listener;

static void setup(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(dir, sizeof(dir), "%s", "/tmp/henge-client-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    memcpy(address.sun_path, path, strlen(path) + 1);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 4), 0);
}

static void teardown(void) {
    close(listener);
    unlink(path);
    rmdir(dir);
}

TestSuite(control_client, .init = setup, .fini = teardown);

/* A daemon that reads the request and says `answer`, in another process. */
static pid_t daemon_start(const char *answer, size_t bytes) {
    pid_t pid = fork();
    if (pid == 0) {
        char request[1024];
        int fd = accept(listener, NULL, NULL);
        if (recv(fd, request, sizeof(request), 0) > 0) {
            while (bytes > 0) {
                ssize_t sent = send(fd, answer, bytes, MSG_NOSIGNAL);
                if (sent <= 0) {
                    break;
                }
                answer += sent;
                bytes -= (size_t)sent;
            }
        }
        _exit(0);
    }
    return pid;
}

static json_t *ask(const char *answer, size_t bytes, char reason[256]) {
    json_t *request = json_object();
    json_put_text(request, "verb", "info");
    pid_t pid = daemon_start(answer, bytes);
    reason[0] = '\0';
    json_t *reply = control_client_ask(path, request, 5000, reason, 256);
    json_decref(request);
    waitpid(pid, NULL, 0);
    return reply;
}

Test(control_client, an_answer_is_read_however_long) {
    char reason[256];
    static char answer[1500000];
    memset(answer, 'x', sizeof(answer));
    memcpy(answer, "{\"text\":\"", 9);
    memcpy(answer + sizeof(answer) - 3, "\"}\n", 3);
    json_t *reply = ask(answer, sizeof(answer), reason);
    cr_assert_not_null(reply, "%s", reason);
    cr_expect_eq(strlen(json_text(reply, "text", "")), sizeof(answer) - 12);
    json_decref(reply);
}

Test(control_client, answers_that_are_none_have_a_reason) {
    static const struct {
        const char *answer, *reason;
    } cases[] = {{"", "closed without an answer"},
                 {"{\"ok\":tr", "cut off"},
                 {"nonsense\n", "not JSON"},
                 {"\n", "not JSON"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char reason[256];
        cr_expect_null(ask(cases[i].answer, strlen(cases[i].answer), reason));
        cr_expect_not_null(strstr(reason, cases[i].reason), "got %s", reason);
    }
}

Test(control_client, nobody_there_names_the_path) {
    char reason[256];
    json_t *request = json_object();
    cr_expect_null(control_client_ask("/nowhere/henge.sock", request, 100, reason, 256));
    cr_expect_not_null(strstr(reason, "/nowhere/henge.sock"), "got %s", reason);
    /* Accepted by the kernel, answered by nobody: the deadline ends it. */
    cr_expect_null(control_client_ask(path, request, 50, reason, 256));
    cr_expect_not_null(strstr(reason, "time is up"), "got %s", reason);
    char long_path[200];
    memset(long_path, 'p', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    cr_expect_null(control_client_ask(long_path, request, 50, reason, 256));
    cr_expect_not_null(strstr(reason, "longer than"), "got %s", reason);
    json_decref(request);
}
