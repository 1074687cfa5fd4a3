/* tests/unit/io/transport_cases.h - one case, run on each transport. */
#ifndef TESTS_UNIT_IO_TRANSPORT_CASES_H
#define TESTS_UNIT_IO_TRANSPORT_CASES_H

#include "tests/unit/io/transport_world.h"

enum { CASE_LIMIT_S = 120 };

/* A case whose foreign peers need real sockets. */
#define SOCKET_CASE(name)                                                                          \
    static void name(enum henge_transport kind);                                                   \
    Test(transport_io_uring, name, .timeout = CASE_LIMIT_S) {                                      \
        name(HENGE_TRANSPORT_IO_URING);                                                            \
    }                                                                                              \
    Test(transport_epoll, name, .timeout = CASE_LIMIT_S) {                                         \
        name(HENGE_TRANSPORT_EPOLL);                                                               \
    }                                                                                              \
    static void name(enum henge_transport kind)

#define CASE(name)                                                                                 \
    static void name(enum henge_transport kind);                                                   \
    Test(transport_memory, name, .timeout = CASE_LIMIT_S) {                                        \
        name(HENGE_TRANSPORT_MEMORY);                                                              \
    }                                                                                              \
    SOCKET_CASE(name)

#endif
