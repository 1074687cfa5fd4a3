/* io/uring_transport.c - the ring itself: made by one thread, enabled and then owned by the thread
 * that does the turns.
 *
 * The completion queue is sized for bursts, not for the worst case: when it overflows, the kernel
 * keeps the surplus (IORING_FEAT_NODROP), ends multishot receives without an error, and hands the
 * surplus over at the next enter; receives are started again because F_MORE is missing. */
#include "io/uring_loop.h"
#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Tests make them tiny, so that both queues are full all the time (test_io_small). */
#ifndef URING_SUBMISSIONS
#define URING_SUBMISSIONS 512 /* 32 KiB; a fuller turn submits more than once */
#endif
#ifndef URING_COMPLETIONS_MAX
#define URING_COMPLETIONS_MAX 8192 /* 128 KiB */
#endif
#define SENDS_WAIT_NS NS_PER_MS

enum {
    OPERATION_SHIFT = 56, /* of user_data */
    DESTROY_WAITS = 200,  /* of DESTROY_WAIT_MS each, for cancelled operations to end */
    DESTROY_WAIT_MS = 10
};

static void uring_destroy(struct transport *transport);

/* The answer of an enter: most errors mean "not all now". What is left belongs to bugs of ours. */
static void check_enter(struct uring_loop *loop, int result) {
    switch (result) {
    case -EBADR: /* the kernel had no memory to keep surplus completions */
        log_write(loop->transport.settings.log, HENGE_LOG_ERROR,
                  "io_uring lost completions for want of memory");
        break;
    case -EAGAIN:
    case -EBUSY:
    case -EINTR:
    case -ENOMEM:
    case -ETIME:
        break;
    default:
        /* -EEXIST: not the thread that adopted. */
        ASSERT(result >= 0);
    }
}

struct io_uring_sqe *uring_entry(struct uring_loop *loop) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);
    if (sqe == NULL) {
        check_enter(loop, io_uring_submit(&loop->ring));
        sqe = io_uring_get_sqe(&loop->ring);
    }
    return sqe;
}

void uring_tag(struct uring_loop *loop, struct io_uring_sqe *sqe, enum uring_operation operation,
               uint64_t value) {
    ASSERT(value >> OPERATION_SHIFT == 0);
    io_uring_sqe_set_data64(sqe, (uint64_t)operation << OPERATION_SHIFT | value);
    loop->in_flight++;
}

static bool arm_wake(struct uring_loop *loop) {
    if (loop->is_wake_armed) {
        return true;
    }
    struct io_uring_sqe *sqe = uring_entry(loop);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_read(sqe, loop->wake_descriptor, &loop->wake_count, sizeof loop->wake_count, 0);
    uring_tag(loop, sqe, OPERATION_WAKE, 0);
    loop->is_wake_armed = true;
    return true;
}

/* Sends go first: what was sent before a close is tried before the close cancels. */
static bool flush(struct uring_loop *loop) {
    return arm_wake(loop) && uring_sends_flush(loop) && uring_endpoints_flush(loop) &&
           uring_streams_flush(loop);
}

static void report_ended(struct uring_loop *loop) {
    uring_sends_report(loop);
    uring_streams_report(loop);
    uring_endpoints_report(loop);
}

static bool has_ended(const struct uring_loop *loop) {
    return loop->refused.first != NULL || !list_is_empty(&loop->streams_ended) ||
           !list_is_empty(&loop->endpoints_ended);
}

