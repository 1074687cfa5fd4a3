/* The sockets of an endpoint: what is bound, and what a failure says. */
#include "io/socket.h"
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <time.h>
#include <pthread.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

struct pair {
    int udp, tcp;
    struct henge_address bound;
};

static struct henge_address address_of(const char *text) {
    struct henge_address address;
    cr_assert_eq(henge_address_parse(text, &address), HENGE_OK);
    return address;
}

static struct pair opened(const char *text) {
    struct henge_address bind = address_of(text);
    struct pair pair = {0};
    char reason[256] = "";
    enum henge_status status =
        sockets_open(&bind, &pair.udp, &pair.tcp, &pair.bound, reason, sizeof(reason));
    cr_assert_eq(status, HENGE_OK, "%s", reason);
    return pair;
}

static void close_pair(struct pair pair) {
    close(pair.udp);
    close(pair.tcp);
}

static struct henge_address name_of(int descriptor) {
    struct sockaddr_storage name;
    socklen_t bytes = sizeof(name);
    struct henge_address address;
    cr_assert_eq(getsockname(descriptor, (struct sockaddr *)&name, &bytes), 0);
    cr_assert(address_of_sockaddr(&name, &address));
    return address;
}

static int option_of(int descriptor, int level, int option) {
    int value = -1;
    socklen_t bytes = sizeof(value);
    cr_assert_eq(getsockopt(descriptor, level, option, &value, &bytes), 0);
    return value;
}

Test(socket, addresses_survive_the_kernels_form) {
    const char *texts[] = {"127.0.0.1:7946", "255.254.253.252:65535", "[::1]:1", "[fe80::1:2]:9"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct henge_address address = address_of(texts[i]), back;
        struct sockaddr_storage storage;
        memset(&storage, 0xff, sizeof(storage));
        memset(&back, 0xff, sizeof(back));
        cr_assert_eq(sockaddr_of_address(&address, &storage), address.family == 4
                                                                  ? sizeof(struct sockaddr_in)
                                                                  : sizeof(struct sockaddr_in6));
        cr_assert(address_of_sockaddr(&storage, &back));
        cr_assert_eq(memcmp(&address, &back, sizeof(address)), 0, "%s", texts[i]);
    }
}

Test(socket, no_address_has_no_form) {
    struct henge_address nobody = {0}, back;
    struct sockaddr_storage storage;
    cr_assert_eq(sockaddr_of_address(&nobody, &storage), 0);
    storage.ss_family = AF_UNIX;
    cr_assert_not(address_of_sockaddr(&storage, &back));
    cr_assert_eq(memcmp(&nobody, &back, sizeof(back)), 0);
}

static void check_free_port(const char *text) {
    struct pair pair = opened(text);
    struct henge_address udp = name_of(pair.udp), tcp = name_of(pair.tcp);
    cr_assert_neq(pair.bound.port, 0);
    cr_assert_eq(memcmp(&udp, &pair.bound, sizeof(udp)), 0);
    cr_assert_eq(memcmp(&tcp, &pair.bound, sizeof(tcp)), 0);
    for (int i = 0; i < 2; i++) {
        int descriptor = i == 0 ? pair.udp : pair.tcp;
        cr_assert(fcntl(descriptor, F_GETFL) & O_NONBLOCK);
        cr_assert(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    }
    cr_assert_eq(option_of(pair.tcp, SOL_SOCKET, SO_ACCEPTCONN), 1);
    cr_assert_eq(option_of(pair.udp, SOL_SOCKET, SO_REUSEADDR), 0);
    if (pair.bound.family == 6) {
        cr_assert_eq(option_of(pair.udp, IPPROTO_IPV6, IPV6_V6ONLY), 1);
        cr_assert_eq(option_of(pair.tcp, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    }
    close_pair(pair);
}

Test(socket, port_zero_gives_one_port_to_both) {
    check_free_port("127.0.0.1:0");
    check_free_port("[::1]:0");
}

/* The port of `taken` is refused, and nothing stays open. */
static void check_refused(struct henge_address taken, const char *step) {
    int udp = -7, tcp = -7;
    struct henge_address bound;
    char reason[256] = "", text[HENGE_ADDRESS_TEXT_BYTES];
    int before = dup(0);
    close(before);
    cr_assert_eq(sockets_open(&taken, &udp, &tcp, &bound, reason, sizeof(reason)), HENGE_SYSTEM);
    int after = dup(0);
    close(after);
    cr_assert_eq(after, before, "descriptors leak");
    cr_assert_not_null(strstr(reason, henge_address_format(&taken, text)), "%s", reason);
    cr_assert_not_null(strstr(reason, step), "%s", reason);
    cr_assert_not_null(strstr(reason, "Address already in use"), "%s", reason);
    cr_assert_eq(sockets_open(&taken, &udp, &tcp, &bound, NULL, 0), HENGE_SYSTEM);
}

static void *let_go_later(void *descriptors) {
    const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
    nanosleep(&pause, NULL);
    close(((int *)descriptors)[0]);
    close(((int *)descriptors)[1]);
    return NULL;
}

Test(socket, a_port_that_is_let_go_of_late_is_waited_for) {
    struct henge_address any = {.bytes = {127, 0, 0, 1}, .family = 4};
    struct henge_address first, second;
    int held[2], udp, tcp;
    char reason[256];
    pthread_t thread;
    cr_assert_eq(sockets_open(&any, &held[0], &held[1], &first, reason, sizeof(reason)), HENGE_OK);
    cr_assert_eq(pthread_create(&thread, NULL, let_go_later, held), 0);
    cr_assert_eq(sockets_open(&first, &udp, &tcp, &second, reason, sizeof(reason)), HENGE_OK, "%s",
                 reason);
    cr_assert_eq(second.port, first.port);
    pthread_join(thread, NULL);
    close(udp);
    close(tcp);
}

Test(socket, a_taken_port_is_named) {
    struct pair pair = opened("127.0.0.1:0");
    check_refused(pair.bound, "bind UDP");
    close(pair.udp);
    check_refused(pair.bound, "bind TCP");
    close(pair.tcp);
}

Test(socket, a_port_is_free_again_at_once) {
    struct pair pair = opened("127.0.0.1:0");
    struct henge_address again = pair.bound;
    char text[HENGE_ADDRESS_TEXT_BYTES];
    close_pair(pair);
    close_pair(opened(henge_address_format(&again, text)));
}

Test(socket, an_address_of_no_family_is_invalid) {
    struct henge_address nobody = {0}, bound;
    int udp, tcp;
    char reason[64] = "";
    cr_assert_eq(sockets_open(&nobody, &udp, &tcp, &bound, reason, sizeof(reason)), HENGE_INVALID);
    cr_assert_neq(reason[0], '\0');
}