static void dispatch(struct uring_loop *loop, const struct io_uring_cqe *cqe) {
    const enum uring_operation operation =
        (enum uring_operation)(cqe->user_data >> OPERATION_SHIFT);
    const uint64_t value = cqe->user_data & ((UINT64_C(1) << OPERATION_SHIFT) - 1);
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        ASSERT(loop->in_flight > 0);
        loop->in_flight--;
    }
    switch (operation) {
    case OPERATION_WAKE:
        loop->is_wake_armed = false;
        break;
    case OPERATION_RECEIVE:
        uring_received(loop, (uint32_t)value, cqe);
        break;
    case OPERATION_SEND:
        uring_sent(loop, (struct buffer *)(uintptr_t)value, cqe->res);
        break;
    case OPERATION_ACCEPT:
        uring_accepted(loop, (uint32_t)value, cqe);
        break;
    case OPERATION_CANCEL_ENDPOINT:
        loop->endpoints[value].under_way--;
        uring_endpoint_settle(loop, &loop->endpoints[value]);
        break;
    case OPERATION_CONNECT:
    case OPERATION_READ:
    case OPERATION_WRITE:
    case OPERATION_CANCEL_STREAM:
        uring_stream_completed(loop, operation, (uint32_t)value, cqe->res);
        break;
    case OPERATION_CANCEL_ALL:
        break;
    }
}

/* As many as are there now: what callbacks begin is for the next turn. */
static void reap(struct uring_loop *loop) {
    for (uint32_t ready = io_uring_cq_ready(&loop->ring); ready > 0; ready--) {
        struct io_uring_cqe *there = NULL;
        if (io_uring_peek_cqe(&loop->ring, &there) != 0) {
            break;
        }
        const struct io_uring_cqe cqe = {
            .user_data = there->user_data, .res = there->res, .flags = there->flags};
        io_uring_cqe_seen(&loop->ring, there);
        dispatch(loop, &cqe);
    }
}

/* With the flag set by the set-up, the kernel says in shared memory whether an enter would yield
 * anything: a polling thread saves the system call. */
static bool has_kernel_work(const struct uring_loop *loop) {
    if ((loop->setup_flags & IORING_SETUP_TASKRUN_FLAG) == 0) {
        return true;
    }
    const uint32_t flags = io_uring_smp_load_acquire(loop->ring.sq.kflags);
    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0 ||
           io_uring_sq_ready(&loop->ring) > 0;
}

/* Datagrams are sent while they are submitted, so their completions are there at once and are
 * nothing to be woken for. Should one have to wait for room in its socket, nothing else waits for
 * longer than SENDS_WAIT_NS. */
static void enter(struct uring_loop *loop, uint64_t timeout_ns) {
    const unsigned sends = loop->sends_prepared;
    loop->sends_prepared = 0;
    if (timeout_ns == 0) {
        if (has_kernel_work(loop)) {
            check_enter(loop, io_uring_submit_and_get_events(&loop->ring));
        }
        return;
    }
    if (sends > 0 && timeout_ns > SENDS_WAIT_NS) {
        timeout_ns = SENDS_WAIT_NS;
    }
    struct __kernel_timespec limit = {.tv_sec = (int64_t)(timeout_ns / NS_PER_S),
                                      .tv_nsec = (long long)(timeout_ns % NS_PER_S)};
    struct io_uring_cqe *cqe = NULL;
    check_enter(loop,
                io_uring_submit_and_wait_timeout(&loop->ring, &cqe, 1 + sends,
                                                 timeout_ns == TIME_NEVER ? NULL : &limit, NULL));
    loop->now_ns = clock_monotonic_ns();
}

static uint64_t shortened(const struct uring_loop *loop, uint64_t timeout_ns) {
    if (loop->retry_at_ns == TIME_NEVER) {
        return timeout_ns;
    }
    const uint64_t until_retry =
        loop->retry_at_ns > loop->now_ns ? loop->retry_at_ns - loop->now_ns : 0;
    return until_retry < timeout_ns ? until_retry : timeout_ns;
}

static uint32_t uring_turn(struct transport *transport, uint64_t now_ns, uint64_t timeout_ns) {
    struct uring_loop *loop = uring_loop_of(transport);
    loop->now_ns = now_ns;
    loop->delivered = 0;
    report_ended(loop);
    uring_endpoints_retry(loop);
    uring_receive_resume(loop);
    const bool is_flushed = flush(loop);
    const bool has_stalled_receive =
        !list_is_empty(&loop->endpoints_stalled) && loop->provided_free > 0;
    const bool may_sleep = is_flushed && !has_stalled_receive && !has_ended(loop) &&
                           loop->delivered == 0 && io_uring_cq_ready(&loop->ring) == 0;
    enter(loop, may_sleep ? shortened(loop, timeout_ns) : 0);
    reap(loop);
    report_ended(loop);
    return loop->delivered;
}

static void uring_wake(struct transport *transport) {
    const uint64_t one = 1;
    /* Fails only when the counter is full, and then the turn is woken anyhow. */
    (void)!write(uring_loop_of(transport)->wake_descriptor, &one, sizeof one);
}

static enum henge_status uring_adopt(struct transport *transport) {
    struct uring_loop *loop = uring_loop_of(transport);
    ASSERT(loop->owner == 0);
    const int result =
        io_uring_register((unsigned)loop->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    if (result < 0) {
        log_write(transport->settings.log, HENGE_LOG_ERROR, "io_uring cannot be enabled: errno %d",
                  -result);
        return HENGE_SYSTEM;
    }
    loop->owner = gettid();
    return HENGE_OK;
}

static const struct transport_table uring_table = {
    .name = "io_uring",
    .destroy = uring_destroy,
    .adopt = uring_adopt,
    .endpoint_open = uring_endpoint_open,
    .endpoint_discard = uring_endpoint_discard,
    .endpoint_attach = uring_endpoint_attach,
    .endpoint_close = uring_endpoint_close,
    .endpoint_socket = uring_endpoint_socket,
    .send = uring_send,
    .recycle = uring_recycle,
    .stream_connect = uring_stream_connect,
    .stream_read = uring_stream_read,
    .stream_write = uring_stream_write,
    .stream_close = uring_stream_close,
    .turn = uring_turn,
    .wake = uring_wake,
};

static uint32_t completions_for(const struct transport_settings *settings) {
    /* A completion per receive buffer and send; read, write and close per stream; receive, accept
     * and two cancels per endpoint; the wake. */
    const uint64_t wanted = (uint64_t)settings->receive_buffers + settings->sends_max +
                            3 * (uint64_t)settings->streams_max +
                            4 * (uint64_t)settings->endpoints_max + 1;
    uint32_t entries = URING_SUBMISSIONS; /* no fewer: the kernel would refuse */
    while (entries < wanted && entries < URING_COMPLETIONS_MAX) {
        entries *= 2;
    }
    return entries;
}

static bool set_up_ring(struct uring_loop *loop, char *reason_out, size_t reason_bytes) {
    struct kernel_features features;
    if (!kernel_probe_io_uring(&features, reason_out, reason_bytes)) {
        return false;
    }
    loop->setup_flags = features.setup_flags;
    struct io_uring_params params = {.flags = features.setup_flags | IORING_SETUP_CQSIZE,
                                     .cq_entries = completions_for(&loop->transport.settings)};
    const int result = io_uring_queue_init_params(URING_SUBMISSIONS, &loop->ring, &params);
    if (result < 0) {
        transport_reason(reason_out, reason_bytes, "io_uring_setup with %u completions: %s",
                         params.cq_entries, strerrordesc_np(-result));
    }
    return result >= 0;
}

static struct uring_loop *allocate_loop(const struct transport_settings *settings,
                                        struct memory *memory) {
    struct uring_loop *loop = memory_alloc_zeroed(memory, sizeof *loop, HENGE_MEMORY_NET);
    if (loop == NULL) {
        return NULL;
    }
    loop->transport.table = &uring_table;
    loop->transport.memory = memory;
    loop->transport.settings = *settings;
    loop->ring.ring_fd = -1;
    loop->wake_descriptor = -1;
    loop->retry_at_ns = TIME_NEVER;
    list_init(&loop->endpoint_work);
    list_init(&loop->endpoints_ended);
    list_init(&loop->endpoints_stalled);
    list_init(&loop->streams_free);
    list_init(&loop->stream_work);
    list_init(&loop->streams_ended);
    loop->endpoints = memory_alloc_array(memory, settings->endpoints_max,
                                         sizeof(struct uring_endpoint), HENGE_MEMORY_NET);
    if (loop->endpoints == NULL || !uring_streams_init(loop) ||
        !buffer_pool_init(&loop->received, memory, settings->receive_buffers, RECEIVE_HEADROOM)) {
        uring_destroy(&loop->transport);
        return NULL;
    }
    for (uint32_t i = 0; i < settings->endpoints_max; i++) {
        list_init(&loop->endpoints[i].work);
        list_init(&loop->endpoints[i].stalled);
        list_init(&loop->endpoints[i].streams);
    }
    return loop;
}

enum henge_status uring_transport_create(const struct transport_settings *settings,
                                         struct memory *memory, struct transport **transport_out,
                                         char *reason_out, size_t reason_bytes) {
    struct uring_loop *loop = allocate_loop(settings, memory);
    if (loop == NULL) {
        transport_reason(reason_out, reason_bytes, "no memory for the transport");
        return HENGE_NO_MEMORY;
    }
    enum henge_status status = HENGE_UNSUPPORTED;
    if (!set_up_ring(loop, reason_out, reason_bytes)) {
        loop->ring.ring_fd = -1;
        goto fail;
    }
    status = uring_receive_init(loop);
    if (status != HENGE_OK) {
        transport_reason(reason_out, reason_bytes, "provided-buffer ring of %u: %s",
                         settings->receive_buffers, henge_status_text(status));
        goto fail;
    }
    /* Blocking on purpose: a read of an empty non-blocking eventfd would complete with EAGAIN
     * instead of waiting in the ring. */
    loop->wake_descriptor = eventfd(0, EFD_CLOEXEC);
    if (loop->wake_descriptor < 0) {
        transport_reason(reason_out, reason_bytes, "eventfd: %s", strerrordesc_np(errno));
        status = HENGE_SYSTEM;
        goto fail;
    }
    *transport_out = &loop->transport;
    return HENGE_OK;
fail:
    uring_destroy(&loop->transport);
    return status;
}

/* The owner cancels and waits, so that nothing in the kernel refers to memory that is freed next.
 * Another thread cannot (SINGLE_ISSUER); the owner has ended then, and with it whatever would have
 * carried out an operation: the kernel cancels what is left when the ring is closed. */
static void cancel_all(struct uring_loop *loop) {
    if (loop->owner != gettid() || loop->in_flight == 0) {
        return;
    }
    struct io_uring_sqe *sqe = uring_entry(loop);
    if (sqe == NULL) {
        return;
    }
    io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    uring_tag(loop, sqe, OPERATION_CANCEL_ALL, 0);
    for (int i = 0; i < DESTROY_WAITS && loop->in_flight > 0; i++) {
        enter(loop, DESTROY_WAIT_MS * NS_PER_MS);
        struct io_uring_cqe *cqe = NULL;
        while (io_uring_peek_cqe(&loop->ring, &cqe) == 0) {
            if (cqe->user_data >> OPERATION_SHIFT == OPERATION_ACCEPT && cqe->res >= 0) {
                (void)close(cqe->res);
            }
            loop->in_flight -= (cqe->flags & IORING_CQE_F_MORE) == 0;
            io_uring_cqe_seen(&loop->ring, cqe);
        }
    }
}

/* Also cleans up a half-made loop. */
static void uring_destroy(struct transport *transport) {
    struct uring_loop *loop = uring_loop_of(transport);
    struct memory *memory = transport->memory;
    const struct transport_settings *settings = &transport->settings;
    if (loop->ring.ring_fd >= 0) {
        cancel_all(loop);
        io_uring_queue_exit(&loop->ring);
    }
    if (loop->wake_descriptor >= 0) {
        (void)close(loop->wake_descriptor);
    }
    if (loop->streams != NULL) {
        uring_streams_drop(loop);
    }
    if (loop->endpoints != NULL) {
        uring_endpoints_drop(loop);
    }
    uring_receive_deinit(loop);
    buffer_pool_deinit(&loop->received, memory);
    memory_release(memory, loop->endpoints, settings->endpoints_max * sizeof(struct uring_endpoint),
                   HENGE_MEMORY_NET);
    memory_release(memory, loop, sizeof *loop, HENGE_MEMORY_NET);
}
